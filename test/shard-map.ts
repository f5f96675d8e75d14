import { LOGICAL_SHARDS } from "../src/store/ids.ts";
import { REGIONS, type ShardMapDocument } from "../src/store/shard-map.ts";

/** A map that deals the logical shards out to `databases`, one after the other; all but one of the regions have one shard each. */
export function mapOver(...databases: string[]): ShardMapDocument {
	const regions = REGIONS.map((region, i) => [
		region,
		{ from: i, to: i < REGIONS.length - 1 ? i : LOGICAL_SHARDS - 1 },
	]);
	return {
		version: 1,
		ranges: Array.from({ length: LOGICAL_SHARDS }, (_, shard) => ({
			from: shard,
			to: shard,
			database: databases[shard % databases.length] as string,
		})),
		regions: Object.fromEntries(regions),
	};
}
