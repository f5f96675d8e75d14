import { createRoute, z } from "@hono/zod-openapi";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { createRouter, json, listOf, pageQuery, problems, signedIn } from "../gateway/openapi.ts";
import { postSchema } from "../posts/post.ts";
import { ID_PATTERN, type Id, successor } from "../store/ids.ts";
import type { Span } from "../timeline/changes.ts";
import { type FeedServices, readFeed } from "./feed.ts";

const feedSchema = listOf(postSchema)
	.extend({
		prev: z.string().nullable().openapi({
			description:
				"the cursor of what was posted after this page; null in an empty feed. A post that arrives late stands where its time says: `seq` tells that something changed",
		}),
		building: z.boolean().openapi({
			description: "your timeline is still being built after a long absence: posts may be missing from this page",
		}),
		seq: z.int().openapi({ description: "the number of the last change of your timeline that this page knows" }),
	})
	.openapi("FeedPage");

const feedCursor = z.string().min(1).max(200).optional();

const getFeed = createRoute({
	method: "get",
	path: "/v1/feed",
	tags: ["feed"],
	summary: "Your feed: your posts and those of friends and followed accounts, newest first",
	security: signedIn,
	request: {
		query: pageQuery
			.extend({
				cursor: feedCursor.openapi({ description: "`next` or `prev` of another page: goes on as that says" }),
				before: feedCursor.openapi({ description: "a cursor of any page: what is older" }),
				after: feedCursor.openapi({ description: "a cursor of any page: what is newer, nearest first kept" }),
			})
			.refine(({ cursor, before, after }) => [cursor, before, after].filter((each) => each !== undefined).length <= 1, {
				path: ["cursor"],
				message: "one of cursor, before and after",
			}),
	},
	responses: { 200: json(feedSchema, "A page"), ...problems(400, 401, 503) },
});

export function feedRoutes(services: FeedServices) {
	return createRouter().openapi(getFeed, async (c) => {
		const span = spanOf(c.req.valid("query"));
		const { items, seq, building, reached } = await readFeed(services, c.var.viewer, span);
		return c.json({ items, ...links(span, items[0]?.id, items.at(-1)?.id, reached), building, seq }, 200);
	});
}

const DIRECTION = /^[ab]$/;

interface Place {
	limit: number;
	cursor?: string | undefined;
	before?: string | undefined;
	after?: string | undefined;
}

function spanOf({ limit, cursor, before, after }: Place): Span {
	const given = cursor ?? before ?? after;
	if (given === undefined) return { limit };
	const [direction, text] = decodeCursor("feed", given, DIRECTION, ID_PATTERN);
	const id = text as Id;
	const forward = after !== undefined || (cursor !== undefined && direction === "a");
	return forward ? { after: id, limit } : { before: id, limit };
}

const older = (id: Id) => encodeCursor("feed", "b", id);
const newer = (id: Id) => encodeCursor("feed", "a", id);

/** The cursors around a page: an empty one is placed by the cursor that asked for it. */
function links(
	span: Span,
	first: Id | undefined,
	last: Id | undefined,
	reached: Id | null,
): { next: string | null; prev: string | null } {
	if ("after" in span)
		return { next: older(last ?? successor(span.after)), prev: newer(reached ?? first ?? span.after) };
	const top = first ?? span.before;
	return { next: reached && older(reached), prev: top ? newer(top) : null };
}
