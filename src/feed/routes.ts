import { createRoute, z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { sendRendered } from "../gateway/conditional.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import type { RateLimits } from "../gateway/limits.ts";
import {
	createRouter,
	type Gateway,
	json,
	listOf,
	notModified,
	pageQuery,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { RequestLog } from "../gateway/request-log.ts";
import { SEQ_HEADER } from "../gateway/seq.ts";
import type { AccessTokens, TokenClaims } from "../gateway/tokens.ts";
import { type Fields, fieldsQuery, writeFields, writePage } from "../posts/fields.ts";
import { postSchema } from "../posts/post.ts";
import { ID_PATTERN, type Id, successor } from "../store/ids.ts";
import type { Span } from "../timeline/changes.ts";
import { type FeedServices, readFeed } from "./feed.ts";
import type { FeedPages, Freshness, SentPage } from "./pages.ts";

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
				before: feedCursor.openapi({ description: "a cursor of any page, or a post's id: what is older" }),
				after: feedCursor.openapi({
					description: "a cursor of any page, or a post's id: what is newer, nearest first kept",
				}),
				minSeq: z
					.string()
					.regex(/^\d{1,15}$/, "not a number of a change")
					.transform(Number)
					.default(0)
					.openapi({
						type: "integer",
						description:
							"the `X-Feed-Seq` of your last change: no page that knows less. Without it a page may be some seconds old",
					}),
				fields: fieldsQuery,
			})
			.refine(({ cursor, before, after }) => [cursor, before, after].filter((each) => each !== undefined).length <= 1, {
				path: ["cursor"],
				message: "one of cursor, before and after",
			}),
	},
	responses: {
		200: json(feedSchema, "A page, with a strong `ETag`; `X-Cache` and `Server-Timing` tell where it came from"),
		304: notModified,
		...problems(400, 401, 503),
	},
});

export interface FeedRouteServices extends FeedServices {
	pages: FeedPages;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
}

export function feedRoutes(services: FeedRouteServices) {
	const { pages, defer } = services;
	return createRouter().openapi(getFeed, async (c) => {
		const viewer = c.get("viewer");
		const { minSeq, fields, ...place } = c.req.valid("query");
		const span = spanOf(place);
		const { question } = questionOf(c.req.url);
		const kept = pages.find(viewer, question, minSeq);
		if (kept) {
			defer(pages.refresh(viewer, question, () => makePage(services, viewer, span, fields)));
			return send(c, kept.page, kept.freshness, "") as never;
		}
		const made = await makePage(services, viewer, span, fields);
		const { page, spent } = made;
		if (page.seq < minSeq) throw new Problem("seq_in_future");
		pages.keep(viewer, question, made);
		const posts = `posts;desc=${spent.kept ? "KEPT" : "READ"};dur=${spent.posts}`;
		return send(c, page, "MISS", `, timeline;dur=${spent.timeline}, ${posts}`) as never;
	});
}

/**
 * Sends a page that is kept before anything else is done: most requests end here. What was kept was asked for in the
 * same words, which were checked then, and a token that is remembered needs no waiting.
 */
export function sendKept({
	pages,
	tokens,
	limits,
	requestLog,
	now,
}: {
	pages: FeedPages;
	tokens: AccessTokens;
	limits: RateLimits;
	requestLog: RequestLog;
	now: () => number;
}): MiddlewareHandler<Gateway> {
	return (c, next) => {
		const claims = c.req.method === "GET" ? recalled(tokens, c.req.header("authorization")) : undefined;
		if (!claims) return next();
		const { question, minSeq } = questionOf(c.req.url);
		const found = pages.find(claims.viewer, question, minSeq);
		// Who is fast goes the long way, on which she is counted.
		if (found?.freshness !== "HIT" || !limits.passes("read", claims.viewer)) return next();
		if (!requestLog.wants(c)) return Promise.resolve(send(c, found.page, "HIT", ""));
		const startedAt = now();
		requestLog.trace(c);
		c.set("viewer", claims.viewer);
		const response = send(c, found.page, "HIT", "");
		requestLog.answered(c, response, startedAt);
		return Promise.resolve(response);
	};
}

/** A token that is refused is refused as every request's is. */
function recalled(tokens: AccessTokens, authorization: string | undefined): TokenClaims | undefined {
	try {
		return tokens.recall(authorization);
	} catch {
		return undefined;
	}
}

/** What tells one page from another in a query: all but `minSeq`. */
function questionOf(url: string): { question: string; minSeq: number } {
	const start = url.indexOf("?");
	if (start < 0) return { question: "", minSeq: 0 };
	let minSeq = 0;
	const question = url.slice(start + 1).replace(/(^|&)minSeq=(\d{1,15})(?=&|$)/, (_, before, number) => {
		minSeq = Number(number);
		return before;
	});
	return { question, minSeq };
}

async function makePage(services: FeedServices, viewer: Id, span: Span, fields: Fields) {
	const madeAt = services.now();
	const { items, seq, building, reached, asOf, spent } = await readFeed(services, viewer, span);
	const { next, prev } = links(span, items[0]?.post.id, items.at(-1)?.post.id, reached);
	const posts = items.map(({ post, liked }) => writeFields(post, liked, fields));
	const page: SentPage = { rendered: writePage(posts, { next, prev, building, seq }), seq, asOf, madeAt };
	return { page, building, spent };
}

function send(c: Context<Gateway>, page: SentPage, freshness: Freshness, timing: string): Response {
	return sendRendered(c, page.rendered, {
		// Kept by nobody but the client, who asks whether it is still good.
		"cache-control": "private, no-cache",
		"x-cache": freshness,
		"server-timing": `cache;desc=${freshness}${timing}`,
		[SEQ_HEADER]: String(page.seq),
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
	if (cursor !== undefined) {
		const { direction, id } = placeOf(cursor);
		return direction === "a" ? { after: id, limit } : { before: id, limit };
	}
	if (before !== undefined) return { before: idOf(before), limit };
	return after === undefined ? { limit } : { after: idOf(after), limit };
}

/** Who holds a part of a feed goes on from the ends of what she holds, which no page may have ended at. */
function idOf(given: string): Id {
	return ID_PATTERN.test(given) ? (given as Id) : placeOf(given).id;
}

function placeOf(cursor: string): { direction: string; id: Id } {
	const [direction, id] = decodeCursor("feed", cursor, DIRECTION, ID_PATTERN);
	return { direction, id: id as Id };
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
