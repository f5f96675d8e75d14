/**
 * `npm run bench -- read [--graph PATH] [--only ROWS] [--quick] [--rounds N] [--seconds S] [--minutes M] [--direct] [--profile]`:
 * how fast feeds and profile pages are read, beside a route that answers with as many bytes of nothing in the same
 * process, and beside what one would otherwise write. Rows are those of `rows.ts`, and `deep`, `baseline` and `mixed`.
 *
 * Each row has a list of requests, of many viewers. wrk asks them over 32 connections, in turns with the constant
 * route, to which the same headers are sent; then an open loop does at a fixed pace, which is where p99 is judged: at
 * saturation it tells of the queue before the server and not of the server.
 *
 * `--direct` goes past Miniflare's entry, which takes more time than the constant route: ratios are lower then.
 * `--profile` shows instead in which functions the Worker's isolate spends a row.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePort } from "../../scripts/free-port.ts";
import { atLeast, atMost, type Check, figure } from "../results.ts";
import { BASELINES, type Baseline, startBaseline } from "./baselines.ts";
import { deep } from "./deep.ts";
import { compare, type Effort, inTurns, type Measured, measure, sample } from "./measure.ts";
import { mixed } from "./mixed.ts";
import { makePopulation } from "./population.ts";
import { profile } from "./profile.ts";
import { type Line, markdown, publish } from "./report.ts";
import { type Row, rowsOf } from "./rows.ts";
import { type Caches, type Scene, Stage } from "./stage.ts";
import { requireWrk, writeRequests, wrk } from "./wrk.ts";

const TAIL = 2;
/** Of what a row calls cached. */
const HITS = 0.9;
const WIDE = 0.9;
const DEPTH = 10_000;
const DEEP = 5;
const ALL: Caches = { pages: true, shared: true };
const POSTS_ONLY: Caches = { pages: false, shared: true };

const OPTIONS = {
	graph: { type: "string" },
	only: { type: "string" },
	quick: { type: "boolean", default: false },
	rounds: { type: "string" },
	seconds: { type: "string" },
	minutes: { type: "string" },
	direct: { type: "boolean", default: false },
	profile: { type: "boolean", default: false },
} as const;

export async function read(args: string[]): Promise<Check[] | undefined> {
	const { values } = parseArgs({ args, options: OPTIONS });
	const { quick } = values;
	requireWrk();
	const only = values.only?.split(",");
	const wanted = (key: string) => only?.includes(key) ?? true;
	const directory = mkdtempSync(join(tmpdir(), "edgefeed-read-"));
	const effort: Effort = {
		rounds: Number(values.rounds ?? (quick ? 1 : 5)),
		seconds: Number(values.seconds ?? (quick ? 2 : 6)),
		pace: 1000,
		directory,
	};
	const stage = new Stage(
		makePopulation({
			people: quick ? 300 : 2000,
			graph: values.graph,
			friendsOfWide: quick ? 1000 : 5000,
			friendsOfNarrow: 50,
		}),
		values.direct,
	);
	try {
		await stage.fill();
		const { accounts, friendships, posts } = stage.population;
		console.log(`${accounts.length} accounts, ${friendships.length} friendships, ${posts.length} posts`);
		const rows = rowsOf(stage).filter(({ key }) => wanted(key));
		if (values.profile) {
			await profiles(rows, stage, effort);
			return undefined;
		}
		const { measured, failures } = await measureAll(rows, stage, effort);
		const checks = checksOf(rows, measured);
		if (wanted("deep")) checks.push(...(await measureDeep(stage)));
		const baselines = wanted("baseline") ? await measureBaselines(stage, effort) : [];
		for (const { name, measured } of baselines) checks.push(...figures(name, measured.ours, measured.ratio));
		if (wanted("mixed")) {
			const minutes = Number(values.minutes ?? (quick ? 0.5 : 5));
			checks.push(...(await withScene(stage, ALL, (scene) => mixed(stage, scene, minutes, directory))));
		}
		const lines = [...linesOf(rows, measured), ...baselines];
		if (lines.length > 0) console.log(`\n${markdown(lines)}`);
		if (only === undefined && !quick && failures.length === 0) publish(lines);
		for (const failure of failures) console.log(`not measured: ${failure}`);
		return [...checks, atMost("rows that could not be measured", failures.length, "rows", 0)];
	} finally {
		stage.erase();
		rmSync(directory, { recursive: true, force: true });
	}
}

async function withScene<T>(stage: Stage, caches: Caches, work: (scene: Scene) => Promise<T>): Promise<T> {
	const scene = await stage.open(caches);
	try {
		return await work(scene);
	} finally {
		await scene.worker.close();
	}
}

/** A Worker for all rows with the same caches. What cannot be measured is told at the end. */
async function measureAll(rows: readonly Row[], stage: Stage, effort: Effort) {
	const measured = new Map<string, Measured>();
	const failures: string[] = [];
	for (const [caches, group] of Map.groupBy(rows, (row) => row.caches)) {
		await withScene(stage, caches, async (scene) => {
			for (const row of group) {
				try {
					const found = await measure(row, stage, scene, effort);
					measured.set(row.key, found);
					console.log(
						`${row.name}: ${found.ours.perSecond.toFixed(0)} of ${found.constant.perSecond.toFixed(0)} a second`,
					);
				} catch (error) {
					failures.push(error instanceof Error ? error.message : String(error));
				}
			}
		});
	}
	return { measured, failures };
}

