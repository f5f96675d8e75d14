import { Redis } from "@upstash/redis/cloudflare";
import { seal, unsealAll } from "./envelope.ts";
import type { Kept, Layer } from "./layer.ts";

/** Before every key: the database may be others' as well. */
const PREFIX = "edgefeed:";
/** After so many milliseconds an operation is given up: until then it holds one of the request's few connections. */
const READ_LIMIT = 200;
const WRITE_LIMIT = 1_000;

/**
 * Upstash Redis over HTTP, or anything that speaks its protocol: one request an operation. The last write wins, whatever
 * its age.
 */
export class RedisGrid implements Layer {
	readonly name = "grid";
	readonly #reads: Redis;
	readonly #writes: Redis;
	readonly #now: () => number;

	constructor({ url, token, now }: { url: string; token: string; now: () => number }) {
		const client = (limit: number) =>
			new Redis({
				url,
				token,
				// Envelopes are text, and stay what they are.
				automaticDeserialization: false,
				responseEncoding: false,
				enableTelemetry: false,
				enableAutoPipelining: false,
				readYourWrites: false,
				// One more try, for a connection that was closed while nobody used it.
				retry: { retries: 1, backoff: () => 0 },
				// A signal for each operation: it belongs to the request that made it.
				signal: () => AbortSignal.timeout(limit),
			});
		this.#reads = client(READ_LIMIT);
		this.#writes = client(WRITE_LIMIT);
		this.#now = now;
	}

	async get(keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
		if (keys.length === 0) return new Map();
		return unsealAll(keys, await quietly(this.#reads.mget<unknown[]>(...keys.map(nameOf))));
	}

	async put(entries: ReadonlyMap<string, Kept>, lifetime: number): Promise<void> {
		const pipeline = this.#writes.pipeline();
		for (const [key, kept] of entries) {
			const px = Math.ceil(kept.asOf + lifetime - this.#now());
			if (px > 0) pipeline.set(nameOf(key), seal(key, kept), { px });
		}
		if (pipeline.length() > 0) await quietly(pipeline.exec());
	}

	async drop(keys: readonly string[]): Promise<void> {
		if (keys.length > 0) await quietly(this.#writes.del(...keys.map(nameOf)));
	}
}

function nameOf(key: string): string {
	return PREFIX + key;
}

/** The library's errors repeat the command with all that is in it: that must not come into a log. */
async function quietly<T>(work: Promise<T>): Promise<T> {
	try {
		return await work;
	} catch (error) {
		throw new Error(`the grid did not answer: ${error instanceof Error ? error.name : "unknown"}`);
	}
}
