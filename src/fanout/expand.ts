import { LEVELS } from "../graph/rules.ts";
import type { RelationKey, RelationStore } from "../graph/store.ts";
import { nameInLog } from "../log.ts";
import { maySee } from "../posts/audience.ts";
import type { PostStore } from "../posts/store.ts";
import { reportFailure } from "../report.ts";
import type { Id } from "../store/ids.ts";
import type { Job, Task, TaskOf } from "../store/outbox.ts";
import type { Timelines } from "../timeline/client.ts";
import { changeOf } from "./changes.ts";
import type { ConnectedAccounts } from "./channel.ts";
import type { HeavyAuthors } from "./heavy.ts";
import type { ChunkQueues } from "./messages.ts";
import {
	type Chunk,
	type ChunkReason,
	type Phase,
	type Progress,
	type ProgressStore,
	readProgress,
} from "./progress.ts";

export type FanoutTask = TaskOf<"add" | "edit" | "remove" | "herald">;

export function isFanout(task: Task): task is FanoutTask {
	return task.kind === "add" || task.kind === "edit" || task.kind === "remove" || task.kind === "herald";
}

export interface ExpandServices {
	relations: RelationStore;
	posts: PostStore;
	progress: ProgressStore;
	timelines: Timelines;
	heavy: HeavyAuthors;
	channels: ConnectedAccounts;
	chunkQueues: ChunkQueues;
}

/** Recipients of one `deliver` message. */
export const CHUNK_SIZE = 100;
/** Recipients between two checkpoints: ten chunks, written in one statement. */
export const PAGE_SIZE = 1000;
/** Pages of one run: far below the 1,000 queries that D1 allows an invocation. */
const PAGES_A_RUN = 20;

/** Below so many recipients, all are reached at once whatever their order. */
const FEW = 200;

/**
 * Cuts the recipients of a post into chunks, page by page. Each page and the checkpoint behind it
 * are one atomic write; the messages go out afterwards, and a chunk whose message got lost is found
 * by the sweeper. Those who are connected come first, the others at the end of the phase.
 *
 * @returns false when there is more to expand than one run does.
 */
export async function expand(services: ExpandServices, job: Job<FanoutTask>): Promise<boolean> {
	const send = (chunks: readonly number[]) =>
		services.chunkQueues.send(chunks.map((chunk) => ({ jobId: job.id, chunk })));
	const idle: number[] = [];
	try {
		return await expandPages(services, job, send, idle);
	} finally {
		await send(idle);
	}
}

type Send = (chunks: readonly number[]) => Promise<void>;

/** Leaves the chunks of those who are not connected in `idle`, unless their phase ends. */
async function expandPages(
	services: ExpandServices,
	start: Job<FanoutTask>,
	send: Send,
	idle: number[],
): Promise<boolean> {
	const { progress, posts } = services;
	let job = start;
	for (let page = 0; page < PAGES_A_RUN; page++) {
		const from = readProgress(job);
		if (from.phase === "done") {
			await progress.finishJob(job.id);
			return true;
		}
		const { next, chunks, now } = await gather(services, job, from, idle);
		// Before the end is written: the last chunk may cross the job off from then on.
		if (next.phase === "done" && job.task.kind === "remove" && !(await posts.eraseThread(job.task.postId)))
			return false;
		const moved = await progress.advance(job, next, chunks);
		if (!moved) return true;
		job = { ...job, progress: moved.progress ?? null };
		await send(now);
	}
	return false;
}

interface Gathered {
	next: Progress;
	chunks: Chunk[];
	/** The numbers of those that are sent at once, in order. */
	now: number[];
}

