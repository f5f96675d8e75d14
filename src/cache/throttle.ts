import { LRUCache } from "lru-cache";
import type { Counter } from "../metrics.ts";
import { reportFailure } from "../report.ts";
import { inTime } from "../within.ts";

/** At most `limit` in any span of `window` milliseconds, wherever it begins. */
export interface Quota {
	readonly limit: number;
	readonly window: number;
}

/** Tries that cost more and more time, counted until one is good. Times in milliseconds. */
export interface Patience {
	/** So many in a row need not wait. */
	readonly free: number;
	/** What the next one waits for; twice as long each time, up to `longest`. */
	readonly first: number;
	readonly longest: number;
	/** After so long without a try all is forgotten. */
	readonly memory: number;
}

export interface Verdict {
	readonly allowed: boolean;
	/** How many more there may be now. */
	readonly remaining: number;
	/** Milliseconds: when it was refused, until another one is let through; else until there is more room than now. */
	readonly wait: number;
}

/** What is counted exactly, because every count of a key is made in one place, one after the other. */
export interface Throttle {
	/** Takes a place in a moving window, if there is one. */
	take(key: string, quota: Quota): Promise<Verdict>;
	/** Counts a try as one that failed, unless it comes too early: then it is refused, and counts for nothing. */
	attempt(key: string, patience: Patience): Promise<Verdict>;
	/** The try was good: those before it are forgotten. */
	forgive(key: string): Promise<void>;
}

/** The moments of those who were let through, oldest first. */
export type Places = readonly number[];

/** @param now a clock that was put back counts as standing still */
export function takePlace(places: Places, { limit, window }: Quota, now: number): { places: Places; verdict: Verdict } {
	const at = Math.max(now, places.at(-1) ?? now);
	const held = places.filter((place) => place > at - window);
	const allowed = held.length < limit;
	if (allowed) held.push(at);
	// The place whose end makes room: with a limit that was lowered it is not the oldest one.
	const next = held[Math.max(0, held.length - limit)] ?? at;
	return {
		places: held,
		verdict: { allowed, remaining: Math.max(0, limit - held.length), wait: next + window - now },
	};
}

/** Tries in a row that failed, and when the next one may be made. */
export interface Tries {
	readonly count: number;
	readonly next: number;
}

export function tryOnce(
	tries: Tries | undefined,
	{ free, first, longest }: Patience,
	now: number,
): { tries: Tries; verdict: Verdict } {
	const known = tries ?? { count: 0, next: now };
	if (now < known.next) {
		// A clock that was put back keeps nobody out for longer.
		const wait = Math.min(known.next - now, longest);
		return { tries: { ...known, next: now + wait }, verdict: { allowed: false, remaining: 0, wait } };
	}
	const count = known.count + 1;
	const delay = count < free ? 0 : Math.min(longest, first * 2 ** (count - free));
	const verdict = { allowed: true, remaining: Math.max(0, free - count), wait: delay };
	return { tries: { count, next: now + delay }, verdict };
}

/** Keys that an isolate counts for itself. */
const KEYS = 20_000;

/** Counts in memory: exact in one place, and nothing of it is left when that goes. */
export class MemoryThrottle implements Throttle {
	readonly #places = new LRUCache<string, Places>({ max: KEYS });
	readonly #tries = new LRUCache<string, Tries & { until: number }>({ max: KEYS });
	readonly #now: () => number;

	constructor(now: () => number) {
		this.#now = now;
	}

	async take(key: string, quota: Quota): Promise<Verdict> {
		const { places, verdict } = takePlace(this.#places.get(key) ?? [], quota, this.#now());
		this.#places.set(key, places);
		return verdict;
	}

	async attempt(key: string, patience: Patience): Promise<Verdict> {
		const now = this.#now();
		const known = this.#tries.get(key);
		const { tries, verdict } = tryOnce(known && now < known.until ? known : undefined, patience, now);
		this.#tries.set(key, { ...tries, until: Math.max(now + patience.memory, tries.next) });
		return verdict;
	}

	async forgive(key: string): Promise<void> {
		this.#tries.delete(key);
	}
}

/** Milliseconds that a request waits for a count, and for which a place that fails is left alone. */
const LIMIT = 500;
const REST = 5_000;

/**
 * A throttle that never fails and never takes long: while the grid is away each isolate counts for itself, so that
 * limits are kept less well and nobody is kept out for a fault of ours.
 */
export class SteadyThrottle implements Throttle {
	readonly #grid: Throttle;
	readonly #own: Throttle;
	readonly #tally: Counter;
	readonly #now: () => number;
	#restUntil = Number.NEGATIVE_INFINITY;

	constructor(grid: Throttle, { tally, now }: { tally: Counter; now: () => number }) {
		this.#grid = grid;
		this.#own = new MemoryThrottle(now);
		this.#tally = tally;
		this.#now = now;
	}

	take(key: string, quota: Quota): Promise<Verdict> {
		return this.#ask((throttle) => throttle.take(key, quota));
	}

	attempt(key: string, patience: Patience): Promise<Verdict> {
		return this.#ask((throttle) => throttle.attempt(key, patience));
	}

	async forgive(key: string): Promise<void> {
		await this.#own.forgive(key);
		await this.#ask((throttle) => throttle.forgive(key));
	}

	async #ask<T>(operation: (throttle: Throttle) => Promise<T>): Promise<T> {
		if (this.#now() < this.#restUntil) return operation(this.#own);
		try {
			return await inTime(LIMIT, operation(this.#grid), `no answer in ${LIMIT} ms`);
		} catch (error) {
			this.#restUntil = this.#now() + REST;
			this.#tally.add("throttle_failures", 1);
			reportFailure("limits are counted by each isolate for itself", error);
			return operation(this.#own);
		}
	}
}
