/**
 * Random load on a server that dies all the time:
 *
 *   npm run chaos -- [--kills N] [--seed S] [--minutes M] [--faults [--rate R]]
 *
 * The server runs in a process of its own and is killed (SIGKILL, with its workerd) at random moments, then started
 * again on the same state; the local queue forgets everything. With `--faults` its databases, objects and queues
 * fail at random as well, before or after they have done what they were asked. When all has settled, every
 * acknowledged write must be there, once, and everywhere it belongs.
 *
 * A seed repeats what is attempted, not what meets what: that is up to the machine. Exits with 1 when anything is wrong.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { makeNetwork } from "../scripts/network.ts";
import { Teller } from "../scripts/stories.ts";
import { Api, PASSWORD } from "./api.ts";
import { type Checks, check, settle } from "./check.ts";
import { Findings } from "./findings.ts";
import { Follower } from "./follower.ts";
import { Host } from "./host.ts";
import { drive, type Load, Locks, readers } from "./load.ts";
import { Model } from "./model.ts";

const PEOPLE = 40;
/** Clients that write at the same time. */
const WRITERS = 10;
/** What settling and checking take at most, in milliseconds: kept free at the end of the run. */
const ENDING = 330_000;
const SETTLE = 240_000;
/** How long the load lasts without kills, in milliseconds. */
const LOAD = 90_000;

const { values } = parseArgs({
	options: {
		seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
		minutes: { type: "string", default: "10" },
		kills: { type: "string" },
		faults: { type: "boolean", default: false },
		rate: { type: "string", default: "0.03" },
	},
});
const seed = Number(values.seed);
const wanted = Number(values.kills ?? (values.faults ? 0 : 20));
const start = Date.now();
const loadUntil = start + Math.max(Number(values.minutes) * 60_000 - ENDING, 20_000);
const random = new Teller(seed);
const directory = mkdtempSync(join(tmpdir(), "edgefeed-chaos-"));
const say = (text: string) => console.log(`${((Date.now() - start) / 1000).toFixed(1).padStart(7)} s  ${text}`);

say(`seed ${seed}, state and log in ${directory}`);
const host = await Host.make(
	directory,
	values.faults ? "chaos/worker.ts" : undefined,
	values.faults ? { FAULTS: JSON.stringify({ seed, rate: Number(values.rate) }) } : {},
);
process.on("exit", () => host.killNow());
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => process.exit(130));
await host.start();
const api = new Api(host);
const findings = new Findings();
const model = await populate();
say(`${PEOPLE} people signed up`);

const load: Load = { api, model, findings, stop: { now: false }, written: 0, locks: new Locks(), serial: 0 };
const followers = readers(model).map((who) => new Follower(api, findings, who));
const following = followers.map((follower, n) => follower.run(n % 3 === 0 ? "poll" : "socket"));
await setFaults(true);
const writers = Array.from({ length: WRITERS }, (_, n) => drive(load, new Teller(seed + 1 + n)));
const kills = wanted > 0 ? await killAgainAndAgain() : await justWait();
load.stop.now = true;
// What still waits for an answer must get one without more faults.
await setFaults(false);
await Promise.all(writers);
say(`load ended: ${load.written} acknowledged writes, ${model.stories.size} posts and comments; ${counts()}`);

const checks: Checks = { api, model, findings, followers };
await settle(checks, SETTLE, say);
await check(checks, say);
for (const follower of followers) follower.stop();
await Promise.all(following);
await host.kill();
const good = findings.total === 0;
if (good) rmSync(directory, { recursive: true, force: true });
else say(`state and log are left in ${directory}`);
const what = values.faults ? `${kills} kills, faults at a rate of ${values.rate}` : `${kills} kills`;
console.log(`chaos: ${what}, ${load.written.toLocaleString("en")} acknowledged writes: ${findings} (seed ${seed})`);
process.exit(good && kills === wanted ? 0 : 1);

/** Accounts with some friendships and follows between neighbours. */
async function populate(): Promise<Model> {
	const network = makeNetwork({ seed, accounts: PEOPLE, posts: 0, graph: [], until: start });
	const accounts = network.accounts.map(({ language: _, ...account }) => account);
	await api.operate("/ops/import", { accounts, password: PASSWORD });
	const people = accounts.map(({ id, username }) => ({ id, username, token: "" }));
	await Promise.all(people.map((who) => api.signIn(who)));
	const model = new Model(people);
	const pairs = people.flatMap((a, n) =>
		[1, 2, 3, 5].map((step) => [a.id, people[(n + step) % PEOPLE]?.id ?? a.id] as const),
	);
	const friendships = pairs.filter(() => random.fraction() < 0.7);
	const follows = pairs.filter(() => random.fraction() < 0.3);
	for (const [a, b] of friendships) model.befriend(a, b);
	for (const [a, b] of follows) model.tie(a, b).followers.add(a);
	const since = ([a, b]: readonly [string, string], n: number) => [a, b, start - 1_000_000 + n];
	await api.operate("/ops/import", { friendships: friendships.map(since), follows: follows.map(since) });
	return model;
}

/** @returns how often it was killed: fewer times than asked for when the time is over. */
async function killAgainAndAgain(): Promise<number> {
	for (let n = 1; n <= wanted; n++) {
		if (Date.now() > loadUntil) {
			say(`no time left for ${wanted - n + 1} more kills: give it more --minutes`);
			return n - 1;
		}
		// Sometimes hardly up, sometimes in the middle of much.
		await sleep(random.fraction() < 0.2 ? random.int(300) : 1000 + random.int(5000));
		const before = Date.now();
		await host.restart();
		await setFaults(true);
		say(`kill ${n} of ${wanted}, up again in ${Date.now() - before} ms; ${load.written} writes`);
	}
	await sleep(2000);
	return wanted;
}

async function justWait(): Promise<number> {
	const until = Math.min(loadUntil, Date.now() + LOAD);
	while (Date.now() < until) {
		await sleep(Math.min(10_000, until - Date.now()));
		say(`${load.written} writes; ${counts()}`);
	}
	return 0;
}

/** Only the Worker of chaos/worker.ts knows this path. */
async function setFaults(on: boolean): Promise<void> {
	if (!values.faults) return;
	const response = await fetch(`${host.url}/__faults`, { method: on ? "PUT" : "DELETE" });
	const counts = await response.text();
	if (!on) say(`faults off after ${counts}`);
}

function counts(): string {
	return [...api.counts].map(([name, count]) => `${count} ${name}`).join(", ");
}
