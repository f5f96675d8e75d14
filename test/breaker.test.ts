import { expect, it } from "vitest";
import { Breaker } from "../src/cache/breaker.ts";
import { FaultyLayer } from "./faulty-layer.ts";

function setUp(limit = 20) {
	const clock = { time: 1_000_000 };
	const now = () => clock.time;
	const counted: Record<string, number> = {};
	const add = (metric: string, value: number) => {
		if (value > 0) counted[metric] = (counted[metric] ?? 0) + value;
	};
	const layer = new FaultyLayer("grid", now);
	return { clock, counted, layer, breaker: new Breaker(layer, { limit, tally: { add }, now }) };
}
const entries = () => new Map([["a", { value: 1, asOf: 1_000_000 }]]);

it("passes on what a layer has, and counts it", async () => {
	const { breaker, counted } = setUp();
	await breaker.put(entries(), 1_000);
	expect(await breaker.get(["a", "b", "c"])).toEqual(entries());
	await breaker.drop(["a"]);
	expect((await breaker.get(["a"])).size).toBe(0);
	expect(counted).toEqual({ cache_grid_hits: 1, cache_grid_misses: 3 });
});

it("makes misses of failures and of what takes too long", async () => {
	const { breaker, layer, counted } = setUp();
	await breaker.put(entries(), 1_000);
	for (const behaviour of ["failing", "hanging"] as const) {
		layer.behaviour = behaviour;
		const start = Date.now();
		expect((await breaker.get(["a"])).size).toBe(0);
		expect(Date.now() - start).toBeLessThan(500);
	}
	layer.behaviour = "failing";
	await breaker.put(entries(), 1_000);
	await breaker.drop(["a"]);
	expect(counted).toEqual({ cache_grid_misses: 2, cache_grid_failures: 4 });
	layer.behaviour = "well";
	expect((await breaker.get(["a"])).size).toBe(1);
});

it("leaves a layer alone that fails five times in a row, and then tries it once after each rest", async () => {
	const { breaker, layer, clock, counted } = setUp();
	await breaker.put(entries(), 1_000);
	const read = async () => (await breaker.get(["a"])).size;
	const asked = async (work: () => Promise<unknown>) => {
		const before = layer.asked;
		await work();
		return layer.asked - before;
	};
	layer.behaviour = "failing";
	for (let time = 0; time < 4; time++) await read();
	layer.behaviour = "well";
	expect(await read()).toBe(1);
	layer.behaviour = "failing";
	expect(await asked(() => Promise.all(Array.from({ length: 5 }, read)))).toBe(5);
	expect(counted.cache_grid_opened).toBe(1);
	layer.behaviour = "well";
	clock.time += 4_999;
	expect(await asked(read)).toBe(0);
	clock.time += 1;
	layer.behaviour = "failing";
	expect(await asked(() => Promise.all(Array.from({ length: 5 }, read)))).toBe(1);
	clock.time += 4_999;
	expect(await asked(read)).toBe(0);
	clock.time += 1;
	layer.behaviour = "well";
	expect(await read()).toBe(1);
	expect(await asked(() => Promise.all([read(), read()]))).toBe(2);
	expect(counted.cache_grid_opened).toBe(1);
});

it("tries again when the one that tried never came back", async () => {
	const { breaker, layer, clock } = setUp(60_000);
	layer.behaviour = "failing";
	for (let time = 0; time < 5; time++) await breaker.get(["a"]);
	clock.time += 5_000;
	layer.behaviour = "hanging";
	void breaker.get(["a"]);
	layer.behaviour = "well";
	await breaker.put(entries(), 1_000);
	expect((await breaker.get(["a"])).size).toBe(0);
	clock.time += 5_000;
	await breaker.put(entries(), 1_000);
	expect((await breaker.get(["a"])).size).toBe(1);
});
