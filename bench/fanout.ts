/**
 * `npm run bench -- fanout [--followers N] [--rounds N] [--graph PATH]`: one post to 100, 1,000, 5,000 and N
 * followers, by default 100,000, who have all read their feeds before, so that every delivery writes.
 *
 * The ceiling, in the same run and in turns with it: as many objects with one table, called from the same
 * kind of queue, as many at once, each to insert one row. Measured from the moment at which the queue brings
 * the first recipients until the last message is done; for us that has the rest of the expansion in it, and
 * the chunks' rows. Beside it the whole way, from the request, which has the post in it as well.
 *
 * Objects are awake, or all asleep when the post is made. More than 5,000 cannot be awake at a time, and are
 * measured asleep; so are the smaller counts once more, to compare like with like. While they are put to
 * sleep again in the middle of a large round, both wait, and the clock does.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "../scripts/client.ts";
import type { Id } from "../src/store/ids.ts";
import { everybodyPosts } from "./graph.ts";
import { BARE_QUEUE, DELIVER_QUEUE, Inside } from "./inside.ts";
import { accountId, accountIds, type Pair, People } from "./people.ts";
import { atLeast, atMost, type Check, figure, median, table } from "./results.ts";
import { startWorker } from "./worker.ts";

const SIZES = [100, 1000, 5000];
/** More objects than these cannot be awake at a time: each holds files open. */
const MOST_AWAKE = 5000;
const PATIENCE = 900_000;
const RATIO = 0.9;
const FLAT = 1.2;

interface Round {
	/** Milliseconds from the request to the last delivery. */
	total: number;
	/** And from the first delivery. */
	delivering: number;
}
interface Row {
	count: number;
	state: "awake" | "asleep";
	ours: Round;
	bare: Round;
}

export async function fanout(args: string[]): Promise<Check[]> {
	const options = { followers: { type: "string" }, rounds: { type: "string" }, graph: { type: "string" } } as const;
	const { values } = parseArgs({ args, options });
	const most = Number(values.followers ?? 100_000);
	const sizes = [...new Set([...SIZES.filter((size) => size < most), most])];
	const checks = await oneToMany(sizes, Number(values.rounds ?? 5));
	if (values.graph) checks.push(...(await everybodyPosts(values.graph)));
	else console.log("\nno --graph PATH: nobody posts in a real graph");
	return checks;
}

async function oneToMany(sizes: readonly number[], rounds: number): Promise<Check[]> {
	const worker = await startWorker({ inside: true });
	try {
		const client = new Client(worker.url);
		const inside = new Inside(client, worker);
		const people = await People.of(client, worker);
		const followers = accountIds(0, Math.max(...sizes));
		const authors = sizes.map((_, n) => accountId(1, n));
		await people.join(authors);
		for (const [n, size] of sizes.entries()) {
			await people.follow(followers.slice(0, size).map((follower): Pair => [follower, authors[n] as Id]));
		}
		const start = performance.now();
		await inside.warm(followers, authors);
		console.log(`${followers.length} timelines read in ${((performance.now() - start) / 1000).toFixed(0)} s`);

		const run: Run = { client, inside, followers, rounds };
		const rows: Row[] = [];
		for (const state of ["awake", "asleep"] as const) {
			for (const [n, size] of sizes.entries()) {
				if (state === "awake" && size > MOST_AWAKE) continue;
				const author = authors[n] as Id;
				const row = await measure(run, await people.token(author), size, state);
				console.log(describe(row));
				rows.push(row);
			}
		}
		console.log(`\n${table(HEAD, rows.map(cells))}`);
		return judge(rows);
	} finally {
		await worker.close();
	}
}

interface Run {
	client: Client;
	inside: Inside;
	followers: Id[];
	rounds: number;
}

