import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { z } from "zod";
import { Breaker } from "../src/cache/breaker.ts";
import { Layered } from "../src/cache/layered.ts";
import { Memory } from "../src/cache/memory.ts";
import { BEHAVIOURS, FaultyLayer } from "./faulty-layer.ts";

const BOUND = 4_000;
/** Longest that a reader waits for another one's fetch: so old may be what tells it that something does not exist. */
const PATIENCE = 250;
const KEYS = ["a", "b", "c"] as const;
type Key = (typeof KEYS)[number];
type Value = { key: string; n: number };
const counter = { add: () => undefined };

/** A store that remembers what it said at any time, under a clock that is moved by hand. */
class Store {
	time = 1_000_000;
	#writes = 0;
	readonly #history = new Map<Key, { at: number; value: Value | undefined }[]>();

	now = () => this.time;

	write(key: Key, exists: boolean): void {
		const value = exists ? { key, n: ++this.#writes } : undefined;
		this.#history.set(key, [...(this.#history.get(key) ?? []), { at: this.time, value }]);
	}

	read(key: Key): Value | undefined {
		return this.#history.get(key)?.at(-1)?.value;
	}

	/** How often it was written, and when for the last time. */
	written(key: Key): { times: number; at: number } {
		const history = this.#history.get(key) ?? [];
		return { times: history.length, at: history.at(-1)?.at ?? 0 };
	}

	/** Whether a value, or none, was there at some moment from `since` on and after so many writes. */
	had(key: Key, n: number | undefined, since: number, times: number): boolean {
		const history = [{ at: 0, value: undefined as Value | undefined }, ...(this.#history.get(key) ?? [])];
		return history.some(
			({ value }, index) => value?.n === n && index >= times && (history[index + 1]?.at ?? Infinity) >= since,
		);
	}
}

const key = fc.constantFrom(...KEYS);
const step = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant("write" as const), key, exists: fc.boolean() }) },
	{ weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const), time: fc.integer({ min: 1, max: 3_000 }) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), key, isolate: fc.nat(1) }) },
	{
		weight: 3,
		arbitrary: fc.record({
			kind: fc.constant("behave" as const),
			layer: fc.nat(1),
			behaviour: fc.constantFrom(...BEHAVIOURS),
		}),
	},
	{
		weight: 8,
		arbitrary: fc.record({
			kind: fc.constant("read" as const),
			keys: fc.array(key, { minLength: 1, maxLength: 4 }),
			isolate: fc.nat(1),
			near: fc.boolean(),
			own: fc.boolean(),
			/** What happens while the store answers, before and after a write. */
			meanwhile: fc.record({ before: fc.nat(60), write: fc.option(key), after: fc.nat(60) }),
			/** Others who read at the same time, or after that write. */
			others: fc.array(fc.record({ key, own: fc.boolean(), after: fc.boolean() }), { maxLength: 3 }),
		}),
	},
);

it("nothing older than the bound or the reader's own write is read, whatever the layers do, and no read fails", async () => {
	// Layers that are left alone are reported.
	vi.spyOn(console, "error").mockReturnValue();
	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.nat(500), async (steps, lag) => {
			const store = new Store();
			const { now } = store;
			const layers = [new FaultyLayer("edge", now), new FaultyLayer("grid", now)];
			const beyond = layers.map((layer) => new Breaker(layer, { limit: 2, tally: counter, now }));
			let deferred: Promise<unknown>[] = [];
			let meanwhile = () => undefined as undefined;
			const isolates = [0, 1].map(
				() =>
					new Layered<Key, Value>({
						kind: "kind",
						schema: z.object({ key: z.string(), n: z.number() }),
						bound: BOUND + lag,
						memory: new Memory(1_000_000, now),
						beyond,
						load: async (keys) => {
							await Promise.resolve();
							const values = new Map(keys.map((each) => [each, store.read(each)]));
							meanwhile();
							await Promise.resolve();
							return new Map([...values].flatMap(([each, value]) => (value ? [[each, value]] : [])));
						},
						lag: () => lag,
						defer: (work) => deferred.push(work),
						tally: counter,
						now,
					}),
			);
			const read = async (reader: Layered<Key, Value>, keys: readonly Key[], own: boolean, near: boolean) => {
				const start = store.time;
				const written = new Map(keys.map((each) => [each, store.written(each)]));
				const notBefore = own ? (each: Key) => written.get(each)?.at ?? 0 : undefined;
				const found = await reader.many(keys, { notBefore, near });
				for (const each of keys) {
					const kept = found.get(each);
					const since = start - (kept ? BOUND + lag : PATIENCE);
					const had = store.had(each, kept?.value.n, since, own ? (written.get(each)?.times ?? 0) : 0);
					expect(had, `${each} ${JSON.stringify(kept)} since ${since}`).toBe(true);
					if (kept) expect(kept.value.key).toBe(each);
				}
			};

			for (const each of steps) {
				switch (each.kind) {
					case "write":
						store.write(each.key, each.exists);
						break;
					case "pass":
						store.time += each.time;
						break;
					case "drop":
						isolates[each.isolate]?.drop([each.key]);
						break;
					case "behave": {
						const layer = layers[each.layer];
						if (layer) layer.behaviour = each.behaviour;
						break;
					}
					case "read": {
						const { before, write, after } = each.meanwhile;
						const reader = isolates[each.isolate] as Layered<Key, Value>;
						const readAlso = (other: { key: Key; own: boolean }) => read(reader, [other.key], other.own, false);
						const late: Promise<void>[] = [];
						meanwhile = () => {
							meanwhile = () => undefined;
							store.time += before;
							if (write) store.write(write, true);
							store.time += after;
							late.push(...each.others.filter((other) => other.after).map(readAlso));
						};
						await Promise.all(
							each.others
								.filter((other) => !other.after)
								.map(readAlso)
								.concat(read(reader, each.keys, each.own, each.near)),
						);
						await Promise.all(late);
						// What hangs never ends.
						await Promise.race([Promise.all(deferred), new Promise((resolve) => setTimeout(resolve, 3))]);
						deferred = [];
					}
				}
			}
		}),
		{ numRuns: 300 },
	);
}, 120_000);
