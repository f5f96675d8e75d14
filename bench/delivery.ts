/**
 * From `POST /v1/posts` to the last friend's feed, for authors with 5, 100 and 1,000 friends, all of
 * whom have read their feeds before, so that every delivery writes.
 *
 * A loop of polls over a thousand feeds would measure itself. So after a post it polls the feeds of
 * one friend of each hundred (a `deliver` message) until all have it, and then reads every friend's
 * feed once to see that none was missed. Beside it, in the same run, the ceiling: the time of as many
 * reads of `GET /healthz`, one call for each friend, as the same client makes them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../scripts/client.ts";
import { encodeId, type Id, LOGICAL_SHARDS } from "../src/store/ids.ts";
import { startWorker } from "./worker.ts";

const FRIENDS = [5, 100, 1000];
const POSTS = 10;
const PASSWORD = "password of the bench";
const PATIENCE = 30_000;

interface Feed {
	items: { id: string }[];
}

export async function delivery(): Promise<void> {
	const worker = await startWorker();
	try {
		const client = new Client(worker.url);
		console.log("from POST to the last friend's feed, ms (median of", POSTS, "posts; slowest)\n");
		console.log("friends   POST answers   last friend's feed   slowest   ceiling: as many bare requests");
		for (const [group, count] of FRIENDS.entries()) {
			const row = await measure(client, worker.operatorSecret, group, count);
			console.log(row);
		}
	} finally {
		await worker.close();
	}
}

async function measure(client: Client, secret: string, group: number, count: number): Promise<string> {
	const people = Array.from({ length: count + 1 }, (_, n) => {
		const username = `bench_${group}_${n}`;
		const id = encodeId({ time: Date.now() - 86_400_000 + n, shard: (n * 37) % LOGICAL_SHARDS, tail: group });
		return { id, username, email: `${username}@example.com`, displayName: username, bio: "" };
	});
	const [author, ...friends] = people as [(typeof people)[0], ...typeof people];
	const headers = { "x-operator-secret": secret };
	await client.call("POST", "/ops/import", { headers, body: { accounts: people, password: PASSWORD } });
	const friendships = friends.map((friend, n): [Id, Id, number] => [author.id, friend.id, Date.now() - 3_600_000 + n]);
	await client.call("POST", "/ops/import", { headers, body: { friendships } });

	const token = await client.signIn(author.username, PASSWORD);
	const tokens: string[] = [];
	for (let at = 0; at < count; at += 8) {
		tokens.push(
			...(await Promise.all(friends.slice(at, at + 8).map((friend) => client.signIn(friend.username, PASSWORD)))),
		);
	}
	const feed = (of: string) => client.call<Feed>("GET", "/v1/feed?limit=1", { token: of });
	const has = async (of: string, id: string) => (await feed(of)).items[0]?.id === id;
	for (const each of tokens) await feed(each);
	// Friends are delivered to in the order of their friendship: the last of each hundred is the last of its chunk.
	const last = tokens.filter((_, n) => n % 100 === 99 || n === count - 1);

	const answered: number[] = [];
	const reached: number[] = [];
	for (let n = 0; n < POSTS; n++) {
		const start = performance.now();
		const post = await client.call<{ id: string }>("POST", "/v1/posts", { token, body: { text: `post ${n}` } });
		answered.push(performance.now() - start);
		for (let waiting = last; waiting.length > 0; ) {
			const seen = await Promise.all(waiting.map((each) => has(each, post.id)));
			waiting = waiting.filter((_, i) => !seen[i]);
			if (performance.now() - start > PATIENCE) throw new Error(`not within ${PATIENCE / 1000} s`);
			if (waiting.length > 0) await sleep(2);
		}
		reached.push(performance.now() - start);
		const missed = (await Promise.all(tokens.map((each) => has(each, post.id)))).filter((seen) => !seen).length;
		if (missed > 0) throw new Error(`${missed} of ${count} friends were not reached when their chunk's last was`);
	}
	const start = performance.now();
	await Promise.all(tokens.map(() => client.call("GET", "/healthz")));
	const ceiling = performance.now() - start;
	const cells = [median(answered), median(reached), Math.max(...reached), ceiling].map((ms) => ms.toFixed(0));
	const widths = [15, 21, 10, 12];
	return String(count).padStart(7) + cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("");
}

function median(values: readonly number[]): number {
	return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
