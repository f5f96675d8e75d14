import { createRoute, z } from "@hono/zod-openapi";
import { accountSchema } from "../accounts/account.ts";
import { createRouter, json, listOf, pageQuery, problems, signedIn } from "../gateway/openapi.ts";
import type { AccountSearch } from "./search.ts";

const searchAccounts = createRoute({
	method: "get",
	path: "/v1/search/accounts",
	tags: ["accounts"],
	summary: "Accounts whose username, or a word of whose name, begins with something",
	description:
		"Friends first. Small and capital letters, accents and widths are the same; names that are written without spaces are found by any part of them, and Hangul before its last syllable is finished. You are not found by yourself.",
	security: signedIn,
	request: {
		query: pageQuery.extend({
			q: z.string().min(1).max(100).openapi({ description: "what the name begins with", example: "민준" }),
			// A place in this list is a word, which can be longer than an id.
			cursor: z.string().min(1).max(1200).optional().openapi({ description: "`next` of the page before" }),
		}),
	},
	responses: {
		200: json(listOf(accountSchema), "A page; it may have less than `limit` and not be the last"),
		...problems(400, 401),
	},
});

export function searchRoutes({ search }: { search: AccountSearch }) {
	return createRouter().openapi(searchAccounts, async (c) => {
		const { q, limit, cursor } = c.req.valid("query");
		return c.json(await search.page(c.var.viewer, q, { limit, cursor }), 200);
	});
}
