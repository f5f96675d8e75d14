/** The ceiling of a read: a route that answers with what it was given before, whatever it is asked. */
import { Hono } from "hono";

const bodies = new Map<string, string>();

export const constantApp = new Hono()
	.put("/__bench/constant/:name", async (c) => {
		bodies.set(c.req.param("name"), await c.req.text());
		return c.body(null, 204);
	})
	.get("/__bench/constant/:name", (c) => {
		const body = bodies.get(c.req.param("name"));
		if (body === undefined) return c.notFound();
		// As a poll is answered that finds nothing new.
		if (body === "") return c.body(null, 304, { etag: '"constant"' });
		return c.body(body, 200, { "content-type": "application/json" });
	});
