/**
 * What a thousand awake timeline objects take: the memory of the built Worker's workerd before and after
 * they wake, each with 200 friends and a full log. Nobody signs in: the objects are called by their binding.
 */
import { Client } from "../scripts/client.ts";
import { encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import { residentKilobytes, workerdPid } from "./process.ts";
import { startWorker } from "./worker.ts";

const OWNERS = 1000;
const FRIENDS = 200;
const POSTS = 1200;

interface Page {
	entries: unknown[];
}
interface Namespace {
	getByName(name: string): { page(span: { limit: number }): Promise<Page> };
}

export async function memory(): Promise<void> {
	const worker = await startWorker();
	try {
		const client = new Client(worker.url);
		const headers = { "x-operator-secret": worker.operatorSecret };
		const load = (body: unknown) => client.call("POST", "/ops/import", { headers, body });
		const since = Date.now() - 86_400_000;
		const account = (n: number) => encodeId({ time: since + n, shard: n % 640, tail: 0 });
		const friends = Array.from({ length: FRIENDS }, (_, n) => account(n));
		const owners = Array.from({ length: OWNERS }, (_, n) => account(1_000_000 + n));
		for (const owner of owners) {
			await load({ friendships: friends.map((friend): [Id, Id, number] => [owner, friend, since]) });
		}
		const posts = Array.from({ length: POSTS }, (_, n) => {
			const authorId = friends[n % FRIENDS] ?? account(0);
			const id = encodeId({ time: since + 2_000_000 + n, shard: logicalShardOf(authorId), tail: 1 });
			return { id, authorId, text: "hello", audience: "friends" };
		});
		await load({ posts });

		const pid = workerdPid();
		const timelines = (await worker.miniflare.getDurableObjectNamespace("TIMELINE")) as unknown as Namespace;
		const pages = async (of: readonly Id[]) => {
			for (let at = 0; at < of.length; at += 10) {
				const read = of.slice(at, at + 10).map((owner) => timelines.getByName(owner).page({ limit: 1000 }));
				for (const { entries } of await Promise.all(read)) if (entries.length !== 1000) throw new Error("a short log");
			}
		};
		// What the process takes anyway, with everything compiled and used.
		await pages(owners.slice(0, 20));
		const before = residentKilobytes(pid);
		await pages(owners.slice(20));
		const after = residentKilobytes(pid);
		const awake = OWNERS - 20;
		console.log(`${(before / 1024).toFixed(0)} MB with 20 objects, ${(after / 1024).toFixed(0)} MB with ${OWNERS}`);
		console.log(`${((after - before) / awake).toFixed(0)} KB an awake object, garbage and SQLite's cache included`);
	} finally {
		await worker.close();
	}
}
