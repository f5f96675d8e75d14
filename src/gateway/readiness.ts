import type { Context } from "hono";
import { reportFailure } from "../report.ts";
import { inTime } from "../within.ts";
import type { Gateway } from "./openapi.ts";

/** A part of the service that can be asked whether it is there. */
export interface Part {
	name: string;
	/** Whether the service cannot do its work without it. */
	needed: boolean;
	/** Fails when it is not there. */
	check: () => Promise<unknown>;
}

/** What `GET /readyz` says. */
export interface Report {
	/** `degraded`: slower, without a part that is not needed. */
	status: "ready" | "degraded" | "unavailable";
	parts: { name: string; status: "up" | "down" }[];
}

/** A part has so long to answer, in milliseconds. */
const PATIENCE = 2000;
/** For so long a report is given again, in milliseconds. */
const KEPT = 1000;
/** Milliseconds between two looks for a report that somebody else is making. */
const PAUSE = 50;

/**
 * Looks whether the parts of the service are there. However many ask, an isolate looks once in a second: who asks
 * meanwhile is told the last report, or waits for the first. Nobody waits for another request's promise, which may
 * never settle.
 */
export class Readiness {
	readonly #parts: () => readonly Part[];
	readonly #now: () => number;
	#report: Report | undefined;
	#madeAt = Number.NEGATIVE_INFINITY;
	#lookingSince = Number.NEGATIVE_INFINITY;

	constructor(parts: () => readonly Part[], now: () => number) {
		this.#parts = parts;
		this.#now = now;
	}

	async report(): Promise<Report> {
		for (;;) {
			const now = this.#now();
			if (this.#report && now - this.#madeAt < KEPT) return this.#report;
			// One that takes longer was cancelled with its request.
			if (now - this.#lookingSince > 2 * PATIENCE) return this.#look(now);
			if (this.#report && now - this.#madeAt < KEPT + 2 * PATIENCE) return this.#report;
			await new Promise((resolve) => setTimeout(resolve, PAUSE));
		}
	}

	async #look(startedAt: number): Promise<Report> {
		this.#lookingSince = startedAt;
		const parts = await Promise.all(this.#parts().map(async (part) => ({ ...part, up: await isUp(part) })));
		const down = parts.filter(({ up }) => !up);
		const status = down.some(({ needed }) => needed) ? "unavailable" : down.length > 0 ? "degraded" : "ready";
		this.#report = { status, parts: parts.map(({ name, up }) => ({ name, status: up ? "up" : "down" })) };
		this.#madeAt = this.#now();
		this.#lookingSince = Number.NEGATIVE_INFINITY;
		return this.#report;
	}
}

async function isUp({ name, check }: Part): Promise<boolean> {
	try {
		await inTime(PATIENCE, check(), "it does not answer in time");
		return true;
	} catch (error) {
		reportFailure("a part is not there", error, { part: name });
		return false;
	}
}

/** 503 says to whoever balances load that this place should get none. */
export async function sendReadiness(c: Context<Gateway>, readiness: Readiness): Promise<Response> {
	const report = await readiness.report();
	c.header("cache-control", "no-store");
	return c.json(report, report.status === "unavailable" ? 503 : 200);
}
