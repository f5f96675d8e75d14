import type { Context, MiddlewareHandler, Next } from "hono";
import type { Gateway } from "../gateway/openapi.ts";
import { SEQ_HEADER } from "../gateway/seq.ts";
import { nameInLog } from "../log.ts";
import { reportFailure } from "../report.ts";
import type { Timelines } from "../timeline/client.ts";
import type { FeedPages } from "./pages.ts";

/**
 * After a mutation the caller's own pages are made anew, and its answer has the number that her timeline has come to:
 * a read with `minSeq` of it shows what she did, wherever it is answered. Without the header the change is kept all the
 * same; her timeline does not know of it yet, and is told by whoever finishes it.
 */
export function noteOwnWrites({
	timelines,
	pages,
}: {
	timelines: Timelines;
	pages: FeedPages;
}): MiddlewareHandler<Gateway> {
	const note = async (c: Context<Gateway>, next: Next) => {
		await next();
		const { viewer } = c.var;
		pages.outdate(viewer);
		if (!c.res.ok || !timelines.told || c.res.headers.has(SEQ_HEADER)) return;
		try {
			c.header(SEQ_HEADER, String(await timelines.of(viewer).seq()));
		} catch (error) {
			reportFailure("the number of a timeline is not known", error, { account: nameInLog(viewer) });
		}
	};
	return (c, next) => (c.req.method === "GET" || c.req.method === "HEAD" ? next() : note(c, next));
}
