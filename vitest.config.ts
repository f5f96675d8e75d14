import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { readMigrations } from "./scripts/migrations.ts";

const bench = process.env.BENCH !== undefined;
const limits = { testTimeout: 30_000, hookTimeout: 60_000 };

/** Everything runs in workerd, save what needs Postgres: PGlite loads its WebAssembly from files, which workerd does not. */
export default defineConfig({
	test: {
		projects: [
			{
				plugins: [
					cloudflareTest(async () => ({
						wrangler: { configPath: "./wrangler.toml" },
						miniflare: {
							d1Databases: { SHARD_2: "edgefeed-shard-2" },
							bindings: {
								AUTH_SECRET: "a secret that only the tests know, 123",
								OPERATOR_SECRET: "operator secret of the tests",
								AUTH_RATE_LIMIT: "off",
								SHARD_MAP_REFRESH_SECONDS: 0.25,
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
					...limits,
				},
			},
			{
				test: {
					name: "postgres",
					include: bench ? [] : ["test/postgres/*.test.ts"],
					provide: {
						postgresUrl: process.env.POSTGRES_URL ?? "",
						postgresMigrations: readMigrations("migrations/postgres").map(({ text }) => text),
					},
					...limits,
				},
			},
		],
	},
});
