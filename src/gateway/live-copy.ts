import { inTime } from "../within.ts";

/** Milliseconds. A copy older than this is read anew behind the request's back. */
const REFRESH = 2_000;
/** Milliseconds. With a copy older than this, a request waits for a newer one. */
export const OLDEST = 4_000;
/** Milliseconds between two tries when the last one failed. */
const RETRY = 1_000;
/** Milliseconds. After a failed try, requests go on with the old copy for so long, while new tries are made. */
export const OUTAGE = 5_000;

export interface LiveCopyOptions {
	/** What it is a copy of, for errors: "the flags". */
	name: string;
	/** Reads the original and takes in what it says. @returns when that was so: Unix milliseconds */
	read: () => Promise<number>;
	/** Milliseconds that a read may take. */
	patience: number;
	/** Whether one goes on without any copy while the original cannot be read. */
	dispensable: boolean;
	/** Hears of a read that failed, and how old the copy is in milliseconds: Infinity when there is none. */
	failed: (error: unknown, age: number) => void;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
	now: () => number;
}

/**
 * When an isolate's copy of something small and shared is to be read anew. Whoever decides by the copy has what was so
 * less than 4 s ago ({@link OLDEST}, counted from when the original was asked); when it cannot be asked, the last copy
 * stays good.
 */
export class LiveCopy {
	readonly #options: LiveCopyOptions;
	#asOf = Number.NEGATIVE_INFINITY;
	#triedAt = Number.NEGATIVE_INFINITY;
	#failedAt = Number.NEGATIVE_INFINITY;

	constructor(options: LiveCopyOptions) {
		this.#options = options;
	}

	/** Whether there has ever been one. */
	get exists(): boolean {
		return this.#asOf > Number.NEGATIVE_INFINITY;
	}

	/** Whether one can decide by the copy as it is; a newer one is read when it is no longer quite fresh. */
	current(): boolean {
		const { defer, dispensable, now } = this.#options;
		const time = now();
		const age = time - this.#asOf;
		if (age < REFRESH) return true;
		const failing = time - this.#failedAt < OUTAGE;
		if (age >= OLDEST && !(failing && (dispensable || this.exists))) return false;
		if (time - this.#triedAt >= (failing ? RETRY : REFRESH)) defer(this.#refresh());
		return true;
	}

	/** Waits until there is a copy to decide by, or a try to have one has failed. Never fails. */
	async fresh(): Promise<void> {
		// Each reads for itself: workerd ties a promise to a request.
		if (!this.current()) await this.#refresh();
	}

	async #refresh(): Promise<void> {
		const { name, read, patience, failed, now } = this.#options;
		this.#triedAt = now();
		try {
			const asOf = await inTime(patience, read(), `${name} take too long`);
			this.#asOf = Math.max(this.#asOf, asOf);
			this.#failedAt = Number.NEGATIVE_INFINITY;
		} catch (error) {
			this.#failedAt = now();
			failed(error, this.#failedAt - this.#asOf);
		}
	}
}
