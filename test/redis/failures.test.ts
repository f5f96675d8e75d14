import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { Breaker } from "../../src/cache/breaker.ts";
import type { Layer } from "../../src/cache/layer.ts";
import { Layered } from "../../src/cache/layered.ts";
import { Memory } from "../../src/cache/memory.ts";
import { grid, redis } from "./grid.ts";

/** Milliseconds that a reader waits for the grid. */
const LIMIT = 50;

/** An isolate over the real Redis; its breaker's clock can be put forward, so that nobody waits for its rest. */
function isolate(layer: Layer = grid()) {
	const counted: Record<string, number> = {};
	const tally = {
		add: (metric: string, value: number) => {
			if (value > 0) counted[metric] = (counted[metric] ?? 0) + value;
		},
	};
	const clock = { ahead: 0 };
	const breaker = new Breaker(layer, { limit: LIMIT, tally, now: () => Date.now() + clock.ahead });
	const deferred: Promise<unknown>[] = [];
	let loads = 0;
	const now = () => Date.now();
	const reader = () =>
		new Layered<string, string>({
			kind: "failures",
			schema: z.string(),
			bound: 60_000,
			memory: new Memory(1024 * 1024, now),
			beyond: [breaker],
			load: async (keys) => {
				loads += keys.length;
				return new Map(keys.map((key) => [key, `value of ${key}`]));
			},
			lag: () => 0,
			defer: (work) => deferred.push(work),
			tally,
			now,
		});
	/** Reads in an isolate that has nothing in memory. @returns how many values came from the store, and the time it took */
	const read = async (...keys: string[]) => {
		const before = loads;
		const start = Date.now();
		const found = await reader().many(keys);
		const took = Date.now() - start;
		for (const key of keys) expect(found.get(key)?.value).toBe(`value of ${key}`);
		return { loaded: loads - before, took };
	};
	const settle = async () => {
		await Promise.all(deferred.splice(0));
	};
	return { read, settle, counted, clock };
}
const keys = () => Array.from({ length: 5 }, () => crypto.randomUUID());

/** Reads until the grid has values again; commands that waited for Redis meanwhile come late. */
async function untilBack({ read, settle, clock }: ReturnType<typeof isolate>): Promise<void> {
	await vi.waitFor(
		async () => {
			clock.ahead += 5_000;
			const [key = ""] = keys();
			await read(key);
			await settle();
			expect((await read(key)).loaded).toBe(0);
		},
		{ timeout: 15_000, interval: 100 },
	);
}

describe("a grid that fails", () => {
	const log: unknown[] = [];
	beforeEach(() => {
		vi.spyOn(console, "error").mockImplementation((line) => log.push(line));
	});
	afterEach(async () => {
		vi.restoreAllMocks();
		await redis("continue");
	});

	it("is asked before the store while it works", async () => {
		const { read, settle, counted } = isolate();
		const some = keys();
		expect((await read(...some)).loaded).toBe(5);
		await settle();
		expect((await read(...some)).loaded).toBe(0);
		expect(counted).toMatchObject({ cache_grid_hits: 5, cache_grid_misses: 5 });
	});

	it("fails no read when it is killed, and is filled again when it comes back empty", async () => {
		const world = isolate();
		const { read, settle, counted } = world;
		const some = keys();
		const before = keys();
		await read(...some);
		await read(...before);
		await settle();
		let over = false;
		const reads: Promise<unknown>[] = [];
		const readAll = async () => {
			while (!over) {
				reads.push(read(...some));
				await new Promise((resolve) => setTimeout(resolve, 5));
			}
		};
		const reading = readAll();
		await redis("kill");
		await vi.waitFor(() => expect(counted.cache_grid_opened).toBe(1), { timeout: 5_000 });
		await redis("start");
		over = true;
		await reading;
		await Promise.all(reads);
		expect(reads.length).toBeGreaterThan(10);
		await untilBack(world);
		expect((await read(...before)).loaded).toBe(5);
		await settle();
		expect((await read(...before)).loaded).toBe(0);
	}, 60_000);

	it("costs a reader its time limit when it hangs, and nothing once it is left alone", async () => {
		const world = isolate();
		const { read, settle, counted } = world;
		const some = keys();
		await read(...some);
		await settle();
		await redis("stop");
		const times: number[] = [];
		for (let time = 0; time < 8; time++) {
			const { loaded, took } = await read(...some);
			expect(loaded).toBe(5);
			times.push(took);
		}
		expect(Math.max(...times)).toBeLessThan(10 * LIMIT);
		expect(counted.cache_grid_failures).toBeGreaterThanOrEqual(5);
		expect(counted.cache_grid_opened).toBe(1);
		expect(Math.max(...times.slice(5))).toBeLessThan(LIMIT);
		await redis("continue");
		await untilBack(world);
		expect((await read(...some)).loaded).toBe(0);
	}, 60_000);

	it("gives a request up by itself", async () => {
		await redis("stop");
		const start = Date.now();
		const some = new Map([["a", { value: 1, asOf: start }]]);
		await expect(grid().get(["a"])).rejects.toThrow("the grid did not answer");
		await expect(grid().put(some, 60_000)).rejects.toThrow("the grid did not answer");
		expect(Date.now() - start).toBeLessThan(4_000);
	});

	it("that does not take the token, or is not there, fails no read, and its error tells nothing of what was asked", async () => {
		const wrong = [grid({ token: "wrong" }), grid({ url: "http://127.0.0.1:1" })];
		for (const layer of wrong) {
			const { read, settle, counted } = isolate(layer);
			for (let time = 0; time < 6; time++) {
				expect((await read("a secret key")).loaded).toBe(1);
				await settle();
			}
			expect(counted.cache_grid_opened).toBe(1);
			const secret = new Map([["a secret key", { value: "a secret value", asOf: Date.now() }]]);
			const works = [layer.get(["a secret key"]), layer.put(secret, 60_000), layer.drop(["a secret key"])];
			for (const error of await Promise.all(works.map((work) => work.catch((failure: unknown) => failure)))) {
				expect(error).toBeInstanceOf(Error);
				expect(String(error)).not.toContain("secret");
			}
		}
		expect(log.splice(0).join()).not.toContain("secret");
	});

	it("that has something else under a key is a miss", async () => {
		const { read, settle } = isolate();
		const [key = "", other = ""] = keys();
		await grid().put(new Map([[`failures/${key}`, { value: { n: 1 }, asOf: Date.now() }]]), 60_000);
		await grid().put(new Map([[`failures/${other}`, { value: "x", asOf: Date.now() + 60_000 }]]), 120_000);
		expect((await read(key, other)).loaded).toBe(2);
		await settle();
		expect((await read(key, other)).loaded).toBe(0);
	});
});
