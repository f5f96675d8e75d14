import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

export default defineConfig({
	plugins: [
		cloudflareTest(async () => ({
			wrangler: { configPath: "./wrangler.toml" },
			miniflare: {
				bindings: {
					AUTH_SECRET: "a secret that only the tests know, 123",
					OPERATOR_SECRET: "operator secret of the tests",
					AUTH_RATE_LIMIT: "off",
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
		include: [process.env.BENCH ? "bench/**/*.test.ts" : "test/**/*.test.ts"],
		setupFiles: ["test/setup.ts"],
		testTimeout: 30_000,
		hookTimeout: 60_000,
	},
});
