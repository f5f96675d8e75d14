import { applyD1Migrations } from "cloudflare:test";
import { env } from "./env.ts";

await applyD1Migrations(env.IDENTITY, env.TEST_MIGRATIONS.identity);
for (const shard of [env.SHARD_0, env.SHARD_1, env.SHARD_2]) await applyD1Migrations(shard, env.TEST_MIGRATIONS.shard);
