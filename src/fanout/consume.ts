import type { Graph } from "../graph/graph.ts";
import { reportFailure } from "../report.ts";
import type { Id } from "../store/ids.ts";
import { type Doorbell, type Job, jobMessageSchema, loadJob, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import { type DeliverServices, deliver } from "./deliver.ts";
import { type ExpandServices, expand, type FanoutTask } from "./expand.ts";
import { chunkMessageSchema, retryDelay } from "./messages.ts";

export interface FanoutServices extends ExpandServices, DeliverServices {
	shards: Shards;
	graph: Graph;
	doorbell: Doorbell;
	random: () => number;
}

/** Handles a batch of either queue. Each message stands alone: one that fails comes back later and holds up no other. */
export async function consume(services: FanoutServices, batch: MessageBatch): Promise<void> {
	const handle = batch.queue.includes("deliver") ? handleChunk : handleJob;
	await Promise.all(
		batch.messages.map(async (message) => {
			try {
				if (await handle(services, message.body)) return message.ack();
			} catch (error) {
				reportFailure("queue message failed", error, {
					queue: batch.queue,
					id: message.id,
					attempts: message.attempts,
				});
			}
			message.retry({ delaySeconds: retryDelay(message.attempts, services.random()) });
		}),
	);
}

async function handleChunk(services: FanoutServices, body: unknown): Promise<boolean> {
	return (await deliver(services, chunkMessageSchema.parse(body))) === 0;
}

async function handleJob(services: FanoutServices, body: unknown): Promise<boolean> {
	const { jobId } = jobMessageSchema.parse(body);
	await runJob(services, jobId);
	return true;
}

/** Does what a job asks; one that is done already is gone, and asks for nothing. */
export async function runJob(services: FanoutServices, jobId: Id): Promise<void> {
	const job = await loadJob(services.shards, jobId);
	if (!job) return;
	if (isSettling(job)) return services.graph.settle(job);
	const finished = await expand(services, job as Job<FanoutTask>);
	if (!finished) await services.doorbell.ring([jobId]);
}

function isSettling(job: Job): job is Job<TaskOf<"settle">> {
	return job.task.kind === "settle";
}
