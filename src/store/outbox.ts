import { type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import { reportFailure } from "../report.ts";
import { traceparent } from "../trace.ts";
import { inTime } from "../within.ts";
import type { ShardDatabase } from "./database.ts";
import { asInteger, asText, isServed } from "./dialect.ts";
import { type Id, isId } from "./ids.ts";
import type { Shards } from "./shards.ts";

/**
 * The outbox: what was promised and is not yet done.
 *
 * A job's row is written in the same atomic batch as the change that promises it, on the same
 * shard, and stays until all of its work is done. A queue message only says "look at this row";
 * losing one costs a minute, because the sweeper rings again for every row that is due.
 */

const id = z.string().refine(isId) as unknown as z.ZodType<Id>;
/** The `traceparent` of what promised it: one that is malformed is no reason to leave work undone. */
const trace = z.string().max(100).optional().catch(undefined);

export const taskSchema = z.discriminatedUnion("kind", [
	/** Bring a post to everyone who follows its author and may see it. */
	z.object({ kind: z.literal("add"), postId: id, authorId: id, audience: z.int(), trace }),
	/** Tell of an edited post in the timelines that have it. */
	z.object({ kind: z.literal("edit"), postId: id, authorId: id, audience: z.int(), trace }),
	/** Take a deleted post out of the timelines of whoever was ever in its audience, and its comments and likes out of the store. */
	z.object({ kind: z.literal("remove"), postId: id, authorId: id, audience: z.int(), trace }),
	/** Find out what the link of a post shows, and put it into the post. */
	z.object({ kind: z.literal("preview"), postId: id, authorId: id, trace }),
	/** Have every follower's timeline look whether the author is heavy. */
	z.object({ kind: z.literal("herald"), authorId: id, trace }),
	/** Make the two sides of a pair, and the timelines of those whose view has changed, agree; `hold` is the job whose place to give back. */
	z.object({ kind: z.literal("settle"), low: id, high: id, timelines: z.array(id), hold: id, trace }),
	/** Erase an account and all that it has left anywhere. */
	z.object({ kind: z.literal("erase"), accountId: id, trace }),
	/** Put together all that an account has made; the export has the job's id. */
	z.object({ kind: z.literal("export"), accountId: id, trace }),
	/** Read what was uploaded and make of it what is shown; the job has the medium's id. */
	z.object({ kind: z.literal("process"), mediaId: id, ownerId: id, trace }),
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
/** After so many tries the delay would be longer than that. */
const DOUBLINGS = Math.floor(Math.log2(LONGEST_DELAY / SWEEP_AFTER));

/** Doubles with each try, from a minute to an hour; up to a tenth of chance keeps a crowd apart. */
export function sweepDelay(attempts: number, random: number): number {
	const delay = attempts > DOUBLINGS ? LONGEST_DELAY : SWEEP_AFTER * 2 ** attempts;
	return Math.round(delay * (1 + random / 10));
}

/** The statement that promises a job: put it into the batch that makes the change, which fails when the job's id is taken. */
export function promise({ id, task }: Job, now: number): SQL {
	return sql`INSERT INTO outbox (id, task, due_at) VALUES (${id}, ${JSON.stringify({ trace: traceparent(), ...task })}, ${now + SWEEP_AFTER})`;
}

/** The same when a condition holds. */
export function promiseWhere({ id, task }: Job, now: number, condition: SQL): SQL {
	return sql`INSERT INTO outbox (id, task, due_at)
		SELECT ${asText(id)}, ${asText(JSON.stringify({ trace: traceparent(), ...task }))}, ${asInteger(now + SWEEP_AFTER)}
		WHERE ${condition}`;
}

/** Promises a job on its own; one that is promised already stays as far as it is. */
export async function promiseOnce(shards: Shards, { id, task }: Job, now: number): Promise<void> {
	await shards.of(id).all(sql`INSERT INTO outbox (id, task, due_at)
		VALUES (${id}, ${JSON.stringify(task)}, ${now + SWEEP_AFTER}) ON CONFLICT (id) DO NOTHING`);
}

/**
 * Notes how far a job's handler has come.
 *
 * @returns the job as it is then, or undefined when another run of it got there first, or it is done.
 */
export async function noteProgress<J extends Job>(shards: Shards, job: J, progress: string): Promise<J | undefined> {
	const noted = await shards.of(job.id).all(sql`UPDATE outbox SET progress = ${progress}
		WHERE id = ${job.id} AND progress IS NOT DISTINCT FROM ${asText(job.progress ?? null)} RETURNING 1`);
	return noted.length > 0 ? { ...job, progress } : undefined;
}

/** Whether a write failed because its id belongs to another row. */
export function isTaken(error: unknown): boolean {
	for (let cause = error; cause instanceof Error; cause = cause.cause) {
		if (/UNIQUE constraint failed: (posts|outbox)\.id/.test(cause.message)) return true;
		// Postgres has a code for it; the one driver says `constraint_name`, the other `constraint`.
		const { code, constraint_name, constraint } = cause as unknown as Record<string, string | undefined>;
		if (code === "23505" && /^(posts|outbox)_pkey$/.test(constraint_name ?? constraint ?? "")) return true;
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
export function done(jobId: Id): SQL {
	return sql`DELETE FROM outbox WHERE id = ${jobId}`;
}

export async function loadJob(shards: Shards, jobId: Id): Promise<Job | undefined> {
	const [row] = await shards
		.of(jobId)
		.all<{ task: string; progress: string | null }>(sql`SELECT task, progress FROM outbox WHERE id = ${jobId}`);
	return row && { id: jobId, task: parseTask(row.task), progress: row.progress };
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
	// The attempts are in the row, so the database works the delay out; the same formula as sweepDelay.
	const delay = sql`CASE WHEN attempts > ${DOUBLINGS} THEN ${LONGEST_DELAY} ELSE CAST(${SWEEP_AFTER} AS bigint) << attempts END`;
	const later = sql`CAST(${now} AS bigint) + CAST(${delay} * CAST(${1 + random / 10} AS double precision) AS bigint)`;
	const due = (id: SQL) => sql`due_at <= ${now} AND ${isServed(database.dialect, id)} ORDER BY due_at LIMIT ${limit}`;
	// Asked twice for what is due: of two sweepers that take the same row in Postgres, the later one looks again.
	const [jobs, chunks] = await database.batch([
		sql`UPDATE outbox SET attempts = attempts + 1, due_at = ${later}
			WHERE due_at <= ${now} AND id IN (SELECT id FROM outbox WHERE ${due(sql`id`)}) RETURNING id`,
		sql`UPDATE outbox_chunks SET attempts = attempts + 1, due_at = ${later}
			WHERE due_at <= ${now} AND (job_id, chunk) IN (SELECT job_id, chunk FROM outbox_chunks WHERE ${due(sql`job_id`)})
			RETURNING job_id AS "jobId", chunk`,
	]);
	return { jobs: (jobs ?? []).map((job) => job.id as Id), chunks: (chunks ?? []) as Due["chunks"] };
}

/** Jobs that are counted at most: more is too many in any case. */
const COUNTED = 10_000;

/** How many jobs are not done yet, and which has waited longest. */
export async function backlog(database: ShardDatabase): Promise<{ count: number; oldest: Id | null }> {
	const [row] = await database.all<{ count: number; oldest: Id | null }>(
		sql`SELECT count(*) AS count, min(id) AS oldest FROM (
			SELECT id FROM outbox WHERE ${isServed(database.dialect, sql`id`)} ORDER BY id LIMIT ${COUNTED}) AS waiting`,
	);
	return row ?? { count: 0, oldest: null };
}

/** The message of the `fanout` queue: look at this job. The version is the message's form. */
export const jobMessageSchema = z.object({ v: z.literal(1), jobId: id, trace });
export type JobMessage = z.infer<typeof jobMessageSchema>;

/** `sendBatch` takes so many messages (https://developers.cloudflare.com/queues/platform/limits/). */
export const SEND_BATCH = 100;

/** Tells the queue that jobs are waiting. */
export class Doorbell {
	readonly #queue: Queue<JobMessage>;

	constructor(queue: Queue<JobMessage>) {
		this.#queue = queue;
	}

	/** Never fails, and never takes long: a job whose message is not sent is found by the sweeper. */
	async ring(jobIds: readonly Id[]): Promise<void> {
		for (let at = 0; at < jobIds.length; at += SEND_BATCH) {
			try {
				const messages = jobIds
					.slice(at, at + SEND_BATCH)
					.map((jobId) => ({ body: { v: 1 as const, jobId, trace: traceparent() } }));
				await inTime(PATIENCE, this.#queue.sendBatch(messages), "the queue takes too long");
			} catch (error) {
				reportFailure("jobs are left to the sweeper", error, { jobIds: jobIds.slice(at, at + SEND_BATCH) });
			}
		}
	}
}

/** How long a caller waits for the queue, in milliseconds: a post is answered for whatever it is up to. */
const PATIENCE = 1000;
