import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeCursor } from "../src/gateway/cursor.ts";
import { encodeId, type Id, isId, logicalShardOf } from "../src/store/ids.ts";
import { unpackView } from "../src/timeline/packed-view.ts";
import { call, type Feed, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

/** `npm run histories` plays fifty. */
const RUNS = Math.ceil((env.HISTORIES ?? 1200) / 200);

async function importRows(body: Record<string, unknown>): Promise<void> {
	const answer = await call("POST", "/ops/import", { headers: { "x-operator-secret": env.OPERATOR_SECRET }, body });
	expect(answer.status, JSON.stringify(answer.body)).toBe(200);
}

/** Stories of someone's, so many seconds ago; `tail` keeps two authors on one shard apart. */
function stories(author: Person, ages: readonly number[], now: number, tail = 0) {
	const shard = logicalShardOf(author.id as Id);
	return ages.map((age) => ({
		id: encodeId({ time: now - age * 1000, shard, tail }),
		authorId: author.id,
		text: `${age}`,
		audience: "friends",
	}));
}

const ages = (count: { min: number; max: number }) =>
	fc.uniqueArray(fc.integer({ min: 60, max: 1000 }), { minLength: count.min, maxLength: count.max, size: "max" });
const limit = fc.oneof(
	{ weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }) },
	{ weight: 3, arbitrary: fc.integer({ min: 6, max: 50 }) },
);
/** What is deleted between two pages, as a place among all posts; more often nothing. */
const deletion = fc.option(fc.nat({ max: 999 }), { freq: 2, nil: undefined });
const walk = fc.record({
	start: fc.nat({ max: 999 }),
	/** Two ways to say the same. */
	named: fc.boolean(),
	steps: fc.array(fc.record({ limit, deletion }), { minLength: 4, maxLength: 10, size: "max" }),
});

/** The feed of someone whose new friend brought so much that the floor is in the middle. */
class Place {
	readonly reader: Person;
	readonly authors: ReadonlyMap<string, Person>;
	/** Newest first. */
	posts: { id: Id; authorId: string }[];
	readonly deleted = new Set<string>();

	constructor(reader: Person, authors: readonly Person[], posts: readonly { id: Id; authorId: string }[]) {
		this.reader = reader;
		this.authors = new Map(authors.map((author) => [author.id, author]));
		this.posts = posts.toSorted((a, b) => (a.id < b.id ? 1 : -1));
	}

	at(place: number): Id {
		const post = this.posts[place % this.posts.length];
		if (!post) throw new Error("no posts");
		return post.id;
	}

	async delete(place: number | undefined): Promise<void> {
		if (place === undefined) return;
		const id = this.at(place);
		if (this.deleted.has(id)) return;
		this.deleted.add(id);
		const author = this.authors.get(this.posts[place % this.posts.length]?.authorId ?? "");
		await author?.ok("DELETE", `/v1/posts/${id}`);
	}

	/** Follows a page's own cursors to the end, in one direction. @returns ids, newest first, and the last page. */
	async walk(
		way: "older" | "newer",
		from: string,
		{ named, steps }: { named: boolean; steps: readonly { limit: number; deletion: number | undefined }[] },
	): Promise<{ ids: string[]; last: Feed }> {
		const ids: string[] = [];
		for (let cursor = from, n = 0; ; n++) {
			// A page that names itself would go on for ever.
			expect(n).toBeLessThan(500);
			const step = steps[n % steps.length];
			const by = named ? (way === "older" ? "before" : "after") : "cursor";
			const page: Feed = await this.reader.feed(`?limit=${step?.limit}&${by}=${cursor}`);
			const found = page.items.map(({ id }) => id);
			expect(found.length).toBeLessThanOrEqual(step?.limit ?? 0);
			if (way === "older") ids.push(...found);
			else ids.unshift(...found);
			const on = way === "older" ? page.next : page.prev;
			// Upwards there may always be more: the end is a page with nothing.
			if (on === null || (way === "newer" && found.length === 0)) return { ids, last: page };
			cursor = on;
			if (n < steps.length) await this.delete(step?.deletion);
		}
	}

