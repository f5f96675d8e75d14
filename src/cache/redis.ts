import { Redis } from "@upstash/redis/cloudflare";
import { seal, unsealAll } from "./envelope.ts";
import type { Kept, Layer } from "./layer.ts";
import type { Patience, Quota, Throttle, Verdict } from "./throttle.ts";

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
		this.#reads = clientOf(url, token, READ_LIMIT);
		this.#writes = clientOf(url, token, WRITE_LIMIT);
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

/** The rules of {@link takePlace} and {@link tryOnce}, run in Redis one after the other, by its clock. */
const NOW = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
`;
const TAKE = `${NOW}
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = math.max(now, tonumber(redis.call('LINDEX', KEYS[1], -1) or now))
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and tonumber(oldest) <= at - window do
	redis.call('LPOP', KEYS[1])
	oldest = redis.call('LINDEX', KEYS[1], 0)
end
local held = redis.call('LLEN', KEYS[1])
local allowed = 0
if held < limit then
	allowed = 1
	held = redis.call('RPUSH', KEYS[1], string.format('%.0f', at))
	redis.call('PEXPIRE', KEYS[1], window + at - now)
end
local nextEnd = tonumber(redis.call('LINDEX', KEYS[1], math.max(0, held - limit)) or at)
return { allowed, math.max(0, limit - held), nextEnd + window - now }
`;
const ATTEMPT = `${NOW}
local free, first, longest, memory = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local known = redis.call('HMGET', KEYS[1], 'count', 'next')
local count, nextTry = tonumber(known[1] or 0), tonumber(known[2] or now)
if now < nextTry then return { 0, 0, math.min(nextTry - now, longest) } end
count = count + 1
local delay = 0
if count >= free then delay = math.min(longest, first * 2 ^ (count - free)) end
redis.call('HSET', KEYS[1], 'count', count, 'next', string.format('%.0f', now + delay))
redis.call('PEXPIRE', KEYS[1], math.max(memory, delay))
return { 1, math.max(0, free - count), delay }
`;

/** Counts in Redis. A request that is sent again, because its answer was lost, counts twice. */
export class RedisThrottle implements Throttle {
	readonly #redis: Redis;

	constructor({ url, token }: { url: string; token: string }) {
		this.#redis = clientOf(url, token, WRITE_LIMIT);
	}

	take(key: string, { limit, window }: Quota): Promise<Verdict> {
		return this.#run(TAKE, key, [limit, window]);
	}

	attempt(key: string, { free, first, longest, memory }: Patience): Promise<Verdict> {
		return this.#run(ATTEMPT, key, [free, first, longest, memory]);
	}

	async forgive(key: string): Promise<void> {
		await quietly(this.#redis.del(nameOf(key)));
	}

	async #run(script: string, key: string, values: number[]): Promise<Verdict> {
		const answer = await quietly(this.#redis.eval<number[], unknown[]>(script, [nameOf(key)], values));
		const [allowed, remaining, wait] = answer.map(Number);
		if (remaining === undefined || wait === undefined) throw new Error("the grid did not answer what was asked");
		return { allowed: allowed === 1, remaining, wait };
	}
}

/** @param limit milliseconds that an operation may take */
function clientOf(url: string, token: string, limit: number): Redis {
	return new Redis({
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
