/** One visit of the web app by a slow phone, and what was measured of it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { BrowserContext, Page } from "playwright-core";

export interface Network {
	/** Milliseconds before an answer begins. */
	latency: number;
	/** Kilobits a second. */
	down: number;
	up: number;
}

/** Milliseconds from the start of the navigation, but for `layoutShift`, which has no unit. */
export interface Visit {
	firstPost: number;
	firstPaint: number;
	largestPaint: number;
	layoutShift: number;
	/** What tasks longer than 50 ms took beyond that, from the first paint until five quiet seconds later. */
	blocked: number;
}

const SLOWER_CPU = 4;
/** For how long the page is watched after the first post is there. */
const QUIET = 5_000;
const PATIENCE = 60_000;

/** What the page notes of itself, in `window.noted`. */
interface Noted {
	firstPost: number;
	firstPaint: number;
	largestPaint: number;
	layoutShift: number;
	tasks: [start: number, duration: number][];
}

/** To be called once for each context, before its first page. */
export async function watch(context: BrowserContext): Promise<void> {
	await context.addInitScript(() => {
		const noted: Noted = { firstPost: 0, firstPaint: 0, largestPaint: 0, layoutShift: 0, tasks: [] };
		Reflect.set(globalThis, "noted", noted);
		const observe = (type: string, note: (entry: PerformanceEntry) => void) =>
			new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
		observe("paint", (entry) => {
			if (entry.name === "first-contentful-paint") noted.firstPaint = entry.startTime;
		});
		observe("largest-contentful-paint", (entry) => {
			noted.largestPaint = entry.startTime;
		});
		observe("layout-shift", (entry) => {
			if (!Reflect.get(entry, "hadRecentInput")) noted.layoutShift += Number(Reflect.get(entry, "value"));
		});
		observe("longtask", (entry) => noted.tasks.push([entry.startTime, entry.duration]));
		const look = () => {
			const post = document.querySelector("article")?.getBoundingClientRect();
			if (post && post.height > 0 && post.top < innerHeight) noted.firstPost = performance.now();
			else requestAnimationFrame(look);
		};
		requestAnimationFrame(look);
	});
}

/** Opens an address on a slow network with a slow processor. */
export async function visit(page: Page, address: string, network: Network, onFirstPost?: () => void): Promise<Visit> {
	const devtools = await page.context().newCDPSession(page);
	await devtools.send("Network.enable");
	await devtools.send("Network.emulateNetworkConditions", {
		offline: false,
		latency: network.latency,
		downloadThroughput: (network.down * 1024) / 8,
		uploadThroughput: (network.up * 1024) / 8,
	});
	await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER_CPU });
	await page.goto(address, { waitUntil: "commit", timeout: PATIENCE });
	await page.waitForFunction(() => (Reflect.get(globalThis, "noted") as Noted).firstPost > 0, undefined, {
		timeout: PATIENCE,
	});
	onFirstPost?.();
	await sleep(QUIET);
	const noted = await page.evaluate(() => Reflect.get(globalThis, "noted") as Noted);
	await devtools.detach();
	const { tasks, ...rest } = noted;
	const after = tasks.filter(([start, duration]) => start + duration > noted.firstPaint);
	return { ...rest, blocked: after.reduce((sum, [, duration]) => sum + Math.max(0, duration - 50), 0) };
}