	/** All that was there all the while, once, in order; of what was deleted meanwhile, at most once. */
	expectWhole(ids: readonly string[], expected: readonly Id[], deletedBefore: ReadonlySet<string>): void {
		expect(ids).toEqual([...new Set(ids)].sort().reverse());
		expect(ids.filter((id) => !this.deleted.has(id))).toEqual(expected.filter((id) => !this.deleted.has(id)));
		for (const id of ids) expect(deletedBefore.has(id)).toBe(false);
	}
}

describe("from any post to the oldest and back up again", () => {
	it(
		"pages of any size have no repeat and no hole over the seam between object and store, whatever is deleted",
		async () => {
			await fc.assert(
				fc.asyncProperty(
					ages({ min: 20, max: 60 }),
					ages({ min: 101, max: 140 }),
					ages({ min: 5, max: 30 }),
					fc.array(walk, { minLength: 2, maxLength: 2 }),
					async (own, many, few, walks) => {
						const now = Date.now();
						const [ann, ben, cho] = (await signUpMany(3)) as [Person, Person, Person];
						const posts = [...stories(ann, own, now), ...stories(ben, many, now, 1), ...stories(cho, few, now, 2)];
						await ann.befriend(cho);
						await importRows({ posts });
						await ann.feed();
						// More than a new friend brings along, so the floor rises to the hundredth.
						await ann.befriend(ben);
						const { floor } = unpackView(await env.TIMELINE.getByName(ann.id).page({ limit: 1 }));
						const place = new Place(ann, [ann, ben, cho], posts);
						expect(floor).toBe(place.posts.filter(({ authorId }) => authorId === ben.id)[99]?.id);
						for (const way of walks) {
							const start = place.at(way.start);
							const before = new Set(place.deleted);
							const down = await place.walk("older", encodeCursor("feed", "b", start), way);
							const below = place.posts.flatMap(({ id }) => (id < start ? [id] : []));
							place.expectWhole(down.ids, below, before);

							// From below the oldest, so that every post is met again.
							const between = new Set(place.deleted);
							const bottom = encodeCursor("feed", "a", "0000000000000");
							const up = await place.walk("newer", bottom, way);
							place.expectWhole(
								up.ids,
								place.posts.map(({ id }) => id),
								between,
							);
							// A page's own `prev` goes on where it began.
							const again = await place.walk("newer", down.last.prev ?? bottom, {
								...way,
								steps: [{ limit: 40, deletion: undefined }],
							});
							const top = down.last.items[0]?.id;
							const above = place.posts.flatMap(({ id }) => (!top || id > top ? [id] : []));
							if (top) place.expectWhole(again.ids, above, place.deleted);
						}
						await settled();
						const left = place.posts.flatMap(({ id }) => (place.deleted.has(id) ? [] : [id]));
						expect((await ann.wholeFeed(33)).map(({ id }) => id)).toEqual(left);
					},
				),
				{ numRuns: RUNS, endOnFailure: true },
			);
		},
		120_000 + RUNS * 10_000,
	);
});

it("a cursor that names a deleted post goes on from its place, above and below the floor", async () => {
	const now = Date.now();
	const [ann, ben] = (await signUpMany(2)) as [Person, Person];
	const posts = stories(
		ben,
		Array.from({ length: 110 }, (_, n) => 60 + n),
		now,
	);
	await importRows({ posts });
	await ann.feed();
	await ann.befriend(ben);
	const ids = posts.map(({ id }) => id);
	// The floor is the hundredth: one above it, the floor itself and one below.
	for (const n of [50, 98, 99, 100, 105]) {
		await ben.ok("DELETE", `/v1/posts/${ids[n]}`);
		const cursor = encodeCursor("feed", "b", ids[n] ?? "");
		expect((await ann.feed(`?limit=3&before=${cursor}`)).items[0]?.id).toBe(ids[n + 1]);
		expect((await ann.feed(`?limit=1&after=${cursor}`)).items[0]?.id).toBe(ids[n === 99 ? 97 : n === 100 ? 97 : n - 1]);
	}
});

