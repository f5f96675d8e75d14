import { and, eq, sql } from "drizzle-orm";
import { z } from "zod";
import type { RelationKey } from "../graph/store.ts";
import type { Id } from "../store/ids.ts";
import { type Job, parseTask, SWEEP_AFTER } from "../store/outbox.ts";
import { outbox, outboxChunks } from "../store/schema.ts";
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
		const here = and(eq(outbox.id, job.id), sql`${outbox.progress} IS ${job.progress ?? null}`);
		const rows = JSON.stringify(chunks.map(({ chunk, reason, recipients }) => [chunk, reason, recipients]));
		const progress = JSON.stringify(next);
		const [, moved] = await database.batch([
			database.insert(outboxChunks).select(
				sql`SELECT ${job.id}, value->>0, value->>1, value->2, 0, ${this.#now() + SWEEP_AFTER} FROM json_each(${rows})
					WHERE EXISTS (SELECT 1 FROM outbox WHERE ${here})`,
			),
			database.update(outbox).set({ progress }).where(here).returning({ id: outbox.id }),
		]);
		return moved.length > 0 ? { ...job, progress } : undefined;
	}

	/** A chunk and its job; undefined when its work is done. */
	async load(jobId: Id, chunk: number): Promise<{ job: Job; chunk: Chunk } | undefined> {
		const [row] = await this.#shards
			.of(jobId)
			.select({
				task: outbox.task,
				progress: outbox.progress,
				reason: outboxChunks.reason,
				recipients: outboxChunks.recipients,
			})
			.from(outboxChunks)
			.innerJoin(outbox, eq(outbox.id, outboxChunks.jobId))
			.where(and(eq(outboxChunks.jobId, jobId), eq(outboxChunks.chunk, chunk)));
		if (!row) return undefined;
		return {
			job: { id: jobId, task: parseTask(row.task), progress: row.progress },
			chunk: { chunk, reason: row.reason, recipients: JSON.parse(row.recipients) },
		};
	}

	/** Keeps only those whom a chunk did not reach. */
	async keep(jobId: Id, chunk: number, recipients: readonly Id[]): Promise<void> {
		await this.#shards
			.of(jobId)
			.update(outboxChunks)
			.set({ recipients: JSON.stringify(recipients) })
			.where(and(eq(outboxChunks.jobId, jobId), eq(outboxChunks.chunk, chunk)));
	}

	/** Crosses a chunk off, and with the last one its job. */
	async finishChunk(jobId: Id, chunk: number): Promise<void> {
		const database = this.#shards.of(jobId);
		await database.batch([
			database.delete(outboxChunks).where(and(eq(outboxChunks.jobId, jobId), eq(outboxChunks.chunk, chunk))),
			this.#finish(jobId),
		]);
	}

	/** Crosses a job off when it is expanded and has no chunk left. */
	async finishJob(jobId: Id): Promise<void> {
		await this.#finish(jobId);
	}

	#finish(jobId: Id) {
		return this.#shards
			.of(jobId)
			.delete(outbox)
			.where(
				and(
					eq(outbox.id, jobId),
					sql`progress->>'phase' = 'done'`,
					sql`NOT EXISTS (SELECT 1 FROM outbox_chunks WHERE job_id = ${jobId})`,
				),
			);
	}
}
