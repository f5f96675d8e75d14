/** How many batches carry the likes, and the naive like: a statement of its own. */
import type { Env } from "../../src/env.ts";
import type { LikeStore, Wish } from "../../src/posts/likes.ts";
import { servicesOf } from "../../src/services.ts";
import type { Id } from "../../src/store/ids.ts";
import type { LikeBatches } from "./counts.ts";

let seen: LikeBatches = { batches: 0, likes: 0 };

/** What the shards were sent since the last call. */
export function takeLikeBatches(): LikeBatches {
	const last = seen;
	seen = { batches: 0, likes: 0 };
	return last;
}

function see(wishes: readonly unknown[]): void {
	seen.batches++;
	seen.likes += wishes.length;
}

/** The store, watched. */
export function watchedLikes(likes: LikeStore): Pick<LikeStore, "react"> {
	return {
		react: (wishes) => {
			see(wishes);
			return likes.react(wishes);
		},
	};
}

/** As one writes it at first: whether she may see it, the like, and how it is then; all from the Worker. */
export async function likeNaively(env: Env, wish: Wish): Promise<{ likeCount: number }> {
	const { posts, map } = servicesOf(env);
	await posts.visible(wish.accountId as Id, wish.postId as Id);
	see([wish]);
	const database = env[map.databaseOf(wish.postId)] as D1Database;
	await database
		.prepare("INSERT INTO likes (post_id, account_id, liked_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
		.bind(wish.postId, wish.accountId, Date.now())
		.run();
	const { likeCount } = await posts.visible(wish.accountId as Id, wish.postId as Id);
	return { likeCount };
}
