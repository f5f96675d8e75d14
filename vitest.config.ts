import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { readMigrations } from "./scripts/migrations.ts";

const bench = process.env.BENCH !== undefined;
const limits = { testTimeout: 30_000, hookTimeout: 60_000 };

/** What `npm run test:redis` hands to its tests: where its Redis answers, and where it is told what to do. */
const redis = Object.fromEntries(
	["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "REDIS_CONTROL_URL"].flatMap((name) => {
		const value = process.env[name];
		return value === undefined ? [] : [[name, value]];
	}),
);

/** Everything runs in workerd, save what needs Postgres: PGlite loads its WebAssembly from files, which workerd does not. */
export default defineConfig({
	test: {
		// Two cores are enough for two files: what waits for a queue or a clock leaves the other one the time.
		maxWorkers: 2,
		projects: [
			{
				plugins: [
					cloudflareTest(async () => ({
						wrangler: { configPath: "./wrangler.toml" },
						miniflare: {
							email: { send_email: [{ name: "MAIL_OUT" }] },
							d1Databases: { SHARD_2: "edgefeed-shard-2", REPLICA_0: "replica-0", REPLICA_1: "replica-1" },
							bindings: {
								AUTH_SECRET: "a secret that only the tests know, 123",
								OPERATOR_SECRET: "operator secret of the tests",
								RATE_LIMITS: "off",
								SHARD_MAP_REFRESH_SECONDS: 0.25,
								// Most tests ask what is so now; what is kept, and for how long, has tests of its own.
								CACHE_PAGES: "off",
								CACHE_SHARED: "off",
								LOG_REQUESTS: "errors",
								...(process.env.HISTORIES ? { HISTORIES: Number(process.env.HISTORIES) } : {}),
								TEST_MIGRATIONS: {
									identity: await readD1Migrations("migrations/identity"),
									shard: await readD1Migrations("migrations/shard"),
								},
							},
						},
					})),
				],
				test: {
					name: "workerd",
					include: [bench ? "bench/**/*.test.ts" : "test/*.test.ts"],
					setupFiles: ["test/setup.ts"],
					globalSetup: bench ? [] : ["scripts/outside.ts"],
					...limits,
				},
			},
			{
				plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings: redis } })],
				test: {
					name: "redis",
					include: redis.REDIS_CONTROL_URL ? ["test/redis/*.test.ts"] : [],
					...limits,
				},
			},
			{
				test: {
					name: "postgres",
					include: bench ? [] : ["test/postgres/*.test.ts"],
					provide: {
						postgresUrl: process.env.POSTGRES_URL ?? "",
						standbyUrl: process.env.STANDBY_URL ?? "",
						postgresMigrations: readMigrations("migrations/postgres").map(({ text }) => text),
					},
					...limits,
				},
			},
		],
	},
});
