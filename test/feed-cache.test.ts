import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import { type Feed, type Person, signUp } from "./api.ts";
import { aheadBy, Isolate } from "./isolate.ts";
import { settled } from "./settled.ts";

const SEQ = "x-feed-seq";

let here: Isolate;
let there: Isolate;
let author: Person;
let friend: Person;
let clock: { ms: number };

beforeEach(async () => {
	here = new Isolate();
	there = new Isolate();
	[author, friend] = await Promise.all([signUp("Author"), signUp("Friend")]);
	await author.befriend(friend);
	clock = aheadBy();
});
afterEach(() => {
	vi.restoreAllMocks();
});

const read = (isolate: Isolate, person: Person, query = "", headers?: Record<string, string>) =>
	isolate.as<Feed>(person, "GET", `/v1/feed${query}`, undefined, headers);
const freshness = ({ headers }: { headers: Headers }) => headers.get("x-cache");
const texts = ({ body }: { body: Feed }) => body.items.map((post) => post.text);

describe("a page that was sent", () => {
	it("is sent again for a second, then while a newer one is made, and after two and a half not at all", async () => {
		await author.post("one");
		await settled();
		const first = await read(here, friend);
		expect(freshness(first)).toBe("MISS");
		expect(texts(first)).toEqual(["one"]);
		expect(first.headers.get("server-timing")).toMatch(/^cache;desc=MISS, timeline;dur=\d+, posts;desc=READ;dur=\d+$/);
		expect(first.headers.get("cache-control")).toBe("private, no-cache");
		await author.post("two");
		await settled();

		const again = await read(here, friend);
		expect(freshness(again)).toBe("HIT");
		expect(again.body).toEqual(first.body);
		expect(again.headers.get("etag")).toBe(first.headers.get("etag"));

		clock.ms += 1500;
		const stale = await read(here, friend);
		expect(freshness(stale)).toBe("STALE");
		expect(texts(stale)).toEqual(["one"]);
		await vi.waitFor(async () => expect(texts(await read(here, friend))).toEqual(["two", "one"]));
		expect(freshness(await read(here, friend))).toBe("HIT");

		clock.ms += 2600;
		expect(freshness(await read(here, friend))).toBe("MISS");
	});

	it("is another one for another viewer, limit, cursor or choice of fields", async () => {
		await author.post("one");
		await settled();
		for (const query of ["", "?limit=1", "?limit=2", "?fields=id", "?limit=1&fields=text"]) {
			expect(freshness(await read(here, friend, query)), query).toBe("MISS");
			expect(freshness(await read(here, author, query)), query).toBe("MISS");
			expect(freshness(await read(here, friend, query)), query).toBe("HIT");
		}
		expect(freshness(await read(there, friend))).toBe("MISS");
	});

	it("gives 304 to whoever has it, whether it was kept or made anew", async () => {
		await author.post("one");
		await settled();
		const first = await read(here, friend);
		const etag = first.headers.get("etag") ?? "";
		expect(etag).toMatch(/^"[\w+/]{27}="$/);
		for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
			const kept = await read(here, friend, "", { "if-none-match": condition });
			expect([kept.status, kept.body], condition).toEqual([304, ""]);
			expect(kept.headers.get("etag")).toBe(etag);
		}
		clock.ms += 5000;
		const made = await read(here, friend, "", { "if-none-match": etag });
		expect([made.status, freshness(made)]).toEqual([304, "MISS"]);
		const other = await read(here, friend, "", { "if-none-match": '"other"' });
		expect(other.status).toBe(200);
	});

	it("is not given to whoever has no token or a bad one", async () => {
		await read(here, friend);
		expect((await here.call("GET", "/v1/feed")).status).toBe(401);
		expect((await here.call("GET", "/v1/feed", { token: `${friend.token}x` })).status).toBe(401);
	});
});

/** What the author or her friend does here, and how the other isolate, which had read it all before, shows it to her. */
const MUTATIONS: Record<
	string,
	{
		by?: "friend";
		act: (post: PostView) => [method: string, path: string, body?: unknown];
		shows: (feed: Feed, post: PostView) => void;
	}
> = {
	"a post": {
		act: () => ["POST", "/v1/posts", { text: "new" }],
		shows: (feed) => expect(feed.items[0]?.text).toBe("new"),
	},
	"an edit": {
		act: ({ id }) => ["PATCH", `/v1/posts/${id}`, { text: "edited" }],
		shows: (feed) => expect(feed.items[0]?.text).toBe("edited"),
	},
	"a deletion": {
		act: ({ id }) => ["DELETE", `/v1/posts/${id}`],
		shows: (feed) => expect(feed.items).toEqual([]),
	},
	"a like": {
		by: "friend",
		act: ({ id }) => ["PUT", `/v1/posts/${id}/like`],
		shows: (feed) => expect(feed.items[0]).toMatchObject({ likeCount: 1, viewer: { liked: true } }),
	},
	"a like of one's own post": {
		act: ({ id }) => ["PUT", `/v1/posts/${id}/like`],
		shows: (feed) => expect(feed.items[0]).toMatchObject({ likeCount: 1, viewer: { liked: true } }),
	},
	"a comment": {
		by: "friend",
		act: ({ id }) => ["POST", `/v1/posts/${id}/comments`, { text: "hm" }],
		shows: (feed) => expect(feed.items[0]?.commentCount).toBe(1),
	},
	"a new name": {
		act: () => ["PATCH", "/v1/accounts/me", { displayName: "Another" }],
		shows: (feed) => expect(feed.items[0]?.author.displayName).toBe("Another"),
	},
	"the end of a friendship": {
		by: "friend",
		act: ({ author: { id } }) => ["DELETE", `/v1/friends/${id}`],
		shows: (feed) => expect(feed.items).toEqual([]),
	},
	"a block": {
		by: "friend",
		act: ({ author: { id } }) => ["PUT", `/v1/blocks/${id}`],
		shows: (feed) => expect(feed.items).toEqual([]),
	},
	"a mute": {
		by: "friend",
		act: ({ author: { id } }) => ["PUT", `/v1/mutes/${id}`, {}],
		shows: (feed) => expect(feed.items).toEqual([]),
	},
};

