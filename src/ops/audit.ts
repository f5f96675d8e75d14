import { createRoute, z } from "@hono/zod-openapi";
import type { AccountStore } from "../accounts/store.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { createRouter, json, jsonBody, problems } from "../gateway/openapi.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";

const auditRoute = createRoute({
	method: "post",
	path: "/ops/audit",
	tags: ["operations"],
	summary: "Compare timelines with the store, some accounts at a time",
	description:
		"Call again with `next` until it is null. `missing` are gaps, `stale` are entries that should not be there.",
	security: [{ operator: [] }],
	request: {
		body: jsonBody(
			z.strictObject({
				repair: z.boolean().default(false),
				limit: z.int().min(1).max(500).default(100),
				cursor: z.string().min(1).max(200).optional(),
			}),
		),
	},
	responses: {
		200: json(
			z.object({
				timelines: z.int(),
				cold: z.int().openapi({ description: "not read yet: they are built from the store when they are" }),
				checked: z.int(),
				missing: z.int(),
				stale: z.int(),
				relations: z.int().openapi({ description: "accounts whose tie a timeline has wrong" }),
				likes: z.int().openapi({ description: "posts of which a timeline does not know whether they are liked" }),
				differing: z.array(z.string()).openapi({ description: "the accounts whose timelines differ" }),
				next: z.string().nullable(),
			}),
			"What was found",
		),
		...problems(400, 404, 413, 415, 503),
	},
});

export interface AuditServices {
	accounts: AccountStore;
	shards: Shards;
	timelines: Timelines;
}

/** Timelines that are audited at once. */
const AT_ONCE = 20;

export function auditRoutes({ accounts, shards, timelines }: AuditServices) {
	return createRouter().openapi(auditRoute, async (c) => {
		const { repair, limit, cursor } = c.req.valid("json");
		const [place, after] =
			cursor === undefined ? ["0", ""] : decodeCursor("accounts", cursor, /^\d{1,4}$/, /^\w{0,13}$/);
		const database = shards.all()[Number(place)];
		const ids = database ? await accounts.idsOn(database, after, limit) : [];
		const total = {
			timelines: ids.length,
			cold: 0,
			checked: 0,
			missing: 0,
			stale: 0,
			relations: 0,
			likes: 0,
			differing: [] as Id[],
		};
		for (let at = 0; at < ids.length; at += AT_ONCE) {
			await Promise.all(
				ids.slice(at, at + AT_ONCE).map(async (id) => {
					const { cold, checked, missing, stale, relations, likes } = await timelines.of(id).audit(repair);
					total.cold += cold ? 1 : 0;
					total.checked += checked;
					total.missing += missing;
					total.stale += stale;
					total.relations += relations;
					total.likes += likes;
					if (missing + stale + relations + likes > 0) total.differing.push(id);
				}),
			);
		}
		const last = ids.at(-1);
		const more = Number(place) + 1 < shards.all().length;
		const next =
			last && ids.length === limit
				? encodeCursor("accounts", place, last)
				: more
					? encodeCursor("accounts", Number(place) + 1, "")
					: null;
		return c.json({ ...total, next }, 200);
	});
}
