import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EPOCH, encodeId, type Id } from "../src/store/ids.ts";
import type { Arrival, Delivery } from "../src/timeline/changes.ts";
import { type Effects, type LogOptions, type State, TimelineLog } from "../src/timeline/log.ts";
import { type Row, upgrade } from "../src/timeline/rows.ts";
import { env } from "./env.ts";

/** Small, so that trimming happens all the time. */
const OPTIONS: LogOptions = { keep: 12, rowCapacity: 4, mostRows: 1000, mostLikes: 10 };
const EVERYTHING = { limit: 1_000_000 };
const NOW = 1_800_000_000_000;
const EMPTY: State = { seq: 0, floor: null, marker: null, likes: "" };
/** `npm run histories` plays ten thousand. */
const RUNS = env.HISTORIES ?? 500;

const post = (n: number): Id => encodeId({ time: EPOCH + n, shard: n % 1024, tail: 0 });
const author = (n: number): Id => encodeId({ time: EPOCH, shard: 0, tail: n });
const authorOf = (n: number): Id => author(n % 3);
const arrival = (n: number): Arrival => ({ postId: post(n), authorId: authorOf(n), reason: "friend", via: "push" });
const add = (n: number): Delivery => ({ kind: "add", ...arrival(n) });
const NEWEST = 80;

/**
 * What the log is meant to be: the posts of those the owner is tied to, less the deleted ones. Above the
 * floor the log has them, below it the store.
 */
class Model {
	readonly published = new Set<Id>();
	readonly tied = new Set<Id>([author(0), author(1), author(2)]);
	readonly deleted = new Set<Id>();
	readonly liked = new Set<Id>();
	marker: Id | null = null;

	/** An author's posts, newest first. */
	by(authorId: Id): Id[] {
		const numbers = Array.from({ length: NEWEST + 1 }, (_, n) => NEWEST - n);
		return numbers
			.filter((n) => authorOf(n) === authorId)
			.map(post)
			.filter((id) => this.published.has(id) && !this.deleted.has(id));
	}
	feed(): Id[] {
		return [...this.tied]
			.flatMap((each) => this.by(each))
			.sort()
			.reverse();
	}
}

/** The rows on disk. */
class Disk {
	readonly rows = new Map<number, Row>();
	floor: Id | null = null;
	marker: Id | null = null;
	likes = "";

	store({ puts, drops, floor, marker, likes }: Effects): void {
		for (const row of puts) this.rows.set(row.first, row);
		for (const first of drops) this.rows.delete(first);
		if (floor) this.floor = floor;
		if (marker) this.marker = marker;
		if (likes !== undefined) this.likes = likes;
	}
	inOrder(): Row[] {
		return [...this.rows.values()].sort((a, b) => a.first - b.first);
	}
	wake(): TimelineLog {
		const { floor, marker, likes } = this;
		return new TimelineLog(this.inOrder(), { seq: 0, floor, marker, likes }, OPTIONS);
	}
}

type Command =
	| { do: "deliver"; posts: number[] }
	| { do: "edit"; post: number }
	| { do: "delete"; post: number }
	| { do: "tie"; author: number; newest: number }
	| { do: "untie"; author: number }
	| { do: "mark"; post: number; force: boolean }
	| { do: "like"; post: number; liked: boolean }
	| { do: "wake" };

const number = fc.integer({ min: 0, max: NEWEST });
const whose = fc.nat({ max: 2 });
const kind = <K extends Command["do"]>(name: K) => fc.constant(name);
const command: fc.Arbitrary<Command> = fc.oneof(
	{ weight: 6, arbitrary: fc.record({ do: kind("deliver"), posts: fc.array(number, { maxLength: 6 }) }) },
	{ weight: 1, arbitrary: fc.record({ do: kind("edit"), post: number }) },
	{ weight: 2, arbitrary: fc.record({ do: kind("delete"), post: number }) },
	{ weight: 1, arbitrary: fc.record({ do: kind("tie"), author: whose, newest: fc.integer({ min: 1, max: 8 }) }) },
	{ weight: 1, arbitrary: fc.record({ do: kind("untie"), author: whose }) },
	{ weight: 1, arbitrary: fc.record({ do: kind("mark"), post: number, force: fc.boolean() }) },
	{ weight: 3, arbitrary: fc.record({ do: kind("like"), post: number, liked: fc.boolean() }) },
	{ weight: 1, arbitrary: fc.record({ do: kind("wake") }) },
);

