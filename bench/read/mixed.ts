/** A mixed day at full speed, and what it does to the memory of the runtime's process. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { residentKilobytes, workerdPid } from "../process.ts";
import { atMost, type Check, figure, median, table } from "../results.ts";
import type { Day } from "./day.ts";
import type { Scene, Stage } from "./stage.ts";
import { run } from "./wrk.ts";

/** Flat: the last fifth of the day takes at most so much of what the first fifth took. */
const FLAT = 1.1;
/**
 * What comes before it, of its length: timelines and the objects of likes wake up, and the page cache that SQLite has
 * for each of them fills, up to a bound.
 */
const RUN_IN = 0.4;
const INTERVAL = 500;

interface Sample {
	/** Since the day began. */
	minutes: number;
	megabytes: number;
}

export async function mixed(stage: Stage, scene: Scene, minutes: number, directory: string): Promise<Check[]> {
	const file = join(directory, "tokens");
	const tokens = stage.population.viewers.map((viewer) => stage.tokenOf(viewer));
	writeFileSync(file, `${tokens.join("\n")}\n`);
	const script = join(import.meta.dirname, "day.ts");
	const live = (share: number) => run(process.execPath, [script, scene.url, file, String(minutes * 60 * share)]);
	const pid = workerdPid();
	// What it takes to be awake is not what the day adds.
	await scene.inside.warm(stage.population.viewers);
	const awake = residentKilobytes(pid) / 1024;
	await live(RUN_IN);
	const samples: Sample[] = [];
	const start = performance.now();
	const look = () => {
		samples.push({ minutes: (performance.now() - start) / 60_000, megabytes: residentKilobytes(pid) / 1024 });
	};
	look();
	const timer = setInterval(look, INTERVAL);
	const output = await live(1);
	clearInterval(timer);
	look();
	const left = await jobsLeft(scene);
	const day = JSON.parse(output) as Day;

	const rows = Object.entries(day.kinds).map(([kind, { requests, p50, p99 }]) => [
		kind,
		String(requests),
		p50.toFixed(1),
		p99.toFixed(1),
	]);
	console.log(`\na mixed day of ${minutes} minutes, ${day.unchanged} polls answered 304\n`);
	console.log(table(["", "requests", "p50 ms", "p99 ms"], rows));
	for (const failure of day.failures) console.log(failure);
	const fifth = (n: number) =>
		median(samples.filter((each) => Math.floor(each.minutes / (minutes / 5)) === n).map((each) => each.megabytes));
	const [first, last] = [fifth(0), fifth(4)];
	return [
		figure("mixed day", day.perSecond, "requests per second"),
		atMost("mixed day: errors", day.errors, "requests", 0),
		figure("mixed day: memory with every timeline awake, before its run-in", awake, "MB"),
		figure("mixed day: memory in the first fifth", first, "MB"),
		figure("mixed day: memory in the last fifth", last, "MB"),
		figure("mixed day: slope of the memory", slope(samples), "MB a minute"),
		atMost("mixed day: memory, last fifth", last / first, "of the first fifth", FLAT),
		figure("mixed day: fan-out jobs left at its end", left, "jobs"),
	];
}

/** By least squares. */
function slope(samples: readonly Sample[]): number {
	const mean = (of: (sample: Sample) => number) => samples.reduce((sum, each) => sum + of(each), 0) / samples.length;
	const [x, y] = [mean(({ minutes }) => minutes), mean(({ megabytes }) => megabytes)];
	const shared = mean(({ minutes, megabytes }) => (minutes - x) * (megabytes - y));
	return shared / mean(({ minutes }) => (minutes - x) ** 2);
}

async function jobsLeft({ worker: { miniflare } }: Scene): Promise<number> {
	const counts = ["SHARD_0", "SHARD_1"].map(async (name) => {
		const database = await miniflare.getD1Database(name);
		return (await database.prepare("SELECT count(*) AS jobs FROM outbox").first<number>("jobs")) ?? 0;
	});
	return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
