/**
 * The server that is killed: a process of its own with the built Worker. Its parent says what to start by
 * `CHAOS_SERVER` and asks it things over IPC.
 */
import { migrate, openWorker, type WorkerOptions } from "../bench/worker.ts";

export interface ServerOptions extends Required<Omit<WorkerOptions, "inside" | "direct" | "inspectorPort">> {
	/** Whether the databases are new. */
	fresh: boolean;
}

/** Reads or writes a database behind the Worker's back. */
export interface Question {
	id: number;
	database: string;
	sql: string;
	values: (string | number)[];
}

export type Reply = { id: number; rows: unknown[] } | { id: number; error: string };

const { fresh, ...options }: ServerOptions = JSON.parse(process.env.CHAOS_SERVER ?? "");
const miniflare = openWorker(options);
await miniflare.ready;
if (fresh) await migrate(miniflare);

process.on("message", (question: Question) => {
	answer(question).then(
		(rows) => process.send?.({ id: question.id, rows } satisfies Reply),
		(error) => process.send?.({ id: question.id, error: String(error) } satisfies Reply),
	);
});
// Without a parent there is nobody to work for.
process.on("disconnect", () => process.kill(0, "SIGKILL"));
process.send?.("ready");

/**
 * Miniflare asks workerd while this thread stands still, and it is this thread that takes workerd's log: were that
 * full, both would wait for ever. So this is for few questions, and the sweeper is not called in this way.
 */
async function answer({ database, sql, values }: Question): Promise<unknown[]> {
	const found = await miniflare.getD1Database(database);
	return (
		await found
			.prepare(sql)
			.bind(...values)
			.all()
	).results;
}
