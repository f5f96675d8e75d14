import { type Held, nothing } from "./feed-state.ts";
import type { EdgefeedStorage } from "./storage.ts";
import type { Post } from "./types.ts";

/** What is kept of a live feed, as JSON under `feed/<account>`. Of another format it is not read. */
interface Kept {
	format: 1;
	seq: number;
	/** Newest first. */
	posts: Post[];
	bottom: string | null;
	shown: string | null;
	/** The marker, and how far the reader has come without the service knowing. */
	marker: { postId: string | null; seq: number } | null;
	marking: string | null;
}

const keyOf = (owner: string) => `feed/${owner}`;

/** @param most posts that are kept at most */
export async function keep(storage: EdgefeedStorage, held: Held, most: number): Promise<void> {
	const { seq, owner, building, shown, marker, marking } = held;
	// What may have holes is not shown as if it had none.
	if (seq === null || building) return;
	const posts = held.posts.slice(0, most);
	const bottom = posts.length < held.posts.length ? (posts.at(-1)?.id ?? null) : held.bottom;
	const kept: Kept = {
		format: 1,
		seq,
		posts,
		bottom,
		shown,
		marker: marker && { postId: marker.postId, seq: marker.seq },
		marking,
	};
	await storage.set(keyOf(owner), JSON.stringify(kept)).catch(() => undefined);
}

/** What was kept; nothing when that is nothing. */
export async function restore(storage: EdgefeedStorage, owner: string, depth: number): Promise<Held> {
	const empty = nothing(owner, depth);
	try {
		const text = await storage.get(keyOf(owner));
		const kept = text ? (JSON.parse(text) as Kept) : undefined;
		if (kept?.format !== 1) return empty;
		const { seq, posts, bottom, shown, marking } = kept;
		const marker = kept.marker && { ...kept.marker, below: 0, stale: true };
		return { ...empty, seq, posts, bottom, shown, marking, marker };
	} catch {
		return empty;
	}
}
