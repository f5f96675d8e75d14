import { AsyncLocalStorage } from "node:async_hooks";

/**
 * What the reads of a request must know of. It travels beside the calls and not through them: the stores are built
 * once in an isolate, and no query of theirs depends on it. Work without one (queues, Durable Objects, operators)
 * reads primaries.
 */

/** A state of a database, as text: of two, the greater text is the newer state. */
export type Bookmark = string;

/** What a client has seen or done, by database. */
export type Bookmarks = ReadonlyMap<string, { state: Bookmark; at: number }>;

/**
 * How far the clocks of two machines may be apart, in milliseconds. Cloudflare says nothing of it; what is measured in
 * data centres that ask a time server is a hundredth of this.
 */
export const CLOCKS_APART = 1000;

const current = new AsyncLocalStorage<Consistency>();

export interface ConsistencyOptions {
	/** Whether reads may be answered by replicas. */
	replicas: boolean;
	/** What the client has brought along. */
	had: Bookmarks;
	/** Keeps work alive that the answer does not wait for. */
	waitUntil: (work: Promise<void>) => void;
}

/** The consistency of one request. */
export class Consistency {
	readonly replicas: boolean;
	readonly waitUntil: (work: Promise<void>) => void;
	readonly #had: Bookmarks;
	readonly #seen = new Map<string, Bookmark>();
	#since = Number.NEGATIVE_INFINITY;

	constructor({ replicas, had, waitUntil }: ConsistencyOptions) {
		this.replicas = replicas;
		this.#had = had;
		this.waitUntil = waitUntil;
	}

	/** That of the request that is being answered here, when it has one. */
	static get current(): Consistency | undefined {
		return current.getStore();
	}

	/**
	 * From here on, what the current request reads knows all that was committed before `time`, in Unix milliseconds of
	 * this machine; {@link CLOCKS_APART} more when it is another's. With infinity it reads primaries.
	 */
	static require(time: number): void {
		const consistency = current.getStore();
		if (consistency) consistency.#since = Math.max(consistency.#since, time);
	}

	/** Runs `work` on primaries. @returns its result, and what a request that has it done elsewhere {@link saw} by it. */
	static async collecting<T>(work: () => Promise<T>): Promise<{ result: T; seen: Record<string, Bookmark> }> {
		const consistency = new Consistency({ replicas: false, had: new Map(), waitUntil: () => {} });
		return { result: await consistency.run(work), seen: Object.fromEntries(consistency.seen) };
	}

	/** Runs `work`, and all that it calls, with this consistency. */
	run<T>(work: () => Promise<T>): Promise<T> {
		return current.run(this, work);
	}

	/** What is read must have been current at this time, or later: Unix milliseconds. */
	get since(): number {
		return this.#since;
	}

	/** The databases that the request has read or written, and a state of each that has all of that. */
	get seen(): ReadonlyMap<string, Bookmark> {
		return this.#seen;
	}

	/** The state of a database that the client has seen before. */
	had(database: string): Bookmark | undefined {
		return this.#had.get(database)?.state;
	}

	saw(database: string, state: Bookmark): void {
		const known = this.#seen.get(database);
		if (known === undefined || known < state) this.#seen.set(database, state);
	}
}
