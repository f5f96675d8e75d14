/**
 * `npm run test:postgres`: what only a real Postgres server can show, on one of its own that is gone afterwards.
 *
 * The migration command, run twice; the contract suite over the `postgres` driver; and the Worker in workerd with one
 * shard in D1 and one in Postgres behind a Hyperdrive binding, with a streaming replica behind another: the demo, a seed
 * with feeds verified, a story across the two, and what happens when the replica stands still, and when it and Postgres
 * go away.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Miniflare } from "miniflare";
import postgres from "postgres";
import { buildWorker, makeSecrets, migrate, openWorker } from "../bench/worker.ts";
import { across, Person, settled } from "./across.ts";
import { Client, Failure } from "./client.ts";
import { type Standby, startPostgres } from "./postgres-server.ts";
import { run, step } from "./steps.ts";

const server = await startPostgres();
const state = mkdtempSync(join(tmpdir(), "edgefeed-mixed-"));
try {
	const contract = await server.database("contract");
	await step("a new database is migrated", () => run("npm", "run", "migrate:postgres", "--", "--url", contract));
	await step("and a second time, with nothing to do", async () => {
		const output = await run("npm", "run", "--silent", "migrate:postgres", "--", "--url", contract);
		if (output.trim() !== "up to date") throw new Error(output);
	});
	const shard = await server.database("shard");
	const standby = await server.standby();
	await step("the store contract holds on a Postgres server, and reads from its replica know what they must", () =>
		run("npx", "vitest", "run", "--project", "postgres", {
			POSTGRES_URL: contract,
			STANDBY_URL: standby.database("contract"),
		}),
	);
	await mixed(shard, standby);
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
} finally {
	rmSync(state, { recursive: true, force: true });
	await server.close();
}

/** Whoever is at home in the logical shards of `SHARD_1` lives in Postgres, everybody else in D1. */
async function mixed(url: string, standby: Standby): Promise<void> {
	await run("npm", "run", "migrate:postgres", "--", "--url", url);
	const secrets = makeSecrets();
	const worker = buildWorker(join(state, "worker"));
	const open = (shards: Record<string, string>, more: Record<string, string> = {}) =>
		openWorker({ worker, data: join(state, "data"), variables: { ...secrets, ...more } }, shards);
	const originOf = async (miniflare: Miniflare) => String(await miniflare.ready).replace(/\/$/, "");
	const sql = postgres(url, { max: 1 });
	const alone = open({ SHARD_1: url });
	try {
		const origin = await originOf(alone);
		await migrate(alone, { SHARD_1: url });
		const script = (name: string, ...args: string[]) =>
			run(process.execPath, join("scripts", name), "--url", origin, ...args, secrets);
		await step("one shard in D1, one in Postgres: npm run demo", () => script("demo.ts"));
		await step("npm run seed, with 20 feeds verified post for post", () =>
			script("seed.ts", "--accounts", "300", "--posts", "3000", "--seed", "7", "--verify", "20"),
		);
		await step("friends, posts, comments and likes across the two", () => across(new Client(origin)));
		await step("both have their share of accounts and posts, and nothing is left to do", () => settled(sql, alone));
	} finally {
		await sql.end();
		await alone.dispose();
	}
	const replicated = open({ SHARD_1: url, SHARD_1_REPLICA: standby.database("shard") }, { READ_REPLICAS: "on" });
	try {
		const client = new Client(await originOf(replicated));
		await step("while replication stands still, and when the replica is gone, reads stay right", () =>
			lagging(client, standby),
		);
		await step("while Postgres is down, who lives there is told 503, and nobody else", () => down(client));
	} finally {
		await replicated.dispose();
	}
}

async function lagging(client: Client, standby: Standby): Promise<void> {
	const replica = postgres(standby.database("shard"), { max: 1 });
	try {
		const far = await Person.signUp(client, "sam");
		const scans = async () =>
			Number((await replica`SELECT coalesce(sum(idx_scan), 0) AS n FROM pg_stat_user_tables`)[0]?.n);
		const before = await scans();
		const told = async (text: string) => {
			await far.call("PATCH", "/v1/accounts/me", { bio: text });
			// A client without a bookmark may be told the old for two seconds, and not longer.
			for (const until = Date.now() + 2200; ; await sleep(50)) {
				const { bio } = await far.call<{ bio: string }>("GET", "/v1/accounts/me");
				if (bio === text) return;
				if (Date.now() > until) throw new Error(`after 2 s the answer is still ${bio}`);
			}
		};
		await told("while the replica follows");
		for (let reads = 0; reads < 20; reads++) {
			await far.call("GET", "/v1/accounts/me");
			await sleep(100);
		}
		// Its figures come late.
		await sleep(1000);
		if ((await scans()) <= before) throw new Error("the replica was not asked");
		await replica`SELECT pg_wal_replay_pause()`;
		await told("while it stands still");
		await replica`SELECT pg_wal_replay_resume()`;
		await told("while it follows again");
	} finally {
		await replica.end();
	}
	await standby.close();
	const near = await Person.signUp(client, "sam");
	await near.call("PATCH", "/v1/accounts/me", { bio: "when it is gone" });
	const { bio } = await near.call<{ bio: string }>("GET", "/v1/accounts/me");
	if (bio !== "when it is gone") throw new Error(`without the replica the answer is ${bio}`);
}

async function down(client: Client): Promise<void> {
	const [far, near] = [await Person.signUp(client, "sam"), await Person.signUp(client, "weur")];
	for (const person of [far, near]) {
		await person.call("POST", "/v1/posts", { text: "before" });
		await person.sees("before");
	}
	await server.close();
	// A page of the feed may still be kept.
	for (const path of ["/v1/accounts/me", "/v1/friend-requests?direction=incoming"]) {
		await near.call("GET", path);
		const failure = await far.call("GET", path).catch((error: unknown) => error);
		if (!(failure instanceof Failure && failure.status === 503)) throw new Error(`${path}: ${failure}`);
	}
}
