import type { Context, MiddlewareHandler, Next } from "hono";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { networkOf } from "./address.ts";
import type { Gateway } from "./openapi.ts";
import { Problem } from "./problem.ts";

/**
 * How often somebody may ask for something. Two kinds of limits: those that protect the service (read, write, search,
 * open, ops) cost next to nothing and are roughly kept; those that protect passwords and mailboxes are exact
 * (`sign-in-limits.ts`). `docs/limits.md` has the table.
 */

const quota = (limit: number, seconds: number) =>
	z
		.strictObject({ limit: z.int().min(1).default(limit), seconds: z.number().positive().default(seconds) })
		.prefault({});

/** The setting `RATE_LIMITS`: what it leaves out is as here; in a file of variables it is JSON. */
export const limitsSchema = z.preprocess(
	parseText,
	z.union([
		z.literal("off"),
		z.strictObject({
			/** By account, each in what Cloudflare calls a location, about. */
			read: quota(300, 10),
			write: quota(120, 60),
			search: quota(60, 60),
			ops: quota(600, 60),
			/** What asks for no account, by network. */
			open: quota(600, 60),
			/** By network, exactly, everywhere. */
			"sign-in": quota(30, 600),
			"sign-up": quota(10, 3600),
			reset: quota(10, 3600),
			/** Mails to one address, exactly, whoever asks for them. */
			"reset-name": quota(3, 3600),
			/** Wrong passwords for one name, whoever tries: so many are free, then each next one waits twice as long. */
			failures: z
				.strictObject({
					free: z.int().min(1).default(5),
					firstSeconds: z.number().positive().default(1),
					longestSeconds: z.number().positive().default(900),
					memorySeconds: z.number().positive().default(86_400),
				})
				.prefault({}),
		}),
	]),
);
export type LimitSettings = z.infer<typeof limitsSchema>;
export type Limits = Exclude<LimitSettings, "off">;
export type LimitClass = "read" | "write" | "search" | "ops" | "open";
export type QuotaName = Exclude<keyof Limits, "failures">;

function parseText(value: unknown): unknown {
	if (typeof value !== "string" || !value.startsWith("{")) return value;
	try {
		return JSON.parse(value);
	} catch {
		return value;
	}
}

/** How much an isolate has let through for somebody: tokens that come back evenly (a token bucket). */
interface Bucket {
	tokens: number;
	/** Unix milliseconds. */
	at: number;
}

/** Accounts or networks that an isolate counts for, in each class. */
const BUCKETS = 10_000;

export interface RateLimitsOptions {
	limits: LimitSettings;
	/** Cloudflare's own counters, one for each location, for those classes that have one. */
	counters: { readonly [K in LimitClass]?: RateLimit | undefined };
	now: () => number;
}

/**
 * The limits that cost nothing until somebody is fast: an isolate counts for itself, and only when somebody has used up
 * half of what she may in this isolate is she counted for the whole location.
 */
export class RateLimits {
	readonly #limits: LimitSettings;
	readonly #counters: RateLimitsOptions["counters"];
	readonly #now: () => number;
	readonly #buckets: Readonly<Record<LimitClass, LRUCache<string, Bucket>>>;

	constructor({ limits, counters, now }: RateLimitsOptions) {
		this.#limits = limits;
		this.#counters = counters;
		this.#now = now;
		const buckets = () => new LRUCache<string, Bucket>({ max: BUCKETS });
		this.#buckets = { read: buckets(), write: buckets(), search: buckets(), ops: buckets(), open: buckets() };
	}

