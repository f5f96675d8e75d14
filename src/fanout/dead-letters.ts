import { sql } from "drizzle-orm";
import { z } from "zod";
import type { ShardDatabase } from "../store/database.ts";
import { asInteger, asJson, asText, columns, isServed } from "../store/dialect.ts";
import { type Id, type IdMinter, isId, logicalShardOf, timeOf } from "../store/ids.ts";
import { type Doorbell, taskSchema } from "../store/outbox.ts";
import { deadLetters } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";
import type { ChunkQueues } from "./messages.ts";
import type { ProgressStore } from "./progress.ts";

/** Rounds of the sweeper after which a job or chunk is given up: some six hours. */
export const LAST_TRY = 12;
/** What one round buries at most. */
const ROUND = 100;
/** Characters of a message that are kept. */
const LONGEST = 10_000;

export type DeadLetter = typeof deadLetters.$inferSelect;

const id = z.string().refine(isId) as unknown as z.ZodType<Id>;
const job = z.object({ jobId: id, task: taskSchema, progress: z.string().nullable() });
const chunk = job.extend({ chunk: z.int(), reason: z.string(), recipients: z.array(id) });
const message = z.object({ queue: z.enum(["fanout", "deliver", "previews"]), message: z.unknown() });

export interface DeadLetterServices {
	shards: Shards;
	progress: ProgressStore;
	doorbell: Doorbell;
	chunkQueues: ChunkQueues;
	fanoutQueue: Queue;
	previewQueue: Queue;
	minter: IdMinter;
	now: () => number;
}

/** What was tried for the last time: kept with all that is needed to try again. */
export class DeadLetters {
	readonly #services: DeadLetterServices;

	constructor(services: DeadLetterServices) {
		this.#services = services;
	}

