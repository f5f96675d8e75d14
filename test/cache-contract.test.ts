import { describe } from "vitest";
import { Breaker } from "../src/cache/breaker.ts";
import { EdgeCache } from "../src/cache/edge.ts";
import { EmbeddedGrid } from "../src/cache/embedded.ts";
import type { Layer } from "../src/cache/layer.ts";
import { Memory } from "../src/cache/memory.ts";
import { Metrics, Tally } from "../src/metrics.ts";
import { cacheContract } from "./cache-contract.ts";
import { env } from "./env.ts";

const now = () => Date.now();
const tally = new Tally(new Metrics(env.METRICS), now);

const layers: { name: string; open: () => Layer; knowsAge: boolean; late: number }[] = [
	{ name: "memory", open: () => new Memory(8 * 1024 * 1024, now), knowsAge: true, late: 0 },
	{ name: "the edge cache", open: () => new EdgeCache(now), knowsAge: false, late: 1_000 },
	{ name: "the embedded grid", open: () => new EmbeddedGrid(env.GRID, "apac"), knowsAge: true, late: 0 },
];

for (const { name, open, ...options } of layers) {
	describe(name, () => cacheContract(open, options));
	describe(`${name} behind a breaker`, () =>
		cacheContract(() => new Breaker(open(), { limit: 5_000, tally, now }), options));
}
