import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { authorSchema, presentAuthor } from "../accounts/account.ts";
import { idempotencyHeader, once } from "../accounts/once.ts";
import {
	createRouter,
	type Gateway,
	idParam,
	json,
	jsonBody,
	listOf,
	moment,
	momentSchema,
	pageQuery,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { sendSeq } from "../gateway/seq.ts";
import { decodePeopleCursor, presentPeople } from "../graph/people.ts";
import type { Id } from "../store/ids.ts";
import { newCommentSchema, postSchema } from "./post.ts";
import { decodePostCursor, type PostRouteServices, presentPage } from "./routes.ts";

const createComment = createRoute({
	method: "post",
	path: "/v1/posts/{id}/comments",
	tags: ["reactions"],
	summary: "Comment on a post or answer a comment",
	security: signedIn,
	request: { params: idParam, headers: idempotencyHeader, body: jsonBody(newCommentSchema) },
	responses: { 201: json(postSchema, "The comment"), ...problems(400, 401, 404, 413, 415, 422, 503) },
});

const listComments = createRoute({
	method: "get",
	path: "/v1/posts/{id}/comments",
	tags: ["reactions"],
	summary: "Comments, newest first",
	security: signedIn,
	request: { params: idParam, query: pageQuery },
	responses: { 200: json(listOf(postSchema), "A page"), ...problems(400, 401, 404) },
});

const likeSchema = z.object({ liked: z.boolean(), likeCount: z.int() }).openapi("Like");

const likePost = createRoute({
	method: "put",
	path: "/v1/posts/{id}/like",
	tags: ["reactions"],
	summary: "Like a post or comment",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(likeSchema, "As it is now"), ...problems(401, 404, 503) },
});

const unlikePost = createRoute({
	method: "delete",
	path: "/v1/posts/{id}/like",
	tags: ["reactions"],
	summary: "Take a like back",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(likeSchema, "As it is now"), ...problems(401, 404, 503) },
});

const listLikes = createRoute({
	method: "get",
	path: "/v1/posts/{id}/likes",
	tags: ["reactions"],
	summary: "Who likes it, latest first",
	security: signedIn,
	request: { params: idParam, query: pageQuery },
	responses: {
		200: json(listOf(authorSchema.extend({ likedAt: momentSchema })), "A page"),
		...problems(400, 401, 404),
	},
});

export function reactionRoutes({ accounts, graph, likes, posts, postStore, reactions, timelines }: PostRouteServices) {
	const made = (id: Id) => postStore.exists(id);
	const react = async (c: Context<Gateway>, id: Id, wish: boolean) => {
		const { viewer } = c.var;
		await posts.visible(viewer, id);
		const reaction = await reactions.react(id, viewer, wish);
		if (!reaction) throw new Problem("post_not_found");
		const { liked, likeCount, at } = reaction;
		sendSeq(c, await posts.liked(viewer, id, liked, at));
		return { liked, likeCount };
	};
	return createRouter()
		.openapi(createComment, async (c) => {
			const { viewer } = c.var;
			const { id } = c.req.valid("param");
			const body = c.req.valid("json");
			const attempt = { key: c.req.valid("header")["idempotency-key"], request: ["POST", c.req.path, body], made };
			// A comment lives on the shard of what it answers, so its id carries that shard.
			const comment = await once(timelines.of(viewer), attempt, posts.mintFor(id), (commentId) =>
				posts.comment(viewer, commentId, id, body.text),
			);
			sendSeq(c, await posts.touched(viewer, id));
			return c.json(comment, 201);
		})
		.openapi(listComments, async (c) => {
			const { viewer } = c.var;
			const { id } = c.req.valid("param");
			const { limit, cursor } = c.req.valid("query");
			const before = decodePostCursor(cursor);
			const { audience } = await posts.visible(viewer, id);
			const rows = await postStore.comments(id, viewer, before, limit + 1);
			return c.json(
				await presentPage(
					posts,
					viewer,
					rows.map((row) => ({ ...row, audience })),
					limit,
				),
				200,
			);
		})
		.openapi(likePost, async (c) => {
			return c.json(await react(c, c.req.valid("param").id, true), 200);
		})
		.openapi(unlikePost, async (c) => {
			return c.json(await react(c, c.req.valid("param").id, false), 200);
		})
		.openapi(listLikes, async (c) => {
			const { id } = c.req.valid("param");
			const { limit, cursor } = c.req.valid("query");
			const before = decodePeopleCursor(cursor);
			await posts.visible(c.var.viewer, id);
			const keys = await likes.likers(id, before, limit + 1);
			return c.json(
				await presentPeople({ accounts, graph }, c.var.viewer, keys, limit, (profile, at) => ({
					...presentAuthor(profile),
					likedAt: moment(at),
				})),
				200,
			);
		});
}
