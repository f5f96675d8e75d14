/**
 * `npm run test:postgres`: what only a real Postgres server can show, on one of its own that is gone afterwards.
 *
 * The migration command, run twice; the contract suite over the `postgres` driver; and the Worker in workerd with one
 * shard in D1 and one in Postgres behind a Hyperdrive binding: the demo, a seed with feeds verified, a story across the
 * two, and what happens when Postgres goes away.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { buildWorker, makeSecrets, migrate, openWorker } from "../bench/worker.ts";
import { across, Person, settled } from "./across.ts";
import { Client, Failure, ROOT } from "./client.ts";
import { startPostgres } from "./postgres-server.ts";

const server = await startPostgres();
const state = mkdtempSync(join(tmpdir(), "edgefeed-mixed-"));
try {
	const contract = await server.database("contract");
	await step("a new database is migrated", () => run("npm", "run", "migrate:postgres", "--", "--url", contract));
	await step("and a second time, with nothing to do", async () => {
		const output = await run("npm", "run", "--silent", "migrate:postgres", "--", "--url", contract);
		if (output.trim() !== "up to date") throw new Error(output);
	});
	await step("the store contract holds on a Postgres server", () =>
		run("npx", "vitest", "run", "--project", "postgres", { POSTGRES_URL: contract }),
	);
	await mixed(await server.database("shard"));
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
} finally {
	rmSync(state, { recursive: true, force: true });
	await server.close();
}

/** Whoever is at home in the logical shards of `SHARD_1` lives in Postgres, everybody else in D1. */
async function mixed(url: string): Promise<void> {
	await run("npm", "run", "migrate:postgres", "--", "--url", url);
	const shards = { SHARD_1: url };
	const secrets = makeSecrets();
	const worker = buildWorker(join(state, "worker"));
	const miniflare = openWorker({ worker, data: join(state, "data"), variables: secrets }, shards);
	const sql = postgres(url, { max: 1 });
	try {
		const origin = String(await miniflare.ready).replace(/\/$/, "");
		await migrate(miniflare, shards);
		const script = (name: string, ...args: string[]) =>
			run(process.execPath, join("scripts", name), "--url", origin, ...args, secrets);
		await step("one shard in D1, one in Postgres: npm run demo", () => script("demo.ts"));
		await step("npm run seed, with 20 feeds verified post for post", () =>
			script("seed.ts", "--accounts", "300", "--posts", "3000", "--seed", "7", "--verify", "20"),
		);
		await step("friends, posts, comments and likes across the two", () => across(new Client(origin)));
		await step("both have their share of accounts and posts, and nothing is left to do", () => settled(sql, miniflare));
		await step("while Postgres is down, who lives there is told 503, and nobody else", async () => {
			const client = new Client(origin);
			const [far, near] = [await Person.signUp(client, "sam"), await Person.signUp(client, "weur")];
			for (const person of [far, near]) {
				await person.call("POST", "/v1/posts", { text: "before" });
				await person.sees("before");
			}
			await server.close();
			for (const path of ["/v1/accounts/me", "/v1/feed"]) {
				await near.call("GET", path);
				const failure = await far.call("GET", path).catch((error: unknown) => error);
				if (!(failure instanceof Failure && failure.status === 503)) throw new Error(`${path}: ${failure}`);
			}
		});
	} finally {
		await sql.end();
		await miniflare.dispose();
	}
}

async function step(name: string, work: () => Promise<unknown>): Promise<void> {
	const start = performance.now();
	await work();
	console.log(`✓ ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

/** Runs a command, with variables of its own when the last argument holds some. @returns what it printed. */
async function run(command: string, ...rest: (string | Record<string, string>)[]): Promise<string> {
	const args = rest.filter((part) => typeof part === "string");
	const variables = rest.find((part) => typeof part === "object");
	const child = spawn(command, args, {
		cwd: ROOT,
		env: { ...process.env, ...variables },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let output = "";
	child.stdout.on("data", (chunk) => (output += chunk));
	child.stderr.on("data", (chunk) => (output += chunk));
	const code = await new Promise<number | null>((exit) => child.on("exit", exit));
	if (code !== 0) throw new Error(`${command} ${args.join(" ")} exited with ${code}:\n${output}`);
	return output;
}
