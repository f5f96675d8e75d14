import { abortAllDurableObjects, evictAllDurableObjects } from "cloudflare:test";
import fc from "fast-check";
import { expect, it } from "vitest";
import { AUDIENCES, type Audience } from "../src/posts/audience.ts";
import type { PostView } from "../src/posts/post.ts";
import type { Id } from "../src/store/ids.ts";
import type { Delivery } from "../src/timeline/changes.ts";
import { type Feed, type Person, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

/** `npm run histories` plays fifty. */
const RUNS = Math.ceil((env.HISTORIES ?? 1200) / 200);
const OTHERS = [1, 2, 3] as const;

interface Story {
	id: Id;
	author: number;
	audience: Audience;
	text: string;
	edited: boolean;
	deleted: boolean;
	/** Was the viewer's at some time, so a delivery of it may still be on its way. */
	sent: boolean;
}

/** What the viewer, number 0, and each of the others are to each other. */
interface Tie {
	friend: boolean;
	following: boolean;
	blocking: boolean;
	blocked: boolean;
	muting: boolean;
}

/** What the feed is meant to be. */
class Model {
	readonly stories: Story[] = [];
	readonly ties: Tie[] = [0, ...OTHERS].map(() => ({
		friend: false,
		following: false,
		blocking: false,
		blocked: false,
		muting: false,
	}));
	marker: Id | null = null;

	tie(who: number): Tie {
		const tie = this.ties[who];
		if (!tie) throw new Error("nobody");
		return tie;
	}

	/** Whether it is sent to the viewer; a mute is only a filter. */
	sends({ author, audience, deleted }: Story): boolean {
		if (deleted) return false;
		if (author === 0) return true;
		const { friend, following, blocking, blocked } = this.tie(author);
		if (blocking || blocked) return false;
		return friend ? audience !== "me" : following && (audience === "public" || audience === "followers");
	}

	/** Newest first. */
	feed(): Story[] {
		return this.stories
			.filter((story) => this.sends(story) && !this.tie(story.author).muting)
			.sort((a, b) => (a.id < b.id ? 1 : -1));
	}
}

interface ChangesPage {
	changes: { seq: number; kind: string; postId: Id; post?: PostView }[];
	seq: number;
	more: boolean;
}

/** A device that reads the feed once, and again only when it is told to. */
class Device {
	readonly #owner: Person;
	readonly posts = new Map<string, string>();
	marker: string | null = null;
	seq = 0;
	rereads = 0;

	constructor(owner: Person) {
		this.#owner = owner;
	}

	async read(limit: number): Promise<void> {
		this.rereads++;
		this.posts.clear();
		let from: number | undefined;
		for (let cursor: string | null = ""; cursor !== null; ) {
			const page: Feed = await this.#owner.feed(`?limit=${limit}${cursor && `&cursor=${cursor}`}`);
			// What changed between two pages is told again.
			from ??= page.seq;
			for (const post of page.items) this.posts.set(post.id, post.text);
			cursor = page.next;
		}
		this.marker = (await this.#owner.ok<{ postId: string | null }>("GET", "/v1/feed/marker")).postId;
		expect(from).toBeGreaterThanOrEqual(this.seq);
		this.seq = from ?? 0;
	}

	async sync(limit: number): Promise<void> {
		for (let more = true; more; ) {
			const answer = await this.#owner.call<ChangesPage>("GET", `/v1/feed/changes?since=${this.seq}&limit=${limit}`);
			if (answer.status === 410) return this.read(limit);
			expect(answer.status, JSON.stringify(answer.body)).toBe(200);
			for (const { seq, kind, postId, post } of answer.body.changes) {
				expect(seq).toBeGreaterThan(this.seq);
				this.seq = seq;
				if (kind === "marker") this.marker = postId;
				else if (post) this.posts.set(post.id, post.text);
				else this.posts.delete(postId);
			}
			more = answer.body.more;
			if (!more) {
				expect(answer.body.seq).toBeGreaterThanOrEqual(this.seq);
				this.seq = answer.body.seq;
			}
		}
	}

	/** Newest first. */
	list(): [string, string][] {
		return [...this.posts].sort(([a], [b]) => (a < b ? 1 : -1));
	}
}

const kind = <const K extends string>(name: K) => fc.constant(name);
const who: fc.Arbitrary<number> = fc.constantFrom(...OTHERS);
/** Counted back from the newest post: what happened lately is what races. */
const place = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 20 }));
const limit = fc.integer({ min: 1, max: 9 });
const audience = fc.constantFrom(...AUDIENCES);
const DELIVERIES = ["add", "edit", "remove"] as const;

