import { LEVELS } from "../graph/rules.ts";
import type { RelationKey, RelationStore } from "../graph/store.ts";
import { maySee } from "../posts/audience.ts";
import type { PostStore } from "../posts/store.ts";
import type { Id } from "../store/ids.ts";
import type { Job, TaskOf } from "../store/outbox.ts";
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

export interface ExpandServices {
	relations: RelationStore;
	posts: PostStore;
	progress: ProgressStore;
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
		const { task } = job;
		if (task.kind === "add" && (await isPulled(services, job.id, task, from))) {
			// Nobody is left: friends have had their turn.
			await services.channels.tell(task.authorId, task.postId);
			if (!(await progress.advance(job, { phase: "done", chunks: from.chunks }, []))) return true;
			await progress.finishJob(job.id);
			return true;
		}
		const recipients = await readPage(services.relations, job.task, from);
		const connected =
			recipients.length > FEW || idle.length > 0
				? await services.channels.among(recipients.map(({ other }) => other))
				: new Set<Id>();
		const part = (is: boolean) => recipients.filter(({ other }) => connected.has(other) === is);
		const first = cut(part(true), from, services.chunkQueues);
		const others = cut(part(false), { ...from, chunks: first.end }, services.chunkQueues);
		const next = nextProgress(job.task, from, recipients, others.end);
		// Before the end is written: the last chunk may cross the job off from then on.
		if (next.phase === "done" && job.task.kind === "remove" && !(await posts.eraseThread(job.task.postId)))
			return false;
		const moved = await progress.advance(job, next, [...first.chunks, ...others.chunks]);
		if (!moved) return true;
		job = { ...job, progress: moved.progress ?? null };
		await send(first.chunks.map(({ chunk }) => chunk));
		idle.push(...others.chunks.map(({ chunk }) => chunk));
		if (next.phase !== from.phase) await send(idle.splice(0));
	}
	return false;
}

/** Only a new post is left for followers to pull: an edit or a deletion concerns what they have. */
async function isPulled({ heavy }: ExpandServices, jobId: Id, task: TaskOf<"add">, from: Progress): Promise<boolean> {
	const isNew = task.postId === jobId;
	return isNew && from.phase === "followers" && from.after === undefined && heavy.arePulled(task.authorId);
}

const REASONS = { own: "own", friends: "friend", followers: "follow" } as const satisfies Record<
	Exclude<Phase, "done">,
	ChunkReason
>;

async function readPage(
	relations: RelationStore,
	task: FanoutTask,
	{ phase, after }: Progress,
): Promise<RelationKey[]> {
	if (phase === "friends" || phase === "followers") return relations.audience(task.authorId, phase, after, PAGE_SIZE);
	return task.kind === "herald" ? [] : [{ at: 0, other: task.authorId }];
}

/** Chunks of a page, numbered on from the progress so that the number tells the queue; `end` is the number after them. */
export function cut(
	recipients: readonly RelationKey[],
	{ phase, chunks: from }: Progress,
	queues: Pick<ChunkQueues, "count" | "partOf">,
): { chunks: Chunk[]; end: number } {
	if (phase === "done") return { chunks: [], end: from };
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
