import type { Context } from "hono";
import { matchedRoutes } from "hono/route";

/** The pattern of the route that a request came to, or would have come to: never its path, which has ids in it. */
export function routeOf(c: Context): string {
	const routes = matchedRoutes(c);
	const reached = c.req.routeIndex;
	const handler = routes.find(({ method }, index) => index >= reached && method !== "ALL");
	return (handler ?? routes[reached])?.path ?? "";
}
