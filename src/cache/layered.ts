import type { z } from "zod";
import type { Counter } from "../metrics.ts";
import { CLOCKS_APART } from "../store/consistency.ts";
import { Flights } from "./flights.ts";
import type { Kept, Layer } from "./layer.ts";
import type { Memory } from "./memory.ts";

export interface LayeredOptions<K extends string, V> {
	/** Goes before the keys in every layer. Another shape of the values is another kind. */
	kind: string;
	/** What a value from outside the isolate must pass. */
	schema: z.ZodType<V>;
	/** Milliseconds that a value may be old, through all layers together. */
	bound: number;
	memory: Memory;
	/** Asked in order for what memory does not have. */
	beyond: readonly Layer[];
	/**
	 * Asks the store; what does not exist is left out.
	 * @param notBefore the newest moment that the answer has to include, for a choice between replica and primary
	 */
	load: (keys: readonly K[], notBefore: number) => Promise<ReadonlyMap<K, V>>;
	/** Milliseconds that the store which `load` asks may be behind. */
	lag: () => number;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
	tally: Counter;
	now: () => number;
}

export interface Reading<K> {
	/** A kept value that is not newer than this does not count: the moment of the reader's own last write, say. */
	notBefore?: ((key: K) => number) | undefined;
	/** Whether to ask only memory and the store, for keys that nobody else will ask for. */
	near?: boolean | undefined;
}

/**
 * Values of one kind, read through the layers. None of these is trusted: a value is used only when it is of the right
 * shape and its age within the bound, so a layer that is gone, slow, stale or lying makes reads slower and nothing else.
 * Values are shared by their readers, who must not change them.
 */
export class Layered<K extends string, V> {
	readonly #options: LayeredOptions<K, V>;
	readonly #flights: Flights<K, V>;

	constructor(options: LayeredOptions<K, V>) {
		this.#options = options;
		this.#flights = new Flights(options.now);
	}

	/** What memory has of a key, without a promise. */
	peek(key: K, notBefore = Number.NEGATIVE_INFINITY): Kept<V> | undefined {
		return this.#remembered(key, this.#options.now(), notBefore);
	}

	/**
	 * The values of some keys; what does not exist is left out, and not remembered.
	 * @throws what `load` throws
	 */
	async many(keys: readonly K[], reading: Reading<K> = {}): Promise<ReadonlyMap<K, Kept<V>>> {
		const found = new Map<K, Kept<V>>();
		const missing = new Set<K>();
		const now = this.#options.now();
		for (const key of keys) {
			const kept = this.#remembered(key, now, reading.notBefore?.(key));
			if (kept) found.set(key, kept);
			else missing.add(key);
		}
		this.#options.tally.add("cache_memory_hits", found.size);
		this.#options.tally.add("cache_memory_misses", missing.size);
		if (missing.size > 0) await this.#fetch([...missing], reading, found);
		return found;
	}

	/** Forgets some keys here at once and in the other layers soon; a reader elsewhere may have them for the bound. */
	drop(keys: readonly K[]): void {
		const { memory, beyond, defer } = this.#options;
		const paths = keys.map((key) => this.#path(key));
		for (const path of paths) memory.forget(path);
		this.#flights.leave(keys);
		if (beyond.length > 0) defer(Promise.allSettled(beyond.map((layer) => layer.drop(paths))));
	}

	#remembered(key: K, now: number, notBefore?: number): Kept<V> | undefined {
		const kept = this.#options.memory.peek(this.#path(key), now);
		// Only values of this kind are kept under it, each checked before.
		return kept !== undefined && this.#isFresh(kept, now, notBefore) ? (kept as Kept<V>) : undefined;
	}

