/** Counts what is billed: bindings that count their use, and an object's storage that counts its rows. */
import type { Env } from "../../src/env.ts";
import type { Counts } from "./counts.ts";

type Cursor = Pick<SqlStorageCursor<Record<string, SqlStorageValue>>, "rowsRead" | "rowsWritten">;

const NOTHING: Counts = {
	workerRequests: 0,
	objectRequests: 0,
	objectRowsRead: 0,
	objectRowsWritten: 0,
	queueMessages: 0,
	databaseQueries: 0,
	databaseRowsRead: 0,
	databaseRowsWritten: 0,
};

/** One for the isolate: the Worker and its objects share it. */
let current: Counts = { ...NOTHING };
/** The last cursor of each object, which may not have been read to its end yet. */
const open = new Set<{ cursor: Cursor | undefined }>();

export function counts(): Counts {
	for (const last of open) settle(last);
	return current;
}

export function resetCounts(): void {
	counts();
	current = { ...NOTHING };
}

function settle(last: { cursor: Cursor | undefined }): void {
	current.objectRowsRead += last.cursor?.rowsRead ?? 0;
	current.objectRowsWritten += last.cursor?.rowsWritten ?? 0;
	last.cursor = undefined;
	open.delete(last);
}

/** Counts the rows of an object from now on. */
export function countObject(storage: DurableObjectStorage): void {
	const { sql } = storage;
	const exec = sql.exec.bind(sql);
	const last: { cursor: Cursor | undefined } = { cursor: undefined };
	sql.exec = ((query: string, ...values: unknown[]) => {
		settle(last);
		const cursor = exec(query, ...values);
		last.cursor = cursor;
		open.add(last);
		return cursor;
	}) as typeof sql.exec;
	const setAlarm = storage.setAlarm.bind(storage);
	// Billed as a row written.
	storage.setAlarm = (...values) => {
		current.objectRowsWritten++;
		return setAlarm(...values);
	};
}

/** The same environment, whose bindings count. */
export function countDatabases(env: Env): Env {
	const wrapped: Record<string, unknown> = { ...env };
	for (const [name, binding] of Object.entries(env)) {
		if (isDatabase(binding)) countDatabase(binding);
		else if (isQueue(binding)) wrapped[name] = countQueue(binding);
	}
	wrapped.TIMELINE = countNamespace(env.TIMELINE);
	wrapped.REACTIONS = countNamespace(env.REACTIONS);
	return wrapped as unknown as Env;
}

function isDatabase(binding: unknown): binding is D1Database {
	return typeof binding === "object" && binding !== null && "prepare" in binding;
}

function isQueue(binding: unknown): binding is Queue {
	return typeof binding === "object" && binding !== null && "sendBatch" in binding;
}

interface Answer {
	meta?: { rows_read?: number; rows_written?: number };
}

/**
 * Reads what the database answers to the runtime: `raw()`, which drizzle uses, keeps its figures to itself.
 *
 * @throws Error when the runtime's client is not as we know it: better no figure than a wrong one.
 */
function countDatabase(database: D1Database): void {
	const session = (database as unknown as { alwaysPrimarySession?: { fetcher?: Fetcher } }).alwaysPrimarySession;
	const fetcher = session?.fetcher;
	if (!session || !fetcher) throw new Error("this runtime's D1 cannot be counted");
	session.fetcher = {
		fetch: async (...values: Parameters<Fetcher["fetch"]>) => {
			const response = await fetcher.fetch(...values);
			const body = await response.clone().json<Answer | Answer[]>();
			for (const { meta } of Array.isArray(body) ? body : [body]) {
				if (meta?.rows_read === undefined || meta.rows_written === undefined) throw new Error("D1 tells no rows");
				current.databaseQueries++;
				current.databaseRowsRead += meta.rows_read;
				current.databaseRowsWritten += meta.rows_written;
			}
			return response;
		},
	} as unknown as Fetcher;
}

function countQueue(real: Queue): Queue {
	return {
		send: (...values: Parameters<Queue["send"]>) => {
			current.queueMessages++;
			return real.send(...values);
		},
		sendBatch: (messages: Parameters<Queue["sendBatch"]>[0]) => {
			const batch = [...messages];
			current.queueMessages += batch.length;
			return real.sendBatch(batch);
		},
	} as unknown as Queue;
}

function countNamespace<N extends Env["TIMELINE"] | Env["REACTIONS"]>(real: N): N {
	const counting = (stub: object) =>
		new Proxy(stub, {
			get: (target, name: string) => {
				return (...values: unknown[]) => {
					current.objectRequests++;
					return (target as Record<string, (...values: unknown[]) => unknown>)[name]?.(...values);
				};
			},
		});
	return {
		getByName: (...values: Parameters<typeof real.getByName>) => counting(real.getByName(...values)),
	} as unknown as N;
}
