/** One row: a look at what is answered, then the ceiling and ours in turns, at full speed and at a pace. */
import { join } from "node:path";
import { median } from "../results.ts";
import type { Paced } from "./paced.ts";
import type { Row } from "./rows.ts";
import type { Scene, Stage } from "./stage.ts";
import { type Load, type Request, run, writeRequests, wrk } from "./wrk.ts";

export interface Effort {
	rounds: number;
	/** Of a round, of each side. */
	seconds: number;
	/** Requests a second when paced. */
	pace: number;
	/** Where lists of requests are written. */
	directory: string;
}

/** Medians of the rounds. */
export interface Found extends Load {
	paced: { p50: number; p99: number; late: number };
	/** Paced requests that were not answered in time: it cannot keep the pace. */
	unanswered: number;
	/** Of the paced answers, the part that came out of a cache. */
	hits: number;
}

export interface Measured {
	ours: Found;
	constant: Found;
	/** Medians of the rounds' ratios: what disturbs the machine disturbs both of a round. */
	ratio: number;
	pacedRatio: number;
	/** Bytes of a page. */
	bytes: number;
}

const SAMPLE = 40;
/** Of a sample: a page may just have been thrown away. */
const ENOUGH = 0.9;
/** Milliseconds for an answer when there is nothing else to do. */
const CALM = 50;
const MOST_TRIES = 200;

/** @throws Error when the answers are not what the row is about. */
export async function measure(row: Row, stage: Stage, scene: Scene, effort: Effort): Promise<Measured> {
	const requests = await row.requests(stage, scene);
	const file = writeRequests(effort.directory, row.key, requests);
	await wrk(scene.url, file, effort.seconds);
	const body = await sample(row, scene, requests);
	const path = await scene.constant(row.key, body);
	const same = requests.map(({ headers }) => ({ path, headers }));
	const bare = writeRequests(effort.directory, `${row.key}-constant`, same);
	const sides = { constant: { url: scene.url, file: bare }, ours: { url: scene.url, file } };
	const found = await inTurns(sides, effort);
	await sample(row, scene, requests);
	return { ...compare(found.ours, found.constant), bytes: Buffer.byteLength(body) };
}

/** Checks answers from all over the list. @returns the body of middle length. @throws Error as {@link measure} does. */
export async function sample(row: Row, scene: Scene, requests: readonly Request[]): Promise<string> {
	const step = Math.max(1, Math.floor(requests.length / SAMPLE));
	const bodies: string[] = [];
	const told: string[] = [];
	for (const request of requests.filter((_, n) => n % step === 0)) {
		// Pages that were made together become too old together: it is the second answer that tells whether they are kept.
		if (row.cache === "HIT" || row.posts === "KEPT") await (await scene.get(request)).arrayBuffer();
		const response = await scene.get(request);
		bodies.push(await response.text());
		told.push(tellOf(row, response));
	}
	const wanted = wantedOf(row);
	const right = told.filter((each) => wanted.includes(each)).length;
	if (right < told.length * ENOUGH) {
		const tally = [...new Set(told)].map((each) => `${each}: ${told.filter((other) => other === each).length}`);
		throw new Error(`${row.name}: expected ${wanted.join(" or ")}, sampled ${tally.join(", ")}`);
	}
	return bodies.sort((a, b) => a.length - b.length)[Math.floor(bodies.length / 2)] ?? "";
}

/** What an answer says of itself, as far as the row cares. */
function tellOf({ cache, posts }: Row, { status, headers }: Response): string {
	const parts = [String(status)];
	if (cache !== "ANY") parts.push(headers.get("x-cache") ?? "no X-Cache");
	if (posts) {
		const [, told] = /\bposts;desc=(\w+)/.exec(headers.get("server-timing") ?? "") ?? [];
		parts.push(`posts ${told ?? "not told of"}`);
	}
	return parts.join(", ");
}

function wantedOf({ status, cache, posts }: Row): string[] {
	// A stale page comes out of the cache as well.
	const caches = cache === "HIT" ? ["HIT", "STALE"] : cache === "MISS" ? ["MISS"] : [undefined];
	return caches.map((each) =>
		[String(status), each, posts && `posts ${posts}`].filter((part) => part !== undefined).join(", "),
	);
}

interface Side {
	url: string;
	file: string;
}
export interface Round {
	load: Load;
	paced: Paced;
}

/** After a warm-up that does not count. */
export async function inTurns<Name extends string>(
	sides: Readonly<Record<Name, Side>>,
	{ rounds, seconds, pace }: Effort,
): Promise<Record<Name, Round[]>> {
	const names = Object.keys(sides) as Name[];
	const found = Object.fromEntries(names.map((name) => [name, [] as Round[]])) as Record<Name, Round[]>;
	for (const name of names) await wrk(sides[name].url, sides[name].file, Math.ceil(seconds / 2));
	for (let n = 0; n < rounds; n++) {
		const loads = new Map<Name, Load>();
		for (const name of names) loads.set(name, await wrk(sides[name].url, sides[name].file, seconds));
		for (const name of names) {
			const paced = await pacedLoad(sides[name], pace, seconds);
			found[name].push({ load: loads.get(name) as Load, paced });
		}
	}
	return found;
}

async function pacedLoad({ url, file }: Side, pace: number, seconds: number): Promise<Paced> {
	const script = join(import.meta.dirname, "paced.ts");
	const output = await run(process.execPath, [script, url, file, String(pace), String(seconds)]);
	await calm(url);
	return JSON.parse(output) as Paced;
}

/** Waits until what nobody waits for any more is done. */
async function calm(url: string): Promise<void> {
	for (let tries = 0; tries < MOST_TRIES; tries++) {
		const start = performance.now();
		await (await fetch(url)).arrayBuffer();
		if (performance.now() - start < CALM) return;
	}
}

/** Ours beside the ceiling, round by round. */
export function compare(ours: readonly Round[], constant: readonly Round[]): Omit<Measured, "bytes"> {
	const ratios = (of: (round: Round) => number) => median(ours.map((round, n) => of(round) / of(constant[n] ?? round)));
	return {
		ours: summary(ours),
		constant: summary(constant),
		ratio: ratios(({ load }) => load.perSecond),
		pacedRatio: ratios(({ paced }) => paced.p99),
	};
}

function summary(rounds: readonly Round[]): Found {
	const middle = (of: (round: Round) => number) => median(rounds.map(of));
	return {
		perSecond: middle(({ load }) => load.perSecond),
		p50: middle(({ load }) => load.p50),
		p99: middle(({ load }) => load.p99),
		errors: rounds.reduce((sum, { load, paced }) => sum + load.errors + paced.errors, 0),
		unanswered: rounds.reduce((sum, { paced }) => sum + paced.unanswered, 0),
		paced: {
			p50: middle(({ paced }) => paced.p50),
			p99: middle(({ paced }) => paced.p99),
			late: middle(({ paced }) => paced.late),
		},
		hits: middle(({ paced: { caches } }) => {
			const all = Object.values(caches).reduce((sum, count) => sum + count, 0);
			return all === 0 ? 0 : ((caches.HIT ?? 0) + (caches.STALE ?? 0)) / all;
		}),
	};
}
