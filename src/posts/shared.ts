import type { z } from "@hono/zod-openapi";
import { type Piece, piece } from "../gateway/conditional.ts";
import type { MediaAddresses } from "../media/addresses.ts";
import type { Id } from "../store/ids.ts";
import { postSchema, presentPost } from "./post.ts";
import type { PostStore } from "./store.ts";

/** What a post shows to everybody who sees it: nothing of the viewer, so that it can be kept for all of them. */
export const sharedPostSchema = postSchema.omit({ viewer: true });
export type SharedPost = z.infer<typeof sharedPostSchema>;

/** Reads posts, no comments, from the store with one query to each shard; those that are gone are left out. */
export async function readShared(
	{ posts, addresses }: { posts: PostStore; addresses: MediaAddresses },
	ids: readonly Id[],
): Promise<Map<Id, SharedPost>> {
	const rows = await posts.withAuthors(ids);
	return new Map(rows.map(({ author, ...row }) => [row.id, presentPost(row, author, addresses)]));
}

const PIECES = new WeakMap<SharedPost, { [liked: string]: Piece }>();

/** A post for one viewer as JSON. What all of those see who like it, or do not, is written once. */
export function writePost(post: SharedPost, liked: boolean): Piece {
	const known = PIECES.get(post) ?? {};
	PIECES.set(post, known);
	known[`${liked}`] ??= piece(JSON.stringify({ ...post, viewer: { liked } }));
	return known[`${liked}`] as Piece;
}
