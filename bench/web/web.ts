/**
 * `npm run bench -- web [--runs N]`: how soon somebody who is signed in sees her feed on a slow phone. Chromium against
 * `npm start`, behind something that compresses as Cloudflare does, with Lighthouse's figures for slow 4G and a
 * processor four times slower (https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md).
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import type { Browser, BrowserContext } from "playwright-core";
import { Client } from "../../scripts/client.ts";
import { systemUnderTest, type WholeSystem } from "../../scripts/whole-system.ts";
import { encodeId, logicalShardOf } from "../../src/store/ids.ts";
import { openBrowser, PHONE } from "../../test/browser/device.ts";
import { publishTable } from "../document.ts";
import { accountIds } from "../people.ts";
import { atMost, type Check, figure, median } from "../results.ts";
import { Edge } from "./edge.ts";
import { type Network, type Visit, visit, watch } from "./visit.ts";

const PASSWORD = "password of the bench";
/** Of this run alone: the server may have seen others. */
const RUN = randomBytes(4).toString("hex");
const READER = `reader_${RUN}`;
const FRIENDS = 60;
const POSTS = 400;

/** The figures of packets on the line, and those that Lighthouse gives to DevTools, which delays whole requests, in their place. */
const NETWORKS: Readonly<Record<string, Network>> = {
	"slow 4G": { latency: 150, down: 1.6 * 1024, up: 750 },
	"slow 4G, as DevTools delays requests": { latency: 150 * 3.75, down: 1.6 * 1024 * 0.9, up: 750 * 0.9 },
};
const TARGET = "slow 4G";

interface Round {
	first: Visit;
	repeat: Visit;
	/** Gzipped, until the first post was there. */
	scripts: number;
	/** All scripts, with what the service worker fetches for later. */
	allScripts: number;
	/** All that was sent until the first post was there. */
	bytes: number;
}

export async function web(args: string[]): Promise<readonly Check[]> {
	const { values } = parseArgs({ args, options: { runs: { type: "string", default: "5" } } });
	const system = await systemUnderTest();
	const edge = await Edge.open(system.url);
	const browser = await openBrowser();
	try {
		await populate(system);
		const checks: Check[] = [];
		const rows: string[] = [];
		for (const [name, network] of Object.entries(NETWORKS)) {
			const rounds: Round[] = [];
			for (let n = 0; n < Number(values.runs); n++) {
				rounds.push(await round(browser, edge, network));
				console.log(`${name}, round ${n + 1}: first post after ${rounds.at(-1)?.first.firstPost.toFixed(0)} ms`);
			}
			rows.push(...lines(name, rounds));
			checks.push(...judged(name, rounds));
		}
		publishTable("the web app", [HEAD, `|${"---|".repeat(7)}`, ...rows].join("\n"));
		return checks;
	} finally {
		await browser.close();
		await edge.close();
		await system.close();
	}
}

/** Somebody with friends who have all posted in the last days. */
async function populate({ url, operatorSecret }: WholeSystem): Promise<void> {
	const client = new Client(url);
	const headers = { "x-operator-secret": operatorSecret };
	const ids = accountIds(4, FRIENDS + 1);
	const accounts = ids.map((id, n) => {
		const username = n === 0 ? READER : `friend${n}_${RUN}`;
		return { id, username, email: `${username}@example.com`, displayName: `Person ${n}`, bio: "" };
	});
	const [reader, ...friends] = ids as [(typeof ids)[0], ...typeof ids];
	const since = Date.now() - 10 * 86_400_000;
	const friendships = friends.map((friend, n) => [reader, friend, since + n]);
	const posts = Array.from({ length: POSTS }, (_, n) => {
		const authorId = friends[n % FRIENDS] ?? reader;
		const id = encodeId({ time: since + n * 1_800_000, shard: logicalShardOf(authorId), tail: n });
		return { id, authorId, text: `Story ${n}: ${"how the day went, ".repeat(1 + (n % 9))}`, audience: "friends" };
	});
	await client.call("POST", "/ops/import", { headers, body: { accounts, password: PASSWORD, friendships, posts } });
}

