import type { MiddlewareHandler } from "hono";

export interface Deprecation {
	/** The day from which clients should use something else: ISO 8601. */
	since: string;
	/** The day from which it may be gone: ISO 8601, at least six months later (docs/versioning.md). */
	sunset: string;
	/** Where it says what to do instead: an absolute URL, or a path of ours. */
	link: string;
}

/**
 * The part of a route's definition that says it will go: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) in every
 * answer, also a refusal, and `deprecated` in the API's description.
 */
export function deprecated({ since, sunset, link }: Deprecation): { deprecated: true; middleware: MiddlewareHandler } {
	const headers = {
		deprecation: `@${Date.parse(since) / 1000}`,
		sunset: new Date(sunset).toUTCString(),
		link: `<${link}>; rel="deprecation"`,
	};
	return {
		deprecated: true,
		middleware: async (c, next) => {
			for (const [name, value] of Object.entries(headers)) c.header(name, value);
			await next();
		},
	};
}
