import type { Graph } from "../graph/graph.ts";
import { noteWork } from "../log.ts";
import { reportFailure } from "../report.ts";
import { type Id, timeOf } from "../store/ids.ts";
import { type Doorbell, type Job, jobMessageSchema, loadJob, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import { resumeTrace, traceparentIn, underTrace } from "../trace.ts";
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
	mediaJobs: MediaJobs;
	/** Rings where media are processed: they take long, and would hold up what is to be brought to people. */
	mediaDoorbell: Pick<Doorbell, "ring">;
	/** Takes jobs that ask others' servers: these have a queue of their own. */
	previews: { pass(jobIds: readonly Id[]): Promise<void> };
	random: () => number;
	/** Runs a part of the work under a name that the platform's traces know it by. */
	inSpan: <T>(name: string, work: () => T) => T;
}

/** What is done to whole accounts; `life/` does it. */
export interface LifeJobs {
	/** @returns "more" when there is more to do than one run does, "later" when it has to wait for something */
	run(job: Job<TaskOf<"erase" | "export">>): Promise<"done" | "more" | "later">;
}

/** What is done to what was uploaded; `media/` does it. */
export interface MediaJobs {
	run(job: Job<TaskOf<"process">>): Promise<"done">;
}

type QueueKind = "deliver" | "fanout" | "media";

/** Seconds until recipients with too much to do are tried again. */
const LONG_PAUSE = 60;

/**
 * Handles a batch of any queue. Each message stands alone: one that fails comes back later and holds up no
 * other; one that nobody understands is put aside at once.
 */
export async function consume(services: FanoutServices, batch: MessageBatch): Promise<void> {
	const kinds = ["deliver", "media"] as const;
	const queue = kinds.find((kind) => batch.queue.includes(kind)) ?? "fanout";
	await Promise.all(
		batch.messages.map((message) =>
			underTrace(traceparentIn(message.body), () => handle(services, queue, batch.queue, message)),
		),
	);
}

async function handle(services: FanoutServices, kind: QueueKind, queue: string, message: Message): Promise<void> {
	let first: number | undefined;
	try {
		if (kind !== "deliver") {
			const body = jobMessageSchema.safeParse(message.body);
			if (body.success) await services.inSpan("job", () => runJob(services, body.data.jobId, kind));
			// Sent again, it is passed on by this queue.
			else await services.deadLetters.addMessage("fanout", message.body, body.error.message);
			return message.ack();
		}
		const body = chunkMessageSchema.safeParse(message.body);
		if (!body.success) {
			await services.deadLetters.addMessage(kind, message.body, body.error.message);
			return message.ack();
		}
		const { missed, overloaded } = await services.inSpan("chunk", () => deliver(services, body.data));
		if (missed === 0) return message.ack();
		if (overloaded) first = LONG_PAUSE;
	} catch (error) {
		reportFailure("queue message failed", error, { queue, id: message.id, attempts: message.attempts });
	}
	message.retry({ delaySeconds: retryDelay(message.attempts, services.random(), first) });
}

/** Does what a job asks; one that is done already is gone, and asks for nothing. */
export async function runJob(
	services: FanoutServices,
	jobId: Id,
	queue: Exclude<QueueKind, "deliver"> = "fanout",
): Promise<void> {
	const job = await loadJob(services.shards, jobId);
	if (!job) return;
	// The sweeper knows one queue only.
	if (isOfMedia(job) && queue !== "media") return services.mediaDoorbell.ring([jobId]);
	await resumeTrace(job.task.trace, () => runLoaded(services, job));
}

async function runLoaded(services: FanoutServices, job: Job): Promise<void> {
	const { now } = services;
	const { kind } = job.task;
	const startedAt = now();
	try {
		let finished = true;
		if (kind === "preview") await services.previews.pass([job.id]);
		else if (isSettling(job)) await services.graph.settle(job);
		// What has to wait is found by the sweeper.
		else if (isOfLife(job)) finished = (await services.lifeJobs.run(job)) !== "more";
		else if (isOfMedia(job)) await services.mediaJobs.run(job);
		else finished = await expand(services, job as Job<FanoutTask>);
		noteWork("job", { kind, finished, ms: now() - startedAt, age: startedAt - timeOf(job.id) });
		if (!finished) await services.doorbell.ring([job.id]);
	} catch (error) {
		// For the operator who finds it among the dead letters.
		await services.progress.noteError(job.id, String(error).slice(0, 500)).catch(() => undefined);
		throw error;
	}
}

function isOfLife(job: Job): job is Job<TaskOf<"erase" | "export">> {
	return job.task.kind === "erase" || job.task.kind === "export";
}

function isOfMedia(job: Job): job is Job<TaskOf<"process">> {
	return job.task.kind === "process";
}

function isSettling(job: Job): job is Job<TaskOf<"settle">> {
	return job.task.kind === "settle";
}