	/** Waits for others' fetches of the same keys, and fetches itself what nobody does or did not bring. */
	async #fetch(keys: readonly K[], reading: Reading<K>, found: Map<K, Kept<V>>): Promise<void> {
		const now = this.#options.now();
		const { joined, rest } = this.#flights.among(keys, (flight, key) =>
			this.#isFresh(flight, now, reading.notBefore?.(key)),
		);
		const add = (some: ReadonlyMap<K, Kept<V>>) => {
			for (const [key, kept] of some) found.set(key, kept);
		};
		await Promise.all([
			rest.length > 0 ? this.#fly(rest, reading).then(add) : undefined,
			joined.size > 0 ? this.#join(joined, reading).then(add) : undefined,
		]);
	}

	async #join(joined: Parameters<Flights<K, V>["wait"]>[0], reading: Reading<K>): Promise<ReadonlyMap<K, Kept<V>>> {
		const brought = await this.#flights.wait(joined);
		const now = this.#options.now();
		const found = new Map<K, Kept<V>>();
		const late: K[] = [];
		for (const key of joined.keys()) {
			const kept = brought.get(key);
			if (kept === undefined || (kept !== null && !this.#isFresh(kept, now, reading.notBefore?.(key)))) late.push(key);
			else if (kept !== null) found.set(key, kept);
		}
		if (late.length === 0) return found;
		return new Map([...found, ...(await this.#fly(late, reading))]);
	}

	#fly(keys: readonly K[], reading: Reading<K>): Promise<ReadonlyMap<K, Kept<V>>> {
		const { now, lag } = this.#options;
		return this.#flights.start(keys, now() - lag(), this.#bring(keys, reading));
	}

	async #bring(keys: readonly K[], reading: Reading<K>): Promise<ReadonlyMap<K, Kept<V>>> {
		const { memory, beyond, defer, bound } = this.#options;
		const found = new Map<K, Kept<V>>();
		const passed: { layer: Layer; entries: Map<string, Kept<V>> }[] = [];
		const take = (some: ReadonlyMap<K, Kept<V>>) => {
			for (const [key, kept] of some) {
				found.set(key, kept);
				const path = this.#path(key);
				memory.keep(path, kept, bound);
				for (const { entries } of passed) entries.set(path, kept);
			}
		};
		const missing = () => keys.filter((key) => !found.has(key));

		for (const layer of reading.near ? [] : beyond) {
			if (found.size === keys.length) break;
			const given = await this.#ask(layer, missing(), reading);
			take(given);
			passed.push({ layer, entries: new Map() });
		}
		if (found.size < keys.length) take(await this.#load(missing(), reading));

		const fills = passed.filter(({ entries }) => entries.size > 0);
		if (fills.length > 0) defer(Promise.allSettled(fills.map(({ layer, entries }) => layer.put(entries, bound))));
		return found;
	}

	/** What a layer has and may be used. */
	async #ask(layer: Layer, keys: readonly K[], { notBefore }: Reading<K>): Promise<ReadonlyMap<K, Kept<V>>> {
		const { schema, tally } = this.#options;
		const usable = new Map<K, Kept<V>>();
		try {
			const given = await layer.get(keys.map((key) => this.#path(key)));
			const now = this.#options.now();
			for (const key of keys) {
				const kept = given.get(this.#path(key));
				if (kept === undefined) continue;
				// A clock that is ahead must not make a value live longer.
				const asOf = Math.min(kept.asOf, now);
				const value = kept.asOf <= now + CLOCKS_APART ? schema.safeParse(kept.value) : undefined;
				if (!value?.success) tally.add("cache_refused", 1);
				else if (this.#isFresh({ asOf }, now, notBefore?.(key))) usable.set(key, { value: value.data, asOf });
			}
		} catch {
			// The same as having nothing.
		}
		return usable;
	}

	async #load(keys: readonly K[], { notBefore }: Reading<K>): Promise<ReadonlyMap<K, Kept<V>>> {
		const { load, lag, now, memory } = this.#options;
		const asOf = now() - lag();
		let newest = Number.NEGATIVE_INFINITY;
		if (notBefore) for (const key of keys) newest = Math.max(newest, notBefore(key));
		const values = await load(keys, newest);
		const loaded = new Map<K, Kept<V>>();
		for (const key of keys) {
			const value = values.get(key);
			if (value !== undefined) loaded.set(key, { value, asOf });
			else memory.forget(this.#path(key));
		}
		return loaded;
	}

	#isFresh({ asOf }: { asOf: number }, now: number, notBefore = Number.NEGATIVE_INFINITY): boolean {
		return now - asOf <= this.#options.bound && asOf > notBefore;
	}

	#path(key: K): string {
		return `${this.#options.kind}/${key}`;
	}
}
