import { expect, vi } from "vitest";
import { sweep } from "../src/fanout/sweep.ts";
import { servicesOf } from "../src/services.ts";
import { LONGEST_DELAY } from "../src/store/outbox.ts";
import { env } from "./env.ts";

const POLL = 20;
/** Polls between two rounds of the sweeper: a message that failed would be retried only after seconds. */
const PATIENCE = 50;

let rounds = 0;

/** Waits until everything that was promised is done: no job and no chunk is left. */
export async function settled(): Promise<void> {
	let polls = 0;
	await vi.waitFor(
		async () => {
			if (++polls % PATIENCE === 0) {
				// Each round lies behind what the one before has put off.
				await sweep(servicesOf(env).fanout, Date.now() + ++rounds * 2 * LONGEST_DELAY).catch(() => undefined);
			}
			expect(await promised()).toBe(0);
		},
		{ timeout: 60_000, interval: POLL },
	);
}

async function promised(): Promise<number> {
	const counts = await Promise.all(
		[env.SHARD_0, env.SHARD_1, env.SHARD_2].map((shard) =>
			shard
				.prepare("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_chunks) AS n")
				.first<number>("n"),
		),
	);
	return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}
