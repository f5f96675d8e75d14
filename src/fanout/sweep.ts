import { reportFailure } from "../report.ts";
import { SEND_BATCH, takeDue } from "../store/outbox.ts";
import type { FanoutServices } from "./consume.ts";

/** Rows of each kind that one round takes from a shard. */
const ROUND = 500;
const ROUNDS = 10;

/**
 * Rings again for every job and chunk that is overdue: what a crash, a lost message or a spent one
 * left behind. Each further try of a row comes later than the one before.
 */
export async function sweep(
	{ shards, doorbell, deliverQueue, random }: FanoutServices,
	now: number,
): Promise<{ jobs: number; chunks: number }> {
	const swept = { jobs: 0, chunks: 0 };
	const results = await Promise.allSettled(
		shards.all().map(async (database) => {
			for (let round = 0; round < ROUNDS; round++) {
				const { jobs, chunks } = await takeDue(database, now, random(), ROUND);
				await doorbell.ring(jobs);
				for (let at = 0; at < chunks.length; at += SEND_BATCH) {
					await deliverQueue.sendBatch(
						chunks.slice(at, at + SEND_BATCH).map((chunk) => ({ body: { v: 1, ...chunk } })),
					);
				}
				swept.jobs += jobs.length;
				swept.chunks += chunks.length;
				if (jobs.length < ROUND && chunks.length < ROUND) return;
			}
		}),
	);
	// A shard that is down must not keep the others from being swept.
	for (const result of results) {
		if (result.status === "rejected") {
			reportFailure("a shard was not swept", result.reason);
		}
	}
	return swept;
}
