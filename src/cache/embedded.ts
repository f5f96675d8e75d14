import { DurableObject } from "cloudflare:workers";
import { LRUCache } from "lru-cache";
import { seal, unsealAll } from "./envelope.ts";
import type { Kept, Layer } from "./layer.ts";
import { type Patience, type Places, type Quota, type Throttle, takePlace, tryOnce, type Verdict } from "./throttle.ts";

/** Objects that share the keys between them: more would take more load of single keys, and more calls for a page of them. */
const OBJECTS = 4;
/** Bytes that each of them keeps, about. Several may live in one isolate. */
const BYTES = 8 * 1024 * 1024;

/** A sealed value on its way to its object; `until` is Unix milliseconds. */
export interface Sealed {
	readonly key: string;
	readonly text: string;
	readonly asOf: number;
	readonly until: number;
}

/** Counts that are over are erased so often, in milliseconds. */
const SWEEP = 600_000;

/**
 * A part of the embedded grid: texts in memory, nothing of them in storage, as they live for seconds; or, in objects of
 * their own, the counts of a throttle, which are stored: an object that nobody calls for ten seconds falls asleep.
 */
export class GridObject extends DurableObject {
	#swept: number | undefined;
	readonly #texts = new LRUCache<string, Sealed>({
		maxSize: BYTES,
		sizeCalculation: ({ key, text }) => 2 * (key.length + text.length) + 200,
	});

	/** The texts of some keys in the same order, null for what is not there. */
	async get(keys: readonly string[]): Promise<(string | null)[]> {
		const now = Date.now();
		return keys.map((key) => {
			const sealed = this.#texts.get(key);
			return sealed && now <= sealed.until ? sealed.text : null;
		});
	}

	/** An older value never replaces a newer one. */
	async put(entries: readonly Sealed[]): Promise<void> {
		for (const sealed of entries) {
			const known = this.#texts.peek(sealed.key);
			if (known === undefined || known.asOf <= sealed.asOf) this.#texts.set(sealed.key, sealed);
		}
	}

	async drop(keys: readonly string[]): Promise<void> {
		for (const key of keys) this.#texts.delete(key);
	}

	async take(key: string, quota: Quota): Promise<Verdict> {
		const now = Date.now();
		const { places, verdict } = takePlace(this.#count<Places>(key, now) ?? [], quota, now);
		if (verdict.allowed) this.#store(key, places, now + quota.window, now);
		return verdict;
	}

	async attempt(key: string, patience: Patience): Promise<Verdict> {
		const now = Date.now();
		const { tries, verdict } = tryOnce(this.#count(key, now), patience, now);
		if (verdict.allowed) this.#store(key, tries, Math.max(now + patience.memory, tries.next), now);
		return verdict;
	}

	async forgive(key: string): Promise<void> {
		this.#counts().exec("DELETE FROM counts WHERE key = ?", key);
	}

	#count<T>(key: string, now: number): T | undefined {
		const rows = this.#counts().exec<{ state: string }>(
			"SELECT state FROM counts WHERE key = ? AND until > ?",
			key,
			now,
		);
		const [row] = rows.toArray();
		return row && (JSON.parse(row.state) as T);
	}

	#store(key: string, state: unknown, until: number, now: number): void {
		const counts = this.#counts();
		counts.exec(
			"INSERT OR REPLACE INTO counts (key, state, until) VALUES (?, ?, ?)",
			key,
			JSON.stringify(state),
			until,
		);
		if (this.#swept !== undefined && now - this.#swept < SWEEP) return;
		this.#swept = now;
		counts.exec("DELETE FROM counts WHERE until <= ?", now);
	}

	/** Made at the first count: the objects that keep texts have no table. */
	#counts(): SqlStorage {
		const { sql } = this.ctx.storage;
		if (this.#swept === undefined) {
			sql.exec(
				"CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, state TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID",
			);
		}
		return sql;
	}
}

/** The data grid for those without a Redis: a few Durable Objects, one call to each that has some of the keys. */
export class EmbeddedGrid implements Layer {
	readonly name = "grid";
	readonly #namespace: DurableObjectNamespace<GridObject>;
	readonly #home: DurableObjectLocationHint;

	/** @param home where the objects are, when they are made for the first time */
	constructor(namespace: DurableObjectNamespace<GridObject>, home: DurableObjectLocationHint) {
		this.#namespace = namespace;
		this.#home = home;
	}

	async get(keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
		const found = await this.#each(
			keys,
			(key) => key,
			async (object, some) => unsealAll(some, await object.get(some)),
		);
		return new Map(found.flatMap((part) => [...part]));
	}

	async put(entries: ReadonlyMap<string, Kept>, lifetime: number): Promise<void> {
		const sealed = Array.from(entries, ([key, kept]) => ({
			key,
			text: seal(key, kept),
			asOf: kept.asOf,
			until: kept.asOf + lifetime,
		}));
		await this.#each(
			sealed,
			({ key }) => key,
			(object, some) => object.put(some),
		);
	}

	async drop(keys: readonly string[]): Promise<void> {
		await this.#each(
			keys,
			(key) => key,
			(object, some) => object.drop(some),
		);
	}

	/** Hands things to the objects of their keys, all at once. */
	#each<T, R>(
		things: readonly T[],
		keyOf: (thing: T) => string,
		call: (object: DurableObjectStub<GridObject>, some: T[]) => Promise<R>,
	): Promise<R[]> {
		const parts = Map.groupBy(things, (thing) => hashOf(keyOf(thing)) % OBJECTS);
		return Promise.all(
			Array.from(parts, ([part, some]) =>
				call(this.#namespace.getByName(`part/${part}`, { locationHint: this.#home }), some),
			),
		);
	}
}

/** Counts in the embedded grid, each key in one object, which does one thing after the other. */
export class EmbeddedThrottle implements Throttle {
	readonly #namespace: DurableObjectNamespace<GridObject>;
	readonly #home: DurableObjectLocationHint;

	/** @param home where the objects are, when they are made for the first time */
	constructor(namespace: DurableObjectNamespace<GridObject>, home: DurableObjectLocationHint) {
		this.#namespace = namespace;
		this.#home = home;
	}

	async take(key: string, quota: Quota): Promise<Verdict> {
		return this.#of(key).take(key, quota);
	}

	async attempt(key: string, patience: Patience): Promise<Verdict> {
		return this.#of(key).attempt(key, patience);
	}

	async forgive(key: string): Promise<void> {
		await this.#of(key).forgive(key);
	}

	#of(key: string): DurableObjectStub<GridObject> {
		return this.#namespace.getByName(`throttle/${hashOf(key) % OBJECTS}`, { locationHint: this.#home });
	}
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(key: string): number {
	let hash = 0x811c9dc5;
	for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
	return hash >>> 0;
}
