import { within } from "../within.ts";
import type { Kept } from "./layer.ts";

/** Longest that a reader waits for another one's fetch, in milliseconds. */
const PATIENCE = 250;

interface Flight<K, V> {
	readonly began: number;
	/** What the store will be asked for is at least as new. */
	readonly asOf: number;
	readonly found: Promise<ReadonlyMap<K, Kept<V>>>;
}

/**
 * Fetches that are under way, for others who want the same. On Workers a promise of another request may never settle,
 * when that request is cancelled: so nobody waits long, and what is too old to be waited for is forgotten.
 */
export class Flights<K, V> {
	/** Oldest first. */
	readonly #flights = new Map<K, Flight<K, V>>();
	readonly #now: () => number;

	constructor(now: () => number) {
		this.#now = now;
	}

	/** Those of some keys that are being fetched, by a fetch that is new enough for this reader, and the others. */
	among(
		keys: readonly K[],
		isFresh: (flight: { asOf: number }, key: K) => boolean,
	): { joined: Map<K, Flight<K, V>>; rest: K[] } {
		const now = this.#now();
		const joined = new Map<K, Flight<K, V>>();
		const rest: K[] = [];
		for (const key of keys) {
			const flight = this.#flights.get(key);
			if (flight && now - flight.began < PATIENCE && isFresh(flight, key)) joined.set(key, flight);
			else rest.push(key);
		}
		return { joined, rest };
	}

	/** What others bring in time: null for what does not exist, undefined for what did not come. */
	async wait(joined: ReadonlyMap<K, Flight<K, V>>): Promise<ReadonlyMap<K, Kept<V> | null>> {
		const brought = new Map<K, Kept<V> | null>();
		const each = Array.from(joined, async ([key, { found }]) => {
			brought.set(key, (await found).get(key) ?? null);
		});
		await within(PATIENCE, Promise.allSettled(each));
		return brought;
	}

	start(keys: readonly K[], asOf: number, found: Promise<ReadonlyMap<K, Kept<V>>>): Promise<ReadonlyMap<K, Kept<V>>> {
		const flight = { began: this.#now(), asOf, found };
		for (const [key, { began }] of this.#flights) {
			if (flight.began - began < PATIENCE) break;
			this.#flights.delete(key);
		}
		for (const key of keys) {
			this.#flights.delete(key);
			this.#flights.set(key, flight);
		}
		const ended = () => {
			for (const key of keys) if (this.#flights.get(key) === flight) this.#flights.delete(key);
		};
		found.then(ended, ended);
		return found;
	}

	/** Nobody joins the fetches of these keys any more. */
	leave(keys: readonly K[]): void {
		for (const key of keys) this.#flights.delete(key);
	}
}