function run(log: TimelineLog, model: Model, given: Command): Effects | undefined {
	switch (given.do) {
		case "deliver": {
			for (const n of given.posts) model.published.add(post(n));
			return log.apply(given.posts.filter((n) => model.tied.has(authorOf(n))).map(add), NOW);
		}
		case "edit":
			return log.apply([{ kind: "edit", postId: post(given.post) }], NOW);
		case "delete":
			model.deleted.add(post(given.post));
			return log.apply([{ kind: "remove", postId: post(given.post), cause: "deleted" }], NOW);
		case "tie": {
			const authorId = author(given.author);
			const all = model.by(authorId);
			const postIds = all.slice(0, given.newest);
			model.tied.add(authorId);
			return log.backfill({ authorId, reason: "friend", postIds, complete: all.length === postIds.length }, NOW);
		}
		case "untie":
			model.tied.delete(author(given.author));
			return log.removeAuthor(author(given.author));
		case "mark":
			if (model.marker === null || given.force || post(given.post) > model.marker) model.marker = post(given.post);
			return log.mark(post(given.post), given.force);
		case "like":
			if (given.liked) model.liked.add(post(given.post));
			else model.liked.delete(post(given.post));
			return log.like(post(given.post), given.liked);
		case "wake":
			return undefined;
	}
}

const ids = (entries: readonly { postId: Id }[]) => entries.map((each) => each.postId);

/** A client with the newest part of a feed, down to `bottom`: what it does with a change is all that it does. */
class Client {
	readonly posts: Set<Id>;
	readonly bottom: Id;
	seq: number;
	marker: Id | null;

	constructor(feed: readonly Id[], bottom: Id, log: TimelineLog) {
		this.bottom = bottom;
		this.posts = new Set(feed.filter((id) => id >= bottom));
		this.seq = log.seq;
		this.marker = log.marker(author(0)).postId;
	}
	/**
	 * Additions come with their post, so that one that is deleted by now is told as gone, as over REST.
	 *
	 * @returns false when it is told to read anew.
	 */
	sync(log: TimelineLog, limit: number, deleted: ReadonlySet<Id>): boolean {
		for (;;) {
			const found = log.changes(this.seq, limit);
			if (found.state !== "told") return false;
			for (const { kind, postId, seq } of found.changes) {
				expect(seq).toBeGreaterThan(this.seq);
				this.seq = seq;
				if (kind === "remove" || deleted.has(postId)) this.posts.delete(postId);
				else if (kind === "add" && postId >= this.bottom) this.posts.add(postId);
				if (kind === "marker") this.marker = postId;
			}
			if (!found.more) {
				this.seq = found.seq;
				return true;
			}
		}
	}
}

