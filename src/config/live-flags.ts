import type { Feature, Switches } from "../gateway/features.ts";
import { reportFailure } from "../report.ts";
import { inTime } from "../within.ts";
import { isSwitchedOff } from "./flag.ts";
import type { FlagSource, VersionedFlags } from "./flag-table.ts";

/** Milliseconds. Flags older than this are read anew behind the request's back. */
const REFRESH = 2_000;
/** Milliseconds. With flags older than this, a request waits for newer ones. */
export const OLDEST = 4_000;
/** Milliseconds that a read may take, and between two tries when the last one failed. */
const PATIENCE = 1_000;
const RETRY = 1_000;
/** Milliseconds. After a failed try, requests go on with what is known for so long, while new tries are made. */
const OUTAGE = 5_000;

/**
 * The flags that this isolate knows of. Whoever asks gets what was in force less than 4 s ago ({@link OLDEST}, counted
 * from when the store was asked), so that with clocks a second apart a change is everywhere within five seconds. When
 * the store cannot be asked, the last known flags stay; before it was ever asked, everything is as without any.
 */
export class LiveFlags implements Switches {
	readonly #source: FlagSource;
	readonly #defer: (work: Promise<unknown>) => void;
	readonly #now: () => number;
	#known: VersionedFlags = { version: 0, flags: {} };
	#asOf = Number.NEGATIVE_INFINITY;
	#triedAt = Number.NEGATIVE_INFINITY;
	#failedAt = Number.NEGATIVE_INFINITY;

	/** @param defer has work go on after the answer */
	constructor(source: FlagSource, defer: (work: Promise<unknown>) => void, now: () => number) {
		this.#source = source;
		this.#defer = defer;
		this.#now = now;
	}

	get known(): VersionedFlags {
		return this.#known;
	}

	current(): boolean {
		const now = this.#now();
		const age = now - this.#asOf;
		if (age < REFRESH) return true;
		const failing = now - this.#failedAt < OUTAGE;
		if (age >= OLDEST && !failing) return false;
		if (now - this.#triedAt >= (failing ? RETRY : REFRESH)) this.#defer(this.#refresh());
		return true;
	}

	async fresh(): Promise<void> {
		// Each reads for itself: workerd ties a promise to a request.
		if (!this.current()) await this.#refresh();
	}

	isOff(feature: Feature): boolean {
		return isSwitchedOff(this.#known.flags, feature);
	}

	/** What this isolate has changed is in force here at once. */
	learn(flags: VersionedFlags): void {
		if (flags.version > this.#known.version) this.#known = flags;
	}

	async #refresh(): Promise<void> {
		this.#triedAt = this.#now();
		try {
			const { asOf, value } = await inTime(PATIENCE, this.#source.read(), "the flags take too long");
			this.learn(value);
			this.#asOf = Math.max(this.#asOf, asOf);
			this.#failedAt = Number.NEGATIVE_INFINITY;
		} catch (error) {
			this.#failedAt = this.#now();
			reportFailure("the flags could not be read", error);
		}
	}
}
