import type { Graph } from "../graph/graph.ts";
import { LEVEL_OF, maySee } from "../posts/audience.ts";
import type { PostView } from "../posts/post.ts";
import type { Posts } from "../posts/posts.ts";
import type { PostRow, PostStore } from "../posts/store.ts";
import type { Id } from "../store/ids.ts";
import type { Arrival, Span } from "../timeline/changes.ts";
import { type Skeleton, type SkeletonServices, skeleton } from "./skeleton.ts";

export interface FeedServices extends SkeletonServices {
	graph: Graph;
	posts: Posts;
	postStore: PostStore;
}

export interface FeedPage {
	/** Newest first. */
	items: PostView[];
	seq: number;
	/** The timeline is still being built: posts may be missing here. */
	building: boolean;
	/** Where reading goes on in the same direction: the last post looked at, or null at the end. */
	reached: Id | null;
}

/** How often a page that the filter thinned out is filled up; after that it comes out short. */
const REFILLS = 3;

interface Candidate {
	post: PostRow;
	entry: Arrival;
}

/** A page of the viewer's feed: skeleton → hydrate → filter → present. */
export async function readFeed(services: FeedServices, viewer: Id, span: Span): Promise<FeedPage> {
	const kept: PostRow[] = [];
	const forward = "after" in span;
	// One more than asked for tells whether there is a next page.
	const wide = span.limit + 1;
	let from: Span = { ...span, limit: wide };
	let first: Skeleton | undefined;
	let building = false;
	for (let round = 0; ; round++) {
		const found = await skeleton(services, viewer, from);
		first ??= found;
		building ||= found.building;
		const rows = filter(await hydrate(services, viewer, found.entries));
		if (forward) kept.unshift(...rows);
		else kept.push(...rows);
		const full = kept.length > span.limit;
		const edge = (forward ? found.entries[0] : found.entries.at(-1))?.postId;
		if (full || found.end || !edge || round === REFILLS) {
			const shown = forward ? kept.slice(-span.limit) : kept.slice(0, span.limit);
			const last = (forward ? shown[0] : shown.at(-1))?.id;
			const reached = full ? last : found.end ? undefined : edge;
			const { seq } = first;
			return { items: await services.posts.present(shown), seq, building, reached: reached ?? null };
		}
		from = forward ? { after: edge, limit: wide } : { before: edge, limit: wide };
	}
}

/** The posts that still exist, in the order of the entries. */
async function hydrate({ postStore }: FeedServices, viewer: Id, entries: readonly Arrival[]): Promise<Candidate[]> {
	const rows = await postStore.byIds(
		entries.map((entry) => entry.postId),
		viewer,
	);
	return entries.flatMap((entry) => {
		const post = rows.get(entry.postId);
		return post ? [{ post, entry }] : [];
	});
}

/** Drops what the viewer may not see any more: the entries say what she is to the authors today. */
function filter(candidates: readonly Candidate[]): PostRow[] {
	return candidates.filter(({ post, entry }) => maySee(post.audience, LEVEL_OF[entry.reason])).map(({ post }) => post);
}
