/**
 * `npm run test:redis`: what only a real Redis can show, on one of its own that is gone afterwards. The cache layers'
 * contract and the failures of a grid, in workerd; and the Worker, read without a pause while its Redis is killed,
 * stopped and started again.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildWorker, makeSecrets, migrate, openWorker } from "../bench/worker.ts";
import { Person } from "./across.ts";
import { Client } from "./client.ts";
import { RedisServer } from "./redis-server.ts";
import { run, step } from "./steps.ts";

const redis = await RedisServer.open();
const control = await openControl(redis);
const state = mkdtempSync(join(tmpdir(), "edgefeed-redis-test-"));
try {
	const { port } = control.address() as AddressInfo;
	await step("the layers' contract holds on a Redis server, and its failures make reads slower and nothing else", () =>
		run("npx", "vitest", "run", "--project", "redis", {
			...redis.variables,
			REDIS_CONTROL_URL: `http://127.0.0.1:${port}`,
		}),
	);
	await wholeWorker();
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exitCode = 1;
} finally {
	control.close();
	rmSync(state, { recursive: true, force: true });
	await redis.close();
}

/** The tests run in workerd, which starts no processes: they say here what is to happen to Redis. */
function openControl(redis: RedisServer): Promise<Server> {
	const actions: Record<string, () => void | Promise<void>> = {
		"/kill": () => redis.kill(),
		"/start": () => redis.start(),
		"/stop": () => redis.stop(),
		"/continue": () => redis.continue(),
	};
	const server = createServer(async (request, response) => {
		const action = actions[request.url ?? ""];
		await action?.();
		response.writeHead(action ? 204 : 404).end();
	});
	return new Promise((open) => server.listen(0, "127.0.0.1", () => open(server)));
}

/** Somebody reads all the time; no read may fail, whatever becomes of Redis. */
async function wholeWorker(): Promise<void> {
	const miniflare = openWorker({
		worker: buildWorker(join(state, "worker")),
		data: join(state, "data"),
		// Her posts are pulled and then shared in the grid.
		variables: { ...makeSecrets(), ...redis.variables, PUSH_LIMIT: 1 },
	});
	try {
		const client = new Client(String(await miniflare.ready));
		await migrate(miniflare);
		const author = await Person.signUp(client, "sam");
		const readers = await Promise.all(["weur", "sam", "apac", "weur"].map((region) => Person.signUp(client, region)));
		for (const reader of readers) await reader.call("PUT", `/v1/following/${author.id}`);
		const [reader] = readers as [Person, ...Person[]];
		for (let post = 0; post < 30; post++) {
			await author.call("POST", "/v1/posts", { text: `post ${post} 文`, audience: "public" });
		}
		const newest = async (text: string) => {
			for (let tries = 1; ; tries++) {
				const { items } = await reader.call<{ items: { text: string }[] }>("GET", "/v1/feed");
				if (items[0]?.text === text) return;
				if (tries === 200) throw new Error(`the newest post of the feed is ${items[0]?.text}`);
				await sleep(50);
			}
		};
		await newest("post 29 文");

		let reading = true;
		let reads = 0;
		const read = async (reader: Person) => {
			while (reading) {
				await reader.call("GET", "/v1/feed");
				await reader.call("GET", `/v1/accounts/${author.id}/posts`);
				reads += 2;
			}
		};
		const all = Promise.all(readers.map(read));
		/** Reads go on, and what was written meanwhile is read. */
		const goOn = async (text: string) => {
			const before = reads;
			await author.call("POST", "/v1/posts", { text, audience: "public" });
			await Promise.race([all, Promise.all([newest(text), sleep(1_000)])]);
			if (reads === before) throw new Error("nothing was read");
		};
		const during = async (name: string, happening: () => void | Promise<void>) => {
			const before = reads;
			await step(name, async () => {
				await happening();
				await goOn(name);
			});
			console.log(`  ${reads - before} reads, none failed`);
		};
		/** Values come into the grid while it is there. */
		const used = async () => {
			for (let tries = 0; (await redis.size()) === 0; tries++) {
				if (tries === 200) throw new Error("nothing is kept in Redis");
				await sleep(50);
			}
		};
		await during("with Redis", used);
		await during("Redis is killed", () => redis.kill());
		await during("Redis is back, with nothing in it", async () => {
			await redis.start();
			await used();
		});
		await during("Redis is stopped, and hangs", () => redis.stop());
		await during("Redis goes on", () => redis.continue());
		reading = false;
		await all;
	} finally {
		await miniflare.dispose();
	}
}
