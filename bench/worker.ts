/** The built Worker in workerd, through Miniflare's API: `wrangler dev`'s proxy would be the bottleneck. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_splitSqlQuery } from "wrangler";
import { ROOT } from "../scripts/client.ts";

export interface BenchWorker {
	url: string;
	operatorSecret: string;
	miniflare: Miniflare;
	/** Stops it and erases its state. */
	close: () => Promise<void>;
}

export async function startWorker(): Promise<BenchWorker> {
	const state = mkdtempSync(join(tmpdir(), "edgefeed-bench-"));
	const outdir = join(state, "worker");
	const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
	execFileSync(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outdir], {
		cwd: ROOT,
		stdio: "pipe",
		env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
	});
	const operatorSecret = randomBytes(32).toString("hex");
	const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"));
	// The API reference is no part of any benchmark.
	const { assets: _, serviceBindings: __, bindings, ...options } = workerOptions;
	const miniflare = new Miniflare({
		...convertV4MiniflareOptions({
			...options,
			bindings: {
				...(bindings as Record<string, string>),
				AUTH_SECRET: randomBytes(32).toString("hex"),
				OPERATOR_SECRET: operatorSecret,
				AUTH_RATE_LIMIT: "off",
			},
			modules: [{ type: "ESModule", path: join(outdir, "index.js") }],
			modulesRoot: outdir,
		}),
		resourcePersistencePath: join(state, "data"),
	});
	const url = String(await miniflare.ready).replace(/\/$/, "");
	for (const [binding, directory] of [
		["IDENTITY", "identity"],
		["SHARD_0", "shard"],
		["SHARD_1", "shard"],
	] as const) {
		const database = await miniflare.getD1Database(binding);
		await database.batch(statements(directory).map((statement) => database.prepare(statement)));
	}
	return {
		url,
		operatorSecret,
		miniflare,
		close: async () => {
			await miniflare.dispose();
			rmSync(state, { recursive: true, force: true });
		},
	};
}

function statements(directory: string): string[] {
	const path = join(ROOT, "migrations", directory);
	return readdirSync(path)
		.sort()
		.flatMap((file) => unstable_splitSqlQuery(readFileSync(join(path, file), "utf8")));
}
