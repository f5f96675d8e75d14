import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EPOCH, encodeId, type Id } from "../src/store/ids.ts";
import { type Change, type Effects, type Entry, type LogOptions, type Row, TimelineLog } from "../src/timeline/log.ts";

/** Small, so that trimming happens all the time. */
const OPTIONS: LogOptions = { keep: 12, rowCapacity: 4, mostRows: 1000 };
const EVERYTHING = { limit: 1_000_000 };

const post = (n: number): Id => encodeId({ time: EPOCH + n, shard: n % 1024, tail: 0 });
const author = (n: number): Id => encodeId({ time: EPOCH, shard: 0, tail: n });
const authorOf = (n: number): Id => author(n % 3);
const entry = (n: number): Entry => ({ postId: post(n), authorId: authorOf(n), reason: "friend", via: "push" });

/** What the log is meant to be: a set of posts, of which those above the floor are shown. */
class Model {
	readonly present = new Map<Id, Entry>();
	readonly deleted = new Set<Id>();

	add(added: Entry): void {
		if (!this.deleted.has(added.postId)) this.present.set(added.postId, this.present.get(added.postId) ?? added);
	}
	delete(postId: Id): void {
		this.present.delete(postId);
		this.deleted.add(postId);
	}
	removeAuthor(authorId: Id): void {
		for (const { postId, authorId: by } of [...this.present.values()]) if (by === authorId) this.present.delete(postId);
	}
	above(floor: Id | null): Id[] {
		return [...this.present.keys()]
			.filter((id) => floor === null || id > floor)
			.sort()
			.reverse();
	}
}

/** The rows on disk. */
class Disk {
	readonly rows = new Map<number, Row>();
	floor: Id | null = null;

	store({ puts, drops, floor }: Effects): void {
		for (const row of puts) this.rows.set(row.first, row);
		for (const first of drops) this.rows.delete(first);
		if (floor) this.floor = floor;
	}
	wake(): TimelineLog {
		const rows = [...this.rows.values()].sort((a, b) => a.first - b.first);
		return new TimelineLog(rows, { seq: 0, floor: this.floor }, OPTIONS);
	}
}

type Command =
	| { do: "deliver"; posts: number[] }
	| { do: "delete"; post: number }
	| { do: "befriend"; author: number; newest: number; complete: boolean }
	| { do: "unfriend"; author: number }
	| { do: "wake" };

const number = fc.integer({ min: 0, max: 80 });
const command: fc.Arbitrary<Command> = fc.oneof(
	{
		weight: 5,
		arbitrary: fc.record({ do: fc.constant("deliver" as const), posts: fc.array(number, { maxLength: 6 }) }),
	},
	{ weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), post: number }) },
	{
		weight: 1,
		arbitrary: fc.record({
			do: fc.constant("befriend" as const),
			author: fc.nat({ max: 2 }),
			newest: fc.nat({ max: 8 }),
			complete: fc.boolean(),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ do: fc.constant("unfriend" as const), author: fc.nat({ max: 2 }) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant("wake" as const) }) },
);

function run(log: TimelineLog, model: Model, given: Command): Effects | undefined {
	switch (given.do) {
		case "deliver": {
			for (const n of given.posts) model.add(entry(n));
			return log.apply(given.posts.map((n): Change => ({ kind: "add", ...entry(n) })));
		}
		case "delete":
			model.delete(post(given.post));
			return log.apply([{ kind: "remove", postId: post(given.post), cause: "deleted" }]);
		case "befriend": {
			const numbers = Array.from({ length: 80 }, (_, i) => 80 - i).filter((n) => authorOf(n) === author(given.author));
			const shown = numbers
				.map(entry)
				.filter((each) => !model.deleted.has(each.postId))
				.slice(0, given.newest);
			for (const each of shown) model.add(each);
			return log.backfill(shown, given.complete);
		}
		case "unfriend":
			model.removeAuthor(author(given.author));
			return log.removeAuthor(author(given.author));
		case "wake":
			return undefined;
	}
}

