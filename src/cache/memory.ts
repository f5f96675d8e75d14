import { LRUCache } from "lru-cache";
import type { Kept, Layer } from "./layer.ts";

interface Entry extends Kept {
	readonly until: number;
	/** When it was last noted to be used. */
	used: number;
}

/** A use is noted again after so many milliseconds: a page has 25 posts, and to put each in front costs as much as to find it. */
const NOTED = 1000;

/**
 * The isolate's own memory: live values, which nobody may change, up to a number of bytes; what was not used for
 * longest goes first, give or take a second. An older value never replaces a newer one.
 */
export class Memory implements Layer {
	readonly name = "memory";
	readonly #entries: LRUCache<string, Entry>;
	readonly #now: () => number;

	/** @param bytes about how much is kept */
	constructor(bytes: number, now: () => number) {
		// Without `ttl`, which the library measures with timers: a timer belongs to one request.
		this.#entries = new LRUCache({
			maxSize: bytes,
			sizeCalculation: (entry, key) => sizeOf(entry.value) + 2 * key.length + ENTRY,
		});
		this.#now = now;
	}

	/** {@link get} of one key without a promise. */
	peek(key: string, now = this.#now()): Kept | undefined {
		const entry = this.#entries.peek(key);
		if (entry === undefined || now > entry.until) return undefined;
		if (now - entry.used > NOTED) {
			entry.used = now;
			this.#entries.get(key);
		}
		return entry;
	}

	/** {@link put} of one value without a promise. */
	keep(key: string, { value, asOf }: Kept, lifetime: number): void {
		const known = this.#entries.peek(key);
		if (known !== undefined && known.asOf > asOf) return;
		this.#entries.set(key, { value, asOf, until: asOf + lifetime, used: this.#now() });
	}

	/** {@link drop} of one key without a promise. */
	forget(key: string): void {
		this.#entries.delete(key);
	}

	async get(keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
		const found = new Map<string, Kept>();
		for (const key of keys) {
			const kept = this.peek(key);
			if (kept) found.set(key, { value: kept.value, asOf: kept.asOf });
		}
		return found;
	}

	async put(entries: ReadonlyMap<string, Kept>, lifetime: number): Promise<void> {
		for (const [key, kept] of entries) this.keep(key, kept, lifetime);
	}

	async drop(keys: readonly string[]): Promise<void> {
		for (const key of keys) this.forget(key);
	}
}

/** Bytes of an entry beside its key and value, about. */
const ENTRY = 150;

/**
 * Bytes of a JSON value, or of an encoded one, in memory, about, and rather too many: two a character, a few words an
 * object.
 */
export function sizeOf(value: unknown): number {
	if (ArrayBuffer.isView(value)) return 64 + value.byteLength;
	if (typeof value === "string") return 16 + 2 * value.length;
	if (typeof value !== "object" || value === null) return 8;
	let size = 32;
	if (Array.isArray(value)) for (const item of value) size += 8 + sizeOf(item);
	else for (const name in value) size += 16 + sizeOf(value[name as keyof typeof value]);
	return size;
}
