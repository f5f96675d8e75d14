/**
 * `npm run bench -- likes [--likes N] [--seconds S] [--naive N] [--at-once N]`: one post is liked by N accounts, as fast
 * as they can and spread over S seconds; beside it fewer, at the same pace, with a statement for each like, and what a
 * read of another post of the same shard takes meanwhile.
 *
 * Tokens are checked and answers are made for the likes, not for the naive ones: those only do what the shard is asked.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "../scripts/client.ts";
import { encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import type { Counts, LikeBatches } from "./inside/counts.ts";
import { Inside } from "./inside.ts";
import { accountId, accountIds, People } from "./people.ts";
import { atMost, type Check, figure, quantile, table } from "./results.ts";
import { startWorker } from "./worker.ts";

/** Milliseconds between two reads, and for how long they are made before anybody likes. */
const READ_EVERY = 20;
const QUIET = 4000;
/** Requests at once when likes come evenly, and reads at once. */
const CONNECTIONS = 256;
const READS = 32;
/** Likes whose use is counted. */
const COUNTED = 1000;
/** Batches that a shard is to see in a second: ten, and the first ones that follow each other at once. */
const BATCHES = 10.5;
/** Likes that are not measured: what they need is compiled. */
const FIRST = 300;

type Like = (post: Id, account: Id) => Promise<unknown>;

interface Run {
	name: string;
	perSecond: number;
	seconds: number;
	batches: number;
	likes: number[];
	before: number[];
	during: number[];
}

export async function likes(args: string[]): Promise<Check[]> {
	const text = { type: "string" } as const;
	const { values } = parseArgs({ args, options: { likes: text, seconds: text, naive: text, "at-once": text } });
	const count = Number(values.likes ?? 10_000);
	const seconds = Number(values.seconds ?? 60);
	// They pile up at once: more would only take longer.
	const naives = Math.min(count, Number(values.naive ?? 2000));
	const atOnce = Number(values["at-once"] ?? 64);

	const runs: Run[] = [];
	await withWorker({}, count, async ({ inside, ours, naive, newPost, read, countOf }) => {
		for (const like of [ours, naive]) await race(like, await newPost(), accountIds(1, FIRST), atOnce);
		for (const [who, like, many] of [
			["combined", ours, count],
			["naive", naive, naives],
		] as const) {
			const accounts = accountIds(1, many);
			const within = (seconds * many) / count;
			for (const [how, lead] of [
				["at full speed", (post: Id) => race(like, post, accounts, atOnce)],
				[`${many} in ${within} s`, (post: Id) => pace(like, post, accounts, within)],
			] as const) {
				const post = await newPost();
				await read();
				const before = await whileReading(read, () => sleep(QUIET));
				await inside.ask("like-batches");
				const start = performance.now();
				const during = await whileReading(read, () => lead(post));
				const took = (performance.now() - start) / 1000;
				const { batches } = await inside.ask<LikeBatches>("like-batches");
				const liked = await countOf(post);
				if (liked !== many) throw new Error(`${liked} likes are counted, not ${many}`);
				const run = { perSecond: many / took, seconds: took, batches, likes: during.result };
				runs.push({ name: `${who}, ${how}`, ...run, before: before.times, during: during.times });
			}
		}
	});
	const use: [string, Counts][] = [];
	await withWorker({ BENCH_COUNTS: "1" }, COUNTED, async ({ inside, ours, naive, newPost }) => {
		for (const [name, like] of [
			["combined", ours],
			["naive", naive],
		] as const) {
			const post = await newPost();
			await inside.ask("counts", undefined, "DELETE");
			await race(like, post, accountIds(1, COUNTED), atOnce);
			use.push([name, await inside.ask<Counts>("counts", undefined, "GET")]);
		}
	});

	const time = (of: number[], fraction: number) => quantile(of, fraction).toFixed(1);
	console.log(
		`one post, liked ${atOnce} at once and evenly; reads of another post of its shard, every ${READ_EVERY} ms\n`,
	);
	console.log(
		table(
			["", "likes/s", "batches", "batches/s", "like p50", "p99 ms", "read before", "p99 ms", "during", "p99 ms"],
			runs.map((run) => [
				run.name,
				run.perSecond.toFixed(0),
				String(run.batches),
				(run.batches / run.seconds).toFixed(1),
				...[run.likes, run.before, run.during].flatMap((of) => [time(of, 0.5), time(of, 0.99)]),
			]),
		),
	);
	console.log(`\nof each like, ${atOnce} at once: rows written and read in D1, statements, calls of objects\n`);
	const each = (value: number) => (value / COUNTED).toFixed(2);
	console.log(
		table(
			["", "written", "read", "statements", "calls"],
			use.map(([name, counts]) => [
				name,
				...[counts.databaseRowsWritten, counts.databaseRowsRead, counts.databaseQueries, counts.objectRequests].map(
					each,
				),
			]),
		),
	);
	return [
		...runs.flatMap((run): Check[] => {
			const ratio = (fraction: number) => quantile(run.during, fraction) / quantile(run.before, fraction);
			const perSecond = run.batches / run.seconds;
			return [
				run.name.startsWith("combined")
					? atMost(`batches, ${run.name}`, perSecond, "per second", BATCHES + 10 / run.seconds)
					: figure(`batches, ${run.name}`, perSecond, "per second"),
				figure(`likes, ${run.name}`, run.perSecond, "per second"),
				figure(`a like, ${run.name}, p50`, quantile(run.likes, 0.5), "ms"),
				figure(`a like, ${run.name}, p99`, quantile(run.likes, 0.99), "ms"),
				figure(`a read meanwhile, ${run.name}, p50`, ratio(0.5), "of before"),
				figure(`a read meanwhile, ${run.name}, p99`, ratio(0.99), "of before"),
			];
		}),
		...use.map(([name, counts]) => figure(`rows written, ${name}`, counts.databaseRowsWritten / COUNTED, "a like")),
	];
}

