import { createRoute } from "@hono/zod-openapi";
import { authorSchema, presentAuthor } from "../accounts/account.ts";
import { createRouter, idParam, json, listOf, noContent, pageQuery, problems, signedIn } from "../gateway/openapi.ts";
import { type GraphRouteServices, tieSchema } from "./friend-routes.ts";
import { peoplePage, requireAccount } from "./people.ts";
import { follow, unfollow } from "./rules.ts";

const startFollowing = createRoute({
	method: "put",
	path: "/v1/following/{id}",
	tags: ["following"],
	summary: "Follow an account",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(tieSchema, "What you are to each other now"), ...problems(401, 404, 409, 503) },
});

const stopFollowing = createRoute({
	method: "delete",
	path: "/v1/following/{id}",
	tags: ["following"],
	summary: "Stop following an account",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 409, 503) },
});

const peopleRoute = <L extends "friends" | "followers" | "following">(list: L, summary: string) =>
	createRoute({
		method: "get",
		path: `/v1/accounts/{id}/${list}` as const,
		tags: ["accounts"],
		summary,
		security: signedIn,
		request: { params: idParam, query: pageQuery },
		responses: { 200: json(listOf(authorSchema), "A page, newest first"), ...problems(400, 401, 404) },
	});

export function followRoutes(services: GraphRouteServices) {
	const { accounts, graph } = services;
	const router = createRouter()
		.openapi(startFollowing, async (c) => {
			const { id } = c.req.valid("param");
			await requireAccount(services, c.var.viewer, id);
			const { followingCount } = await accounts.require(c.var.viewer);
			await graph.act(c.var.viewer, id, follow(followingCount));
			return c.json({ accountId: id, relation: await graph.relation(c.var.viewer, id) }, 200);
		})
		.openapi(stopFollowing, async (c) => {
			const { id } = c.req.valid("param");
			await requireAccount(services, c.var.viewer, id);
			await graph.act(c.var.viewer, id, unfollow);
			return c.body(null, 204);
		});

	const lists = {
		friends: "Friends of an account",
		followers: "Who follows an account; friends are listed apart",
		following: "Whom an account follows",
	} as const;
	for (const list of ["friends", "followers", "following"] as const) {
		router.openapi(peopleRoute(list, lists[list]), async (c) => {
			const { id } = c.req.valid("param");
			await requireAccount(services, c.var.viewer, id);
			return c.json(await peoplePage(services, c.var.viewer, id, list, c.req.valid("query"), presentAuthor), 200);
		});
	}
	return router;
}
