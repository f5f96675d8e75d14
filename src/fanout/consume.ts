import type { Graph } from "../graph/graph.ts";
import { reportFailure } from "../report.ts";
import type { Id } from "../store/ids.ts";
import { type Doorbell, type Job, jobMessageSchema, loadJob, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { type DeliverServices, deliver } from "./deliver.ts";
import { type ExpandServices, expand, type FanoutTask } from "./expand.ts";
import { chunkMessageSchema, retryDelay } from "./messages.ts";

export interface FanoutServices extends ExpandServices, DeliverServices {
	shards: Shards;
	graph: Graph;
	deadLetters: DeadLetters;
	doorbell: Doorbell;
	lifeJobs: LifeJobs;
	random: () => number;
}

/** What is done to whole accounts; `life/` does it. */
export interface LifeJobs {
	/** @returns "more" when there is more to do than one run does, "later" when it has to wait for something */
	run(job: Job<TaskOf<"erase" | "export">>): Promise<"done" | "more" | "later">;
}

/** Seconds until recipients with too much to do are tried again. */
const LONG_PAUSE = 60;

/**
 * Handles a batch of any queue. Each message stands alone: one that fails comes back later and holds up no
 * other; one that nobody understands is put aside at once.
 */
export async function consume(services: FanoutServices, batch: MessageBatch): Promise<void> {
	const queue = batch.queue.includes("deliver") ? "deliver" : "fanout";
	await Promise.all(
		batch.messages.map(async (message) => {
			let first: number | undefined;
			try {
				if (queue === "fanout") {
					const body = jobMessageSchema.safeParse(message.body);
					if (body.success) await runJob(services, body.data.jobId);
					else await services.deadLetters.addMessage(queue, message.body, body.error.message);
					return message.ack();
				}
				const body = chunkMessageSchema.safeParse(message.body);
				if (!body.success) {
					await services.deadLetters.addMessage(queue, message.body, body.error.message);
					return message.ack();
				}
				const { missed, overloaded } = await deliver(services, body.data);
				if (missed === 0) return message.ack();
				if (overloaded) first = LONG_PAUSE;
			} catch (error) {
				reportFailure("queue message failed", error, {
					queue: batch.queue,
					id: message.id,
					attempts: message.attempts,
				});
			}
			message.retry({ delaySeconds: retryDelay(message.attempts, services.random(), first) });
		}),
	);
}

/** Does what a job asks; one that is done already is gone, and asks for nothing. */
export async function runJob(services: FanoutServices, jobId: Id): Promise<void> {
	const job = await loadJob(services.shards, jobId);
	if (!job) return;
	try {
		if (isSettling(job)) return await services.graph.settle(job);
		if (isOfLife(job)) {
			// What has to wait is found by the sweeper.
			if ((await services.lifeJobs.run(job)) === "more") await services.doorbell.ring([jobId]);
			return;
		}
		const finished = await expand(services, job as Job<FanoutTask>);
		if (!finished) await services.doorbell.ring([jobId]);
	} catch (error) {
		// For the operator who finds it among the dead letters.
		await services.progress.noteError(jobId, String(error).slice(0, 500)).catch(() => undefined);
		throw error;
	}
}

function isOfLife(job: Job): job is Job<TaskOf<"erase" | "export">> {
	return job.task.kind === "erase" || job.task.kind === "export";
}

function isSettling(job: Job): job is Job<TaskOf<"settle">> {
	return job.task.kind === "settle";
}
