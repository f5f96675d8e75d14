import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { BOOKMARK_HEADER } from "./bookmarks.ts";
import { SEQ_HEADER } from "./seq.ts";

/** What a client sends beside what every browser may. */
const SENT = [
	"Authorization",
	"Content-Type",
	"Idempotency-Key",
	"If-None-Match",
	"Last-Event-ID",
	"traceparent",
	BOOKMARK_HEADER,
	"X-Device-Id",
	"X-Request-Id",
];
/** What a client reads beside what every page may. */
const READ = [
	"Content-Language",
	"Deprecation",
	"ETag",
	"Link",
	"RateLimit",
	"RateLimit-Policy",
	"RateLimit-Limit",
	"RateLimit-Remaining",
	"RateLimit-Reset",
	"Retry-After",
	"Server-Timing",
	"Sunset",
	"traceresponse",
	"X-Cache",
	BOOKMARK_HEADER,
	SEQ_HEADER,
	"X-Request-Id",
];
/** Seconds that a browser may remember a preflight's answer: more than two hours none of them does. */
const REMEMBERED = 7200;

/** Lets pages of some origins call the API. Nothing rides on cookies here, so none are asked for. */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler {
	return cors({
		origin: [...origins],
		allowMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
		allowHeaders: SENT,
		exposeHeaders: READ,
		maxAge: REMEMBERED,
	});
}
