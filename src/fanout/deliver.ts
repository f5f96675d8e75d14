import { reportFailure } from "../report.ts";
import type { Delivery } from "../timeline/changes.ts";
import type { Timelines } from "../timeline/client.ts";
import type { FanoutTask } from "./expand.ts";
import type { ChunkMessage } from "./messages.ts";
import type { ChunkReason, ProgressStore } from "./progress.ts";

export interface DeliverServices {
	timelines: Timelines;
	progress: ProgressStore;
}

/**
 * Brings a chunk to its recipients, one call to each one's timeline. A repeat finds the chunk gone,
 * or finds timelines that have the change already.
 *
 * @returns how many could not be reached; they are what is left of the chunk.
 */
export async function deliver(
	{ timelines, progress }: DeliverServices,
	{ jobId, chunk: number }: ChunkMessage,
): Promise<number> {
	const found = await progress.load(jobId, number);
	if (!found) return 0;
	const { task } = found.job;
	if (task.kind === "settle") throw new Error("a settling has no chunks");
	const { recipients, reason } = found.chunk;
	const results = await Promise.allSettled(
		recipients.map((recipient) =>
			task.kind === "herald"
				? timelines.of(recipient).retie(task.authorId)
				: timelines.of(recipient).apply([changeOf(task, reason)]),
		),
	);
	const missed = recipients.filter((_, i) => results[i]?.status === "rejected");
	if (missed.length === 0) {
		await progress.finishChunk(jobId, number);
	} else {
		const cause = results.find((result) => result.status === "rejected")?.reason;
		reportFailure("recipients not reached", cause, { jobId, chunk: number, missed: missed.length });
		if (missed.length < recipients.length) await progress.keep(jobId, number, missed);
	}
	return missed.length;
}

function changeOf(task: Exclude<FanoutTask, { kind: "herald" }>, reason: ChunkReason): Delivery {
	const { postId, authorId } = task;
	switch (task.kind) {
		case "add":
			return { kind: "add", postId, authorId, reason, via: "push" };
		case "edit":
			return { kind: "edit", postId };
		case "remove":
			return { kind: "remove", postId, cause: "deleted" };
	}
}