describe("garbage", () => {
	const id = fc.stringMatching(/^[0-7][0-9A-HJKMNP-TV-Z]{12}$/);
	const base64 = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
	const ascii = fc.string({ unit: fc.integer({ min: 1, max: 126 }).map((code) => String.fromCharCode(code)) });
	/** No cursor of a feed, though some look like one. */
	const bad = fc.oneof(
		ascii,
		fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
		fc.base64String(),
		id,
		id.map((each) => encodeCursor("posts", each)),
		id.map((each) => encodeCursor("feed", "c", each)),
		id.map((each) => encodeCursor("feed", each)),
		id.map((each) => `${encodeCursor("feed", "b", each)}=`),
		id.map((each) => encodeCursor("feed", "b", each.toLowerCase().replace(/^\d+$/, "u"))),
		id.map((each) => encodeCursor("feed", "b", `8${each.slice(1)}`)),
		ascii.map((text) => base64(`feed.b.${text}`)),
		fc.integer({ min: 201, max: 4000 }).map((length) => "Z".repeat(length)),
	);

	it("for a cursor is refused, and any place that an id can name is a page", async () => {
		const ann = await signUp("Ann");
		await ann.post("here");
		const get = (by: string, cursor: string) => ann.call("GET", `/v1/feed?${by}=${encodeURIComponent(cursor)}`);
		const by = fc.constantFrom("cursor", "before", "after");
		await fc.assert(
			fc.asyncProperty(by, bad, async (by, cursor) => {
				// A post's own id is a place too, but no page's.
				fc.pre(by === "cursor" || !isId(cursor));
				expect((await get(by, cursor)).status).toBe(400);
			}),
			{ numRuns: RUNS * 25 },
		);
		const any = fc.oneof(id, fc.constantFrom("0000000000000", "7ZZZZZZZZZZZZ", "0ZZZZZZZZZZZZ"));
		await fc.assert(
			fc.asyncProperty(by, fc.constantFrom("a", "b"), any, async (by, direction, place) => {
				expect((await get(by, encodeCursor("feed", direction, place))).status).toBe(200);
			}),
			{ numRuns: RUNS * 5 },
		);
	});

	it("for a number, a limit or a marker is refused, and the timeline goes on", async () => {
		const ann = await signUp("Ann");
		const { id: postId } = await ann.post("here");
		const text = fc.oneof(
			ascii,
			fc.double().map((n) => `${n}`),
			fc.constantFrom("-1", "1e3", "0x10", "9".repeat(16), "NaN", "", " 1"),
		);
		const notNumber = text.filter((each) => !/^\d{1,15}$/.test(each));
		await fc.assert(
			fc.asyncProperty(notNumber, fc.jsonValue(), async (text, value) => {
				const since = encodeURIComponent(text);
				expect((await ann.call("GET", `/v1/feed/changes?since=${since}`)).status).toBe(400);
				expect(
					(await ann.call("GET", `/v1/feed/stream?since=${since}`, undefined, { upgrade: "websocket" })).status,
				).toBe(400);
				const mark = await ann.call("PUT", "/v1/feed/marker", { postId: value });
				expect(mark.status).toBe(400);
				expect((await ann.call("GET", `/v1/feed?limit=${since}`)).status).toBeLessThan(500);
				expect((await ann.call("GET", `/v1/feed/changes?since=0&limit=${since}`)).status).toBeLessThan(500);
			}),
			{ numRuns: RUNS * 10 },
		);
		expect((await ann.feed()).items.map(({ id }) => id)).toEqual([postId]);
		expect(await ann.ok("GET", "/v1/feed/marker")).toMatchObject({ postId: null });
	});
});