describe("whoever has done something sees it at once, in another isolate by its number", () => {
	it.each(Object.entries(MUTATIONS))("%s", async (_, { by, act, shows }) => {
		const who = by === "friend" ? friend : author;
		const post = await author.post("old");
		await settled();
		for (const isolate of [here, there]) expect(texts(await read(isolate, who))).toEqual(["old"]);
		const before = await read(there, who);
		const answer = await here.as(who, ...act(post));
		expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
		const seq = Number(answer.headers.get(SEQ));
		expect(seq).toBeGreaterThan(before.body.seq);
		const elsewhere = await read(there, who, `?minSeq=${seq}`);
		shows(elsewhere.body, post);
		expect(elsewhere.body.seq).toBeGreaterThanOrEqual(seq);
		shows((await read(here, who)).body, post);
	});

	it("a like that is taken back, and the other way around", async () => {
		const { id } = await author.post("old");
		await settled();
		for (const liked of [true, false, true]) {
			const answer = await here.as(friend, liked ? "PUT" : "DELETE", `/v1/posts/${id}/like`);
			const { body } = await read(there, friend, `?minSeq=${answer.headers.get(SEQ)}`);
			expect(body.items[0]).toMatchObject({ likeCount: liked ? 1 : 0, viewer: { liked } });
		}
	});

	it("every mutation has a number, also one that the feed does not show", async () => {
		const other = await signUp("Other");
		for (const [method, path, body] of [
			["POST", "/v1/friend-requests", { accountId: other.id }],
			["DELETE", `/v1/friend-requests/${other.id}`],
			["PUT", `/v1/following/${other.id}`],
			["DELETE", `/v1/following/${other.id}`],
			["PUT", "/v1/feed/marker", { postId: "0".repeat(13) }],
		] as const) {
			const answer = await here.as(friend, method, path, body);
			expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
			expect(answer.headers.get(SEQ), `${method} ${path}`).toMatch(/^\d+$/);
		}
	});

	it("a number that the timeline has not reached is refused, as is what is none", async () => {
		const future = await read(here, friend, "?minSeq=999999");
		expect([future.status, future.body]).toMatchObject([400, { code: "seq_in_future" }]);
		for (const bad of ["-1", "x", "", "1e3", "9".repeat(16), "1&minSeq=2"]) {
			const answer = await read(here, friend, `?minSeq=${bad}`);
			expect([answer.status, answer.body], bad).toMatchObject([400, { code: "invalid_request" }]);
		}
	});
});

describe("everybody else sees a change within five seconds", () => {
	it.each([
		["a deletion", (id: string) => ["DELETE", `/v1/posts/${id}`, undefined] as const],
		["a narrower audience", (id: string) => ["PATCH", `/v1/posts/${id}`, { audience: "me" }] as const],
	])("%s, though the post was kept at the last moment and the page again from it", async (_, act) => {
		const { id } = await author.post("gone soon");
		await settled();
		// Other pages of the same post, each made from what is kept.
		expect(texts(await read(there, friend))).toEqual(["gone soon"]);
		const [method, path, body] = act(id);
		await here.as(author, method, path, body);
		await settled();
		for (const [ahead, limit] of [
			[1500, 2],
			[3900, 3],
		] as const) {
			clock.ms = ahead;
			await read(there, friend, `?limit=${limit}`);
		}
		clock.ms = 5000;
		for (const query of ["", "?limit=2", "?limit=3"])
			expect(texts(await read(there, friend, query)), query).toEqual([]);
	});

	it("a deletion that the fan-out has not brought yet", async () => {
		const { id } = await author.post("gone soon");
		await settled();
		await read(there, friend);
		await there.services.postStore.remove(id as never, []);
		clock.ms = 5000;
		expect(texts(await read(there, friend))).toEqual([]);
	});
});

describe("fields", () => {
	it("a page has of its posts what is asked for", async () => {
		const { id } = await author.post("one");
		await settled();
		expect((await read(here, friend, "?fields=id")).body.items).toEqual([{ id }]);
		expect((await read(here, friend, "?fields=id,text,viewer")).body.items).toEqual([
			{ id, text: "one", viewer: { liked: false } },
		]);
		const list = await here.as<Feed>(friend, "GET", `/v1/accounts/${author.id}/posts?fields=id`);
		expect(list.body.items).toEqual([{ id }]);
		for (const bad of ["secret", "id,", "", "id,__proto__", "x".repeat(300)]) {
			const answer = await read(here, friend, `?fields=${bad}`);
			expect([answer.status, answer.body], bad).toMatchObject([400, { code: "invalid_request" }]);
		}
	});

	it("twenty ordinary posts are less than 12 KB", async () => {
		const text =
			"We went down to the river before sunrise, and the mist was just lifting off the water when the first boats came by 🚣";
		for (let n = 0; n < 20; n++) await author.post(text, { link: `https://photos.example.com/albums/november/${n}` });
		await author.ok("PATCH", "/v1/accounts/me", { avatarUrl: "https://images.example.com/avatars/0C1RZ5A8W3K0T.webp" });
		await settled();
		const { body } = await read(here, friend);
		expect(body.items).toHaveLength(20);
		expect(new TextEncoder().encode(JSON.stringify(body)).byteLength).toBeLessThan(12_000);
	});
});
