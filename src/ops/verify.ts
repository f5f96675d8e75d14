import { createRoute, z } from "@hono/zod-openapi";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { createRouter, json, jsonBody, problems } from "../gateway/openapi.ts";
import type { Shards } from "../store/shards.ts";
import { CHECKS } from "./checks.ts";
import type { Verifier } from "./verifier.ts";

const verifyRoute = createRoute({
	method: "post",
	path: "/ops/verify",
	tags: ["operations"],
	summary: "Check what must hold of the store, some rows at a time: both sides of ties, counts, jobs, orphans",
	description: "Call again with `next` until it is null. Timelines have a check of their own: POST /ops/audit.",
	security: [{ operator: [] }],
	request: {
		body: jsonBody(
			z.strictObject({
				check: z.enum(CHECKS),
				repair: z.boolean().default(false),
				limit: z.int().min(1).max(1000).default(500),
				cursor: z.string().min(1).max(200).optional(),
			}),
		),
	},
	responses: {
		200: json(
			z.object({
				checked: z.int(),
				faults: z.array(z.string()),
				repaired: z.int(),
				next: z.string().nullable(),
			}),
			"What was found",
		),
		...problems(400, 404, 413, 415, 503),
	},
});

export function verifyRoutes({ verifier, shards }: { verifier: Verifier; shards: Shards }) {
	return createRouter().openapi(verifyRoute, async (c) => {
		const { check, repair, limit, cursor } = c.req.valid("json");
		const [place, after] =
			cursor === undefined ? ["0", ""] : decodeCursor("verify", cursor, /^\d{1,4}$/, /^[\w ]{0,27}$/);
		const database = shards.all()[Number(place)];
		if (!database) return c.json({ checked: 0, faults: [], repaired: 0, next: null }, 200);
		const { next, ...finding } = await verifier.run(check, database, after, limit, repair);
		const more = Number(place) + 1 < shards.all().length;
		const goOn = next
			? encodeCursor("verify", place, next)
			: more
				? encodeCursor("verify", Number(place) + 1, "")
				: null;
		return c.json({ ...finding, next: goOn }, 200);
	});
}
