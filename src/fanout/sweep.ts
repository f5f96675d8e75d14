import { reportFailure } from "../report.ts";
import { timeOf } from "../store/ids.ts";
import { backlog, takeDue } from "../store/outbox.ts";
import type { FanoutServices } from "./consume.ts";

/** Rows of each kind that one round takes from a shard. */
const ROUND = 500;
const ROUNDS = 10;

/**
 * Rings again for every job and chunk that is overdue: what a crash, a lost message or a spent one
 * left behind. Each further try of a row comes later than the one before.
 */
export async function sweep(
	{ shards, deadLetters, doorbell, chunkQueues, metrics, random }: FanoutServices,
	now: number,
): Promise<{ jobs: number; chunks: number }> {
	await shards.fresh();
	const swept = { jobs: 0, chunks: 0 };
	const results = await Promise.allSettled(
		shards.all().map(async (database) => {
			const { count, oldest } = await backlog(database);
			metrics.add("fanout_backlog", count);
			if (oldest) metrics.add("fanout_lag_seconds", Math.max(0, now - timeOf(oldest)) / 1000);
			const dead = await deadLetters.bury(database);
			if (dead > 0) metrics.add("fanout_dead", dead);
			for (let round = 0; round < ROUNDS; round++) {
				const { jobs, chunks } = await takeDue(database, now, random(), ROUND);
				await doorbell.ring(jobs);
				await chunkQueues.send(chunks);
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
