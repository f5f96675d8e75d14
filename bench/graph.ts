/**
 * A real graph of friends: everybody posts once, as fast as the server takes it, and then some of them
 * again, at half the pace that it kept up, so that the time to the last friend is not that of a queue.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../scripts/client.ts";
import type { Id } from "../src/store/ids.ts";
import { DELIVER_QUEUE, Inside } from "./inside.ts";
import { accountId, type Pair, People } from "./people.ts";
import { type Check, figure, quantile } from "./results.ts";
import { startWorker } from "./worker.ts";

const AT_ONCE = 8;
const PACED = 400;
const PACE = 0.5;
const PATIENCE = 900_000;

/** @param path lines of `a b` */
export async function everybodyPosts(path: string): Promise<Check[]> {
	const { ids, pairs, degree } = readGraph(path);
	const worker = await startWorker({ inside: true });
	try {
		const client = new Client(worker.url);
		const inside = new Inside(client, worker);
		const people = await People.of(client, worker);
		await people.join(ids);
		await people.befriend(pairs);
		// From the store, as at a first read.
		await inside.warm(ids);
		const tokens = new Map(await Promise.all(ids.map(async (id) => [id, await people.token(id)] as const)));
		const post = async (id: Id) => {
			const start = Date.now();
			const token = tokens.get(id);
			const { id: postId } = await client.call<{ id: string }>("POST", "/v1/posts", { token, body: { text: "hello" } });
			return { postId, start };
		};

		await inside.settled(PATIENCE);
		await inside.finished();
		const start = Date.now();
		const waiting = [...ids];
		const posted: { postId: string; start: number }[] = [];
		const lane = async () => {
			for (let id = waiting.pop(); id; id = waiting.pop()) posted.push(await post(id));
		};
		await Promise.all(Array.from({ length: AT_ONCE }, lane));
		const answered = (Date.now() - start) / 1000;
		await inside.settled(PATIENCE);
		const flat = await reached(inside, posted);
		const seconds = (Math.max(...flat.ends) - start) / 1000;
		const deliveries = pairs.length * 2;
		console.log(
			`\n${ids.length} people, ${pairs.length} friendships: everybody posts once, ${AT_ONCE} at a time\n` +
				`${answered.toFixed(1)} s until all posts are answered, ${seconds.toFixed(1)} s until all ${deliveries} deliveries are done`,
		);

		// Chosen evenly by how many friends they have.
		const byDegree = [...ids].sort((a, b) => (degree.get(a) ?? 0) - (degree.get(b) ?? 0));
		const chosen = byDegree.filter((_, n) => n % Math.ceil(ids.length / PACED) === 0);
		const load = chosen.reduce((sum, id) => sum + (degree.get(id) ?? 0), 0);
		const gap = load / ((deliveries / seconds) * PACE) / chosen.length;
		const paced: Promise<{ postId: string; start: number }>[] = [];
		const begin = performance.now();
		// In another order than by friends, so that the load is even.
		for (const [n, id] of shuffled(chosen).entries()) {
			await sleep(Math.max(0, begin + n * gap * 1000 - performance.now()));
			paced.push(post(id));
		}
		const calm = await Promise.all(paced);
		await inside.settled(PATIENCE);
		const { latencies } = await reached(inside, calm);
		console.log(`${calm.length} of them again, one every ${(gap * 1000).toFixed(0)} ms: half of that pace`);
		return [
			figure("everybody posts once", seconds, "s"),
			figure("everybody posts once: deliveries", deliveries / seconds, "per second"),
			figure("everybody posts once: POST to the last friend, p50", quantile(flat.latencies, 0.5), "ms"),
			figure("everybody posts once: POST to the last friend, p99", quantile(flat.latencies, 0.99), "ms"),
			figure("at half the pace: POST to the last friend, p50", quantile(latencies, 0.5), "ms"),
			figure("at half the pace: POST to the last friend, p99", quantile(latencies, 0.99), "ms"),
		];
	} finally {
		await worker.close();
	}
}

async function reached(inside: Inside, posts: readonly { postId: string; start: number }[]) {
	// The outbox is empty a moment before the queue hears of it.
	await sleep(100);
	const times = (await inside.finished()).queues[DELIVER_QUEUE];
	const ends = posts.map(({ postId }) => times?.jobs[postId] ?? Number.NaN);
	if (ends.some(Number.isNaN)) throw new Error("a post was not delivered");
	return { ends, latencies: posts.map(({ start }, n) => (ends[n] ?? 0) - start) };
}

function readGraph(path: string) {
	const edges = readFileSync(path, "utf8")
		.split("\n")
		.filter((line) => /^\d+\s+\d+\s*$/.test(line))
		.map((line) => line.trim().split(/\s+/).map(Number));
	const known = new Map<number, Id>();
	const degree = new Map<Id, number>();
	const idOf = (number: number) => {
		const id = known.get(number) ?? accountId(0, known.size);
		known.set(number, id);
		return id;
	};
	const pairs = edges.map(([a = 0, b = 0]): Pair => [idOf(a), idOf(b)]);
	for (const id of pairs.flat()) degree.set(id, (degree.get(id) ?? 0) + 1);
	return { ids: [...known.values()], pairs, degree };
}

/** The same order in every run. */
function shuffled<T>(values: readonly T[]): T[] {
	const keyed = values.map((value, n) => ({ value, key: (n * 2_654_435_761) % 4_294_967_296 }));
	return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
}
