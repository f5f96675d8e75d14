/** Bindings that fail now and then: before they have done what they were asked, or after, so that the answer is lost. */
import type { Env } from "../src/env.ts";

/**
 * What D1 says of faults that pass (https://developers.cloudflare.com/d1/observability/debug-d1/#error-list).
 */
const D1_FAULTS = [
	"D1 DB reset because its code was updated.",
	"Internal error while starting up D1 DB storage caused object to be reset.",
	"Network connection lost.",
	"Internal error in D1 DB storage caused object to be reset.",
	"Cannot resolve D1 DB due to transient issue on remote node.",
	"Can't read from request stream because client disconnected.",
	"D1 DB storage operation exceeded timeout which caused object to be reset.",
	"D1 DB is overloaded. Requests queued for too long.",
	"D1 DB is overloaded. Too many requests queued.",
	"D1 DB's isolate exceeded its memory limit and was reset.",
	"D1 DB exceeded its CPU time limit and was reset.",
];

/** What a call to an object is answered with (https://developers.cloudflare.com/durable-objects/best-practices/error-handling/). */
const OBJECT_FAULTS = [
	{ message: "Network connection lost.", retryable: true },
	{ message: "Internal error in Durable Object storage caused object to be reset.", retryable: true },
	{ message: "Durable Object is overloaded. Too many requests queued.", overloaded: true },
	{ message: "The Durable Object's code has been updated, this version can no longer access storage." },
];

/** Milliseconds that something slow takes at most. */
const SLOW = 1_500;

export class Faults {
	on = false;
	/** How many of each kind there were. */
	readonly counts = new Map<string, number>();
	readonly #rate: number;
	#state: number;

	constructor({ seed, rate }: { seed: number; rate: number }) {
		this.#rate = rate;
		this.#state = seed;
	}

	/** Mulberry32: enough for dice. */
	fraction(): number {
		this.#state = (this.#state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	}

	/** Whether something of this kind happens now. */
	strikes(kind: string, factor = 1): boolean {
		if (!this.on || this.fraction() >= this.#rate * factor) return false;
		this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
		return true;
	}

	/** Does a piece of work that may fail before, be slow, or fail after it was done. */
	async around<T>(kind: string, fault: () => Error, work: () => Promise<T>): Promise<T> {
		if (this.strikes(`${kind} failed`, 0.5)) throw fault();
		if (this.strikes(`${kind} slow`)) await new Promise((done) => setTimeout(done, SLOW * this.fraction()));
		const result = await work();
		if (this.strikes(`${kind} answers lost`, 0.5)) throw fault();
		return result;
	}

	pick<T>(values: readonly [T, ...T[]] | readonly T[]): T {
		return values[Math.floor(this.fraction() * values.length)] as T;
	}
}

/** The same environment, with databases, objects and queues that fail. */
export function withFaults(env: Env, faults: Faults): Env {
	const wrapped: Record<string, unknown> = { ...env };
	for (const [name, binding] of Object.entries(env)) {
		if (isDatabase(binding)) wrapped[name] = database(binding, faults);
		else if (isQueue(binding)) wrapped[name] = queue(binding, faults);
	}
	wrapped.TIMELINE = namespace(env.TIMELINE, faults);
	wrapped.REACTIONS = namespace(env.REACTIONS, faults);
	wrapped.GRID = namespace(env.GRID, faults);
	return wrapped as unknown as Env;
}

function isDatabase(binding: unknown): binding is D1Database {
	return typeof binding === "object" && binding !== null && "prepare" in binding;
}

function isQueue(binding: unknown): binding is Queue {
	return typeof binding === "object" && binding !== null && "sendBatch" in binding;
}

/** Forwards everything but some methods. */
function overriding<T extends object>(target: T, methods: Partial<Record<keyof T, unknown>>): T {
	return new Proxy(target, {
		get(_, name) {
			if (name in methods) return methods[name as keyof T];
			const value = Reflect.get(target, name, target);
			return typeof value === "function" ? value.bind(target) : value;
		},
	});
}

function database(real: D1Database, faults: Faults): D1Database {
	const originals = new WeakMap<object, D1PreparedStatement>();
	const fault = () => {
		const message = faults.pick(D1_FAULTS);
		return new Error(`D1_ERROR: ${message}`, { cause: new Error(message) });
	};
	const around = <T>(work: () => Promise<T>) => faults.around("D1", fault, work);
	const statement = (original: D1PreparedStatement): D1PreparedStatement => {
		const wrapped = overriding(original, {
			bind: (...values: unknown[]) => statement(original.bind(...values)),
			all: () => around(() => original.all()),
			run: () => around(() => original.run()),
			raw: (options?: { columnNames?: false }) => around(() => original.raw(options)),
			first: (column?: string) => around(() => (column === undefined ? original.first() : original.first(column))),
		});
		originals.set(wrapped, original);
		return wrapped;
	};
	return overriding(real, {
		prepare: (sql: string) => statement(real.prepare(sql)),
		batch: (statements: D1PreparedStatement[]) =>
			around(() => real.batch(statements.map((each) => originals.get(each) ?? each))),
	});
}

function namespace<N extends Env["TIMELINE"] | Env["REACTIONS"] | Env["GRID"]>(real: N, faults: Faults): N {
	const fault = () => {
		const { message, ...flags } = faults.pick(OBJECT_FAULTS);
		return Object.assign(new Error(message), flags);
	};
	const stub = (target: Record<string, (...values: unknown[]) => Promise<unknown>>) =>
		new Proxy(target, {
			get: (_, name: string) => {
				return async (...values: unknown[]) => {
					// The object loses what it had in memory, and its sockets.
					if (faults.strikes("objects reset", 0.1)) await target.crash?.().catch(() => undefined);
					return faults.around("object", fault, async () => target[name]?.(...values));
				};
			},
		});
	return overriding(real, {
		getByName: (...values: Parameters<typeof real.getByName>) => stub(real.getByName(...values) as never),
	} as Partial<Record<keyof N, unknown>>);
}

function queue(real: Queue, faults: Faults): Queue {
	const fault = () => new Error("Queue sendBatch failed: Internal Server Error");
	return overriding(real, {
		send: (...values: Parameters<Queue["send"]>) => faults.around("queue", fault, () => real.send(...values)),
		sendBatch: (...values: Parameters<Queue["sendBatch"]>) =>
			faults.around("queue", fault, () => real.sendBatch(...values)),
	});
}

/** Delivers a batch as a queue may: twice, not at all (its consumer died), or lost for good. */
export async function receive(
	batch: MessageBatch,
	faults: Faults,
	handle: (batch: MessageBatch) => Promise<void>,
): Promise<void> {
	if (faults.strikes("batches lost")) return batch.ackAll();
	if (faults.strikes("consumers died")) throw new Error("the consumer died");
	if (faults.strikes("batches delivered twice", 3)) {
		const nothing = () => undefined;
		const messages = batch.messages.map(({ id, timestamp, body, attempts }) => {
			return { id, timestamp, body, attempts, ack: nothing, retry: nothing };
		});
		await Promise.all([
			handle({ ...batch, queue: batch.queue, messages, ackAll: nothing, retryAll: nothing }),
			handle(batch),
		]);
		return;
	}
	await handle(batch);
}
