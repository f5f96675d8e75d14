import type { MiddlewareHandler } from "hono";
import { SECURITY_HEADERS } from "./headers.ts";
import type { Gateway } from "./openapi.ts";
import type { RequestLog } from "./request-log.ts";
import { routeOf } from "./route.ts";

/**
 * Does what belongs to a request under its trace, and writes about it when it is answered.
 *
 * @param annotate tells the platform's own trace
 */
export function observe(
	log: RequestLog,
	now: () => number,
	annotate: (attributes: Record<string, string>) => void,
): MiddlewareHandler<Gateway> {
	return async (c, next) => {
		const startedAt = now();
		const trace = log.trace(c);
		// Before there is an answer: a header that is set on one copies it.
		for (const [name, value] of Object.entries(SECURITY_HEADERS)) c.header(name, value);
		c.header("traceresponse", trace.traceparent);
		await trace.run(next);
		annotate({ "http.route": routeOf(c), "edgefeed.trace": trace.id });
		log.answered(c, c.res, startedAt);
	};
}
