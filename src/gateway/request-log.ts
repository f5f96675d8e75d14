import type { Context } from "hono";
import { nameInLog, writeLine } from "../log.ts";
import { Trace } from "../trace.ts";
import type { Gateway } from "./openapi.ts";
import { routeOf } from "./route.ts";

/**
 * What is written about requests: all of them; those that failed on our side; nothing; or a share of those that only
 * read, between 0 and 1, and all that change something or failed.
 */
export type LogRequests = "on" | "errors" | "off" | number;

export interface RequestLogOptions {
	requests: LogRequests;
	random: () => number;
	now: () => number;
}

/**
 * One line for a request. Whether there will be one is decided when the request comes, so that what it causes is
 * written about or not as a whole; a request that fails is written about in any case.
 */
export class RequestLog {
	readonly #reads: number;
	readonly #changes: boolean;
	readonly #failures: boolean;
	readonly #random: () => number;
	readonly #now: () => number;

	constructor({ requests, random, now }: RequestLogOptions) {
		this.#reads = requests === "on" ? 1 : typeof requests === "number" ? requests : 0;
		this.#changes = this.#reads > 0;
		this.#failures = requests !== "off";
		this.#random = random;
		this.#now = now;
	}

	/** Whether a request that is answered at once wants a trace: its caller has one, or there will be a line. */
	wants(c: Context<Gateway>): boolean {
		const logged = this.#draw(c);
		c.set("logged", logged);
		return logged || c.req.header("traceparent") !== undefined;
	}

	/** The trace of a request, made when it is first asked for. */
	trace(c: Context<Gateway>): Trace {
		const known = c.get("trace");
		if (known) return known;
		const logged = c.get("logged") ?? this.#draw(c);
		const trace = Trace.ofRequest(c.req.header("traceparent"), c.get("requestId"), logged);
		c.set("trace", trace);
		return trace;
	}

	/** Writes about a request that `response` answers; `startedAt` is in Unix milliseconds. */
	answered(c: Context<Gateway>, response: Response, startedAt: number): void {
		const trace = this.trace(c);
		const { status, headers } = response;
		const failed = status >= 500;
		if (!trace.logged && !(failed && this.#failures)) return;
		const viewer = c.get("viewer");
		const fields = {
			method: c.req.method,
			route: routeOf(c),
			status,
			code: c.get("problem"),
			ms: this.#now() - startedAt,
			account: viewer && nameInLog(viewer),
			colo: (c.req.raw.cf as IncomingRequestCfProperties | undefined)?.colo,
			cache: headers.get("x-cache") ?? undefined,
			weight: failed || !isRead(c) ? 1 : 1 / this.#reads,
		};
		writeLine(failed ? "error" : "info", "request", fields, trace);
	}

	#draw(c: Context): boolean {
		return isRead(c) ? this.#reads > 0 && this.#random() < this.#reads : this.#changes;
	}
}

function isRead({ req: { method } }: Context): boolean {
	return method === "GET" || method === "HEAD" || method === "OPTIONS";
}