/** A new device: signed in, but with nothing of the app and of the feed. Then the same once more, with all that it kept. */
async function round(browser: Browser, edge: Edge, network: Network): Promise<Round> {
	const context = await browser.newContext({ viewport: PHONE, isMobile: true, hasTouch: true, locale: "en-US" });
	try {
		await signedIn(context, edge.url);
		await watch(context);
		const before = edge.sent.length;
		let until = before;
		const page = await context.newPage();
		const first = await visit(page, edge.url, network, () => {
			until = edge.sent.length;
		});
		const later = edge.sent.slice(before);
		await page.close();
		const again = await context.newPage();
		const repeat = await visit(again, edge.url, network);
		const early = edge.sent.slice(before, until);
		const sum = (entries: typeof early) => entries.reduce((bytes, entry) => bytes + entry.bytes, 0);
		const scripts = (entries: typeof early) => sum(entries.filter(({ type }) => type.includes("javascript")));
		return { first, repeat, scripts: scripts(early), allScripts: scripts(later), bytes: sum(early) };
	} finally {
		await context.close();
	}
}

/** Signs in at full speed, and clears away everything but the session. */
async function signedIn(context: BrowserContext, url: string): Promise<void> {
	const page = await context.newPage();
	await page.goto(`${url}/sign-in`);
	await page.getByRole("textbox", { name: "Username or email" }).fill(READER);
	await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
	await page.getByRole("button", { name: "Sign in", exact: true }).click();
	await page.getByRole("article").first().waitFor();
	// The same origin without the app, which would write everything again.
	await page.goto(`${url}/healthz`);
	await page.evaluate(async () => {
		for (const worker of await navigator.serviceWorker.getRegistrations()) await worker.unregister();
		for (const name of await caches.keys()) await caches.delete(name);
		const database = await new Promise<IDBDatabase>((open, fail) => {
			const request = indexedDB.open("edgefeed");
			request.onsuccess = () => open(request.result);
			request.onerror = () => fail(request.error);
		});
		const done = database.transaction("kept", "readwrite");
		const store = done.objectStore("kept");
		store.getAllKeys().onsuccess = ({ target }) => {
			const keys = (target as IDBRequest<IDBValidKey[]>).result;
			for (const key of keys) if (!/session/i.test(String(key))) store.delete(key);
		};
		await new Promise((end) => {
			done.oncomplete = end;
		});
		database.close();
	});
	const devtools = await context.newCDPSession(page);
	await devtools.send("Network.clearBrowserCache");
	await page.close();
}

const HEAD = "| visit | first post | first paint | LCP | TBT | CLS | scripts, gzipped |";

function lines(name: string, rounds: readonly Round[]): string[] {
	const row = (which: "first" | "repeat", scripts: string) => {
		const of = (field: keyof Visit) => median(rounds.map((round) => round[which][field]));
		const ms = (["firstPost", "firstPaint", "largestPaint", "blocked"] as const).map(
			(field) => `${of(field).toFixed(0)} ms`,
		);
		return `| ${which === "first" ? "first load" : "the next load"}, ${name} | ${ms.join(" | ")} | ${of("layoutShift").toFixed(3)} | ${scripts} |`;
	};
	const scripts = median(rounds.map((round) => round.scripts));
	return [row("first", `${(scripts / 1000).toFixed(1)} KB`), row("repeat", "")];
}

function judged(name: string, rounds: readonly Round[]): Check[] {
	const of = (value: (round: Round) => number) => median(rounds.map(value));
	const firstPost = of(({ first }) => first.firstPost);
	const again = of(({ repeat }) => repeat.firstPost);
	const checks = [
		name === TARGET
			? atMost(`${name}: first post on the first load`, firstPost, "ms", 2500)
			: figure(`${name}: first post on the first load`, firstPost, "ms"),
		figure(`${name}: first post on the next load`, again, "ms"),
		figure(
			`${name}: LCP`,
			of(({ first }) => first.largestPaint),
			"ms",
		),
		figure(
			`${name}: TBT`,
			of(({ first }) => first.blocked),
			"ms",
		),
		atMost(
			`${name}: CLS`,
			of(({ first }) => first.layoutShift),
			"",
			0.1,
		),
	];
	if (name !== TARGET) return checks;
	return [
		...checks,
		atMost("scripts of the first load, gzipped", of(({ scripts }) => scripts) / 1000, "KB", 100),
		figure("with what is fetched for later", of(({ allScripts }) => allScripts) / 1000, "KB"),
		figure("everything until the first post", of(({ bytes }) => bytes) / 1000, "KB"),
	];
}
