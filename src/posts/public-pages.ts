import { z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import type { AccountStore } from "../accounts/store.ts";
import type { Layered } from "../cache/layered.ts";
import { networkOf } from "../gateway/address.ts";
import { type Rendered, sendRendered } from "../gateway/conditional.ts";
import { encodeCursor } from "../gateway/cursor.ts";
import type { RateLimits } from "../gateway/limits.ts";
import { createRouter, type Gateway, invalid, pageQuery } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { RequestLog } from "../gateway/request-log.ts";
import type { MediaAddresses } from "../media/addresses.ts";
import { asId, type Id, isId } from "../store/ids.ts";
import { type Fields, fieldsQuery, writeFields, writePage } from "./fields.ts";
import { presentPost } from "./post.ts";
import { decodePostCursor } from "./routes.ts";
import type { PostStore } from "./store.ts";

/**
 * An account's public posts for whoever has no token: the same for everybody, so kept by everybody. How old such a
 * page may be, in milliseconds: with what a shared cache may add, still within five seconds.
 */
export const PUBLIC_PAGE_BOUND = 4000;
/** Until it is so old it is sent as it is, then while a newer one is made, in milliseconds. */
const FRESH = 3000;
/** Seconds for which a shared cache may send it, its `Age` included, and then while it asks for a newer one. */
const SHARED_FOR = 3;
const STALE_FOR = 1;

/** A page as the layers keep it. */
export const keptPageSchema = z.object({ body: z.string(), etag: z.string() });
type KeptPage = z.infer<typeof keptPageSchema>;

export interface PublicPageServices {
	publicPages: Layered<string, KeptPage>;
	now: () => number;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
}

/**
 * Sends a page that is kept, to whoever shows no token, before anything else is done: only what nobody is told of, or is
 * fast, goes the long way.
 */
export function sendKeptPublic({
	publicPages,
	now,
	limits,
	requestLog,
}: PublicPageServices & { limits: RateLimits; requestLog: RequestLog }): MiddlewareHandler<Gateway> {
	return (c, next) => {
		if (c.req.method !== "GET" || c.req.header("authorization") !== undefined) return next();
		const id = c.req.param("id") ?? "";
		const known = isId(id) ? publicPages.peek(questionOf(id, c.req.url)) : undefined;
		const age = known ? now() - known.asOf : Number.POSITIVE_INFINITY;
		if (!known || age > FRESH || requestLog.wants(c) || !limits.passes("open", networkOf(c))) return next();
		return Promise.resolve(send(c, known.value, age, "HIT"));
	};
}

/** Made anew, because a path can be written in many ways, and this names the page for everybody. */
function questionOf(id: Id, url: string): string {
	return `/v1/accounts/${id}/posts${url.includes("?") ? url.slice(url.indexOf("?")) : ""}`;
}

/** Mounted before the token is required: a request with one goes on to the page that its owner sees. */
export function publicPageRoutes({ publicPages, now, defer }: PublicPageServices) {
	return createRouter().get("/v1/accounts/:id/posts", async (c, next) => {
		if (c.req.header("authorization") !== undefined) return next();
		const { id } = c.req.param();
		if (!isId(id)) throw new Problem("not_found");
		const question = questionOf(id, c.req.url);
		const asked = now();
		const known = publicPages.peek(question);
		if (known) {
			const age = asked - known.asOf;
			if (age <= FRESH) return send(c, known.value, age, "HIT");
			// Readers who come meanwhile join this; should it fail, the next one makes the page herself.
			defer(publicPages.many([question], { notBefore: () => known.asOf }).catch(() => undefined));
			return send(c, known.value, age, "STALE");
		}
		const page = (await publicPages.many([question])).get(question);
		if (!page) throw new Problem("account_not_found");
		return send(c, page.value, now() - page.asOf, page.asOf < asked ? "HIT" : "MISS");
	});
}

function send(c: Context<Gateway>, page: KeptPage, age: number, cache: "HIT" | "STALE" | "MISS"): Response {
	return sendRendered(c, renderedOf(page), {
		"cache-control": `public, max-age=0, s-maxage=${SHARED_FOR}, stale-while-revalidate=${STALE_FOR}`,
		age: String(Math.ceil(age / 1000)),
		// With a token it is another page.
		vary: "Authorization",
		"x-cache": cache,
		"server-timing": `cache;desc=${cache}`,
	});
}

const RENDERED = new WeakMap<KeptPage, Rendered>();

/** Encoded once, however often it is sent. */
function renderedOf(page: KeptPage): Rendered {
	const rendered = RENDERED.get(page) ?? { bytes: new TextEncoder().encode(page.body), etag: page.etag };
	RENDERED.set(page, rendered);
	return rendered;
}

const querySchema = pageQuery.extend({ fields: fieldsQuery });

interface PageSources {
	accounts: AccountStore;
	posts: PostStore;
	addresses: MediaAddresses;
}

/** Pages by the path and query that asks for them; those of accounts that do not exist are left out. */
export async function readPublicPages(
	services: PageSources,
	questions: readonly string[],
): Promise<Map<string, KeptPage>> {
	const pages = await Promise.all(
		questions.map(async (question): Promise<[string, KeptPage][]> => {
			const url = new URL(question, "https://edgefeed.internal");
			const id = asId(url.pathname.split("/")[3] ?? "");
			const query = querySchema.safeParse(membersOf(url.searchParams));
			if (!query.success) throw invalid(query.error);
			const { limit, cursor, fields } = query.data;
			const page = await readPublicPage(services, id, decodePostCursor(cursor), limit, fields);
			return page ? [[question, page]] : [];
		}),
	);
	return new Map(pages.flat());
}

/** A parameter that is there twice is a list, which no schema takes, as where a token is asked for. */
function membersOf(search: URLSearchParams): Record<string, string | string[]> {
	return Object.fromEntries(
		Array.from(search.keys(), (name) => {
			const values = search.getAll(name);
			return [name, values.length === 1 ? (values[0] ?? "") : values];
		}),
	);
}

async function readPublicPage(
	{ accounts, posts, addresses }: PageSources,
	id: Id,
	before: Id | undefined,
	limit: number,
	fields: Fields,
): Promise<KeptPage | undefined> {
	const rows = await posts.publicByAuthor(id, before, limit + 1);
	if (rows.length === 0 && !(await accounts.byId(id))) return undefined;
	const shown = rows.slice(0, limit);
	const last = shown.at(-1);
	const items = shown.map(({ author, ...row }) => writeFields(presentPost(row, author, addresses), false, fields));
	const next = last && rows.length > limit ? encodeCursor("posts", last.id) : null;
	const { bytes, etag } = writePage(items, { next });
	return { body: new TextDecoder().decode(bytes), etag };
}
