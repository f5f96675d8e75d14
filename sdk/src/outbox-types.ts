import type { BlobStore, MediaSource } from "./blobs.ts";
import type { EntryContent, EntryMedia, Refusal, SentBody } from "./outbox-entry.ts";
import type { Locks } from "./platform.ts";
import type { EdgefeedStorage } from "./storage.ts";

/** A photo or video for a post that is being made. */
export interface OutboxMedia {
	/** Held by the outbox until the post is made; or the key of what is in the blob store already; or an uploaded one's id. */
	source: MediaSource | { blob: string } | { id: string };
	/** Like `image/jpeg`. */
	type: string;
	alt?: string | null;
	/** Pixels. */
	width?: number | null;
	height?: number | null;
	/** The still of a video. */
	poster?: MediaSource | { blob: string } | null;
}

export interface OutboxDraft {
	text: string;
	audience?: EntryContent["audience"];
	link?: string | null;
	media?: readonly (OutboxMedia | EntryMedia)[];
	/** The post that a comment answers. */
	parentId?: string | null;
	/** The draft that it was: it is gone when this is kept. */
	draftId?: string | null;
}

/** What somebody has begun to write. There is one for an account. */
export interface KeptDraft extends Omit<EntryContent, "link"> {
	id: string;
	/** An address in the text of which no preview is wanted. */
	refusedLink?: string | null;
}

/** A post or comment on its way. */
export interface OutboxItem {
	id: string;
	parentId: string | null;
	content: EntryContent;
	/** Milliseconds since 1970. */
	createdAt: number;
	status: "waiting" | "sending" | "failed";
	/** How much of its media is uploaded, 0 to 1; null where there is none. */
	progress: number | null;
	/** Why it was not taken, when it has failed. */
	problem: Refusal | null;
}

export interface OutboxState {
	/** In the order of their making. */
	items: readonly OutboxItem[];
}

/** As much of a post as the outbox looks at. */
export interface MadePost {
	id: string;
	text: string;
	link: string | null;
	media: readonly unknown[];
}

/** A post, and from which number of its author's timeline on it is there; undefined when the service does not say. */
export interface Answered<P> {
	post: P;
	seq: number | undefined;
}

/** How the outbox reaches the service, as the account that is signed in: each call rejects with an `EdgefeedError`. */
export interface OutboxTransport<P extends MadePost> {
	/** One attempt: the outbox has patience of its own. */
	create(parentId: string | null, body: SentBody, key: string, signal: AbortSignal): Promise<Answered<P>>;
	edit(id: string, body: SentBody, signal: AbortSignal): Promise<Answered<P>>;
	remove(id: string, signal: AbortSignal): Promise<void>;
	/** The account's own posts, or its own comments on a post, made since a time in milliseconds; newest first. */
	madeSince(parentId: string | null, since: number, signal: AbortSignal): Promise<P[]>;
	/** Uploads a photo or video; goes on where an earlier call with the same key ended. Resolves when it fits a post. */
	upload(
		media: EntryMedia,
		key: string,
		onProgress: (share: number) => void,
		signal: AbortSignal,
	): Promise<{ id: string; alt: string | null }>;
	describe(mediaId: string, alt: string | null, signal: AbortSignal): Promise<void>;
	/** What was kept of the upload with this key is not needed any more. */
	forget(key: string): Promise<void>;
}

/** How tabs tell each other of changes: as a BroadcastChannel. */
export interface Channel {
	postMessage(message: unknown): void;
	onmessage: ((event: { data: unknown }) => void) | null;
	close(): void;
}

export interface OutboxParts<P extends MadePost> {
	transport: OutboxTransport<P>;
	storage: EdgefeedStorage;
	/** Without one, media can only be added that are uploaded already. */
	blobs: BlobStore | null;
	locks: Locks;
	channel?: Channel | null;
	/** Whether it is known that there is no network: then nothing is begun of which the outcome could stay unknown. */
	offline?: () => boolean;
	/** Milliseconds since 1970. */
	now: () => number;
	/** 0 to 1. */
	random: () => number;
	/** Runs something later; the result calls it off. */
	after: (milliseconds: number, run: () => void) => () => void;
	/** A key that nobody else makes. */
	mintKey: () => string;
}

/** What has become of an item: a new post, or its post brought up to date. */
export interface Sent<P> extends Answered<P> {
	item: OutboxItem;
	kind: "made" | "changed";
}
