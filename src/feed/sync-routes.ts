import { createRoute, z } from "@hono/zod-openapi";
import {
	createRouter,
	idParam,
	idSchema,
	json,
	jsonBody,
	moment,
	momentSchema,
	nullableIdSchema,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import { sendSeq } from "../gateway/seq.ts";
import { postSchema } from "../posts/post.ts";
import type { FeedServices } from "./feed.ts";
import { explainEntry, FILTERS, readChanges } from "./sync.ts";

const changeSchema = z
	.object({
		seq: z.int(),
		kind: z.enum(["add", "edit", "remove", "marker"]),
		postId: idSchema,
		post: postSchema.optional().openapi({ description: "of additions and edits" }),
	})
	.openapi("Change");

const getChanges = createRoute({
	method: "get",
	path: "/v1/feed/changes",
	tags: ["feed"],
	summary: "What has changed in your feed since a number",
	description:
		"Apply the changes in order to a feed that was read at `since`, and it is the feed of `seq`. An addition of a post that you have changes nothing; of one older than what you hold, neither.",
	security: signedIn,
	request: {
		query: z.object({
			since: z
				.string()
				.regex(/^\d{1,15}$/, "not a number of a change")
				.transform(Number)
				.openapi({ type: "integer", minimum: 0 }),
			limit: z.coerce.number().int().min(1).max(100).default(100).openapi({ type: "integer" }),
		}),
	},
	responses: {
		200: json(z.object({ changes: z.array(changeSchema), seq: z.int(), more: z.boolean() }), "The changes, in order"),
		...problems(400, 401, 410, 503),
	},
});

const markerSchema = z
	.object({
		postId: nullableIdSchema.openapi({ description: "the newest post that you have read" }),
		unreadCount: z
			.int()
			.openapi({ description: "posts of others that are newer, as far as the newest thousand or so" }),
		seq: z.int(),
	})
	.openapi("Marker");

const getMarker = createRoute({
	method: "get",
	path: "/v1/feed/marker",
	tags: ["feed"],
	summary: "How far you have read, on any device",
	security: signedIn,
	responses: { 200: json(markerSchema, "The marker"), ...problems(401, 503) },
});

const putMarker = createRoute({
	method: "put",
	path: "/v1/feed/marker",
	tags: ["feed"],
	summary: "Move the marker, forward only unless forced; your other devices hear of it as a change",
	security: signedIn,
	request: { body: jsonBody(z.strictObject({ postId: idSchema, force: z.boolean().default(false) })) },
	responses: { 200: json(markerSchema, "The marker as it is now"), ...problems(400, 401, 413, 415, 503) },
});

const getEntry = createRoute({
	method: "get",
	path: "/v1/feed/entries/{id}",
	tags: ["feed"],
	summary: "Why a post is or is not in your feed",
	security: signedIn,
	request: { params: idParam },
	responses: {
		200: json(
			z
				.object({
					present: z.boolean(),
					reason: z.enum(["own", "friend", "follow"]).nullable(),
					via: z.enum(["push", "pull", "backfill", "build"]).nullable(),
					deliveredAt: momentSchema.nullable().openapi({ description: "null when it is read from the store" }),
					filteredBy: z.enum(FILTERS).nullable(),
				})
				.openapi("FeedEntry"),
			"The reason",
		),
		...problems(401, 404, 503),
	},
});

export function syncRoutes(services: FeedServices) {
	return createRouter()
		.openapi(getChanges, async (c) => {
			const { since, limit } = c.req.valid("query");
			return c.json(await readChanges(services, c.var.viewer, since, limit), 200);
		})
		.openapi(getMarker, async (c) => c.json(await services.timelines.of(c.var.viewer).marker(), 200))
		.openapi(putMarker, async (c) => {
			const { postId, force } = c.req.valid("json");
			const marker = await services.timelines.of(c.var.viewer).mark(postId, force);
			sendSeq(c, marker.seq);
			return c.json(marker, 200);
		})
		.openapi(getEntry, async (c) => {
			const { deliveredAt, ...entry } = await explainEntry(services, c.var.viewer, c.req.valid("param").id);
			return c.json({ ...entry, deliveredAt: deliveredAt === null ? null : moment(deliveredAt) }, 200);
		});
}
