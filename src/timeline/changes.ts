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

/** A change that somebody else brings about. */
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

/** What is in the log: changes, and resets. */
export type Logged =
	| Change
	/** More changed than changes tell: who knows less than this must read anew. */
	| { kind: "reset" };

/** A change with its number. */
export type Numbered = Change & { seq: number };

/** What came after a number, in order; `outdated` and `future` say that it cannot be told. */
export type Changes =
	| { state: "told"; changes: Numbered[]; seq: number; more: boolean }
	| { state: "outdated"; seq: number }
	| { state: "future"; seq: number };

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
export interface View extends Page {
	/** The timeline is still being built: what is here may have holes, and there is no floor yet. */
	building: boolean;
	/** Whose posts go on below the floor; null when the page does not come near it. */
	authors: PackedAuthors | null;
}

/** Where to read: towards older posts from `before`, or towards newer ones from `after`; both exclusive. */
export type Span = { before?: Id | undefined; limit: number } | { after: Id; limit: number };
