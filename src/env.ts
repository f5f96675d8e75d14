import { z } from "zod";
import type { GridObject } from "./cache/embedded.ts";
import type { ChannelObject } from "./fanout/channel.ts";
import { trustedIssuersSchema } from "./gateway/trusted-issuers.ts";
import type { ReactionsObject } from "./posts/reactions.ts";
import { regionSchema, shardMapSchema } from "./store/shard-map.ts";
import { jurisdictionsSchema } from "./timeline/homes.ts";
import type { TimelineObject } from "./timeline/object.ts";

/** What the runtime binds to the Worker: `wrangler.toml` and, for the secrets, `wrangler secret put` or an env file. */
export interface Env {
	readonly IDENTITY: D1Database;
	readonly TIMELINE: DurableObjectNamespace<TimelineObject>;
	readonly CHANNEL: DurableObjectNamespace<ChannelObject>;
	readonly GRID: DurableObjectNamespace<GridObject>;
	readonly REACTIONS: DurableObjectNamespace<ReactionsObject>;
	readonly FANOUT: Queue;
	readonly DELIVER: Queue;
	readonly ASSETS: Fetcher;
	/** Optional: figures go to the log without it. */
	readonly METRICS?: AnalyticsEngineDataset;
	/** The databases that the shard map names, and the settings below, still unchecked. */
	readonly [name: string]: unknown;
}

const settingsSchema = z.object({
	/** Signs sessions and encrypts the signing keys at rest; at least 32 characters. */
	AUTH_SECRET: z.string().min(32),
	/** Opens `/ops/*`; without it those routes do not exist. */
	OPERATOR_SECRET: z.string().min(16).optional(),
	/** The public origin, like `https://api.example.com`; by default the one a request was sent to. */
	PUBLIC_URL: z.url().optional(),
	TOKEN_ISSUER: z.string().min(1),
	TOKEN_AUDIENCE: z.string().min(1),
	/** Others whose tokens are accepted as ours are. */
	TRUSTED_ISSUERS: trustedIssuersSchema.default([]),
	DEFAULT_REGION: regionSchema,
	/** Home regions whose objects are kept in a jurisdiction. To be decided before the first account. */
	JURISDICTIONS: jurisdictionsSchema.default({}),
	/** A timeline that is not read for so many days is dropped, and built again when it is. */
	DORMANT_AFTER_DAYS: z.number().positive().default(30),
	/** Posts of authors with more followers are not pushed to these, but pulled by them. */
	PUSH_LIMIT: z.int().min(1).default(20_000),
	/** The bindings of the queues that carry deliveries, by recipient. */
	DELIVER_QUEUES: z.array(z.string().min(1)).min(1).default(["DELIVER"]),
	/** How often a timeline checks itself against the store; 0 is never. */
	AUDIT_EVERY_HOURS: z.number().min(0).default(168),
	AUTH_RATE_LIMIT: z.enum(["on", "off"]),
	/** Whether requests that only read may be answered by replicas of the shards. */
	READ_REPLICAS: z.enum(["on", "off"]).default("off"),
	/** An isolate looks for a newer shard map so often. */
	SHARD_MAP_REFRESH_SECONDS: z.number().positive().default(5),
	/** A Redis of Upstash's, or one behind its protocol, for the data grid; without it the grid is embedded. */
	UPSTASH_REDIS_REST_URL: z.url({ protocol: /^https?$/ }).optional(),
	UPSTASH_REDIS_REST_TOKEN: z.string().min(1).optional(),
	/** Whether pages that were made are sent again for some seconds, and whether posts are kept for as long: off to measure. */
	CACHE_PAGES: z.enum(["on", "off"]).default("on"),
	CACHE_SHARED: z.enum(["on", "off"]).default("on"),
	SHARD_MAP: shardMapSchema,
});

/** The settings, parsed and checked. */
export type Settings = z.infer<typeof settingsSchema>;

/** @throws Error naming each setting that is missing or malformed, never its value. */
export function parseSettings(env: Env): Settings {
	const parsed = settingsSchema.safeParse(env);
	if (parsed.success) return parsed.data;
	const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")} (${issue.code})`);
	throw new Error(`settings are missing or malformed: ${faults.join(", ")}`);
}
