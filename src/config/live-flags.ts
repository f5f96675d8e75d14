import type { Feature, Switches } from "../gateway/features.ts";
import { LiveCopy } from "../gateway/live-copy.ts";
import { reportFailure } from "../report.ts";
import { isSwitchedOff } from "./flag.ts";
import type { FlagSource, VersionedFlags } from "./flag-table.ts";

/** Milliseconds that a read may take. */
const PATIENCE = 1_000;

/**
 * The flags that this isolate knows of. Whoever asks gets what was in force less than 4 s ago ({@link LiveCopy}), so
 * that with clocks a second apart a change is everywhere within five seconds. When the store cannot be asked, the last
 * known flags stay; before it was ever asked, everything is as without any.
 */
export class LiveFlags implements Switches {
	readonly #copy: LiveCopy;
	#known: VersionedFlags = { version: 0, flags: {} };

	/** @param defer has work go on after the answer */
	constructor(source: FlagSource, defer: (work: Promise<unknown>) => void, now: () => number) {
		this.#copy = new LiveCopy({
			name: "the flags",
			read: async () => {
				const { asOf, value } = await source.read();
				this.learn(value);
				return asOf;
			},
			patience: PATIENCE,
			dispensable: true,
			failed: (error) => reportFailure("the flags could not be read", error),
			defer,
			now,
		});
	}

	get known(): VersionedFlags {
		return this.#known;
	}

	current(): boolean {
		return this.#copy.current();
	}

	fresh(): Promise<void> {
		return this.#copy.fresh();
	}

	isOff(feature: Feature): boolean {
		return isSwitchedOff(this.#known.flags, feature);
	}

	/** What this isolate has changed is in force here at once. */
	learn(flags: VersionedFlags): void {
		if (flags.version > this.#known.version) this.#known = flags;
	}
}
