import { createRoute, z } from "@hono/zod-openapi";
import { authorSchema, presentAuthor, relationSchema } from "../accounts/account.ts";
import type { AccountStore } from "../accounts/store.ts";
import {
	createRouter,
	idParam,
	idSchema,
	json,
	jsonBody,
	listOf,
	moment,
	momentSchema,
	noContent,
	pageQuery,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import type { Graph } from "./graph.ts";
import { peoplePage, requireAccount } from "./people.ts";
import { accept, request, unfriend, withdraw } from "./rules.ts";
import type { RelationStore } from "./store.ts";

export const tieSchema = z.object({ accountId: idSchema, relation: relationSchema }).openapi("Tie");

const friendRequestSchema = z
	.object({
		accountId: idSchema,
		direction: z.enum(["incoming", "outgoing"]),
		createdAt: momentSchema,
		account: authorSchema,
	})
	.openapi("FriendRequest");

const makeRequest = createRoute({
	method: "post",
	path: "/v1/friend-requests",
	tags: ["friends"],
	summary: "Ask to be friends; if the other has asked already, that is a yes",
	security: signedIn,
	request: { body: jsonBody(z.strictObject({ accountId: idSchema })) },
	responses: { 201: json(tieSchema, "What you are to each other now"), ...problems(400, 401, 404, 409, 413, 415, 503) },
});

const listRequests = createRoute({
	method: "get",
	path: "/v1/friend-requests",
	tags: ["friends"],
	summary: "Friend requests that wait for an answer, newest first",
	security: signedIn,
	request: { query: pageQuery.extend({ direction: z.enum(["incoming", "outgoing"]).default("incoming") }) },
	responses: { 200: json(listOf(friendRequestSchema), "A page"), ...problems(400, 401) },
});

const acceptRequest = createRoute({
	method: "post",
	path: "/v1/friend-requests/{id}/accept",
	tags: ["friends"],
	summary: "Say yes to an account's friend request",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(tieSchema, "What you are to each other now"), ...problems(401, 404, 409, 503) },
});

const dropRequest = createRoute({
	method: "delete",
	path: "/v1/friend-requests/{id}",
	tags: ["friends"],
	summary: "Take back your request to an account, or say no to its",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 409, 503) },
});

const endFriendship = createRoute({
	method: "delete",
	path: "/v1/friends/{id}",
	tags: ["friends"],
	summary: "End a friendship; a follow made apart from it stays",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 409, 503) },
});

export interface GraphRouteServices {
	accounts: AccountStore;
	graph: Graph;
	relations: RelationStore;
}

export function friendRoutes(services: GraphRouteServices) {
	const { graph } = services;
	return createRouter()
		.openapi(makeRequest, async (c) => {
			const { accountId } = c.req.valid("json");
			await requireAccount(services, c.var.viewer, accountId);
			await graph.act(c.var.viewer, accountId, request);
			return c.json({ accountId, relation: await graph.relation(c.var.viewer, accountId) }, 201);
		})
		.openapi(listRequests, async (c) => {
			const { direction, ...page } = c.req.valid("query");
			const list = await peoplePage(services, c.var.viewer, c.var.viewer, direction, page, (profile, at) => ({
				accountId: profile.id,
				direction,
				createdAt: moment(at),
				account: presentAuthor(profile),
			}));
			return c.json(list, 200);
		})
		.openapi(acceptRequest, async (c) => {
			const { id } = c.req.valid("param");
			await requireAccount(services, c.var.viewer, id);
			await graph.act(c.var.viewer, id, accept);
			return c.json({ accountId: id, relation: await graph.relation(c.var.viewer, id) }, 200);
		})
		.openapi(dropRequest, async (c) => {
			const { id } = c.req.valid("param");
			await requireAccount(services, c.var.viewer, id);
			await graph.act(c.var.viewer, id, withdraw);
			return c.body(null, 204);
		})
		.openapi(endFriendship, async (c) => {
			const { id } = c.req.valid("param");
			await requireAccount(services, c.var.viewer, id);
			await graph.act(c.var.viewer, id, unfriend);
			return c.body(null, 204);
		});
}
