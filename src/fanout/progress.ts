import { type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import type { RelationKey } from "../graph/store.ts";
import { asInteger, asJson, asText, columns, jsonRows } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import { type Job, parseTask, SWEEP_AFTER } from "../store/outbox.ts";
import { deliveries } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";

/** Whose turn it is: the author herself, her friends, her other followers; then nobody is left. */
export type Phase = "own" | "friends" | "followers" | "done";

/** How far a fan-out has been expanded: kept in its outbox row. */
export interface Progress {
	phase: Phase;
	/** The last of the phase that has a chunk. */
	after?: RelationKey | undefined;
	/** The number from which the next chunks are numbered. */
	chunks: number;
}

export type ChunkReason = "own" | "friend" | "follow";
/** Up to 100 recipients of one job. */
export interface Chunk {
	chunk: number;
	reason: ChunkReason;
	recipients: Id[];
}

export const START: Progress = { phase: "own", chunks: 0 };

const progressSchema = z.object({
	phase: z.enum(["own", "friends", "followers", "done"]),
	after: z.object({ at: z.number(), other: z.string().transform((id) => id as Id) }).optional(),
	chunks: z.int(),
});

export function readProgress({ progress }: Job): Progress {
	return progress ? progressSchema.parse(JSON.parse(progress)) : START;
}

/** Whether a job is the first to bring a post: that one has its id. */
export function isPublishing({ id, task }: Job): boolean {
	return task.kind === "add" && task.postId === id;
}

/** The checkpoints of fan-outs, on the author's shard beside their jobs. */
export class ProgressStore {
	readonly #shards: Shards;
	readonly #now: () => number;

	constructor(shards: Shards, now: () => number) {
		this.#shards = shards;
		this.#now = now;
	}

	/**
	 * Writes a page's chunks and the checkpoint behind it, in one atomic batch.
	 *
	 * @returns the progress as it is now written, or undefined when another run of the job got there first.
	 */
	async advance(job: Job, next: Progress, chunks: readonly Chunk[]): Promise<Job | undefined> {
		const database = this.#shards.of(job.id);
		const here = sql`EXISTS (SELECT 1 FROM outbox WHERE id = ${job.id} AND progress IS NOT DISTINCT FROM ${asText(job.progress ?? null)})`;
		const rows = JSON.stringify(chunks.map(({ chunk, reason, recipients }) => [chunk, reason, recipients]));
		const progress = JSON.stringify(next);
		const now = this.#now();
		// The author herself is not counted.
		const others = chunks.reduce((sum, { reason, recipients }) => sum + (reason === "own" ? 0 : recipients.length), 0);
		const counted = isPublishing(job)
			? [
					sql`INSERT INTO deliveries (post_id, recipients, started_at)
						SELECT ${asText(job.id)}, ${asInteger(others)}, ${asInteger(now)}
						WHERE ${here} AND EXISTS (SELECT 1 FROM posts WHERE id = ${job.id})
						ON CONFLICT (post_id) DO UPDATE SET recipients = deliveries.recipients + excluded.recipients`,
				]
			: [];
		const results = await database.batch(
			[
				sql`INSERT INTO outbox_chunks (job_id, chunk, reason, recipients, due_at)
					SELECT ${asText(job.id)}, CAST(value->>0 AS integer), value->>1, CAST(value->2 AS text), ${asInteger(now + SWEEP_AFTER)}
					FROM ${jsonRows(database.dialect, rows)} WHERE ${here}`,
				...counted,
				sql`UPDATE outbox SET progress = ${progress} WHERE id = ${job.id} AND ${here} RETURNING 1`,
			],
			sql`outbox WHERE id = ${job.id}`,
		);
		return results.at(-1)?.length ? { ...job, progress } : undefined;
	}

	/** A chunk and its job; undefined when its work is done. */
	async load(jobId: Id, chunk: number): Promise<{ job: Job; chunk: Chunk } | undefined> {
		const [row] = await this.#shards.of(jobId).all<{
			task: string;
			progress: string | null;
			reason: ChunkReason;
			recipients: string;
		}>(sql`SELECT task, progress, reason, recipients FROM outbox_chunks JOIN outbox ON outbox.id = job_id
			WHERE job_id = ${jobId} AND chunk = ${chunk}`);
		if (!row) return undefined;
		return {
			job: { id: jobId, task: parseTask(row.task), progress: row.progress },
			chunk: { chunk, reason: row.reason, recipients: JSON.parse(row.recipients) },
		};
	}

	/** Keeps only those whom a chunk did not reach, and why. */
	async keep(jobId: Id, { chunk, recipients }: Chunk, missed: readonly Id[], error: string): Promise<void> {
		const unchanged = sql`job_id = ${jobId} AND chunk = ${chunk} AND recipients = ${JSON.stringify(recipients)}`;
		await this.#shards
			.of(jobId)
			.batch(
				[
					this.#count(jobId, unchanged, recipients.length - missed.length),
					sql`UPDATE outbox_chunks SET recipients = ${JSON.stringify(missed)}, error = ${error} WHERE ${unchanged}`,
				],
				sql`outbox WHERE id = ${jobId}`,
			);
	}

	/** Crosses a chunk off, and with the last one its job. */
	async finishChunk(jobId: Id, { chunk, reason, recipients }: Chunk): Promise<void> {
		const it = sql`job_id = ${jobId} AND chunk = ${chunk}`;
		await this.#shards
			.of(jobId)
			.batch(
				[
					...(reason === "own" ? [] : [this.#count(jobId, it, recipients.length)]),
					sql`DELETE FROM outbox_chunks WHERE ${it}`,
					...this.finish(jobId),
				],
				sql`outbox WHERE id = ${jobId}`,
			);
	}

	/** Crosses a job off when it is expanded and has no chunk left. */
	async finishJob(jobId: Id): Promise<void> {
		await this.#shards.of(jobId).batch(this.finish(jobId), sql`outbox WHERE id = ${jobId}`);
	}

	/** How far a post has come; undefined before its fan-out has begun. */
	async deliveryOf(postId: Id): Promise<typeof deliveries.$inferSelect | undefined> {
		const [row] = await this.#shards
			.of(postId)
			.all<typeof deliveries.$inferSelect>(
				sql`SELECT ${columns(deliveries)} FROM deliveries WHERE post_id = ${postId}`,
			);
		return row;
	}

	/** Notes why a job's last try failed. */
	async noteError(jobId: Id, error: string): Promise<void> {
		await this.#shards.of(jobId).all(sql`UPDATE outbox SET error = ${error} WHERE id = ${jobId}`);
	}

	/** The statements that cross a job off when it is expanded and has no chunk left. */
	finish(jobId: Id): SQL[] {
		return [
			this.#finish(jobId),
			sql`UPDATE deliveries SET completed_at = ${this.#now()}
				WHERE post_id = ${jobId} AND completed_at IS NULL AND NOT EXISTS (SELECT 1 FROM outbox WHERE id = ${jobId})`,
		];
	}

	/** Counts those whom a chunk has reached, while it is as it was. */
	#count(jobId: Id, unchanged: SQL, reached: number): SQL {
		return sql`UPDATE deliveries SET delivered = delivered + ${reached}
			WHERE post_id = ${jobId} AND EXISTS (SELECT 1 FROM outbox_chunks WHERE ${unchanged})`;
	}

	#finish(jobId: Id): SQL {
		const phase = sql`${asJson(this.#shards.of(jobId).dialect, sql`progress`)}->>'phase'`;
		return sql`DELETE FROM outbox WHERE id = ${jobId} AND ${phase} = 'done'
			AND NOT EXISTS (SELECT 1 FROM outbox_chunks WHERE job_id = ${jobId})`;
	}
}