interface Stage {
	inside: Inside;
	ours: Like;
	naive: Like;
	newPost: () => Promise<Id>;
	/** Reads a post that nobody likes, on the same shard. */
	read: () => Promise<unknown>;
	countOf: (post: Id) => Promise<number>;
}

async function withWorker(variables: Record<string, string>, fans: number, work: (stage: Stage) => Promise<void>) {
	const worker = await startWorker({ inside: true, variables });
	try {
		const client = new Client(worker.url);
		const inside = new Inside(client, worker);
		const people = await People.of(client, worker);
		const author = accountId(0, 0);
		await people.join([author]);
		const ids = accountIds(1, Math.max(fans, FIRST));
		const tokens = new Map(await Promise.all(ids.map(async (id) => [id, await people.token(id)] as const)));
		let posted = 0;
		const newPost = async () => {
			const id = encodeId({ time: Date.now(), shard: logicalShardOf(author), tail: ++posted });
			await people.posted([{ id, authorId: author, text: "Like me.", audience: "public" }]);
			return id;
		};
		const other = await newPost();
		const reader = tokens.get(ids[0] as Id);
		const show = (post: Id) => client.call<{ likeCount: number }>("GET", `/v1/posts/${post}`, { token: reader });
		await work({
			inside,
			ours: (post, account) => client.call("PUT", `/v1/posts/${post}/like`, { token: tokens.get(account) }),
			naive: (postId, accountId) => inside.ask("naive-like", { postId, accountId }),
			newPost,
			read: () => show(other),
			countOf: async (post) => (await show(post)).likeCount,
		});
	} finally {
		await worker.close();
	}
}

/** So many at once, each followed by the next. @returns how long each took, in milliseconds. */
async function race(like: Like, post: Id, accounts: readonly Id[], atOnce: number): Promise<number[]> {
	const times: number[] = [];
	let next = 0;
	const lane = async () => {
		while (next < accounts.length) {
			const account = accounts[next++] as Id;
			times.push(await timed(() => like(post, account)));
		}
	};
	await Promise.all(Array.from({ length: atOnce }, lane));
	return times;
}

/** Evenly over a time, however long each takes, counted from when it was due: who cannot be asked yet waits too. */
async function pace(like: Like, post: Id, accounts: readonly Id[], seconds: number): Promise<number[]> {
	const start = performance.now();
	const times: number[] = [];
	let next = 0;
	const lane = async () => {
		while (next < accounts.length) {
			const due = start + (next / accounts.length) * seconds * 1000;
			const account = accounts[next++] as Id;
			if (due > performance.now()) await sleep(due - performance.now());
			await like(post, account);
			times.push(performance.now() - due);
		}
	};
	await Promise.all(Array.from({ length: CONNECTIONS }, lane));
	return times;
}

/** Reads now and then until some work is done. @returns what it comes to and how long each read took, in milliseconds. */
async function whileReading<T>(read: () => Promise<unknown>, work: () => Promise<T>) {
	const times: Promise<number>[] = [];
	let waiting = 0;
	const timer = setInterval(() => {
		if (waiting === READS) return;
		waiting++;
		times.push(timed(read).finally(() => waiting--));
	}, READ_EVERY);
	try {
		const result = await work();
		return { result, times: await Promise.all(times) };
	} finally {
		clearInterval(timer);
	}
}

async function timed(work: () => Promise<unknown>): Promise<number> {
	const start = performance.now();
	await work();
	return performance.now() - start;
}
