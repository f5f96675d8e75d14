import {
	type Attempt,
	arrived,
	attempted,
	cancelled,
	described,
	type Entry,
	faulted,
	forgotten,
	nextStep,
	notFound,
	type Refusal,
	refuse,
	type SentBody,
	type Step,
	uploaded,
	verdictOf,
	withoutUploads,
} from "./outbox-entry.ts";
import { blobsOf, type KnownPost } from "./outbox-store.ts";
import type { Answered, MadePost, OutboxTransport, Sent } from "./outbox-types.ts";

/** How much later than the client's the server's clock may be, in milliseconds, for a post to be found again. */
const CLOCKS_DIFFER = 120_000;
/** How often media that were swept are uploaded again for one entry. */
const UPLOADS_AGAIN = 2;

export interface Sending<P extends MadePost> {
	transport: OutboxTransport<P>;
	/**
	 * @param then called when the change is kept, before anybody is told of it
	 * @returns the entry as it was changed; null when it is gone
	 */
	change: (id: string, apply: (entry: Entry) => Entry, then?: () => void) => Promise<Entry | null>;
	/** The posts that are known to be made. */
	sent: () => Promise<KnownPost[]>;
	remember: (sent: KnownPost) => Promise<void>;
	onProgress: (blob: string, share: number) => void;
	onSent: (entry: Entry, kind: Sent<P>["kind"], answered: Answered<P>) => void;
	now: () => number;
	mintKey: () => string;
	signal: AbortSignal;
}

/** Takes one step with an entry. What the request before has done is kept before the next one begins. */
export async function take<P extends MadePost>(sending: Sending<P>, entry: Entry, step: Step) {
	const { id, parentId } = entry;
	const { change, mintKey, now, remember, signal, transport } = sending;
	switch (step.do) {
		case "rest":
		case "wait":
			return;
		case "finish":
			await change(id, (entry) => entry);
			return;
		case "upload": {
			const { blob } = step.media;
			if (blob === null) return;
			const there = await transport.upload(step.media, blob, (share) => sending.onProgress(blob, share), signal);
			await change(id, (entry) => uploaded(entry, step.media, there));
			return;
		}
		case "describe":
			await transport.describe(step.id, step.alt, signal);
			await change(id, (entry) => described(entry, step.id, step.alt));
			return;
		case "send": {
			const begun = await change(id, (entry) => {
				const fresh = nextStep(entry, now());
				return fresh.do === "send" ? attempted(entry, fresh.body, now()) : entry;
			});
			// Its author has changed it meanwhile.
			if (!begun?.attempt || nextStep(begun, now()).do !== "send" || signal.aborted) return;
			const answered = await transport.create(parentId, begun.attempt.body, begun.key, signal);
			const postId = answered.post.id;
			await remember({ postId, entryId: id });
			// Together: the item goes where the post comes.
			const tell = () => sending.onSent(begun, "made", answered);
			await change(id, (entry) => arrived(entry, postId), tell);
			return;
		}
		case "edit": {
			const answered = await transport.edit(step.id, step.body, signal);
			const made = { id: step.id, revision: step.revision };
			const tell = () => sending.onSent(entry, "changed", answered);
			await change(id, (entry) => ({ ...entry, made }), tell);
			return;
		}
		case "delete":
			await transport.remove(step.id, signal);
			await change(id, (entry) => ({ ...entry, made: null, attempt: null }));
			return;
		case "look": {
			const found = await look(sending, id, parentId, step.attempt);
			await change(id, (entry) => (found === undefined ? notFound(entry, mintKey()) : arrived(entry, found)));
		}
	}
}

/** @returns the id of the post that an attempt has become, though its answer was lost */
async function look<P extends MadePost>(
	{ remember, sent, signal, transport }: Sending<P>,
	entryId: string,
	parentId: string | null,
	{ body, firstAt }: Attempt,
): Promise<string | undefined> {
	const known = await sent();
	const own = known.find((one) => one.entryId === entryId);
	if (own) return own.postId;
	const others = new Set(known.map(({ postId }) => postId));
	const posts = await transport.madeSince(parentId, firstAt - CLOCKS_DIFFER, signal);
	const postId = posts.findLast((post) => !others.has(post.id) && isOf(body, post))?.id;
	if (postId !== undefined) await remember({ postId, entryId });
	return postId;
}

/** Notes what a failed step means for its entry. @returns whether to try again later; else what comes next can be done at once */
export async function failed<P extends MadePost>(sending: Sending<P>, { id }: Entry, step: Step, error: unknown) {
	const problem = refusalOf(error);
	const verdict = verdictOf(problem);
	if (verdict === "again") return true;
	const key = sending.mintKey();
	const entry = await sending.change(id, (entry) => {
		if (verdict === "forgotten") return forgotten(entry);
		if (verdict === "fault") return faulted(entry, problem);
		// There is no post to delete or to edit any more.
		if (step.do === "delete" || (step.do === "edit" && verdict === "gone"))
			return { ...cancelled(entry), made: null, attempt: null };
		if (step.do === "look") return notFound(entry, key);
		if (verdict === "media-gone" && canUploadAgain(entry)) return withoutUploads(entry, key);
		return refuse(entry, problem, key);
	});
	if (verdict === "media-gone")
		for (const blob of entry?.content.media.flatMap(blobsOf) ?? []) await sending.transport.forget(blob);
	return verdict === "fault";
}

/** Milliseconds that the service asks to wait; 0 when it does not. */
export function retryAfterOf(error: unknown): number {
	const { retryAfter } = error as { retryAfter?: unknown };
	return typeof retryAfter === "number" ? retryAfter * 1000 : 0;
}

function canUploadAgain({ content, uploadsAgain }: Entry): boolean {
	return uploadsAgain < UPLOADS_AGAIN && content.media.some(({ blob }) => blob !== null);
}

function isOf({ link, media, text }: SentBody, post: MadePost): boolean {
	return post.text === text && post.link === (link ?? null) && post.media.length === (media?.length ?? 0);
}

/** An error without a status is one of the network: status 0. */
function refusalOf(error: unknown): Refusal {
	const { code, errors, message, status, title } = error as Partial<Refusal> & { message?: string };
	return {
		code: code ?? "network_error",
		title: title ?? message ?? "",
		status: status ?? 0,
		...(errors ? { errors } : {}),
	};
}
