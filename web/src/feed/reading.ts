/** The reader's place in a list of posts, newest first. Ids sort as their posts were made. */

/** Where on the screen a post was: `offset` pixels below the upper edge. */
export interface Place {
	postId: string;
	offset: number;
}

/** How far somebody has read, and how many posts of others are newer. */
export interface ReadMark {
	postId: string | null;
	unreadCount: number;
}

/** Where the feed opens. */
export type Opening =
	| { kind: "top" }
	| { kind: "post"; index: number; offset: number }
	/** The place is below what is held: first this much more has to be read. */
	| { kind: "load" }
	/** It is too far below: the top is shown, and the way there is offered. */
	| { kind: "far" };

/** Unread posts that are read at once to open at the marker, instead of at the top. */
const LOADED_AT_ONCE = 150;

/**
 * Where to open a feed: where this tab was, else at the oldest unread post, else at the top.
 *
 * @param held ids, newest first, and whether there are older ones
 * @param kept where this tab was before it was loaded anew; null when it was at the top, or is new
 * @param mark null when it is not known
 */
export function openingOf(
	held: { ids: readonly string[]; hasOlder: boolean },
	kept: Place | null,
	mark: ReadMark | null,
): Opening {
	const { ids, hasOlder } = held;
	if (kept) {
		const index = lineAbove(ids, kept.postId);
		if (index !== undefined) return { kind: "post", index, offset: kept.offset };
		if (hasOlder) return { kind: "load" };
	}
	if (!mark || mark.postId === null || mark.unreadCount === 0) return { kind: "top" };
	const index = lineAbove(ids, mark.postId);
	// The line and a piece of the last unread post are in sight: one sees which way it goes on.
	if (index !== undefined) return index === 0 ? { kind: "top" } : { kind: "post", index, offset: 160 };
	if (!hasOlder) return { kind: "top" };
	return mark.unreadCount <= LOADED_AT_ONCE ? { kind: "load" } : { kind: "far" };
}

/** The index of the newest post that was read: the line stands above it. Undefined when it is not held. */
export function lineAbove(ids: readonly string[], mark: string): number | undefined {
	const index = ids.findIndex((id) => id <= mark);
	return index < 0 ? undefined : index;
}

/** The newest of what was seen, if it is newer than the mark. */
export function furthest(seen: Iterable<string>, mark: string | null): string | undefined {
	let newest: string | undefined;
	for (const id of seen) if (newest === undefined || id > newest) newest = id;
	return newest !== undefined && (mark === null || newest > mark) ? newest : undefined;
}

/** How many rows came or went above the row that was first: what the list moves by so that nothing else does. */
export function grownAbove(before: readonly string[], after: readonly string[], anchor: string | undefined): boolean {
	if (anchor === undefined || before.length === 0) return false;
	const was = before.indexOf(anchor);
	const is = after.indexOf(anchor);
	return was >= 0 && is >= 0 && was !== is;
}
