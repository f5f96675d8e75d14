import { createRoute, z } from "@hono/zod-openapi";
import { idempotencyHeader, once } from "../accounts/once.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import {
	createRouter,
	idParam,
	json,
	jsonBody,
	listOf,
	moment,
	momentSchema,
	noContent,
	notModified,
	pageQuery,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { sendSeq } from "../gateway/seq.ts";
import { LEVELS } from "../graph/rules.ts";
import { ID_PATTERN, type Id } from "../store/ids.ts";
import { fieldsQuery, pickFields } from "./fields.ts";
import type { LikeStore } from "./likes.ts";
import { newPostSchema, postChangeSchema, postSchema } from "./post.ts";
import type { PostServices, Posts } from "./posts.ts";
import type { Reactions } from "./reactions.ts";
import type { PostRow } from "./store.ts";

const createPost = createRoute({
	method: "post",
	path: "/v1/posts",
	tags: ["posts"],
	summary: "Post a story",
	description:
		"When this answers, the post is kept and is in your own feed; it reaches your friends within a second or so.",
	security: signedIn,
	request: { headers: idempotencyHeader, body: jsonBody(newPostSchema) },
	responses: { 201: json(postSchema, "The post"), ...problems(400, 401, 404, 409, 413, 415, 422, 503) },
});

const getPost = createRoute({
	method: "get",
	path: "/v1/posts/{id}",
	tags: ["posts"],
	summary: "A post or comment",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(postSchema, "The post"), ...problems(401, 404) },
});

const editPost = createRoute({
	method: "patch",
	path: "/v1/posts/{id}",
	tags: ["posts"],
	summary: "Edit your post or comment",
	security: signedIn,
	request: { params: idParam, body: jsonBody(postChangeSchema) },
	responses: { 200: json(postSchema, "The post as it is now"), ...problems(400, 401, 403, 404, 409, 413, 415, 503) },
});

const listEdits = createRoute({
	method: "get",
	path: "/v1/posts/{id}/edits",
	tags: ["posts"],
	summary: "What a post or comment said before it was edited, latest first",
	security: signedIn,
	request: { params: idParam, query: pageQuery },
	responses: {
		200: json(
			listOf(
				z.object({ text: z.string(), link: z.string().nullable(), writtenAt: momentSchema }).openapi("PostVersion"),
			),
			"A page",
		),
		...problems(400, 401, 404),
	},
});

const deletePost = createRoute({
	method: "delete",
	path: "/v1/posts/{id}",
	tags: ["posts"],
	summary: "Delete your post or comment, or a comment on your post",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 403, 404, 503) },
});

const listPosts = createRoute({
	method: "get",
	path: "/v1/accounts/{id}/posts",
	tags: ["accounts"],
	summary: "An account's posts that you may see, newest first",
	description: "Without a token: its public posts, which shared caches may keep for some seconds.",
	security: [...signedIn, {}],
	request: { params: idParam, query: pageQuery.extend({ fields: fieldsQuery }) },
	responses: { 200: json(listOf(postSchema), "A page"), 304: notModified, ...problems(400, 401, 404) },
});

export type PostRouteServices = Pick<PostServices, "accounts" | "graph" | "timelines"> & {
	posts: Posts;
	postStore: PostServices["posts"];
	likes: LikeStore;
	reactions: Reactions;
};

export function postRoutes({ accounts, graph, posts, postStore, timelines }: PostRouteServices) {
	const made = (id: Id) => postStore.exists(id);
	return createRouter()
		.openapi(createPost, async (c) => {
			const { viewer } = c.var;
			const body = c.req.valid("json");
			const attempt = { key: c.req.valid("header")["idempotency-key"], request: ["POST", c.req.path, body], made };
			const { post, seq } = await once(timelines.of(viewer), attempt, posts.mintFor(viewer), (id) =>
				posts.publish(viewer, id, body, hostOf(c.req.url)),
			);
			sendSeq(c, seq);
			return c.json(post, 201);
		})
		.openapi(getPost, async (c) => c.json(await posts.show(c.var.viewer, c.req.valid("param").id), 200))
		.openapi(editPost, async (c) =>
			c.json(await posts.edit(c.var.viewer, c.req.valid("param").id, c.req.valid("json"), hostOf(c.req.url)), 200),
		)
		.openapi(deletePost, async (c) => {
			const seq = await posts.remove(c.var.viewer, c.req.valid("param").id);
			sendSeq(c, seq);
			return c.body(null, 204);
		})
		.openapi(listEdits, async (c) => {
			const { id } = c.req.valid("param");
			const { limit, cursor } = c.req.valid("query");
			const before = cursor === undefined ? undefined : Number(decodeCursor("versions", cursor, /^\d{1,15}$/)[0]);
			await posts.visible(c.var.viewer, id);
			const found = await postStore.versions(id, before, limit + 1);
			const shown = found.slice(0, limit);
			const last = shown.at(-1);
			return c.json(
				{
					items: shown.map(({ text, link, writtenAt }) => ({ text, link, writtenAt: moment(writtenAt) })),
					next: last && found.length > limit ? encodeCursor("versions", last.writtenAt) : null,
				},
				200,
			);
		})
		.openapi(listPosts, async (c) => {
			const { viewer } = c.var;
			const { id } = c.req.valid("param");
			const { limit, cursor, fields } = c.req.valid("query");
			const before = decodePostCursor(cursor);
			await accounts.require(id);
			const level = await graph.level(viewer, id);
			if (level === LEVELS.blocked) throw new Problem("account_not_found");
			const rows = await postStore.byAuthor(id, viewer, level, before, limit + 1);
			c.header("vary", "Authorization");
			const { items, next } = await presentPage(posts, viewer, rows, limit);
			return c.json({ items: items.map((post) => pickFields(post, fields)), next }, 200);
		});
}

function hostOf(address: string): string {
	return new URL(address).host;
}

/** @throws Problem `invalid_cursor` */
export function decodePostCursor(cursor: string | undefined): Id | undefined {
	return cursor === undefined ? undefined : (decodeCursor("posts", cursor, ID_PATTERN)[0] as Id);
}

/** A page of posts, given one row more than asked for when there is a next page. */
export async function presentPage(posts: Posts, viewer: Id, rows: readonly PostRow[], limit: number) {
	const shown = rows.slice(0, limit);
	const last = shown.at(-1);
	return {
		items: await posts.present(await posts.unblocked(viewer, shown)),
		next: last && rows.length > limit ? encodeCursor("posts", last.id) : null,
	};
}