function checksOf(rows: readonly Row[], measured: ReadonlyMap<string, Measured>): Check[] {
	const checks = rows.flatMap((row) => {
		const found = measured.get(row.key);
		if (!found) return [];
		const { ours, ratio, pacedRatio } = found;
		return [
			row.target === null
				? figure(row.name, ratio, "of the constant route")
				: atLeast(row.name, ratio, "of the constant route", row.target),
			...figures(row.name, ours).slice(0, -1),
			...(row.cache === "HIT"
				? [atLeast(`${row.name}: answered from the cache`, ours.hits, "of 1,000 a second", HITS)]
				: []),
			atMost(`${row.name}: p99 at 1,000 a second`, pacedRatio, "of the constant route's", TAIL),
			atMost(`${row.name}: not answered in time at 1,000 a second`, ours.unanswered, "requests", 0),
			atMost(`${row.name}: errors`, ours.errors, "requests", 0),
		];
	});
	const late = [...measured.values()].map(({ ours }) => ours.paced.late);
	if (late.length > 0)
		checks.push(figure("the paced client itself: p99 of how late it asked", Math.max(...late), "ms"));
	const [wide, narrow] = [measured.get("wide"), measured.get("narrow")];
	if (wide && narrow) {
		// Each beside the constant route, as they were not measured in the same minute.
		checks.push(atLeast("5,000 friends against 50, page not cached", wide.ratio / narrow.ratio, "of each other", WIDE));
	}
	return checks;
}

function linesOf(rows: readonly Row[], measured: ReadonlyMap<string, Measured>): Line[] {
	return rows.flatMap(({ key, name, target }) => {
		const found = measured.get(key);
		return found ? [{ name, target, measured: found, baseline: false }] : [];
	});
}

function figures(name: string, { perSecond, p50, p99, paced }: Measured["ours"], ratio = Number.NaN): Check[] {
	return [
		figure(name, perSecond, "requests per second"),
		figure(`${name}: p50 at full speed`, p50, "ms"),
		figure(`${name}: p99 at full speed`, p99, "ms"),
		figure(`${name}: p50 at 1,000 a second`, paced.p50, "ms"),
		figure(`${name}: p99 at 1,000 a second, in ms`, paced.p99, "ms"),
		figure(name, ratio, "of the constant route"),
	];
}

async function measureDeep(stage: Stage): Promise<Check[]> {
	const found = await withScene(stage, POSTS_ONLY, (scene) => deep(stage, scene, DEPTH));
	return [
		figure("second page", found.second, "ms"),
		figure(`page ${found.depth.toLocaleString("en")} posts down`, found.deep, "ms"),
		atMost("deep page", found.deep / found.second, "of the second page", DEEP),
	];
}

/** The constant route takes part in the rounds, so that they can be set beside the rows. */
async function measureBaselines(stage: Stage, effort: Effort): Promise<Line[]> {
	const requests = stage.population.viewers.map((viewer) => stage.as(viewer, "/v1/feed"));
	const file = writeRequests(effort.directory, "baseline", requests);
	const lines: Line[] = [];
	for (const [key, name] of Object.entries(BASELINES) as [Baseline, string][]) {
		await withScene(stage, ALL, async (scene) => {
			const baseline = await startBaseline(key, stage.population, stage.publicKey, effort.directory);
			try {
				const [request = { path: "", headers: {} }] = requests;
				const page = await fetch(`${baseline.url}${request.path}`, { headers: request.headers });
				if (!page.ok) throw new Error(`${name} answered ${page.status}`);
				const path = await scene.constant(key, await page.text());
				const same = requests.map(({ headers }) => ({ path, headers }));
				const bare = writeRequests(effort.directory, `${key}-constant`, same);
				const sides = { constant: { url: scene.url, file: bare }, ours: { url: baseline.url, file } };
				const found = await inTurns(sides, effort);
				lines.push({ name, target: null, measured: compare(found.ours, found.constant), baseline: true });
			} finally {
				await baseline.close();
			}
		});
	}
	return lines;
}

/** Nothing is held against a target while it is watched. */
async function profiles(rows: readonly Row[], stage: Stage, effort: Effort): Promise<void> {
	for (const row of rows) {
		const port = await freePort();
		const scene = await stage.open(row.caches, port);
		try {
			const requests = await row.requests(stage, scene);
			const file = writeRequests(effort.directory, row.key, requests);
			await wrk(scene.url, file, effort.seconds);
			await sample(row, scene, requests);
			const found = await profile(port, stage.module, () => wrk(scene.url, file, effort.seconds));
			console.log(`\n${row.name}\n\n${found}`);
		} finally {
			await scene.worker.close();
		}
	}
}