	/** Gives up what has failed too often, on one shard. @returns how many were given up. */
	async bury(database: ShardDatabase): Promise<number> {
		const phase = sql`${asJson(database.dialect, sql`coalesce(progress, '{}')`)}->>'phase'`;
		const jobs = await database.all<{
			jobId: Id;
			task: string;
			progress: string | null;
			attempts: number;
			error: string;
		}>(
			sql`SELECT id AS "jobId", task, progress, attempts, error FROM outbox
				WHERE due_at <= ${this.#services.now()} AND attempts >= ${LAST_TRY} AND coalesce(${phase}, '') <> 'done'
					AND ${isServed(database.dialect, sql`id`)} LIMIT ${ROUND}`,
		);
		for (const { jobId, task, progress, attempts, error } of jobs) {
			const body = JSON.stringify({ jobId, task: JSON.parse(task), progress });
			const still = sql`FROM outbox WHERE id = ${jobId} AND attempts = ${attempts}`;
			await database.batch(
				[this.#put(jobId, "job", body, error, attempts, sql`SELECT 1 ${still}`), sql`DELETE ${still}`],
				sql`outbox WHERE id = ${jobId}`,
			);
		}
		const chunks = await database.all<{
			jobId: Id;
			task: string;
			progress: string | null;
			chunk: number;
			reason: string;
			recipients: string;
			attempts: number;
			error: string | null;
		}>(sql`SELECT job_id AS "jobId", task, progress, chunk, reason, recipients, outbox_chunks.attempts, outbox_chunks.error
			FROM outbox_chunks JOIN outbox ON outbox.id = job_id
			WHERE outbox_chunks.due_at <= ${this.#services.now()} AND outbox_chunks.attempts >= ${LAST_TRY}
				AND ${isServed(database.dialect, sql`job_id`)} LIMIT ${ROUND}`);
		for (const { jobId, task, progress, chunk: number, reason, recipients, attempts, error } of chunks) {
			const missed: Id[] = JSON.parse(recipients);
			const body = JSON.stringify({
				jobId,
				task: JSON.parse(task),
				progress,
				chunk: number,
				reason,
				recipients: missed,
			});
			const still = sql`FROM outbox_chunks WHERE job_id = ${jobId} AND chunk = ${number} AND recipients = ${recipients}`;
			await database.batch(
				[
					this.#put(jobId, "chunk", body, error, attempts, sql`SELECT 1 ${still}`),
					sql`UPDATE deliveries SET failed = failed + ${missed.length}
						WHERE post_id = ${jobId} AND EXISTS (SELECT 1 ${still})`,
					sql`DELETE ${still}`,
					...this.#services.progress.finish(jobId),
				],
				sql`outbox WHERE id = ${jobId}`,
			);
		}
		return jobs.length + chunks.length;
	}

	/** Keeps a message that nobody understands. */
	async addMessage(queue: "fanout" | "deliver" | "previews", body: unknown, error: string): Promise<void> {
		const place = this.#services.minter.mint(0);
		const kept = { queue, message: JSON.stringify(body).slice(0, LONGEST) };
		await this.#services.shards
			.of(place)
			.all(this.#put(place, "message", JSON.stringify(kept), error, 1, sql`SELECT 1`));
	}

	/** Newest first, from `before` (exclusive), of all shards. */
	async list(before: Id | undefined, limit: number): Promise<DeadLetter[]> {
		const older = before ? sql`AND id < ${before}` : sql``;
		const found = await Promise.all(
			this.#services.shards.all().map((database) =>
				database.all<DeadLetter>(
					sql`SELECT ${columns(deadLetters)} FROM dead_letters
							WHERE ${isServed(database.dialect, sql`id`)} ${older} ORDER BY id DESC LIMIT ${limit}`,
				),
			),
		);
		return found
			.flat()
			.sort((a, b) => (a.id < b.id ? 1 : -1))
			.slice(0, limit);
	}

	/** Tries again from the start. @returns false when there is no such letter. */
	async redrive(letterId: Id): Promise<boolean> {
		const database = this.#services.shards.of(letterId);
		const [letter] = await database.all<DeadLetter>(
			sql`SELECT ${columns(deadLetters)} FROM dead_letters WHERE id = ${letterId}`,
		);
		if (!letter) return false;
		const gone = sql`DELETE FROM dead_letters WHERE id = ${letterId}`;
		const body: unknown = JSON.parse(letter.body);
		if (letter.kind === "message") {
			const { queue, message: text } = message.parse(body);
			const again = parsed(String(text));
			// Sent before it is deleted: twice is better than never.
			if (queue === "fanout") await this.#services.fanoutQueue.send(again);
			else if (queue === "previews") await this.#services.previewQueue.send(again);
			else await this.#services.chunkQueues.resend(again);
			await database.all(gone);
			return true;
		}
		const dueAt = asInteger(this.#services.now());
		const { jobId, task, progress } = job.parse(body);
		const promised = sql`INSERT INTO outbox (id, task, progress, due_at)
			SELECT ${asText(jobId)}, ${asText(JSON.stringify(task))}, ${asText(progress)}, ${dueAt} WHERE true
			ON CONFLICT (id) DO NOTHING`;
		if (letter.kind === "job") {
			await database.batch([promised, gone]);
			await this.#services.doorbell.ring([jobId]);
			return true;
		}
		const { chunk: number, reason, recipients } = chunk.parse(body);
		await database.batch(
			[
				promised,
				sql`INSERT INTO outbox_chunks (job_id, chunk, reason, recipients, due_at)
					SELECT ${asText(jobId)}, ${asInteger(number)}, ${asText(reason)}, ${asText(JSON.stringify(recipients))}, ${dueAt} WHERE true
					ON CONFLICT (job_id, chunk) DO NOTHING`,
				sql`UPDATE deliveries SET failed = failed - ${recipients.length}, completed_at = NULL WHERE post_id = ${jobId}`,
				gone,
			],
			sql`deliveries WHERE post_id = ${jobId}`,
		);
		await this.#services.chunkQueues.send([{ jobId, chunk: number }]);
		return true;
	}

	/** @returns false when there is no such letter. */
	async remove(letterId: Id): Promise<boolean> {
		const gone = await this.#services.shards
			.of(letterId)
			.all(sql`DELETE FROM dead_letters WHERE id = ${letterId} RETURNING 1`);
		return gone.length > 0;
	}

	#put(
		on: Id,
		kind: DeadLetter["kind"],
		body: string,
		error: string | null,
		attempts: number,
		when: ReturnType<typeof sql>,
	) {
		const letterId = this.#services.minter.mint(logicalShardOf(on));
		return sql`INSERT INTO dead_letters (id, kind, body, error, attempts, since)
			SELECT ${asText(letterId)}, ${asText(kind)}, ${asText(body)}, ${asText(error)}, ${asInteger(attempts)}, ${asInteger(timeOf(on))}
			WHERE EXISTS (${when})`;
	}
}

/** What was too long to keep whole is sent as the text it is, and comes back. */
function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}
