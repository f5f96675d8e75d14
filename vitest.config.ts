import { join } from "node:path";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { importedBy } from "./scripts/imported.ts";
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

/**
 * What the Worker and its tests import, bundled once for all files: loading each module of each package for each file
 * was a third of the time. All of it, because a package that is bundled without one of its subpaths is there twice.
 */
const bundled = {
	optimizer: {
		ssr: {
			enabled: true,
			include: importedBy(["src/**/*.ts", "sdk/src/**/*.ts", "test/*.ts", "test/sdk/*.ts"]).filter(
				(name) => !["vitest", "esbuild"].includes(name),
			),
			rolldownOptions: { external: [/^node:/, /^cloudflare:/] },
		},
	},
};

/**
 * Everything runs in workerd, save what needs Postgres (PGlite loads its WebAssembly from files, which workerd does
 * not), the SDK by itself, which runs in Node as well, and what `npm run test:browser` does in Chromium against a
 * whole server.
 */
export default defineConfig({
	test: {
		// Two cores are enough for two files: what waits for a queue or a clock leaves the other one the time.
		maxWorkers: 2,
		projects: [
			{
				plugins: [
					cloudflareTest(async ({ inject }) => ({
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
								// No test needs the internet; what looks at links has a world of its own.
								LINK_PREVIEWS: "off",
								PREVIEW_TIMEOUT_SECONDS: 9,
								...(bench
									? {}
									: { PREVIEW_TEST_ORIGIN: inject("outsideUrl"), DNS_RESOLVER: `${inject("outsideUrl")}/dns-query` }),
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
					deps: bundled,
					...limits,
				},
			},
			{
				plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings: redis } })],
				test: {
					name: "redis",
					include: redis.REDIS_CONTROL_URL ? ["test/redis/*.test.ts"] : [],
					deps: bundled,
					...limits,
				},
			},
			{
				// Vite's own configuration of the app is not needed: what is tested here draws nothing.
				resolve: { alias: { "@edgefeed/sdk": join(import.meta.dirname, "sdk/src/index.ts") } },
				test: { name: "web", include: bench ? [] : ["web/test/*.test.ts"], environment: "node", ...limits },
			},
			{
				test: {
					name: "browser",
					include: process.env.URL_UNDER_TEST ? ["test/browser/*.test.ts"] : [],
					testTimeout: 240_000,
					hookTimeout: 60_000,
					expect: { poll: { timeout: 15_000 } },
				},
			},
			{
				test: {
					name: "sdk",
					include: bench ? [] : ["test/sdk/*.test.ts"],
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
						shardMigrations: readMigrations("migrations/shard").map(({ text }) => text),
					},
					...limits,
				},
			},
		],
	},
});