	/**
	 * Lets a request through that comes from somebody who is not fast, without asking anybody.
	 * @returns false when {@link admit} has to decide; then nothing was counted
	 */
	passes(kind: LimitClass, subject: string): boolean {
		if (this.#limits === "off") return true;
		const { limit } = this.#limits[kind];
		const bucket = this.#bucketOf(kind, subject);
		if (bucket.tokens - 1 < limit / 2) return false;
		bucket.tokens -= 1;
		return true;
	}

	/** @throws Problem `too_many_requests`, with when to try again in the headers */
	async admit(c: Context, kind: LimitClass, subject: string): Promise<void> {
		if (this.#limits === "off") return;
		const { limit, seconds } = this.#limits[kind];
		const bucket = this.#bucketOf(kind, subject);
		if (bucket.tokens < 1) refuse(c, kind, this.#limits[kind], (1 - bucket.tokens) * (seconds / limit));
		bucket.tokens -= 1;
		const counted = await this.#counters[kind]?.limit({ key: subject }).catch(() => undefined);
		if (counted?.success === false) refuse(c, kind, this.#limits[kind], seconds);
	}

	/** Says how much is left. */
	show(c: Context, kind: LimitClass, subject: string): void {
		if (this.#limits === "off") return;
		const { tokens } = this.#bucketOf(kind, subject);
		const { limit, seconds } = this.#limits[kind];
		showQuota(c, kind, this.#limits[kind], Math.floor(tokens), (limit - tokens) * (seconds / limit));
	}

	#bucketOf(kind: LimitClass, subject: string): Bucket {
		const { limit, seconds } = (this.#limits as Limits)[kind];
		const now = this.#now();
		const bucket = this.#buckets[kind].get(subject);
		if (bucket === undefined) {
			const full = { tokens: limit, at: now };
			this.#buckets[kind].set(subject, full);
			return full;
		}
		if (now > bucket.at) {
			bucket.tokens = Math.min(limit, bucket.tokens + ((now - bucket.at) / 1000) * (limit / seconds));
			bucket.at = now;
		}
		return bucket;
	}
}

/** Says what is allowed and what is left: draft-ietf-httpapi-ratelimit-headers-11. */
export function showQuota(
	c: Context,
	name: QuotaName,
	{ limit, seconds }: { limit: number; seconds: number },
	remaining: number,
	reset: number,
): void {
	c.header("RateLimit-Policy", `"${name}";q=${limit};w=${Math.ceil(seconds)}`);
	c.header("RateLimit", `"${name}";r=${remaining};t=${Math.max(0, Math.ceil(reset))}`);
}

/** @param wait seconds */
export function refuse(c: Context, name: QuotaName, quota: { limit: number; seconds: number }, wait: number): never {
	showQuota(c, name, quota, 0, wait);
	waitFor(c, wait);
	throw new Problem("too_many_requests");
}

/** @param seconds at least one is said */
export function waitFor(c: Context, seconds: number): void {
	c.header("Retry-After", String(Math.max(1, Math.ceil(seconds))));
}

/** Limits the requests of an account, by what they do. */
export function limitAccount(limits: RateLimits): MiddlewareHandler<Gateway> {
	// `c.var` makes an object of all that is set.
	return limitBy(limits, (c) => [classOf(c), c.get("viewer")]);
}

/** Limits those who show no token, by where they come from. */
export function limitStrangers(limits: RateLimits): MiddlewareHandler<Gateway> {
	return limitBy(limits, (c) => (c.req.header("authorization") === undefined ? ["open", networkOf(c)] : undefined));
}

/** Limits everybody, by where they come from. */
export function limitNetwork(limits: RateLimits, kind: LimitClass): MiddlewareHandler<Gateway> {
	return limitBy(limits, (c) => [kind, networkOf(c)]);
}

function limitBy(
	limits: RateLimits,
	whom: (c: Context<Gateway>) => readonly [LimitClass, string] | undefined,
): MiddlewareHandler<Gateway> {
	const count = async (c: Context<Gateway>, next: Next, found: readonly [LimitClass, string]) => {
		await limits.admit(c, ...found);
		await next();
		// A socket's answer cannot be given other headers.
		if (c.res.status !== 101) limits.show(c, ...found);
	};
	// No `await` where none is needed: most requests come this way.
	return (c, next) => {
		const found = whom(c);
		return found === undefined || limits.passes(...found) ? next() : count(c, next, found);
	};
}

const SEARCHES = new Set(["/v1/accounts", "/v1/search/accounts"]);

/** Looking for names is what collects accounts: it has a limit of its own. */
function classOf(c: Context): LimitClass {
	if (c.req.method !== "GET" && c.req.method !== "HEAD") return "write";
	return SEARCHES.has(c.req.path) ? "search" : "read";
}
