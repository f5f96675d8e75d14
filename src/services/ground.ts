import type { Env, Settings } from "../env.ts";
import { parseSettings } from "../env.ts";
import { Metrics, Tally } from "../metrics.ts";
import { IdMinter } from "../store/ids.ts";
import { LiveMap, MapTable } from "../store/live-map.ts";
import { openShard } from "../store/open.ts";
import { Doorbell, type JobMessage } from "../store/outbox.ts";
import { ShardMap } from "../store/shard-map.ts";
import { Shards } from "../store/shards.ts";
import { Timelines } from "../timeline/client.ts";
import { Homes } from "../timeline/homes.ts";
import { layersOf } from "./configured.ts";

/** What all the others stand on: the settings, the shards, the timelines, the caches, the clock. */
export type Ground = ReturnType<typeof layGround>;

export function layGround(env: Env) {
	const settings: Settings = parseSettings(env);
	const now = () => Date.now();
	const random = () => Math.random();
	const map = new ShardMap(settings.SHARD_MAP);
	const mapTable = new MapTable(env.IDENTITY, map);
	const live = new LiveMap(mapTable, map, settings.SHARD_MAP_REFRESH_SECONDS * 1000, now);
	const replicas = settings.READ_REPLICAS === "on" ? { map: () => live.current.version, now } : undefined;
	const shards = new Shards(live, (name) => openShard(env, name, replicas));
	const homes = new Homes(map, settings.JURISDICTIONS);
	const metrics = new Metrics(env.METRICS);
	return {
		env,
		settings,
		now,
		random,
		map,
		mapTable,
		live,
		shards,
		minter: new IdMinter(now, random),
		doorbell: new Doorbell(env.FANOUT as Queue<JobMessage>),
		homes,
		timelines: new Timelines(env.TIMELINE, homes),
		metrics,
		cache: { ...layersOf(env, settings, new Tally(metrics, now), now), lag: () => shards.lag },
	};
}
