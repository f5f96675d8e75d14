/**
 * `npm run bench -- post [--at-once N] [--seconds S] [--rounds N]`: how many `POST /v1/posts` are answered in a
 * second, and beside it, in turns, a route with the same router that inserts one row into the same databases.
 *
 * Both by the same client, over HTTP. The authors have no friends, but what follows a post (its job, her own
 * chunk) is done at the same time, by the same process: that is part of what a post costs. So it is measured
 * once more with the queues' work left over for later, which tells how much of the time is the request's.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "../scripts/client.ts";
import { Inside } from "./inside.ts";
import { accountIds, People } from "./people.ts";
import { atLeast, type Check, figure, median, quantile, table } from "./results.ts";
import { startWorker } from "./worker.ts";

const AUTHORS = 64;
const TEXT = "A story of usual length, such as people tell their friends in the evening of a day in November.";
const PATIENCE = 300_000;
const RATIO = 0.5;

interface Load {
	perSecond: number;
	latencies: number[];
}

export async function post(args: string[]): Promise<Check[]> {
	const options = { "at-once": { type: "string" }, seconds: { type: "string" }, rounds: { type: "string" } } as const;
	const { values } = parseArgs({ args, options });
	const atOnce = Number(values["at-once"] ?? 16);
	const milliseconds = Number(values.seconds ?? 4) * 1000;
	const rounds = Number(values.rounds ?? 5);
	const worker = await startWorker({ inside: true });
	try {
		const client = new Client(worker.url);
		const inside = new Inside(client, worker);
		const people = await People.of(client, worker);
		const authors = accountIds(0, AUTHORS);
		await people.join(authors);
		const tokens = await Promise.all(authors.map((id) => people.token(id)));
		await inside.warm(authors);
		for (const name of ["SHARD_0", "SHARD_1"]) {
			const database = await worker.miniflare.getD1Database(name);
			await database.prepare("CREATE TABLE bare (id INTEGER PRIMARY KEY, text TEXT NOT NULL)").run();
		}

		let sent = 0;
		const ours = () => client.call("POST", "/v1/posts", { token: tokens[sent++ % AUTHORS], body: { text: TEXT } });
		const bare = () => inside.ask("bare-post", { id: sent++, text: TEXT });
		const found: Record<"ours" | "held" | "bare", Load[]> = { ours: [], held: [], bare: [] };
		for (let n = 0; n <= rounds; n++) {
			const round: Record<string, Load> = {};
			round.ours = await load(ours, atOnce, milliseconds);
			await inside.settled(PATIENCE);
			await inside.ask("hold", { on: true });
			round.held = await load(ours, atOnce, milliseconds);
			await inside.ask("hold", { on: false });
			await inside.settled(PATIENCE);
			await sleep(500);
			round.bare = await load(bare, atOnce, milliseconds);
			// The first does not count: everything is compiled in it.
			if (n > 0) for (const key of ["ours", "held", "bare"] as const) found[key].push(round[key] as Load);
		}
		const rate = (of: Load[]) => median(of.map(({ perSecond }) => perSecond));
		const ceiling = rate(found.bare);
		const rows = (
			[
				["POST /v1/posts", found.ours],
				["the same, queues held back", found.held],
				["the ceiling: one insert", found.bare],
			] as const
		).map(([name, of]) => {
			const latencies = of.flatMap((each) => each.latencies);
			const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)];
			return [name, rate(of).toFixed(0), (rate(of) / ceiling).toFixed(2), p50.toFixed(1), p99.toFixed(1)];
		});
		console.log(`${atOnce} requests at once, median of ${rounds} rounds of ${milliseconds / 1000} s\n`);
		console.log(table(["", "per second", "ratio", "p50 ms", "p99 ms"], rows));
		return [
			atLeast(`posts, ${atOnce} at once`, rate(found.ours) / ceiling, "of the ceiling", RATIO),
			figure(`posts with the queues held back, ${atOnce} at once`, rate(found.held) / ceiling, "of the ceiling"),
			figure(`posts, ${atOnce} at once`, rate(found.ours), "per second"),
		];
	} finally {
		await worker.close();
	}
}

/** So many requests at once, each followed by the next, for a while. */
async function load(request: () => Promise<unknown>, atOnce: number, milliseconds: number): Promise<Load> {
	const start = performance.now();
	const latencies: number[] = [];
	const lane = async () => {
		for (let at = performance.now(); at - start < milliseconds; ) {
			await request();
			const now = performance.now();
			latencies.push(now - at);
			at = now;
		}
	};
	await Promise.all(Array.from({ length: atOnce }, lane));
	return { perSecond: (latencies.length / (performance.now() - start)) * 1000, latencies };
}
