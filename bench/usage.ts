/** What posting and reading really use: counted inside the Worker while an author's friends get her posts and read. */
import { Client } from "../scripts/client.ts";
import { encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import type { Counts } from "./inside/counts.ts";
import { Inside } from "./inside.ts";
import { accountId, accountIds, type Pair, People } from "./people.ts";
import { OBJECT_GIGABYTES, type Use } from "./prices.ts";
import { startWorker } from "./worker.ts";

/** Enough that each log drops a row of 64 changes. */
const POSTS = 64;
const READS = 4;
/** Entries that a log keeps, and the row that is dropped next. */
const OLD_POSTS = 1100;
const PATIENCE = 120_000;

export interface Usage {
	/** Of one delivery, with its share of the post's. */
	delivery: Use;
	/** Of a delivery to a naive timeline, with the same share of everything but its object's rows. */
	naive: Use;
	/** Of one page of a feed. */
	read: Use;
	/** Of a full timeline. */
	bytes: number;
	deliveries: number;
	reads: number;
}

/** What cannot be counted here, in milliseconds. */
export interface Assumed {
	/** For how long an object is billed for a call. */
	objectMilliseconds: number;
	/** CPU time of a request, or of a queue's batch. */
	workerMilliseconds: number;
}

/** @param friendCount friends of the author, who all have read their feeds */
export async function measureUsage(friendCount: number, assumed: Assumed): Promise<Usage> {
	const worker = await startWorker({ inside: true, variables: { BENCH_COUNTS: "1" } });
	try {
		const client = new Client(worker.url);
		const inside = new Inside(client, worker);
		const people = await People.of(client, worker);
		const author = accountId(1, 0);
		const friends = accountIds(0, friendCount);
		await people.join([author, ...friends]);
		await people.befriend(friends.map((friend): Pair => [author, friend]));
		const since = Date.now() - 3_600_000;
		await people.posted(
			Array.from({ length: OLD_POSTS }, (_, n) => {
				const id = encodeId({ time: since + n, shard: logicalShardOf(author), tail: 0 });
				return { id, authorId: author, text: "hello", audience: "friends" };
			}),
		);
		// Full logs, from the store.
		await inside.warm([author, ...friends]);

		const token = await people.token(author);
		const posted = await counted(inside, async () => {
			for (let n = 0; n < POSTS; n++) {
				// People's objects sleep when a post reaches them.
				await inside.sleep();
				await client.call("POST", "/v1/posts", { token, body: { text: `post ${n}` } });
				await inside.settled(PATIENCE);
			}
		});
		const tokens = await Promise.all(friends.map((friend) => people.token(friend)));
		const read = await counted(inside, async () => {
			for (let n = 0; n < READS; n++) {
				await inside.sleep();
				for (const each of tokens) await client.call("GET", "/v1/feed?limit=20", { token: each });
			}
		});
		const naive = await inside.ask<{ read: number; written: number }>("naive");
		const { bytes } = await inside.ask<{ bytes: number }>("bytes", { owner: friends[0] as Id });
		const deliveries = POSTS * friendCount;
		const delivery = use(posted, deliveries, assumed);
		return {
			delivery,
			naive: { ...delivery, objectRowsRead: naive.read, objectRowsWritten: naive.written },
			read: use(read, READS * friendCount, assumed),
			bytes,
			deliveries,
			reads: READS * friendCount,
		};
	} finally {
		await worker.close();
	}
}

async function counted(inside: Inside, work: () => Promise<void>): Promise<Counts> {
	await inside.ask("counts", undefined, "DELETE");
	await work();
	return inside.ask<Counts>("counts", undefined, "GET");
}

/** The share of each of `times` things. */
function use(counts: Counts, times: number, assumed: Assumed): Use {
	return {
		workerRequests: counts.workerRequests / times,
		workerCpuMilliseconds: (counts.workerRequests / times) * assumed.workerMilliseconds,
		objectRequests: counts.objectRequests / times,
		objectGigabyteSeconds: ((counts.objectRequests / times) * assumed.objectMilliseconds * OBJECT_GIGABYTES) / 1000,
		objectRowsRead: counts.objectRowsRead / times,
		objectRowsWritten: counts.objectRowsWritten / times,
		queueOperations: (counts.queueMessages * 3) / times,
		databaseRowsRead: counts.databaseRowsRead / times,
		databaseRowsWritten: counts.databaseRowsWritten / times,
	};
}
