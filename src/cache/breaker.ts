import type { Counter } from "../metrics.ts";
import { reportFailure } from "../report.ts";
import { within } from "../within.ts";
import type { Kept, Layer } from "./layer.ts";

/** Failures in a row after which a layer is left alone, and for how many milliseconds. */
const FAILURES = 5;
const REST = 5_000;
/** Nobody waits for what is kept or dropped: it has so many milliseconds. */
const WRITE_LIMIT = 2_000;

const NOTHING: ReadonlyMap<string, Kept> = new Map();

/**
 * A layer that never fails and never takes long: failures are misses, and after some in a row the layer is left alone.
 * Then one operation tries it, and after each rest another one, until one succeeds. The state is a number and a time,
 * and no promise that a cancelled request could leave behind for others to wait for.
 */
export class Breaker implements Layer {
	readonly name: Layer["name"];
	readonly #layer: Layer;
	readonly #limit: number;
	readonly #tally: Counter;
	readonly #now: () => number;
	#failures = 0;
	#restUntil = Number.NEGATIVE_INFINITY;

	/** @param limit milliseconds that a reader waits for the layer */
	constructor(layer: Layer, { limit, tally, now }: { limit: number; tally: Counter; now: () => number }) {
		this.name = layer.name;
		this.#layer = layer;
		this.#limit = limit;
		this.#tally = tally;
		this.#now = now;
	}

	async get(keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
		let found = NOTHING;
		await this.#attempt(this.#limit, async () => {
			found = await this.#layer.get(keys);
		});
		const given = found;
		this.#count("hits", given.size);
		this.#count("misses", keys.length - given.size);
		return given;
	}

	async put(entries: ReadonlyMap<string, Kept>, lifetime: number): Promise<void> {
		await this.#attempt(WRITE_LIMIT, () => this.#layer.put(entries, lifetime));
	}

	async drop(keys: readonly string[]): Promise<void> {
		await this.#attempt(WRITE_LIMIT, () => this.#layer.drop(keys));
	}

	async #attempt(limit: number, operation: () => Promise<void>): Promise<void> {
		if (this.#failures >= FAILURES) {
			const now = this.#now();
			if (now < this.#restUntil) return;
			// The others go on resting, also when the one that tries never comes back.
			this.#restUntil = now + REST;
		}
		try {
			if (!(await within(limit, operation()))) throw new Error(`no answer in ${limit} ms`);
			this.#failures = 0;
		} catch (error) {
			this.#failed(error);
		}
	}

	#failed(error: unknown): void {
		this.#count("failures", 1);
		this.#failures++;
		if (this.#failures !== FAILURES) return;
		this.#restUntil = this.#now() + REST;
		this.#count("opened", 1);
		reportFailure("a cache layer is left alone", error, { layer: this.name });
	}

	#count(what: "hits" | "misses" | "failures" | "opened", value: number): void {
		if (this.name !== "memory") this.#tally.add(`cache_${this.name}_${what}`, value);
	}
}