const command = fc.oneof(
	{ weight: 9, arbitrary: fc.record({ do: kind("publish"), by: fc.oneof(fc.constant(0), who), audience }) },
	{
		weight: 4,
		arbitrary: fc.record({
			do: kind("redeliver"),
			what: fc.array(fc.record({ post: place, kind: fc.constantFrom(...DELIVERIES) }), { minLength: 1, maxLength: 5 }),
		}),
	},
	{
		weight: 5,
		arbitrary: fc.record({ do: kind("edit"), post: place, audience: fc.option(audience, { nil: undefined }) }),
	},
	{ weight: 2, arbitrary: fc.record({ do: kind("delete"), post: place }) },
	{ weight: 3, arbitrary: fc.record({ do: kind("befriend"), who, first: fc.boolean() }) },
	{ weight: 3, arbitrary: fc.record({ do: kind("follow"), who }) },
	{ weight: 5, arbitrary: fc.record({ do: fc.constantFrom("unfriend", "unfollow"), who, theirs: fc.boolean() }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constantFrom("block", "unblock"), who, theirs: fc.boolean() }) },
	{ weight: 5, arbitrary: fc.record({ do: fc.constantFrom("mute", "mute", "unmute"), who }) },
	{ weight: 2, arbitrary: fc.record({ do: kind("mark"), post: place, force: fc.boolean() }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constantFrom("evict", "restart", "drop") }) },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** What the device does after a command: nothing, or a sync while posts are on their way, or one after they came. */
const step = fc.record({
	command,
	device: fc.oneof(
		{ weight: 4, arbitrary: kind("nothing") },
		{ weight: 2, arbitrary: kind("sync") },
		{ weight: 3, arbitrary: kind("check") },
	),
	limit,
});

/** One friend, one who is followed, one who is both, and something to read from each. */
const START: readonly Command[] = [
	{ do: "befriend", who: 1, first: true },
	{ do: "follow", who: 2 },
	{ do: "befriend", who: 3, first: false },
	{ do: "follow", who: 3 },
	...[0, ...OTHERS].map((by): Command => ({ do: "publish", by, audience: by === 2 ? "public" : "friends" })),
];

/** Plays commands through the API, to the real thing and to the model. */
class World {
	readonly model = new Model();
	readonly people: readonly Person[];
	readonly device: Device;

	constructor(people: readonly Person[]) {
		this.people = people;
		this.device = new Device(this.viewer);
	}

	get viewer(): Person {
		return this.person(0);
	}

	person(n: number): Person {
		const person = this.people[n];
		if (!person) throw new Error("nobody");
		return person;
	}

	async play(given: Command): Promise<void> {
		await this.#act(given);
		for (const story of this.model.stories) story.sent ||= this.model.sends(story);
	}

	async #act(given: Command): Promise<void> {
		const { model, viewer } = this;
		const timeline = env.TIMELINE.getByName(viewer.id);
		switch (given.do) {
			case "publish": {
				const text = `${model.stories.length}`;
				const { id } = await this.person(given.by).post(text, { audience: given.audience });
				model.stories.push({
					id,
					author: given.by,
					audience: given.audience,
					text,
					edited: false,
					deleted: false,
					sent: false,
				});
				return;
			}
			case "redeliver": {
				const deliveries = given.what.flatMap(({ post, kind }) => this.#again(post, kind));
				if (deliveries.length > 0) await timeline.apply(deliveries);
				return;
			}
			case "edit": {
				const story = this.#story(given.post);
				if (!story || story.deleted) return;
				story.text += "'";
				story.edited = true;
				story.audience = given.audience ?? story.audience;
				const change = { text: story.text, ...(given.audience ? { audience: given.audience } : {}) };
				await this.person(story.author).ok("PATCH", `/v1/posts/${story.id}`, change);
				return;
			}
			case "delete": {
				const story = this.#story(given.post);
				if (!story || story.deleted) return;
				story.deleted = true;
				await this.person(story.author).ok("DELETE", `/v1/posts/${story.id}`);
				return;
			}
			case "mark": {
				const story = this.#story(given.post);
				if (!story) return;
				if (model.marker === null || given.force || story.id > model.marker) model.marker = story.id;
				await viewer.ok("PUT", "/v1/feed/marker", { postId: story.id, force: given.force });
				return;
			}
			case "evict":
				return evictAllDurableObjects();
			case "restart":
				return abortAllDurableObjects();
			case "drop":
				return timeline.drop();
			default:
				return this.#relate(given);
		}
	}

