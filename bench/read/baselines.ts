/** What a start-up would otherwise write, with the same people and posts: `bench/baseline` over servers of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../../scripts/client.ts";
import { freePort } from "../../scripts/free-port.ts";
import { startPostgres } from "../../scripts/postgres-server.ts";
import { type Id, timeOf } from "../../src/store/ids.ts";
import type { Data } from "../baseline/data.ts";
import type { Population } from "./population.ts";
import { run } from "./wrk.ts";

const PLACE = join(ROOT, "bench/baseline");
export const BASELINES = {
	postgres: "Fastify + Postgres, fan-out on read",
	redis: "Fastify + Redis, fan-out on write",
};
export type Baseline = keyof typeof BASELINES;

export interface Running {
	url: string;
	close: () => Promise<void>;
}

export async function startBaseline(
	name: Baseline,
	population: Population,
	publicKey: string,
	directory: string,
): Promise<Running> {
	if (!existsSync(join(PLACE, "node_modules"))) await run("npm", ["ci", "--no-audit", "--no-fund"], PLACE);
	const data = join(directory, "data.json");
	writeFileSync(data, JSON.stringify(dataOf(population)));
	const server = name === "postgres" ? await startPostgresDatabase() : await startRedis(join(directory, "redis"));
	const app = await startApp(name, server.url, data, publicKey).catch(async (error) => {
		await server.close();
		throw error;
	});
	return {
		url: app.url,
		close: async () => {
			await app.close();
			await server.close();
		},
	};
}

function dataOf({ accounts, friendships, follows, posts, comments, likes }: Population): Data {
	const count = (ids: readonly Id[]) => {
		const counts = new Map<Id, number>();
		for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
		return counts;
	};
	const likeCounts = count(likes.map(([post]) => post));
	const commentCounts = count(comments.map(({ parentId }) => parentId));
	return {
		accounts: accounts.map(({ id, username, displayName }) => ({ id, username, displayName, avatarUrl: null })),
		friendships: friendships.map(([a, b]) => [a, b]),
		follows: follows.map(([a, b]) => [a, b]),
		posts: posts.map((post) => ({
			...post,
			createdAt: new Date(timeOf(post.id)).toISOString(),
			likeCount: likeCounts.get(post.id) ?? 0,
			commentCount: commentCounts.get(post.id) ?? 0,
		})),
		likes: likes.map(([postId, accountId]) => ({ postId, accountId })),
	};
}

async function startPostgresDatabase(): Promise<Running> {
	const server = await startPostgres();
	return { url: await server.database("baseline"), close: server.close };
}

/** On a free loopback port; it writes nothing to the disk. */
async function startRedis(directory: string): Promise<Running> {
	mkdirSync(directory, { recursive: true });
	const port = await freePort();
	const options = { port, bind: "127.0.0.1", dir: directory, save: "", appendonly: "no" };
	const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
	const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
	await line(child, /Ready to accept connections/, "redis-server (Debian: apt-get install redis-server)");
	return {
		url: `redis://127.0.0.1:${port}`,
		close: async () => {
			await stop(child);
			rmSync(directory, { recursive: true, force: true });
		},
	};
}

async function startApp(name: Baseline, url: string, data: string, publicKey: string): Promise<Running> {
	const child = spawn(process.execPath, [join(PLACE, `${name}.ts`), url, data], {
		env: { ...process.env, NODE_ENV: "production", PUBLIC_KEY: publicKey },
		stdio: ["ignore", "pipe", "inherit"],
	});
	const [, address = ""] = await line(child, /listening on (.*)/, `the baseline over ${name}`);
	return { url: address, close: () => stop(child) };
}

/** Waits until a process prints what shows that it is ready. */
function line(child: ChildProcess, pattern: RegExp, what: string): Promise<RegExpExecArray> {
	process.once("exit", () => child.kill("SIGKILL"));
	return new Promise((resolve, reject) => {
		if (!child.stdout) throw new Error("its output is not piped");
		createInterface(child.stdout).on("line", (text) => {
			const match = pattern.exec(text);
			if (match) resolve(match);
		});
		child.on("error", (error) => reject(new Error(`${what} did not start: ${error.message}`)));
		child.on("exit", (code) => reject(new Error(`${what} ended with ${code}`)));
	});
}

async function stop(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const ended = new Promise((exit) => child.once("exit", exit));
	child.kill("SIGTERM");
	await Promise.race([ended, sleep(5000, undefined, { ref: false })]);
	if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
}
