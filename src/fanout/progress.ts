import { type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import type { RelationKey } from "../graph/store.ts";
import { asInteger, asJson, asText, jsonRows } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import { type Job, parseTask, SWEEP_AFTER } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";

/** Whose turn it is: the author herself, her friends, her other followers; then nobody is left. */
export type Phase = "own" | "friends" | "followers" | "done";

/** How far a fan-out has been expanded: kept in its outbox row. */
export interface Progress {
	phase: Phase;
	/** The last of the phase that has a chunk. */
	after?: RelationKey | undefined;
	/** How many chunks were made. */
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
		const here = sql`id = ${job.id} AND progress IS NOT DISTINCT FROM ${asText(job.progress ?? null)}`;
		const rows = JSON.stringify(chunks.map(({ chunk, reason, recipients }) => [chunk, reason, recipients]));
		const progress = JSON.stringify(next);
		const [, moved] = await database.batch(
			[
				sql`INSERT INTO outbox_chunks (job_id, chunk, reason, recipients, due_at)
					SELECT ${asText(job.id)}, CAST(value->>0 AS integer), value->>1, CAST(value->2 AS text), ${asInteger(this.#now() + SWEEP_AFTER)}
					FROM ${jsonRows(database.dialect, rows)} WHERE EXISTS (SELECT 1 FROM outbox WHERE ${here})`,
				sql`UPDATE outbox SET progress = ${progress} WHERE ${here} RETURNING 1`,
			],
			sql`outbox WHERE id = ${job.id}`,
		);
		return moved !== undefined && moved.length > 0 ? { ...job, progress } : undefined;
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

	/** Keeps only those whom a chunk did not reach. */
	async keep(jobId: Id, chunk: number, recipients: readonly Id[]): Promise<void> {
		await this.#shards.of(jobId).all(sql`UPDATE outbox_chunks SET recipients = ${JSON.stringify(recipients)}
			WHERE job_id = ${jobId} AND chunk = ${chunk}`);
	}

	/** Crosses a chunk off, and with the last one its job. */
	async finishChunk(jobId: Id, chunk: number): Promise<void> {
		await this.#shards
			.of(jobId)
			.batch(
				[sql`DELETE FROM outbox_chunks WHERE job_id = ${jobId} AND chunk = ${chunk}`, this.#finish(jobId)],
				sql`outbox WHERE id = ${jobId}`,
			);
	}

	/** Crosses a job off when it is expanded and has no chunk left. */
	async finishJob(jobId: Id): Promise<void> {
		await this.#shards.of(jobId).all(this.#finish(jobId));
	}

	#finish(jobId: Id): SQL {
		const phase = sql`${asJson(this.#shards.of(jobId).dialect, sql`progress`)}->>'phase'`;
		return sql`DELETE FROM outbox WHERE id = ${jobId} AND ${phase} = 'done'
			AND NOT EXISTS (SELECT 1 FROM outbox_chunks WHERE job_id = ${jobId})`;
	}
}
