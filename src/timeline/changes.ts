import type { Id } from "../store/ids.ts";
import type { PackedAuthors } from "./relations.ts";

/** The words of a timeline: what is in it, what happens to it, and what is told of that. */

/** Why a post is in a timeline. */
export type Reason = "own" | "friend" | "follow";

/** How it got there: pushed by fan-out, pulled from a heavy author, brought by a new relation, or found when the timeline was built. */
export type Via = "push" | "pull" | "backfill" | "build";

/** `deleted` is for good; after `relation` (the tie to the author ended) the post may come back. */
export type Cause = "deleted" | "relation";

/** A post on its way into a timeline. */
export interface Arrival {
	postId: Id;
	authorId: Id;
	reason: Reason;
	via: Via;
}

export interface Entry extends Arrival {
	/** When it got there: Unix milliseconds, a multiple of eight. */
	at: number;
}

/** What a client is told. */
export type Change =
	| ({ kind: "add" } & Entry)
	| { kind: "edit"; postId: Id }
	| { kind: "remove"; postId: Id; cause: Cause }
	/** The owner has read up to here. */
	| { kind: "marker"; postId: Id };

/** A change that somebody else brings about, or the owner by way of a post. */
export type Delivery = ({ kind: "add" } & Arrival) | Exclude<Change, { kind: "add" | "marker" }>;

/** What a new friend or followed account brings along. */
export interface Backfill {
	authorId: Id;
	reason: "friend" | "follow";
	/** Newest first. */
	postIds: Id[];
	/** Whether she has no older ones. */
	complete: boolean;
}

/** What is in the log. */
export type Logged =
	| Change
	/** The owner likes a post, or does not any more; her devices are told that it was edited. */
	| { kind: "like"; postId: Id; liked: boolean }
	/** More changed than changes tell: who knows less than this must read anew. */
	| { kind: "reset" };

/** A change with its number. */
export type Numbered = Change & { seq: number };

/** A change that brings a post. */
export type Told = Extract<Numbered, { kind: "add" | "edit" }>;

export function told(changes: readonly Numbered[]): Told[] {
	return changes.filter((change) => change.kind === "add" || change.kind === "edit");
}

/** What came after a number, in order; `outdated` and `future` say that it cannot be told. */
export type News =
	| { state: "told"; changes: Numbered[]; seq: number; more: boolean }
	| { state: "outdated"; seq: number }
	| { state: "future"; seq: number };

/** The same, as the owner reads it. */
export type Changes = News & { touched: Touched };

/** How a timeline compares with the store. */
export interface Audit {
	/** A cold one has nothing to compare. */
	cold: boolean;
	/** Entries and posts that were compared. */
	checked: number;
	/** Posts that belong into it and are missing: gaps. */
	missing: number;
	/** Entries that do not belong into it any more. */
	stale: number;
	/** Accounts of whom the object and the store do not know the same. */
	relations: number;
	/** Posts of which they do not, whether the owner likes them. */
	likes: number;
}

/** How far the owner has read. */
export interface Marker {
	postId: Id | null;
	/** Entries of others that are newer. */
	unreadCount: number;
	seq: number;
}

export interface Page {
	/** Newest first. */
	entries: Entry[];
	/** The number of the last change that this page knows. */
	seq: number;
	/** Posts at or below this id are read from the store; null when there are none. */
	floor: Id | null;
}

/** What the owner reads: the entries of those with whom she has a tie today, which `reason` is. */
export interface View extends Omit<Page, "entries"> {
	/** Newest first. */
	entries: Arrival[];
	/** The timeline is still being built: what is here may have holes, and there is no floor yet. */
	building: boolean;
	/** When the last change came, or a little later: what is read of the store to go with this must be newer. Unix milliseconds. */
	changedAt: number;
	/** Whose posts go on below the floor; null when the page does not come near it. */
	authors: PackedAuthors | null;
	/** Which of the entries the owner likes; null when that must be asked of the store. */
	liked: Id[] | null;
	touched: Touched;
}

/**
 * Posts, and accounts, of which the timeline has heard in the last {@link TOUCH_LASTS} milliseconds that they have
 * changed, and when (Unix milliseconds): whoever read them before that knows too little.
 */
export type Touched = ReadonlyMap<Id, number>;

/** What a timeline knows of some authors and of some posts. */
export interface Sights {
	/** Why the authors' posts are shown; those whose posts are not are left out. */
	reasons: Map<Id, Reason>;
	/** Those of the posts that the owner likes. */
	liked: Id[];
	/** Those of which the store must be asked that. */
	unclear: Id[];
}

/** How long a change is remembered as a recent one, in milliseconds: longer than any post is kept in a cache. */
export const TOUCH_LASTS = 10_000;

/** Where to read: towards older posts from `before`, or towards newer ones from `after`; both exclusive. */
export type Span = { before?: Id | undefined; limit: number } | { after: Id; limit: number };
