import type { D1Migration } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import type { Env } from "../src/env.ts";

/** The bindings of `wrangler.toml` and what `vitest.config.ts` adds. */
export const env = bound as unknown as Env & {
	readonly SHARD_0: D1Database;
	readonly SHARD_1: D1Database;
	/** Spare: no map names it before a test moves something there. */
	readonly SHARD_2: D1Database;
	/** Empty; for what stands in for the replicas of `SHARD_0` and `SHARD_1`. */
	readonly REPLICA_0: D1Database;
	readonly REPLICA_1: D1Database;
	readonly OPERATOR_SECRET: string;
	/** A `send_email` binding that the Worker itself does not know. */
	readonly MAIL_OUT: SendEmail;
	/** How many random histories the properties of the timeline play. */
	readonly HISTORIES?: number;
	readonly TEST_MIGRATIONS: { identity: D1Migration[]; shard: D1Migration[] };
};
