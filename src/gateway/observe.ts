import type { MiddlewareHandler } from "hono";
import { SECURITY_HEADERS } from "./headers.ts";
import type { Gateway } from "./openapi.ts";
import type { RequestLog } from "./request-log.ts";
import { routeOf } from "./route.ts";

const OF_EVERY_ANSWER = Object.entries(SECURITY_HEADERS);

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
		await trace.run(next);
		const { headers, status } = c.res;
		// Problems and rendered pages have theirs; a socket's answer is another's, and cannot be given any.
		if (status !== 101 && !headers.has("x-content-type-options")) {
			for (const [name, value] of OF_EVERY_ANSWER) headers.set(name, value);
			headers.set("traceresponse", trace.traceparent);
		}
		// The platform's span is for those who look for the lines, so it is told when there are any.
		if (trace.logged || status >= 500) annotate({ "http.route": routeOf(c), "edgefeed.trace": trace.id });
		log.answered(c, c.res, startedAt);
	};
}
