import { noteWork } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { PostStore } from "../posts/store.ts";
import { reportFailure } from "../report.ts";
import { timeOf } from "../store/ids.ts";
import type { Job } from "../store/outbox.ts";
import type { Timelines } from "../timeline/client.ts";
import { resumeTrace } from "../trace.ts";
import { changeOf } from "./changes.ts";
import { isFanout } from "./expand.ts";
import type { ChunkMessage } from "./messages.ts";
import { type Chunk, isPublishing, type ProgressStore } from "./progress.ts";

export interface DeliverServices {
	timelines: Timelines;
	posts: PostStore;
	progress: ProgressStore;
	metrics: Metrics;
	now: () => number;
}

/** How a chunk went. */
export interface Outcome {
	/** How many could not be reached; they are what is left of the chunk. */
	missed: number;
	/** Some of them have more to do than they can: they are left alone for longer. */
	overloaded: boolean;
}

/**
 * Brings a chunk to its recipients, one call to each one's timeline. A repeat finds the chunk gone,
 * or finds timelines that have the change already.
 */
export async function deliver(services: DeliverServices, { jobId, chunk: number }: ChunkMessage): Promise<Outcome> {
	const found = await services.progress.load(jobId, number);
	if (!found) return { missed: 0, overloaded: false };
	const { job, chunk } = found;
	const { now } = services;
	return resumeTrace(job.task.trace, async () => {
		const startedAt = now();
		const outcome = await deliverChunk(services, job, chunk);
		const { length: recipients } = chunk.recipients;
		const { missed } = outcome;
		noteWork("chunk", {
			kind: job.task.kind,
			recipients,
			missed,
			ms: now() - startedAt,
			age: startedAt - timeOf(jobId),
		});
		return outcome;
	});
}

async function deliverChunk(
	{ timelines, posts, progress, metrics, now }: DeliverServices,
	job: Job,
	chunk: Chunk,
): Promise<Outcome> {
	const { id: jobId, task } = job;
	if (!isFanout(task)) throw new Error("only a fan-out has chunks");
	const { recipients, reason } = chunk;
	// Deleted meanwhile: whoever has no such post yet must not get it any more.
	const stale = task.kind === "add" && !(await posts.exists(task.postId));
	const results = await Promise.allSettled(
		stale
			? []
			: recipients.map((recipient) =>
					task.kind === "herald"
						? timelines.of(recipient).retie(task.authorId)
						: timelines.of(recipient).apply([changeOf(task, reason)]),
				),
	);
	const missed = recipients.filter((_, i) => results[i]?.status === "rejected");
	if (missed.length === 0) {
		await progress.finishChunk(jobId, chunk);
		if (isPublishing(job)) metrics.add("delivery_seconds", (now() - timeOf(jobId)) / 1000);
		return { missed: 0, overloaded: false };
	}
	const causes = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
	reportFailure("recipients not reached", causes[0], { jobId, chunk: chunk.chunk, missed: missed.length });
	metrics.add("delivery_failed", missed.length);
	await progress.keep(jobId, chunk, missed, String(causes[0]).slice(0, 500));
	return { missed: missed.length, overloaded: causes.some((cause) => cause?.overloaded === true) };
}
