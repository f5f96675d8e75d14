import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EmbeddedThrottle } from "../src/cache/embedded.ts";
import {
	MemoryThrottle,
	type Places,
	SteadyThrottle,
	type Throttle,
	takePlace,
	tryOnce,
} from "../src/cache/throttle.ts";
import { env } from "./env.ts";
import { throttleContract } from "./throttle-contract.ts";

const now = () => Date.now();
const embedded = () => new EmbeddedThrottle(env.GRID, "apac");
const tally = { add: () => {} };

afterEach(() => {
	vi.restoreAllMocks();
});

describe("memory", () => throttleContract(() => new MemoryThrottle(now)));
describe("the embedded grid", () => throttleContract(embedded));
describe("the embedded grid, from several isolates", () =>
	throttleContract(() => {
		const isolates = Array.from({ length: 3 }, embedded);
		let turn = 0;
		const next = () => isolates[turn++ % isolates.length] as Throttle;
		return {
			take: (key, quota) => next().take(key, quota),
			attempt: (key, patience) => next().attempt(key, patience),
			forgive: (key) => next().forgive(key),
		};
	}));
describe("with something to fall back on", () =>
	throttleContract(() => new SteadyThrottle(embedded(), { tally, now })));

describe("an object of the embedded grid", () => {
	it("still counts after its objects were asleep, and erases what is over", async () => {
		const throttle = embedded();
		const quota = { limit: 2, window: 60_000 };
		for (let n = 0; n < 2; n++) await throttle.take("sleepy", quota);
		const objects = [0, 1, 2, 3].map((part) => env.GRID.getByName(`throttle/${part}`));
		for (const object of objects) await evictDurableObject(object).catch(() => undefined);
		expect(await throttle.take("sleepy", quota)).toMatchObject({ allowed: false });
		const ahead = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_000);
		for (const object of objects) await evictDurableObject(object).catch(() => undefined);
		for (let n = 0; n < 32; n++) await throttle.take(`other ${n}`, quota);
		ahead.mockRestore();
		const rows = await Promise.all(
			objects.map((object) =>
				runInDurableObject(object, (_, { storage }) => storage.sql.exec("SELECT key FROM counts").toArray()),
			),
		);
		const keys = rows.flat().map(({ key }) => key);
		expect(keys).toHaveLength(32);
		expect(keys).not.toContain("sleepy");
	});
});

describe("something to fall back on", () => {
	const quota = { limit: 2, window: 60_000 };

	it("counts for itself while the grid fails or hangs, asks it once in five seconds, and goes back to it", async () => {
		const errors = vi.spyOn(console, "error").mockImplementation(() => {});
		let clock = 1_000_000;
		let state: "up" | "down" | "hanging" = "down";
		let asked = 0;
		const grid = new MemoryThrottle(() => clock);
		const ask = async <T>(work: () => Promise<T>): Promise<T> => {
			asked++;
			if (state === "hanging") await new Promise(() => {});
			if (state === "down") throw new Error("down");
			return work();
		};
		const steady = new SteadyThrottle(
			{
				take: (key, each) => ask(() => grid.take(key, each)),
				attempt: (key, patience) => ask(() => grid.attempt(key, patience)),
				forgive: (key) => ask(() => grid.forgive(key)),
			},
			{ tally, now: () => clock },
		);
		const takes = async () => [
			(await steady.take("a", quota)).allowed,
			(await steady.take("a", quota)).allowed,
			(await steady.take("a", quota)).allowed,
		];
		expect(await takes()).toEqual([true, true, false]);
		expect(asked).toBe(1);
		clock += 5_000;
		state = "hanging";
		expect((await steady.take("a", quota)).allowed).toBe(false);
		await steady.forgive("a");
		expect(asked).toBe(2);
		expect(errors).toHaveBeenCalledTimes(2);
		clock += 5_000;
		state = "up";
		expect(await takes()).toEqual([true, true, false]);
		expect(asked).toBe(5);
	});
});

describe("property", () => {
	it("no window of any length of its own lets more than its limit through, and nobody waits without need", () => {
		fc.assert(
			fc.property(
				fc.integer({ min: 1, max: 6 }),
				fc.integer({ min: 1, max: 1_000 }),
				fc.array(fc.nat({ max: 400 }), { maxLength: 80 }),
				(limit, window, gaps) => {
					let at = 1_000_000;
					let places: Places = [];
					const admitted: number[] = [];
					for (const gap of gaps) {
						at += gap;
						const within = admitted.filter((time) => time > at - window).length;
						const taken = takePlace(places, { limit, window }, at);
						places = taken.places;
						expect(taken.verdict.allowed).toBe(within < limit);
						if (taken.verdict.allowed) admitted.push(at);
						else {
							// As soon as it says and not earlier.
							const later = at + taken.verdict.wait;
							expect(takePlace(places, { limit, window }, later).verdict.allowed).toBe(true);
							expect(takePlace(places, { limit, window }, later - 1).verdict.allowed).toBe(false);
						}
						expect(places.length).toBeLessThanOrEqual(limit);
					}
					for (const start of admitted) {
						expect(admitted.filter((time) => time >= start && time < start + window).length).toBeLessThanOrEqual(limit);
					}
				},
			),
			{ numRuns: 500 },
		);
	});

	it("a clock that is put back lets no more through", () => {
		fc.assert(
			fc.property(fc.array(fc.integer({ min: -500, max: 500 }), { maxLength: 60 }), (steps) => {
				let at = 1_000_000;
				let places: Places = [];
				const admitted: number[] = [];
				for (const step of steps) {
					at += step;
					const taken = takePlace(places, { limit: 3, window: 700 }, at);
					places = taken.places;
					if (taken.verdict.allowed) admitted.push(Math.max(at, admitted.at(-1) ?? at));
				}
				for (const start of admitted)
					expect(admitted.filter((time) => time >= start && time < start + 700).length).toBeLessThanOrEqual(3);
			}),
			{ numRuns: 500 },
		);
	});

	it("after the free tries, each one waits at least as long as the one before, never longer than the longest", () => {
		const patience = { free: 3, first: 10, longest: 500, memory: 1e6 };
		fc.assert(
			fc.property(fc.array(fc.nat({ max: 800 }), { maxLength: 60 }), (gaps) => {
				let at = 1_000_000;
				let tries: { count: number; next: number } | undefined;
				const admitted: number[] = [];
				for (const gap of gaps) {
					at += gap;
					const tried = tryOnce(tries, patience, at);
					tries = tried.tries;
					expect(tried.verdict.wait).toBeLessThanOrEqual(patience.longest);
					if (tried.verdict.allowed) admitted.push(at);
				}
				for (let n = patience.free; n < admitted.length; n++) {
					const delay = Math.min(patience.longest, patience.first * 2 ** (n - patience.free));
					expect((admitted[n] ?? 0) - (admitted[n - 1] ?? 0)).toBeGreaterThanOrEqual(delay);
				}
			}),
			{ numRuns: 500 },
		);
	});
});
