import type { Layered } from "../cache/layered.ts";
import type { LikeStore } from "../posts/likes.ts";
import type { SharedPost } from "../posts/shared.ts";
import { CLOCKS_APART } from "../store/consistency.ts";
import type { Id } from "../store/ids.ts";
import type { Touched, Via } from "../timeline/changes.ts";

export interface HydrateServices {
	likes: LikeStore;
	sharedPosts: Layered<Id, SharedPost>;
	now: () => number;
}

/** What is known of a post before it is read; many others read one that was pulled, because its author is heavy. */
export interface Hint {
	postId: Id;
	authorId?: Id;
	via?: Via;
}

/** Posts by id, and the moment (Unix milliseconds) from which on something may have changed about them. */
export interface Hydrated {
	posts: ReadonlyMap<Id, SharedPost>;
	asOf: number;
	/** Whether none of them was read for this. */
	kept: boolean;
}

/** Posts that still exist, none of them older than the last change of it that the reader's timeline has heard of. */
export async function hydrate(
	{ sharedPosts, now }: HydrateServices,
	hints: readonly Hint[],
	touched: Touched,
): Promise<Hydrated> {
	const authors = new Map(touched.size > 0 ? hints.map(({ postId, authorId }) => [postId, authorId]) : []);
	const notBefore = (postId: Id) => {
		const author = authors.get(postId);
		const at = Math.max(touched.get(postId) ?? 0, (author && touched.get(author)) ?? 0);
		// By the object's clock: what this isolate's kept so shortly after may be from before it.
		return at + CLOCKS_APART;
	};
	const pushed: Id[] = [];
	const pulled: Id[] = [];
	for (const { postId, via } of hints) (via === "pull" ? pulled : pushed).push(postId);
	const reading = touched.size > 0 ? { notBefore } : {};
	const read = (ids: readonly Id[], near: boolean) =>
		ids.length === 0 ? undefined : sharedPosts.many(ids, { near, ...reading });
	const start = now();
	let asOf = Number.POSITIVE_INFINITY;
	let kept = true;
	const posts = new Map<Id, SharedPost>();
	for (const found of await Promise.all([read(pushed, true), read(pulled, false)])) {
		for (const [id, post] of found ?? []) {
			posts.set(id, post.value);
			asOf = Math.min(asOf, post.asOf);
			kept &&= post.asOf < start;
		}
	}
	return { posts, asOf, kept };
}
