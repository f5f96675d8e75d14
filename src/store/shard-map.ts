import { z } from "zod";
import { type Id, LOGICAL_SHARDS, logicalShardOf } from "./ids.ts";

/**
 * Home regions, which are Cloudflare's location hints for Durable Objects
 * (https://developers.cloudflare.com/durable-objects/reference/data-location/).
 */
export const REGIONS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export const regionSchema = z.enum(REGIONS);
export type Region = z.infer<typeof regionSchema>;

export const shardNumber = z
	.int()
	.min(0)
	.max(LOGICAL_SHARDS - 1);
const range = z.object({ from: shardNumber, to: shardNumber });
const name = z.string().min(1).max(64);

/** Which database holds what. Both ends of a range are inclusive. */
export const placementSchema = z.object({
	version: z.int().positive(),
	/** Databases that may hold something beside those that a range names. */
	databases: z.array(name).default([]),
	ranges: z.array(
		range.extend({
			/** Where the range is read and written. */
			database: name,
			state: z.enum(["active", "moving"]).default("active"),
			/** Of a range that is moving: where to, and since when (Unix milliseconds). */
			target: name.optional(),
			since: z.int().optional(),
		}),
	),
	/** Rows that are still to be erased, because their range has moved away or did not come after all. */
	leaving: z.array(range.extend({ database: name, since: z.int() })).default([]),
});
export type Placement = z.infer<typeof placementSchema>;
export type PlacedRange = Placement["ranges"][number];

/** The first placement, and the home regions, which stay as they are: a timeline cannot move. */
export const shardMapSchema = placementSchema.extend({ regions: z.record(regionSchema, range) });
export type ShardMapDocument = z.input<typeof shardMapSchema>;

/** Answers where things are. Made from a document that covers every logical shard exactly once. */
export class ShardMap {
	readonly version: number;
	/** The names of the physical databases, each once. */
	readonly databases: readonly string[];
	readonly placement: Placement;
	readonly #range: PlacedRange[];
	readonly #region: Region[];
	readonly #regions: ShardMapDocument["regions"];

	/** @throws Error when a logical shard has no database or region, or has two. */
	constructor(document: ShardMapDocument) {
		const { regions, ...placement } = shardMapSchema.parse(document);
		this.version = placement.version;
		this.placement = placement;
		this.#range = spread(placement.ranges.map((value) => ({ ...value, value })));
		this.#region = spread(REGIONS.map((region) => ({ ...regions[region], value: region })));
		this.#regions = regions;
		const named = placement.ranges.flatMap(({ database, target }) => [database, ...(target ? [target] : [])]);
		this.databases = [
			...new Set([...named, ...placement.databases, ...placement.leaving.map((each) => each.database)]),
		];
	}

	/** The same regions over another placement. */
	with(placement: Placement): ShardMap {
		return new ShardMap({ ...placement, regions: this.#regions });
	}

	databaseOf(id: Id): string {
		return this.#at(this.#range, id).database;
	}

	/** Whether what belongs to an id is on its way to another database. */
	isMoving(id: Id): boolean {
		return this.#at(this.#range, id).state === "moving";
	}

	/** The range that a logical shard is in. */
	rangeOf(shard: number): PlacedRange {
		const found = this.#range[shard];
		if (!found) throw new RangeError(`no logical shard ${shard}`);
		return found;
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
