import { Problem } from "../gateway/problem.ts";
import { LEVELS, type Level } from "../graph/rules.ts";
import { feeds } from "../posts/audience.ts";
import type { PostView } from "../posts/post.ts";
import { Consistency } from "../store/consistency.ts";
import type { Id } from "../store/ids.ts";
import { type Numbered, type Reason, told, type Via } from "../timeline/changes.ts";
import type { FeedServices } from "./feed.ts";
import { FeedPosts } from "./posts.ts";

/** A change as a client gets it. */
export interface ChangeView {
	seq: number;
	kind: Numbered["kind"];
	postId: Id;
	/** Of additions and edits. */
	post?: PostView | undefined;
}

export interface ChangesPage {
	changes: ChangeView[];
	seq: number;
	more: boolean;
}

/**
 * What came into the viewer's timeline after `since`. An addition or edit of a post that she may not see
 * any more is a removal to her.
 *
 * @throws Problem `seq_outdated` or `seq_in_future`
 */
export async function readChanges(
	services: FeedServices,
	viewer: Id,
	since: number,
	limit: number,
): Promise<ChangesPage> {
	const timeline = services.timelines.of(viewer);
	const found = await timeline.changes(since, limit);
	if (found.state !== "told") throw new Problem(found.state === "future" ? "seq_in_future" : "seq_outdated");
	// What is told here is not told again.
	Consistency.require(Number.POSITIVE_INFINITY);
	const posts = await new FeedPosts(services).visible(viewer, told(found.changes), found.touched, (authors, postIds) =>
		timeline.sights(authors, postIds),
	);
	const changes = found.changes.map(({ seq, kind, postId }): ChangeView => {
		if (kind === "remove" || kind === "marker") return { seq, kind, postId };
		const post = posts.get(postId);
		return post ? { seq, kind, postId, post } : { seq, kind: "remove", postId };
	});
	return { changes, seq: found.seq, more: found.more };
}

/** What keeps a post out of a feed. */
export const FILTERS = ["deleted", "audience", "relation", "block", "mute"] as const;
export type FilteredBy = (typeof FILTERS)[number];

/** Why a post is or is not in a feed. */
export interface EntryView {
	present: boolean;
	reason: Reason | null;
	via: Via | null;
	/** Unix milliseconds; null when it is read from the store. */
	deliveredAt: number | null;
	filteredBy: FilteredBy | null;
}

/** @throws Problem `post_not_found` when the viewer may not see it and it never came to her. */
export async function explainEntry(
	{ timelines, graph, posts, postStore }: FeedServices,
	viewer: Id,
	postId: Id,
): Promise<EntryView> {
	// A replica that lags behind is no reason.
	Consistency.require(Number.POSITIVE_INFINITY);
	const { entry, floor } = await timelines.of(viewer).entry(postId);
	const row = (await postStore.byIds([postId], viewer)).get(postId);
	const known = { reason: entry?.reason ?? null, via: entry?.via ?? null, deliveredAt: entry?.at ?? null };
	if (!row) {
		if (!entry) throw new Problem("post_not_found");
		return { present: false, ...known, filteredBy: "deleted" };
	}
	const sight = (await graph.sights(viewer, [row.authorId])).get(row.authorId);
	const level = sight?.level ?? LEVELS.none;
	if (row.parentId === null && feeds(row.audience, sight)) {
		const stored = floor !== null && postId <= floor;
		const reason = level === LEVELS.self ? "own" : level === LEVELS.friend ? "friend" : "follow";
		// Below the floor the feed is read from the store, by the same rule as here.
		return stored
			? { present: true, reason, via: "build", deliveredAt: null, filteredBy: null }
			: { present: entry !== null, ...known, filteredBy: null };
	}
	// Whoever may not see it learns nothing, unless it came to her before.
	if (!entry) await posts.visible(viewer, postId);
	return { present: false, ...known, filteredBy: filterOf(level, sight?.muted ?? false) };
}

function filterOf(level: Level, muted: boolean): FilteredBy {
	if (level === LEVELS.blocked) return "block";
	if (muted) return "mute";
	return level === LEVELS.none ? "relation" : "audience";
}
