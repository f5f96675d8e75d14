import type { Context, Hono } from "hono";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** The methods that a request's path knows, as `Allow` lists them; none for a path that there is not. */
export function methodsOf({ router }: Pick<Hono, "router">, { req }: Context): string[] {
	const known: string[] = METHODS.filter((method) =>
		router.match(method, req.path)[0].some(([[, route]]) => route.method === method),
	);
	return known.includes("GET") ? ["HEAD", ...known] : known;
}
