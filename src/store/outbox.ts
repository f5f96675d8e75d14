import { and, eq, lte, sql } from "drizzle-orm";
import { z } from "zod";
import { reportFailure } from "../report.ts";
import { type Id, isId } from "./ids.ts";
import { outbox, outboxChunks } from "./schema.ts";
import type { ShardDatabase, Shards } from "./shards.ts";

/**
 * The outbox: what was promised and is not yet done.
 *
 * A job's row is written in the same atomic batch as the change that promises it, on the same
 * shard, and stays until all of its work is done. A queue message only says "look at this row";
 * losing one costs a minute, because the sweeper rings again for every row that is due.
 */

const id = z.string().refine(isId) as unknown as z.ZodType<Id>;

const taskSchema = z.discriminatedUnion("kind", [
	/** Bring a post to everyone who follows its author and may see it. */
	z.object({ kind: z.literal("add"), postId: id, authorId: id, audience: z.int() }),
	/** Tell of an edited post in the timelines that have it. */
	z.object({ kind: z.literal("edit"), postId: id, authorId: id, audience: z.int() }),
	/** Take a deleted post out of the timelines of whoever was ever in its audience, and its comments and likes out of the store. */
	z.object({ kind: z.literal("remove"), postId: id, authorId: id, audience: z.int() }),
	/** Have every follower's timeline look whether the author is heavy. */
	z.object({ kind: z.literal("herald"), authorId: id }),
	/** Make the two sides of a pair, and the timelines of those whose view has changed, agree; `hold` is the job whose place to give back. */
	z.object({ kind: z.literal("settle"), low: id, high: id, timelines: z.array(id), hold: id }),
]);
export type Task = z.infer<typeof taskSchema>;
export type TaskOf<K extends Task["kind"]> = Extract<Task, { kind: K }>;

export interface Job<T extends Task = Task> {
	/** Carries the logical shard that the row lives on. */
	id: Id;
	task: T;
	/** What the task's handler wrote down; null or nothing at the start. */
	progress?: string | null;
}

/** How long the first queue message has before the sweeper sends another, in milliseconds. */
export const SWEEP_AFTER = 60_000;
/** The longest wait between two tries, in milliseconds. */
export const LONGEST_DELAY = 3_600_000;

/** Doubles with each try, from a minute to an hour; up to a tenth of chance keeps a crowd apart. */
export function sweepDelay(attempts: number, random: number): number {
	const delay = Math.min(SWEEP_AFTER * 2 ** Math.min(attempts, 10), LONGEST_DELAY);
	return Math.round(delay * (1 + random / 10));
}

/** The statement that promises a job: put it into the batch that makes the change, which fails when the job's id is taken. */
export function promise(database: ShardDatabase, { id, task }: Job, now: number) {
	return database.insert(outbox).values({ id, task: JSON.stringify(task), dueAt: now + SWEEP_AFTER });
}

/** Whether a write failed because its id belongs to another row. */
export function isTaken(error: unknown): boolean {
	for (let cause = error; cause instanceof Error; cause = cause.cause) {
		if (/UNIQUE constraint failed: (posts|outbox)\.id/.test(cause.message)) return true;
	}
	return false;
}

const TRIES = 3;

/** Runs a write under a new id, and under another one when that is taken. */
export async function underFreshId<T>(mint: () => Id, write: (id: Id) => Promise<T>): Promise<T> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await write(mint());
		} catch (error) {
			if (!isTaken(error) || attempt === TRIES) throw error;
		}
	}
}

/** The statement that crosses a job off. */
export function done(database: ShardDatabase, jobId: Id) {
	return database.delete(outbox).where(eq(outbox.id, jobId));
}

export async function loadJob(shards: Shards, jobId: Id): Promise<Job | undefined> {
	const [row] = await shards.of(jobId).select().from(outbox).where(eq(outbox.id, jobId));
	return row && { id: row.id, task: parseTask(row.task), progress: row.progress };
}

/** @throws ZodError when a row holds no task this version knows. */
export function parseTask(text: string): Task {
	return taskSchema.parse(JSON.parse(text));
}

/** What the sweeper found due: whole jobs, and chunks of jobs that are already expanded. */
export interface Due {
	jobs: Id[];
	chunks: { jobId: Id; chunk: number }[];
}

/** Takes up to `limit` jobs and chunks that are due and puts their next try off, later and later. */
export async function takeDue(database: ShardDatabase, now: number, random: number, limit: number): Promise<Due> {
	// The attempts are in the row, so SQLite works the delay out; the same formula as sweepDelay.
	const later = sql`${now} + CAST(min(${SWEEP_AFTER} << min(attempts, 10), ${LONGEST_DELAY}) * ${1 + random / 10} AS INTEGER)`;
	const [jobs, chunks] = await database.batch([
		database
			.update(outbox)
			.set({ attempts: sql`attempts + 1`, dueAt: later })
			.where(
				and(
					lte(outbox.dueAt, now),
					sql`id IN (SELECT id FROM outbox WHERE due_at <= ${now} ORDER BY due_at LIMIT ${limit})`,
				),
			)
			.returning({ id: outbox.id }),
		database
			.update(outboxChunks)
			.set({ attempts: sql`attempts + 1`, dueAt: later })
			.where(
				and(
					lte(outboxChunks.dueAt, now),
					sql`(job_id, chunk) IN (SELECT job_id, chunk FROM outbox_chunks WHERE due_at <= ${now} ORDER BY due_at LIMIT ${limit})`,
				),
			)
			.returning({ jobId: outboxChunks.jobId, chunk: outboxChunks.chunk }),
	]);
	return { jobs: jobs.map((job) => job.id), chunks };
}

/** The message of the `fanout` queue: look at this job. The version is the message's form. */
export const jobMessageSchema = z.object({ v: z.literal(1), jobId: id });
export type JobMessage = z.infer<typeof jobMessageSchema>;

/** `sendBatch` takes so many messages (https://developers.cloudflare.com/queues/platform/limits/). */
export const SEND_BATCH = 100;

/** Tells the queue that jobs are waiting. */
export class Doorbell {
	readonly #queue: Queue<JobMessage>;

	constructor(queue: Queue<JobMessage>) {
		this.#queue = queue;
	}

	/** Never fails: a job whose message is not sent is found by the sweeper. */
	async ring(jobIds: readonly Id[]): Promise<void> {
		for (let at = 0; at < jobIds.length; at += SEND_BATCH) {
			try {
				await this.#queue.sendBatch(jobIds.slice(at, at + SEND_BATCH).map((jobId) => ({ body: { v: 1, jobId } })));
			} catch (error) {
				reportFailure("jobs are left to the sweeper", error, { jobIds: jobIds.slice(at, at + SEND_BATCH) });
			}
		}
	}
}
