import { CLOCKS_APART, Consistency } from "../store/consistency.ts";
import { type Id, successor } from "../store/ids.ts";
import type { Arrival, Span, Touched } from "../timeline/changes.ts";
import type { Timelines } from "../timeline/client.ts";
import { authorsOf } from "../timeline/relations.ts";
import type { TimelineSource } from "../timeline/source.ts";

export interface SkeletonServices {
	timelines: Timelines;
	source: TimelineSource;
}

export interface Skeleton {
	/** Newest first. */
	entries: Arrival[];
	/** The number of the timeline's last change. */
	seq: number;
	/** Those of the entries that the viewer likes, as far as her timeline knows. */
	liked: readonly Id[];
	/** Those of which the store must be asked that. */
	unclear: readonly Id[];
	touched: Touched;
	/** Nothing lies beyond these in the direction of reading. */
	end: boolean;
	/** The timeline is still being built. */
	building: boolean;
}

/** Which posts are next: from the timeline object, and below its floor from the store, with no seam between. */
export async function skeleton({ timelines, source }: SkeletonServices, viewer: Id, span: Span): Promise<Skeleton> {
	const view = await timelines.of(viewer).page(span);
	const { entries: hot, seq, floor, building, authors, liked, touched } = view;
	// Whoever has this `seq` is not told again of what came before it.
	Consistency.require(view.changedAt + CLOCKS_APART);
	const page = (cold: readonly Arrival[], wanted: number): Skeleton => {
		const entries = "after" in span ? [...hot, ...cold].slice(-span.limit) : [...hot, ...cold];
		const unclear = (liked ? cold : entries).map(({ postId }) => postId);
		const end = cold.length < wanted && entries.length < span.limit;
		return { entries, seq, liked: liked ?? [], unclear, touched, end, building };
	};
	if (floor === null || authors === null) return page([], 1);
	const sources = authorsOf(viewer, authors);
	if ("after" in span) return page(await source.newer(sources, span.after, floor, span.limit), span.limit);
	const top = successor(floor);
	const missing = span.limit - hot.length;
	return page(await source.older(sources, span.before && span.before < top ? span.before : top, missing), missing);
}