/** The next page of recipients; of a small audience it is all of them, so that one write is enough. */
async function gather(
	services: ExpandServices,
	{ id: jobId, task }: Job<FanoutTask>,
	from: Progress,
	idle: number[],
): Promise<Gathered> {
	const { relations, chunkQueues, channels } = services;
	const chunks: Chunk[] = [];
	const now: number[] = [];
	let next = from;
	if (from.phase === "own") {
		// She has it since she posted. If she cannot be reached now, she is a recipient like others.
		if (!(await reachAuthor(services, task))) chunks.push({ chunk: 0, reason: "own", recipients: [task.authorId] });
		now.push(...chunks.map(({ chunk }) => chunk));
		next = nextProgress(task, from, [], chunks.length);
	}
	for (let count = 0; (next.phase === "friends" || next.phase === "followers") && count < PAGE_SIZE; ) {
		const at = next;
		if (task.kind === "add" && (await isPulled(services, jobId, task, at))) {
			// Nobody is left: friends have had their turn.
			await channels.tell(task.authorId, task.postId);
			next = { phase: "done", chunks: at.chunks };
			break;
		}
		const recipients = await relations.audience(task.authorId, next.phase, at.after, PAGE_SIZE);
		count += recipients.length;
		const connected =
			recipients.length > FEW || idle.length > 0
				? await channels.among(recipients.map(({ other }) => other))
				: new Set<Id>();
		const part = (is: boolean) => recipients.filter(({ other }) => connected.has(other) === is);
		const first = cut(part(true), at, chunkQueues);
		const others = cut(part(false), { ...at, chunks: first.end }, chunkQueues);
		chunks.push(...first.chunks, ...others.chunks);
		now.push(...first.chunks.map(({ chunk }) => chunk));
		idle.push(...others.chunks.map(({ chunk }) => chunk));
		next = nextProgress(task, at, recipients, others.end);
		if (next.phase !== at.phase) now.push(...idle.splice(0));
	}
	return { next, chunks, now };
}

async function reachAuthor({ timelines }: ExpandServices, task: FanoutTask): Promise<boolean> {
	if (task.kind === "herald") return true;
	try {
		await timelines.of(task.authorId).apply([changeOf(task, "own")]);
		return true;
	} catch (error) {
		reportFailure("an author was not reached", error, { account: nameInLog(task.authorId) });
		return false;
	}
}

/** Only a new post is left for followers to pull: an edit or a deletion concerns what they have. */
async function isPulled({ heavy }: ExpandServices, jobId: Id, task: TaskOf<"add">, from: Progress): Promise<boolean> {
	const isNew = task.postId === jobId;
	return isNew && from.phase === "followers" && from.after === undefined && heavy.arePulled(task.authorId);
}

const REASONS = { friends: "friend", followers: "follow" } as const satisfies Record<
	Exclude<Phase, "own" | "done">,
	ChunkReason
>;

/** Chunks of a page, numbered on from the progress so that the number tells the queue; `end` is the number after them. */
export function cut(
	recipients: readonly RelationKey[],
	{ phase, chunks: from }: Progress,
	queues: Pick<ChunkQueues, "count" | "partOf">,
): { chunks: Chunk[]; end: number } {
	if (phase === "own" || phase === "done") return { chunks: [], end: from };
	const start = Math.ceil(from / queues.count) * queues.count;
	const parts = Array.from({ length: queues.count }, (): Id[] => []);
	for (const { other } of recipients) parts[queues.partOf(other)]?.push(other);
	const chunks = parts.flatMap((ids, part) =>
		Array.from({ length: Math.ceil(ids.length / CHUNK_SIZE) }, (_, i) => ({
			chunk: start + i * queues.count + part,
			reason: REASONS[phase],
			recipients: ids.slice(i * CHUNK_SIZE, (i + 1) * CHUNK_SIZE),
		})),
	);
	return { chunks, end: chunks.reduce((end, { chunk }) => Math.max(end, chunk + 1), from) };
}

/** Friends come before followers; a phase that the audience leaves out is skipped. */
export function nextProgress(
	task: FanoutTask,
	from: Progress,
	recipients: readonly RelationKey[],
	chunks: number,
): Progress {
	if (from.phase !== "own" && recipients.length === PAGE_SIZE)
		return { phase: from.phase, after: recipients.at(-1), chunks };
	// Friends are pushed to whatever she is.
	if (task.kind === "herald") return { phase: from.phase === "own" ? "followers" : "done", chunks };
	const reaches = (level: (typeof LEVELS)["friend" | "follow"]) => maySee(task.audience, level);
	if (from.phase === "own" && reaches(LEVELS.friend)) return { phase: "friends", chunks };
	if (from.phase === "friends" && reaches(LEVELS.follow)) return { phase: "followers", chunks };
	return { phase: "done", chunks };
}
