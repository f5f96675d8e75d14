import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Bookmarks, Consistency } from "../src/store/consistency.ts";
import { REPLICA_LAG, type Replicated, ReplicatedShard } from "../src/store/replicated.ts";

/** A database that is one number: its state. Two replicas come along when they are told. */
class Model implements Replicated {
	readonly dialect = "sqlite";
	state = 0;
	readonly replicas = [0, 0];
	/** Which replica answers next, or none; `turns` changes it each time. */
	turn: number | "turns" | "down" = 0;
	#next = 0;

	async all<T>(): Promise<T[]> {
		return [{ state: this.state }] as T[];
	}
	async batch() {
		return [[{ state: this.state }]];
	}
	async bookmarked() {
		return { answers: [[{ state: this.state }]], state: text(this.state) };
	}
	async replica(_: unknown, atLeast: string) {
		if (this.turn === "turns") this.#next = 1 - this.#next;
		const state = this.turn === "down" ? undefined : this.replicas[this.turn === "turns" ? this.#next : this.turn];
		if (state === undefined || text(state) < atLeast) throw new Error("behind");
		return { rows: [{ state }], state: text(state) };
	}
}

// Each failure of a replica is logged.
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
afterAll(() => vi.restoreAllMocks());

const text = (state: number) => String(state).padStart(8, "0");

const step = fc.oneof(
	{ arbitrary: fc.record({ kind: fc.constant("write" as const) }), weight: 3 },
	{
		arbitrary: fc.record({ kind: fc.constant("wait" as const), time: fc.oneof(fc.nat(900), fc.nat(5000)) }),
		weight: 3,
	},
	{ arbitrary: fc.record({ kind: fc.constant("replicate" as const), replica: fc.nat(1), to: fc.nat(1) }), weight: 6 },
	{
		arbitrary: fc.record({
			kind: fc.constant("route" as const),
			to: fc.constantFrom(0, "turns" as const, "turns" as const, "down" as const),
		}),
		weight: 2,
	},
	{ arbitrary: fc.record({ kind: fc.constant("move" as const) }), weight: 1 },
	{
		arbitrary: fc.record({
			kind: fc.constant("read" as const),
			/** By a client who wrote so many writes ago, by one without a bookmark, or with a forged one. */
			had: fc.oneof(fc.nat(3), fc.constantFrom("none" as const, "forged" as const)),
			/** What must be known is so old. */
			since: fc.option(fc.nat(4000)),
			reads: fc.integer({ min: 1, max: 3 }),
		}),
		weight: 8,
	},
);

it("whatever happens, a read is at most two seconds old, knows what its client has done, and never goes back within a request", async () => {
	let fromReplica = 0;
	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
			const model = new Model();
			let time = 1e12;
			let version = 1;
			let movedAt = 0;
			/** When each state came to be. */
			const committed = [time];
			const stateAt = (moment: number) => committed.findLastIndex((at) => at < moment);
			const shard = new ReplicatedShard(model, { name: "A", map: () => version, now: () => time });
			for (const each of steps) {
				if (each.kind === "write") {
					model.state++;
					committed.push(time);
					time++;
				} else if (each.kind === "wait") time += each.time;
				else if (each.kind === "route") model.turn = each.to;
				else if (each.kind === "replicate")
					model.replicas[each.replica] = Math.max(model.replicas[each.replica] ?? 0, model.state - each.to);
				else if (each.kind === "move") {
					version++;
					movedAt = model.state;
				} else {
					const { had: ago, since, reads } = each;
					const own = typeof ago === "number" ? Math.max(0, model.state - ago) : 0;
					const state = ago === "forged" ? "ffffffff" : text(own);
					const had: Bookmarks = ago === "none" ? new Map() : new Map([["A", { state, at: time }]]);
					const later: Promise<void>[] = [];
					const consistency = new Consistency({ replicas: true, had, waitUntil: (work) => later.push(work) });
					await consistency.run(async () => {
						if (since !== null) Consistency.require(time - since);
						for (let last = 0, read = 0; read < reads; read++) {
							const [row] = await shard.all<{ state: number }>(sql`SELECT state`);
							const found = row?.state ?? -1;
							if (found < model.state) fromReplica++;
							expect(found).toBeGreaterThanOrEqual(stateAt(time - REPLICA_LAG));
							expect(found).toBeGreaterThanOrEqual(Math.max(own, last, movedAt));
							if (since !== null) expect(found).toBeGreaterThanOrEqual(stateAt(time - since));
							last = found;
						}
					});
					await Promise.all(later);
				}
			}
		}),
		{ numRuns: 1000 },
	);
	// Old answers were among them, within the bound.
	expect(fromReplica).toBeGreaterThan(100);
});
