import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Layered, type LayeredOptions } from "../src/cache/layered.ts";
import { Memory } from "../src/cache/memory.ts";
import { FaultyLayer } from "./faulty-layer.ts";

type Value = { n: number };
const BOUND = 4_000;

/** A reader over a store of numbers, with a clock that stands still. */
function setUp(options: Partial<LayeredOptions<string, Value>> = {}) {
	const clock = { time: 1_000_000 };
	const now = () => clock.time;
	const rows = new Map([
		["a", { n: 1 }],
		["b", { n: 2 }],
	]);
	const loads: { keys: readonly string[]; notBefore: number }[] = [];
	const counted: Record<string, number> = {};
	const add = (metric: string, value: number) => {
		if (value > 0) counted[metric] = (counted[metric] ?? 0) + value;
	};
	const edge = new FaultyLayer("edge", now);
	const grid = new FaultyLayer("grid", now);
	const deferred: Promise<unknown>[] = [];
	const isolate = (more: Partial<LayeredOptions<string, Value>> = {}) =>
		new Layered<string, Value>({
			kind: "number",
			schema: z.object({ n: z.number() }),
			bound: BOUND,
			memory: new Memory(1024 * 1024, now),
			beyond: [edge, grid],
			load: async (keys, notBefore) => {
				loads.push({ keys, notBefore });
				return new Map(keys.flatMap((key) => (rows.has(key) ? [[key, rows.get(key) as Value]] : [])));
			},
			lag: () => 0,
			defer: (work) => deferred.push(work),
			tally: { add },
			now,
			...options,
			...more,
		});
	return { clock, rows, loads, counted, edge, grid, isolate, settle: () => Promise.all(deferred) };
}
const values = (found: ReadonlyMap<string, { value: Value }>) =>
	Object.fromEntries(Array.from(found, ([key, { value }]) => [key, value.n]));

describe("a reader through the layers", () => {
	it("asks the store once for all that is missing, and then nobody", async () => {
		const { isolate, loads, edge, grid, settle } = setUp();
		const reader = isolate();
		expect(values(await reader.many(["a", "b", "a", "none"]))).toEqual({ a: 1, b: 2 });
		expect(loads).toEqual([{ keys: ["a", "b", "none"], notBefore: Number.NEGATIVE_INFINITY }]);
		await settle();
		const asked = edge.asked + grid.asked;
		expect(values(await reader.many(["a", "b"]))).toEqual({ a: 1, b: 2 });
		expect(reader.peek("a")?.value).toEqual({ n: 1 });
		expect(reader.peek("none")).toBeUndefined();
		expect([loads.length, edge.asked + grid.asked]).toEqual([1, asked]);
	});

	it("fills the layers above, and the age goes along", async () => {
		const { isolate, loads, clock, rows, edge, settle } = setUp();
		const start = clock.time;
		await isolate().many(["a"]);
		await settle();
		rows.set("a", { n: 10 });
		await edge.drop(["number/a"]);
		clock.time += BOUND - 1;
		const other = isolate();
		expect((await other.many(["a"])).get("a")).toEqual({ value: { n: 1 }, asOf: start });
		await settle();
		edge.behaviour = "well";
		clock.time += 1;
		expect(values(await isolate({ beyond: [edge] }).many(["a"]))).toEqual({ a: 1 });
		expect(loads.length).toBe(1);
		clock.time += 1;
		for (const reader of [other, isolate()]) expect(values(await reader.many(["a"]))).toEqual({ a: 10 });
	});

	it("asks only memory and the store for keys that are not worth more", async () => {
		const { isolate, edge, grid, settle } = setUp();
		expect(values(await isolate().many(["a"], { near: true }))).toEqual({ a: 1 });
		await settle();
		expect(edge.asked + grid.asked).toBe(0);
	});

	it("does not give what is not newer than the reader's last write", async () => {
		const { isolate, clock, rows, loads, settle } = setUp();
		const [reader, other] = [isolate(), isolate()];
		await reader.many(["a", "b"]);
		await settle();
		clock.time += 10;
		rows.set("a", { n: 10 });
		rows.set("b", { n: 20 });
		const written = clock.time;
		clock.time += 10;
		const notBefore = (key: string) => (key === "a" ? written : 0);
		for (const each of [reader, other])
			expect(values(await each.many(["a", "b"], { notBefore }))).toEqual({ a: 10, b: 2 });
		expect(loads.slice(1).map(({ keys, notBefore }) => [keys, notBefore])).toEqual([[["a"], written]]);
	});

	it("takes the store's lag for age", async () => {
		const { isolate, clock } = setUp({ lag: () => 300 });
		const reader = isolate();
		expect((await reader.many(["a"])).get("a")?.asOf).toBe(clock.time - 300);
		clock.time += BOUND - 300;
		expect(reader.peek("a")).toBeDefined();
		clock.time += 1;
		expect(reader.peek("a")).toBeUndefined();
	});

	it("does not remember what does not exist, and forgets what is found gone", async () => {
		const { isolate, rows, clock } = setUp();
		const reader = isolate({ beyond: [] });
		expect(values(await reader.many(["c"]))).toEqual({});
		rows.set("c", { n: 3 });
		expect(values(await reader.many(["c"]))).toEqual({ c: 3 });
		rows.delete("c");
		expect(values(await reader.many(["c"], { notBefore: () => clock.time }))).toEqual({});
		expect(reader.peek("c")).toBeUndefined();
	});

	it("drops", async () => {
		const { isolate, rows, settle } = setUp();
		const reader = isolate();
		await reader.many(["a", "b"]);
		await settle();
		for (const key of ["a", "b"]) rows.delete(key);
		reader.drop(["a"]);
		await settle();
		for (const each of [reader, isolate()]) expect(values(await each.many(["a", "b"]))).toEqual({ b: 2 });
	});

	it("fails as the store does, and only for what is not kept", async () => {
		const { isolate } = setUp();
		const reader = isolate({
			load: async (keys) => {
				if (keys.includes("b")) throw new Error("the store is away");
				return new Map(keys.map((key) => [key, { n: 1 }]));
			},
		});
		await reader.many(["a"]);
		await expect(reader.many(["a", "b"])).rejects.toThrow("the store is away");
		expect(values(await reader.many(["a"]))).toEqual({ a: 1 });
	});

	it("counts what it finds, and what it refuses", async () => {
		const { isolate, edge, counted, settle } = setUp();
		const reader = isolate();
		await reader.many(["a", "b"]);
		await settle();
		await reader.many(["a", "none"]);
		expect(counted).toEqual({ cache_memory_hits: 1, cache_memory_misses: 3 });
		for (const [times, behaviour] of (["from the future", "another shape", "malformed"] as const).entries()) {
			edge.behaviour = behaviour;
			await isolate().many(["a"]);
			// What is no envelope of this key is left out by the layer already.
			expect(counted.cache_refused).toBe(Math.min(times + 1, 2));
		}
	});
});

