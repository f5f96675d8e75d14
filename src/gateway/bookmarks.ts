import { z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler, Next } from "hono";
import { base64url } from "jose";
import { type Bookmarks, Consistency } from "../store/consistency.ts";
import { Problem } from "./problem.ts";

/**
 * What a client has done, as it carries it from answer to request: base64url of JSON, an object from database to its
 * state and when the client got it, in Unix milliseconds.
 */
export const BOOKMARK_HEADER = "X-Feed-Bookmark";

/** Characters of a header, and the databases that are named in one. */
const LONGEST = 8192;
const MOST = 32;
/** After so long every replica that is read knows it, in milliseconds: thirty times the lag that is allowed. */
const FORGOTTEN = 60_000;

const bookmarksSchema = z.record(
	z.string().regex(/^\w{1,64}$/),
	z.tuple([z.string().regex(/^[0-9A-Fa-f-]{1,128}$/), z.int().nonnegative()]),
);

/** @throws Problem `invalid_bookmark` for what {@link encodeBookmarks} cannot have made. */
export function decodeBookmarks(text: string): Bookmarks {
	const parsed = bookmarksSchema.safeParse(text.length > LONGEST ? undefined : decodeJson(text));
	if (!parsed.success) throw new Problem("invalid_bookmark");
	return new Map(Object.entries(parsed.data).map(([database, [state, at]]) => [database, { state, at }]));
}

/** What was brought along and what has been seen since, of each database the newer; undefined when there is nothing. */
export function encodeBookmarks(had: Bookmarks, seen: ReadonlyMap<string, string>, now: number): string | undefined {
	const merged = new Map([...had].map(([database, { state, at }]) => [database, { state, at: Math.min(at, now) }]));
	for (const [database, state] of seen) {
		const known = merged.get(database);
		if (!known || known.state <= state) merged.set(database, { state, at: now });
	}
	const kept = [...merged].filter(([, { at }]) => now - at < FORGOTTEN).sort(([, a], [, b]) => b.at - a.at);
	if (kept.length === 0) return undefined;
	const document = Object.fromEntries(kept.slice(0, MOST).map(([database, { state, at }]) => [database, [state, at]]));
	return base64url.encode(JSON.stringify(document));
}

/**
 * Gives each request its {@link Consistency}. One that only reads may be answered by replicas that know what the
 * client has done; any other is told what it has seen and done.
 *
 * @param replicas whether there are any; without them a bookmark is checked and means nothing.
 */
export function carryBookmarks(replicas: boolean, now: () => number): MiddlewareHandler {
	const carry = async (c: Context, next: Next, had: Bookmarks) => {
		const reads = /^(GET|HEAD)$/.test(c.req.method) && c.req.path.startsWith("/v1/");
		const waitUntil = (work: Promise<void>) => c.executionCtx.waitUntil(work);
		const consistency = new Consistency({ replicas: reads, had, waitUntil });
		await consistency.run(next);
		const text = reads ? undefined : encodeBookmarks(had, consistency.seen, now());
		if (text !== undefined) c.header(BOOKMARK_HEADER, text);
	};
	return (c, next) => {
		const header = c.req.header(BOOKMARK_HEADER);
		const had: Bookmarks = header === undefined ? new Map() : decodeBookmarks(header);
		return replicas ? carry(c, next, had) : next();
	};
}

function decodeJson(text: string): unknown {
	try {
		return JSON.parse(new TextDecoder().decode(base64url.decode(text)));
	} catch {
		return undefined;
	}
}
