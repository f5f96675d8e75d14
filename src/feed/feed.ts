import type { Graph } from "../graph/graph.ts";
import { LEVEL_OF, maySee, rankOf } from "../posts/audience.ts";
import type { Posts } from "../posts/posts.ts";
import type { SharedPost } from "../posts/shared.ts";
import type { PostStore } from "../posts/store.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";
import type { Arrival, Span } from "../timeline/changes.ts";
import { type HydrateServices, hydrate } from "./hydrate.ts";
import { type Skeleton, type SkeletonServices, skeleton } from "./skeleton.ts";

export interface FeedServices extends SkeletonServices, HydrateServices {
	graph: Graph;
	posts: Posts;
	postStore: PostStore;
	shards: Pick<Shards, "lag">;
}

/** A post of a feed, and what the viewer has to do with it. */
export interface FeedItem {
	post: SharedPost;
	liked: boolean;
}

export interface FeedPage {
	/** Newest first. */
	items: FeedItem[];
	seq: number;
	/** The timeline is still being built: posts may be missing here. */
	building: boolean;
	/** Where reading goes on in the same direction: the last post looked at, or null at the end. */
	reached: Id | null;
	/** Whatever was committed before this is in the page: Unix milliseconds. */
	asOf: number;
	/** Milliseconds that the parts took, and whether all posts were kept ones. */
	spent: { timeline: number; posts: number; kept: boolean };
}

/** How often a page that the filter thinned out is filled up; after that it comes out short. */
const REFILLS = 3;

/** A page of the viewer's feed: skeleton → hydrate → filter → present. */
export async function readFeed(services: FeedServices, viewer: Id, span: Span): Promise<FeedPage> {
	const kept: FeedItem[] = [];
	const forward = "after" in span;
	// One more than asked for tells whether there is a next page.
	const wide = span.limit + 1;
	let from: Span = { ...span, limit: wide };
	let first: Skeleton | undefined;
	let building = false;
	let asOf = services.now() - services.shards.lag;
	const spent = { timeline: 0, posts: 0, kept: true };
	for (let round = 0; ; round++) {
		const start = services.now();
		const found = await skeleton(services, viewer, from);
		const between = services.now();
		first ??= found;
		building ||= found.building;
		const [hydrated, alsoLiked] = await Promise.all([
			hydrate(services, found.entries, found.touched),
			found.unclear.length > 0 ? services.likes.among(viewer, found.unclear) : [],
		]);
		asOf = Math.min(asOf, hydrated.asOf);
		spent.timeline += between - start;
		spent.kept &&= hydrated.kept;
		spent.posts += services.now() - between;
		const liked = new Set([...found.liked, ...alsoLiked]);
		const items = filter(found.entries, hydrated.posts).map((post) => ({ post, liked: liked.has(post.id) }));
		if (forward) kept.unshift(...items);
		else kept.push(...items);
		const full = kept.length > span.limit;
		const edge = (forward ? found.entries[0] : found.entries.at(-1))?.postId;
		if (full || found.end || !edge || round === REFILLS) {
			const shown = forward ? kept.slice(-span.limit) : kept.slice(0, span.limit);
			const last = (forward ? shown[0] : shown.at(-1))?.post.id;
			const reached = full ? last : found.end ? undefined : edge;
			return { items: shown, seq: first.seq, building, reached: reached ?? null, asOf, spent };
		}
		from = forward ? { after: edge, limit: wide } : { before: edge, limit: wide };
	}
}

/** Drops what is gone, and what the viewer may not see: the entries say what she is to the authors today. */
function filter(entries: readonly Arrival[], posts: ReadonlyMap<Id, SharedPost>): SharedPost[] {
	return entries.flatMap(({ postId, reason }) => {
		const post = posts.get(postId);
		return post && maySee(rankOf(post.audience), LEVEL_OF[reason]) ? [post] : [];
	});
}
