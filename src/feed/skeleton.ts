import { type Id, successor } from "../store/ids.ts";
import type { Arrival, Span } from "../timeline/changes.ts";
import type { Timelines } from "../timeline/client.ts";
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
	/** Nothing lies beyond these in the direction of reading. */
	end: boolean;
}

/** Which posts are next: from the timeline object, and below its floor from the store, with no seam between. */
export async function skeleton({ timelines, source }: SkeletonServices, viewer: Id, span: Span): Promise<Skeleton> {
	const { entries: hot, seq, floor } = await timelines.of(viewer).page(span);
	if ("after" in span) {
		const cold = floor !== null && span.after < floor ? await source.newer(viewer, span.after, floor, span.limit) : [];
		const entries = [...hot, ...cold].slice(-span.limit);
		return { entries, seq, end: entries.length < span.limit };
	}
	const missing = span.limit - hot.length;
	if (missing === 0 || floor === null) return { entries: hot, seq, end: missing > 0 };
	const top = successor(floor);
	const cold = await source.older(viewer, span.before && span.before < top ? span.before : top, missing);
	return { entries: [...hot, ...cold], seq, end: cold.length < missing };
}
