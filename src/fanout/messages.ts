import { z } from "zod";
import { type Id, isId, logicalShardOf } from "../store/ids.ts";
import { SEND_BATCH } from "../store/outbox.ts";
import { traceparent } from "../trace.ts";

/** The message of the `deliver` queue: look at this chunk. All that it takes is in the store, nothing secret travels. */
export const chunkMessageSchema = z.object({
	v: z.literal(1),
	jobId: z
		.string()
		.refine(isId)
		.transform((id) => id as Id),
	chunk: z.int().min(0),
	/** The `traceparent` of what sent it. */
	trace: z.string().max(100).optional().catch(undefined),
});
export type ChunkMessage = z.infer<typeof chunkMessageSchema>;

/** The `deliver` queues: one carries some 5,000 messages a second, so there can be several. */
export class ChunkQueues {
	readonly #queues: readonly Queue<ChunkMessage>[];

	/** @throws Error when there is none. */
	constructor(queues: readonly Queue<ChunkMessage>[]) {
		if (queues.length === 0) throw new Error("no deliver queue");
		this.#queues = queues;
	}

	get count(): number {
		return this.#queues.length;
	}

	/** Which part of the recipients an account is in: always the same, so that its deliveries come through one queue. */
	partOf(recipient: Id): number {
		return logicalShardOf(recipient) % this.count;
	}

	/** Asks for chunks to be brought to their recipients; a chunk's number says which queue is theirs. */
	async send(chunks: readonly { jobId: Id; chunk: number }[]): Promise<void> {
		await Promise.all(
			this.#queues.map(async (queue, part) => {
				const own = chunks.filter(({ chunk }) => chunk % this.count === part);
				for (let at = 0; at < own.length; at += SEND_BATCH) {
					const some = own.slice(at, at + SEND_BATCH);
					await queue.sendBatch(
						some.map(({ jobId, chunk }) => ({ body: { v: 1, jobId, chunk, trace: traceparent() } })),
					);
				}
			}),
		);
	}

	/** Sends what a dead letter kept. */
	async resend(message: unknown): Promise<void> {
		await this.#queues[0]?.send(message as ChunkMessage);
	}
}

/** Seconds until a message comes again: doubles from `first` to an hour, with up to a tenth of chance. */
export function retryDelay(attempts: number, random: number, first = 5): number {
	return Math.min(3600, Math.ceil(first * 2 ** Math.min(attempts - 1, 10) * (1 + random / 10)));
}