const ids = (entries: readonly Entry[]) => entries.map((each) => each.postId);

describe("any history of deliveries, deletions, new and ended ties, and restarts", () => {
	it("shows what a plain set of posts shows, above the floor, and numbers changes without holes", () => {
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
					expect(ids(page.entries)).toEqual(model.above(page.floor));
					expect(log.seq).toBeGreaterThanOrEqual(before);
					expect(disk.wake().page(EVERYTHING)).toEqual(page);

					let next: number | undefined;
					for (const row of [...disk.rows.values()].sort((a, b) => a.first - b.first)) {
						expect(row.first).toBe(next ?? row.first);
						next = row.first + countOf(row);
					}
					expect((next ?? 1) - 1).toBe(log.seq);
				}
			}),
			{ numRuns: 500 },
		);
	});

	it("keeps the newest entries, whatever is trimmed", () => {
		fc.assert(
			fc.property(fc.array(fc.array(number, { maxLength: 6 }), { maxLength: 60 }), (batches) => {
				const model = new Model();
				const log = new Disk().wake();
				for (const posts of batches) {
					run(log, model, { do: "deliver", posts });
					const all = model.above(null);
					expect(ids(log.page(EVERYTHING).entries).length).toBeGreaterThanOrEqual(Math.min(OPTIONS.keep, all.length));
				}
			}),
			{ numRuns: 300 },
		);
	});

	it("pages in either direction give every entry once", () => {
		fc.assert(
			fc.property(fc.uniqueArray(number, { maxLength: 40 }), fc.integer({ min: 1, max: 7 }), (numbers, limit) => {
				const log = new TimelineLog([], { seq: 0, floor: null });
				log.apply(numbers.map((n): Change => ({ kind: "add", ...entry(n) })));
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
	const log = new TimelineLog([], { seq: 0, floor: null });
	const batch = [1, 2, 3].map((n): Change => ({ kind: "add", ...entry(n) }));
	expect(log.apply(batch).puts).toHaveLength(1);
	expect(log.apply(batch)).toEqual({ puts: [], drops: [] });
	expect(log.seq).toBe(3);
});

it("a backfill takes out nothing: a post that was delivered since the store was read stays", () => {
	const log = new TimelineLog([], { seq: 0, floor: null });
	log.apply([1, 4, 7].map((n): Change => ({ kind: "add", ...entry(n) })));
	log.backfill([entry(4), entry(1)], true);
	expect(ids(log.page(EVERYTHING).entries)).toEqual([post(7), post(4), post(1)]);
});

it("a log full of what was taken back says that it should be built anew", () => {
	const log = new TimelineLog([], { seq: 0, floor: null });
	log.apply(Array.from({ length: 50 }, (_, n): Change => ({ kind: "add", ...entry(n) })));
	let changes = 0;
	for (let n = 100; !log.overgrown; n++) {
		log.apply([
			{ kind: "add", ...entry(n) },
			{ kind: "remove", postId: post(n), cause: "deleted" },
		]);
		changes += 2;
	}
	expect(changes).toBeGreaterThan(1000);
	expect(changes).toBeLessThan(5000);
});

it("numbers go on after a rebuild", () => {
	const log = new TimelineLog([], { seq: 41, floor: null });
	expect(log.apply([{ kind: "add", ...entry(1) }]).puts).toMatchObject([{ first: 42 }]);
	expect(log.seq).toBe(42);
});

it("a row of another format is refused", () => {
	expect(() => new TimelineLog([{ first: 1, changes: "+??" }], { seq: 0, floor: null })).toThrow("format");
});

/** Additions are 29 characters, removals 15. */
function countOf({ changes }: Row): number {
	let count = 0;
	for (let at = 0; at < changes.length; count++) at += changes[at] === "+" ? 29 : 15;
	return count;
}
