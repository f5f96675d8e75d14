/** One of the two: started by `turns.ts`, which tells it what to ask. Its checkout brings the benchmark's own scene. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scene } from "../read/stage.ts";
import { type Asked, type Found, SMALL } from "./turns.ts";

const [checkout = ""] = process.argv.slice(2);
/** What another version calls otherwise cannot be compared with this one. */
const theirs = async <T>(path: string) => (await import(join(checkout, "bench", path))) as T;
const { Stage } = await theirs<typeof import("../read/stage.ts")>("read/stage.ts");
const { makePopulation } = await theirs<typeof import("../read/population.ts")>("read/population.ts");
const { rowsOf } = await theirs<typeof import("../read/rows.ts")>("read/rows.ts");
const { writeRequests, wrk } = await theirs<typeof import("../read/wrk.ts")>("read/wrk.ts");
const { sample } = await theirs<typeof import("../read/measure.ts")>("read/measure.ts");
const { workerdPid } = await theirs<typeof import("../process.ts")>("process.ts");

/** Microseconds in a tick of the processor's clock: `getconf CLK_TCK` is 100 on every Linux there is. */
const TICK = 10_000;
/** Seconds, in which the compiler learns what is done often. */
const WARM_UP = 3;

/** Past Miniflare's entry: it is the same for both. */
const stage = new Stage(makePopulation(SMALL), true);
let scene: Scene | undefined;
const files = new Map<string, string>();

async function open(keys: readonly string[]): Promise<void> {
	await scene?.worker.close();
	const found = rowsOf(stage).filter(({ key }) => keys.includes(key));
	const [first] = found;
	if (!first) throw new Error(`no such rows: ${keys.join()}`);
	scene = await stage.open(first.caches);
	for (const row of found) {
		const requests = await row.requests(stage, scene);
		const file = writeRequests(tmpdir(), `edgefeed-turns-${process.pid}-${row.key}`, requests);
		await wrk(scene.url, file, WARM_UP);
		// What was answered is what the row is about, or nothing is measured.
		await sample(row, scene, requests);
		files.set(row.key, file);
	}
}

async function ask(key: string, seconds: number): Promise<Found> {
	const file = files.get(key);
	if (!scene || file === undefined) throw new Error(`${key} is not open`);
	const before = cpu();
	const { perSecond, errors } = await wrk(scene.url, file, seconds);
	return { microseconds: (cpu() - before) / (perSecond * seconds), perSecond, errors };
}

/** Microseconds of processor time that the runtime has had, in the program and in the system for it. */
function cpu(): number {
	const [, rest = ""] = readFileSync(`/proc/${workerdPid()}/stat`, "utf8").split(") ");
	const fields = rest.split(" ");
	return (Number(fields[11]) + Number(fields[12])) * TICK;
}

process.on("message", async (asked: Asked) => {
	try {
		if (asked.do === "end") {
			await scene?.worker.close();
			stage.erase();
			process.disconnect();
		} else if (asked.do === "open") {
			await open(asked.keys);
			process.send?.({ ok: null });
		} else process.send?.({ ok: await ask(asked.key, asked.seconds) });
	} catch (error) {
		process.send?.({ error: error instanceof Error ? error.message : String(error) });
	}
});
await stage.fill();
process.send?.({ ok: null });
