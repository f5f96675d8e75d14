/**
 * `node paced.ts URL FILE PER_SECOND SECONDS`: an open loop. A request starts when its time has come, whether the ones
 * before it have been answered or not, and its latency counts from that time: a server that stands still is not let off
 * by a client that waits with it (no coordinated omission). To wait for one of the connections counts too. A timer's granularity of a millisecond is in every figure.
 */
import { readFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../results.ts";
import { CONNECTIONS } from "./wrk.ts";

export interface Paced {
	/** Milliseconds. */
	p50: number;
	p99: number;
	/** Of the client itself, which has the machine's cores only with others: p99 of how late it asked. */
	late: number;
	/** Answers of 400 and above, and connections that broke. */
	errors: number;
	/** Requests that were not answered when the time was over. */
	unanswered: number;
	/** Answers by what `X-Cache` said. */
	caches: Record<string, number>;
}

/** The part of the time that does not count: connections are made in it. */
const WARM_UP = 0.2;
/** Milliseconds for the last answers. */
const PATIENCE = 3000;

/** @param file as wrk reads it */
async function paced(url: string, file: string, perSecond: number, seconds: number): Promise<Paced> {
	const requests = readRequests(url, file);
	const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, scheduling: "lifo" });
	const count = Math.round(perSecond * seconds);
	const latencies: (number | undefined)[] = Array.from({ length: count });
	const caches: Record<string, number> = {};
	let errors = 0;
	let answered = 0;
	const start = performance.now();
	const dueAt = (n: number) => start + (n / perSecond) * 1000;
	const lateness: number[] = [];
	const send = (n: number) => {
		lateness.push(performance.now() - dueAt(n));
		const end = (failed: boolean) => {
			latencies[n] = performance.now() - dueAt(n);
			answered++;
			if (failed) errors++;
		};
		const { target, headers } = requests[(n * 7) % requests.length] as (typeof requests)[number];
		get(target, { agent, headers }, (response) => {
			const told = response.headers["x-cache"] ?? "none";
			caches[String(told)] = (caches[String(told)] ?? 0) + 1;
			response.resume();
			response.on("end", () => end((response.statusCode ?? 500) >= 400));
			response.on("error", () => end(true));
		}).on("error", () => end(true));
	};
	for (let n = 0; n < count; await sleep(1)) {
		while (n < count && dueAt(n) <= performance.now()) send(n++);
	}
	for (const until = performance.now() + PATIENCE; answered < count && performance.now() < until; ) await sleep(20);
	const now = performance.now();
	const counted = Array.from(latencies, (latency, n) => latency ?? now - dueAt(n)).slice(Math.round(count * WARM_UP));
	return {
		p50: quantile(counted, 0.5),
		p99: quantile(counted, 0.99),
		late: quantile(lateness.slice(Math.round(count * WARM_UP)), 0.99),
		errors,
		unanswered: count - answered,
		caches,
	};
}

function readRequests(url: string, file: string) {
	const lines = readFileSync(file, "utf8").trimEnd().split("\n");
	return lines.map((line) => {
		const [, path = "/", ...headers] = line.split("\t");
		return { target: `${url}${path}`, headers: Object.fromEntries(headers.map((header) => header.split(": "))) };
	});
}

const [url = "", file = "", perSecond, seconds] = process.argv.slice(2);
console.log(JSON.stringify(await paced(url, file, Number(perSecond), Number(seconds))));
// Whatever is still open.
process.exit();