	async #relate(given: Extract<Command, { who: number }>): Promise<void> {
		const tie = this.model.tie(given.who);
		const { viewer } = this;
		const other = this.person(given.who);
		const hidden = tie.blocking || tie.blocked;
		switch (given.do) {
			case "befriend":
				if (tie.friend || hidden) return;
				tie.friend = true;
				return given.first ? viewer.befriend(other) : other.befriend(viewer);
			case "follow":
				if (hidden) return;
				tie.following = true;
				await viewer.ok("PUT", `/v1/following/${other.id}`);
				return;
			case "unfriend":
				if (!tie.friend) return;
				tie.friend = false;
				await (given.theirs
					? other.ok("DELETE", `/v1/friends/${viewer.id}`)
					: viewer.ok("DELETE", `/v1/friends/${other.id}`));
				return;
			case "unfollow":
				if (!tie.following) return;
				tie.following = false;
				await viewer.ok("DELETE", `/v1/following/${other.id}`);
				return;
			case "block":
				Object.assign(tie, { friend: false, following: false, [given.theirs ? "blocked" : "blocking"]: true });
				await (given.theirs ? other.ok("PUT", `/v1/blocks/${viewer.id}`) : viewer.ok("PUT", `/v1/blocks/${other.id}`));
				return;
			case "unblock":
				tie[given.theirs ? "blocked" : "blocking"] = false;
				await (given.theirs
					? other.ok("DELETE", `/v1/blocks/${viewer.id}`)
					: viewer.ok("DELETE", `/v1/blocks/${other.id}`));
				return;
			case "mute":
			case "unmute":
				tie.muting = given.do === "mute";
				await viewer.ok(tie.muting ? "PUT" : "DELETE", `/v1/mutes/${other.id}`);
				return;
		}
	}

	#story(place: number): Story | undefined {
		const { stories } = this.model;
		return stories.at(-1 - (place % Math.max(1, stories.length)));
	}

	/** A true delivery that came before, or comes late. */
	#again(place: number, kind: Delivery["kind"]): Delivery[] {
		const story = this.#story(place);
		if (!story?.sent) return [];
		const { id: postId, author } = story;
		if (kind === "remove") return story.deleted ? [{ kind, postId, cause: "deleted" }] : [];
		if (kind === "edit") return story.edited ? [{ kind, postId }] : [];
		const reason = author === 0 ? "own" : this.model.tie(author).friend ? "friend" : "follow";
		return [{ kind, postId, authorId: this.person(author).id as Id, reason, via: "push" }];
	}

	async check(limit: number): Promise<void> {
		await settled();
		const { model, viewer, device } = this;
		const expected = model.feed().map(({ id, text }) => [id, text]);
		expect((await viewer.wholeFeed(limit)).map(({ id, text }) => [id, text])).toEqual(expected);
		const marker = await viewer.ok<{ postId: string | null; seq: number }>("GET", "/v1/feed/marker");
		expect(marker.postId).toBe(model.marker);
		await device.sync(limit);
		expect(device.list()).toEqual(expected);
		expect(device.marker).toBe(model.marker);
		expect(device.seq).toBe(marker.seq);
	}
}

it(
	"any history leaves the feed that a plain model has, and a device that only syncs with the same",
	async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 30, size: "max" }), async (steps) => {
				const world = new World(await signUpMany(4));
				for (const command of START) await world.play(command);
				await world.device.read(9);
				for (const { command, device, limit } of steps) {
					await world.play(command);
					if (device === "sync") await world.device.sync(limit);
					if (device === "check") await world.check(limit);
				}
				await world.check(4);
			}),
			// Shrinking would take minutes, and a race may not happen twice.
			{ numRuns: RUNS, endOnFailure: true },
		);
	},
	120_000 + RUNS * 10_000,
);