describe("any history of deliveries, edits, deletions, new and ended ties, marks and restarts", () => {
	it("shows what a plain set of posts shows, and numbers changes without holes", () => {
		fc.assert(
			fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
				const model = new Model();
				const disk = new Disk();
				let log = disk.wake();
				for (const given of commands) {
					const before = log.seq;
					const effects = run(log, model, given);
					if (effects) disk.store(effects);
					else log = disk.wake();

					const page = log.page(EVERYTHING);
					expect(ids(page.entries)).toEqual(model.feed().filter((id) => page.floor === null || id > page.floor));
					expect(log.seq).toBeGreaterThanOrEqual(before);
					expect(log.marker(author(0)).postId).toBe(model.marker);
					expect(disk.wake().page(EVERYTHING)).toEqual(page);
					for (const each of [log, disk.wake()])
						for (const { postId } of page.entries) expect(each.likes(postId)).toBe(model.liked.has(postId));
					expect(disk.wake().marker(author(0))).toEqual(log.marker(author(0)));

					let next: number | undefined;
					for (const row of disk.inOrder()) {
						expect(row.first).toBe(next ?? row.first);
						next = row.first + countOf(row);
					}
					expect((next ?? 1) - 1).toBe(log.seq);
				}
			}),
			{ numRuns: RUNS },
		);
	});

	it("changes applied to a feed that was read at a number give the feed of today, or say that they cannot", () => {
		fc.assert(
			fc.property(
				fc.array(command, { maxLength: 40 }),
				fc.array(command, { maxLength: 40 }),
				number,
				fc.integer({ min: 1, max: 9 }),
				(earlier, later, bottom, limit) => {
					const model = new Model();
					const disk = new Disk();
					let log = disk.wake();
					const play = (commands: readonly Command[]) => {
						for (const given of commands) {
							const effects = run(log, model, given);
							if (effects) disk.store(effects);
							else log = disk.wake();
						}
					};
					play(earlier);
					const client = new Client(model.feed(), post(bottom), log);
					play(later);
					const told = client.sync(log, limit, model.deleted);
					fc.pre(told);
					const today = model.feed().filter((id) => id >= client.bottom);
					expect([...client.posts].sort().reverse()).toEqual(today);
					expect(client.seq).toBe(log.seq);
					expect(client.marker).toBe(model.marker);
				},
			),
			{ numRuns: RUNS },
		);
	});

	it("keeps the newest entries, whatever is trimmed", () => {
		fc.assert(
			fc.property(fc.array(fc.array(number, { maxLength: 6 }), { maxLength: 60 }), (batches) => {
				const model = new Model();
				const log = new Disk().wake();
				for (const posts of batches) {
					run(log, model, { do: "deliver", posts });
					const kept = log.page(EVERYTHING).entries.length;
					expect(kept).toBeGreaterThanOrEqual(Math.min(OPTIONS.keep, model.published.size));
				}
			}),
			{ numRuns: 300 },
		);
	});

	it("pages in either direction give every entry once", () => {
		fc.assert(
			fc.property(fc.uniqueArray(number, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), (numbers, limit) => {
				const log = new TimelineLog([], EMPTY);
				log.apply(numbers.map(add), NOW);
				const newestFirst = ids(log.page(EVERYTHING).entries);
				const down: Id[] = [];
				for (let before: Id | undefined; ; before = down.at(-1)) {
					const { entries } = log.page({ before, limit });
					down.push(...ids(entries));
					if (entries.length < limit) break;
				}
				expect(down).toEqual(newestFirst);
				const up: Id[] = [];
				for (let after = post(0); ; after = up[0] ?? after) {
					const { entries } = log.page({ after, limit });
					up.unshift(...ids(entries));
					if (entries.length < limit) break;
				}
				expect(up).toEqual(newestFirst.filter((id) => id > post(0)));
			}),
		);
	});
});

it("a batch is written as one row, and what is here already as none", () => {
	const log = new TimelineLog([], EMPTY);
	const batch = [1, 2, 3].map(add);
	expect(log.apply(batch, NOW).puts).toHaveLength(1);
	expect(log.apply(batch, NOW)).toEqual({ puts: [], drops: [] });
	expect(log.seq).toBe(3);
});

it("a backfill takes out nothing: a post that was delivered since the store was read stays", () => {
	const log = new TimelineLog([], EMPTY);
	log.apply([1, 4, 7].map(add), NOW);
	log.backfill({ authorId: authorOf(1), reason: "friend", postIds: [post(4), post(1)], complete: true }, NOW);
	expect(ids(log.page(EVERYTHING).entries)).toEqual([post(7), post(4), post(1)]);
});

it("a deletion is remembered below the floor too, against an addition that comes late", () => {
	const disk = new Disk();
	const log = new TimelineLog([], { ...EMPTY, floor: post(50) });
	disk.floor = post(50);
	disk.store(log.apply([{ kind: "remove", postId: post(6), cause: "deleted" }], NOW));
	const { seq } = log;
	expect(log.apply([add(6), { kind: "remove", postId: post(6), cause: "deleted" }], NOW).puts).toEqual([]);
	expect(disk.wake().apply([add(6)], NOW).puts).toEqual([]);
	expect(log.changes(seq, 10)).toMatchObject({ state: "told", changes: [] });
});

it("a like of a post that is not in the feed is remembered and told to nobody", () => {
	const disk = new Disk();
	const log = disk.wake();
	disk.store(log.like(post(1), true));
	expect(log.seq).toBe(0);
	for (const each of [log, disk.wake()]) expect(each.likes(post(1))).toBe(true);
	disk.store(log.apply([add(1)], NOW));
	disk.store(log.like(post(1), false));
	expect(log.seq).toBe(2);
	for (const each of [log, disk.wake()]) expect(each.likes(post(1))).toBe(false);
});