/** Ours and the ceiling in turns. */
async function measure(run: Run, token: string, size: number, state: Row["state"]): Promise<Row> {
	const { client, inside, followers } = run;
	const recipients = followers.slice(0, size);
	const prepare = async (wake: () => Promise<void>) => {
		await inside.sleep();
		if (state === "awake") await wake();
	};
	const post = () => client.call("POST", "/v1/posts", { token, body: { text: "hello", audience: "public" } });
	const bare = () => inside.ask("bare-fanout", { count: size, text: "a row as long as an entry of ours, 37" });
	const ours: Round[] = [];
	const ceiling: Round[] = [];
	await inside.wakeBare(size);
	// The first round does not count, because everything is compiled in it; large ones come after the small.
	const large = size > MOST_AWAKE;
	const rounds = large ? Math.min(run.rounds, 2) : run.rounds;
	for (let n = large ? 1 : 0; n <= rounds; n++) {
		await prepare(() => inside.warm(recipients));
		// Her own timeline is one more chunk.
		const mine = await timed(inside, DELIVER_QUEUE, Math.ceil(size / 100) + 1, post);
		await inside.settled(PATIENCE);
		await prepare(() => inside.wakeBare(size));
		const theirs = await timed(inside, BARE_QUEUE, Math.ceil(size / 100), bare);
		if (n === 0) continue;
		ours.push(mine);
		ceiling.push(theirs);
	}
	return { count: size, state, ours: middle(ours), bare: middle(ceiling) };
}

async function timed(inside: Inside, queue: string, messages: number, work: () => Promise<unknown>): Promise<Round> {
	await inside.finished();
	const start = Date.now();
	await work();
	let done = 0;
	let first = Number.POSITIVE_INFINITY;
	let paused = 0;
	for (;;) {
		await pause(20);
		const finished = await inside.finished();
		paused += finished.paused;
		const times = finished.queues[queue];
		if (times) {
			done += times.messages;
			first = Math.min(first, times.first);
		}
		if (done >= messages && times) {
			return { total: times.last - start - paused, delivering: times.last - first - paused };
		}
		if (Date.now() - start > PATIENCE) throw new Error(`${done} of ${messages} messages within ${PATIENCE / 1000} s`);
	}
}

function middle(rounds: readonly Round[]): Round {
	const of = (key: keyof Round) => median(rounds.map((round) => round[key]));
	return { total: of("total"), delivering: of("delivering") };
}

const HEAD = ["followers", "objects", "ours /s", "ceiling /s", "ratio", "ms each", "from POST: ours /s", "ratio"];

function cells({ count, state, ours, bare }: Row): string[] {
	const rate = (ms: number) => ((count / ms) * 1000).toFixed(0);
	const ratio = (key: keyof Round) => (bare[key] / ours[key]).toFixed(2);
	const each = (ours.delivering / count).toFixed(3);
	const delivering = [rate(ours.delivering), rate(bare.delivering), ratio("delivering"), each];
	return [String(count), state, ...delivering, rate(ours.total), ratio("total")];
}

function describe(row: Row): string {
	const [count, state, ours, bare, ratio] = cells(row);
	return `${count} followers, ${state}: ${ours}/s, the ceiling ${bare}/s, ratio ${ratio}`;
}

function judge(rows: readonly Row[]): Check[] {
	const checks = rows.flatMap(({ count, state, ours, bare }) => [
		atLeast(`deliveries to ${count} ${state} timelines`, bare.delivering / ours.delivering, "of the ceiling", RATIO),
		figure(`the same from POST on`, bare.total / ours.total, "of the ceiling"),
		figure(`the same`, (count / ours.delivering) * 1000, "per second"),
	]);
	for (const state of ["awake", "asleep"]) {
		const [small, ...larger] = rows.filter((row) => row.state === state);
		const large = larger.at(-1);
		if (!small || !large) continue;
		const each = ({ ours, count }: Row) => ours.delivering / count;
		const name = `time of a delivery, ${large.count} against ${small.count} followers, ${state}`;
		checks.push(atMost(name, each(large) / each(small), "times", FLAT));
	}
	return checks;
}