describe("readers of the same at the same time", () => {
	/** A store that answers when it is told to. */
	function slow() {
		const waiting: (() => void)[] = [];
		const world = setUp();
		const load = async (keys: readonly string[]) => {
			world.loads.push({ keys, notBefore: 0 });
			const answer = new Map(keys.flatMap((key) => (world.rows.has(key) ? [[key, world.rows.get(key) as Value]] : [])));
			await new Promise<void>((resolve) => waiting.push(resolve));
			return answer;
		};
		const answer = () => {
			for (const resolve of waiting.splice(0)) resolve();
		};
		return { ...world, load, answer, reader: world.isolate({ load, beyond: [] }) };
	}
	const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

	it("share one load", async () => {
		const { reader, loads, answer } = slow();
		const reads = Array.from({ length: 50 }, (_, at) => reader.many(at % 2 ? ["a", "b"] : ["b", "a", "none"]));
		await turn();
		answer();
		const found = await Promise.all(reads);
		expect(found.map(values)).toEqual(found.map(() => ({ a: 1, b: 2 })));
		expect(loads.map(({ keys }) => keys)).toEqual([["b", "a", "none"]]);
	});

	it("load only what nobody loads yet", async () => {
		const { reader, loads, answer } = slow();
		const reads = [reader.many(["a"]), reader.many(["a", "b"])];
		await turn();
		answer();
		expect((await Promise.all(reads)).map(values)).toEqual([{ a: 1 }, { a: 1, b: 2 }]);
		expect(loads.map(({ keys }) => keys)).toEqual([["a"], ["b"]]);
	});

	it("do not take a load that began before their own write", async () => {
		const { reader, loads, rows, clock, answer } = slow();
		const before = reader.many(["a"]);
		rows.set("a", { n: 10 });
		const notBefore = () => clock.time;
		const after = reader.many(["a"], { notBefore });
		await turn();
		answer();
		expect([values(await before), values(await after)]).toEqual([{ a: 1 }, { a: 10 }]);
		expect(loads.length).toBe(2);
	});

	it("do not join when nothing may be old at all", async () => {
		const { isolate, load, loads, rows, answer } = slow();
		const reader = isolate({ load, beyond: [], bound: -1 });
		const before = reader.many(["c"]);
		rows.set("c", { n: 3 });
		const after = reader.many(["c"]);
		await turn();
		answer();
		expect([values(await before), values(await after)]).toEqual([{}, { c: 3 }]);
		expect(loads.length).toBe(2);
	});

	it("do not wait for one that never ends, nor for its leftovers", async () => {
		const { reader, loads, clock, answer } = slow();
		void reader.many(["a"]);
		const start = Date.now();
		const second = reader.many(["a"]);
		const poll = setInterval(() => loads.length === 2 && answer(), 1);
		expect(values(await second)).toEqual({ a: 1 });
		clearInterval(poll);
		expect(Date.now() - start).toBeLessThan(1_000);
		void reader.many(["b"]);
		clock.time += 250;
		const third = reader.many(["b"]);
		await turn();
		answer();
		expect(values(await third)).toEqual({ b: 2 });
		expect(loads.map(({ keys }) => keys)).toEqual([["a"], ["a"], ["b"], ["b"]]);
	});

	it("load themselves when the one they waited for fails", async () => {
		const { isolate } = setUp();
		let loads = 0;
		const reader = isolate({
			beyond: [],
			load: async (keys) => {
				loads++;
				if (loads === 1) {
					await turn();
					throw new Error("the first one fails");
				}
				return new Map(keys.map((key) => [key, { n: 5 }]));
			},
		});
		const reads = await Promise.allSettled([reader.many(["a"]), reader.many(["a"])]);
		expect(reads.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
		expect(loads).toBe(2);
	});
});