it("a log full of what was taken back says that it should be built anew", () => {
	const log = new TimelineLog([], EMPTY);
	log.apply(
		Array.from({ length: 50 }, (_, n) => add(n)),
		NOW,
	);
	let changes = 0;
	for (let n = 100; !log.overgrown; n++) {
		log.apply([add(n), { kind: "remove", postId: post(n), cause: "deleted" }], NOW);
		changes += 2;
	}
	expect(changes).toBeGreaterThan(1000);
	expect(changes).toBeLessThan(5000);
});

it("numbers go on after a rebuild, which those who knew the log before are told of", () => {
	const log = new TimelineLog([], { ...EMPTY, seq: 41 });
	expect(log.fill([arrival(1)], NOW).puts).toMatchObject([{ first: 42 }]);
	for (const since of [0, 40, 41, 42]) expect(log.changes(since, 10).state).toBe("outdated");
	expect(log.changes(43, 10)).toEqual({ state: "told", changes: [], seq: 43, more: false });
	expect(log.changes(44, 10).state).toBe("future");
});

it("a new timeline can be followed from nothing", () => {
	const log = new TimelineLog([], EMPTY);
	log.fill([arrival(2), arrival(1)], NOW);
	const found = log.changes(0, 10);
	expect(found.state === "told" && ids(found.changes)).toEqual([post(1), post(2)]);
});

it("the marker counts what others have posted since", () => {
	const log = new TimelineLog([], EMPTY);
	log.apply([1, 2, 3, 4, 5].map(add), NOW);
	expect(log.marker(author(1))).toEqual({ postId: null, unreadCount: 3, seq: 5 });
	log.mark(post(3), false);
	expect(log.marker(author(1))).toEqual({ postId: post(3), unreadCount: 1, seq: 6 });
	log.mark(post(2), false);
	expect(log.marker(author(1)).postId).toBe(post(3));
	log.mark(post(2), true);
	expect(log.marker(author(1)).postId).toBe(post(2));
});

it("an entry tells why and since when it is here", () => {
	const log = new TimelineLog([], EMPTY);
	log.apply([add(1)], NOW + 5);
	expect(log.entry(post(1))).toEqual({ ...arrival(1), at: NOW });
	expect(log.entry(post(2))).toBeNull();
});

it("rows of format 1 are read as they were meant, with the post's own time", () => {
	const rows = [{ first: 7, changes: `+fp${post(1)}${author(1)}+wb${post(2)}${author(2)}-d${post(1)}` }];
	const log = new TimelineLog(upgrade(rows, 1), { ...EMPTY, seq: 6 });
	expect(log.seq).toBe(9);
	expect(log.page(EVERYTHING).entries).toEqual([
		{ postId: post(2), authorId: author(2), reason: "follow", via: "backfill", at: EPOCH },
	]);
	expect(() => upgrade(rows, 3)).toThrow("format");
});

it("a row of no format is refused", () => {
	for (const changes of ["+??", "?", "-x"])
		expect(() => new TimelineLog([{ first: 1, changes }], EMPTY)).toThrow("format");
});

/** Additions are 37 characters, removals and likes 15, edits and marks 14, resets 1. */
function countOf({ changes }: Row): number {
	const widths: Record<string, number> = { "+": 37, "-": 15, "^": 15, "~": 14, "*": 14, "!": 1 };
	let count = 0;
	for (let at = 0; at < changes.length; count++) at += widths[changes.charAt(at)] ?? Number.NaN;
	return count;
}

it("a log that was just loaded tells when its last change came, or that it does not know", () => {
	const reloaded = (effects: Effects) => new TimelineLog(effects.puts, EMPTY, OPTIONS).changedAt;
	const log = new TimelineLog([], EMPTY, OPTIONS);
	expect(log.changedAt).toBeUndefined();
	const added = reloaded(log.apply([add(1)], NOW + 5));
	// Never earlier than it was, and later by one unit of its times at most.
	expect(added).toBeGreaterThan(NOW + 5);
	expect(added).toBeLessThanOrEqual(NOW + 13);
	expect(reloaded(log.mark(post(1), false))).toBe(added);
	expect(reloaded(log.apply([{ kind: "edit", postId: post(1) }], NOW + 50))).toBeUndefined();
	expect(reloaded(log.apply([add(2)], NOW + 99))).toBeGreaterThan(NOW + 99);
	expect(log.changedAt).toBeGreaterThan(NOW + 99);
});
