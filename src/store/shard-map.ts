import { z } from "zod";
import { type Id, LOGICAL_SHARDS, logicalShardOf } from "./ids.ts";

/**
 * Home regions, which are Cloudflare's location hints for Durable Objects
 * (https://developers.cloudflare.com/durable-objects/reference/data-location/).
 */
export const REGIONS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export const regionSchema = z.enum(REGIONS);
export type Region = z.infer<typeof regionSchema>;

const shardNumber = z
	.int()
	.min(0)
	.max(LOGICAL_SHARDS - 1);
const range = z.object({ from: shardNumber, to: shardNumber });

/** The document: both ends of a range are inclusive. */
export const shardMapSchema = z.object({
	version: z.int().positive(),
	ranges: z.array(range.extend({ database: z.string().min(1) })),
	regions: z.record(regionSchema, range),
});
export type ShardMapDocument = z.infer<typeof shardMapSchema>;

/** Answers where things are. Made from a document that covers every logical shard exactly once. */
export class ShardMap {
	/** The names of the physical databases in use, each once. */
	readonly databases: readonly string[];
	readonly #database: string[];
	readonly #region: Region[];
	readonly #regions: ShardMapDocument["regions"];

	/** @throws Error when a logical shard has no database or region, or has two. */
	constructor(document: ShardMapDocument) {
		this.#database = spread(document.ranges.map(({ database, ...bounds }) => ({ ...bounds, value: database })));
		this.#region = spread(REGIONS.map((region) => ({ ...document.regions[region], value: region })));
		this.#regions = document.regions;
		this.databases = [...new Set(this.#database)];
	}

	databaseOf(id: Id): string {
		return this.#at(this.#database, id);
	}

	/** The home region of the account an id belongs to; it decides where her timeline lives. */
	regionOf(id: Id): Region {
		return this.#at(this.#region, id);
	}

	/** A logical shard for a new account of a region. `random` is a fraction in [0, 1). */
	draw(region: Region, random: number): number {
		const { from, to } = this.#regions[region];
		return from + Math.floor(random * (to - from + 1));
	}

	#at<T>(table: T[], id: Id): T {
		const value = table[logicalShardOf(id)];
		if (value === undefined) throw new Error("shard map does not cover an id's shard");
		return value;
	}
}

function spread<T>(ranges: { from: number; to: number; value: T }[]): T[] {
	const table: T[] = [];
	for (const { from, to, value } of ranges) {
		for (let shard = from; shard <= to; shard++) {
			if (table[shard] !== undefined) throw new Error(`shard map names shard ${shard} twice`);
			table[shard] = value;
		}
	}
	for (let shard = 0; shard < LOGICAL_SHARDS; shard++) {
		if (table[shard] === undefined) throw new Error(`shard map does not name shard ${shard}`);
	}
	return table;
}
