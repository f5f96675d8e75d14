import { createRoute, z } from "@hono/zod-openapi";
import { authorSchema, presentAuthor } from "../accounts/account.ts";
import type { Profile } from "../accounts/store.ts";
import {
	createRouter,
	idParam,
	json,
	listOf,
	moment,
	momentSchema,
	noContent,
	pageQuery,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { GraphRouteServices } from "./friend-routes.ts";
import { peoplePage } from "./people.ts";
import { block, unblock } from "./rules.ts";

const blockAccount = createRoute({
	method: "put",
	path: "/v1/blocks/{id}",
	tags: ["blocks"],
	summary: "Block an account: neither sees anything of the other any more, and what was between you ends",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 409, 503) },
});

const unblockAccount = createRoute({
	method: "delete",
	path: "/v1/blocks/{id}",
	tags: ["blocks"],
	summary: "Take a block back; what it ended stays ended",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 409, 503) },
});

const personSchema = authorSchema.extend({ since: momentSchema });

const listBlocks = createRoute({
	method: "get",
	path: "/v1/blocks",
	tags: ["blocks"],
	summary: "Whom you block, latest first",
	security: signedIn,
	request: { query: pageQuery },
	responses: { 200: json(listOf(personSchema), "A page"), ...problems(400, 401) },
});

const muteAccount = createRoute({
	method: "put",
	path: "/v1/mutes/{id}",
	tags: ["blocks"],
	summary: "Keep an account's posts out of your feed, for good or until a moment; it never learns of it",
	security: signedIn,
	request: {
		params: idParam,
		body: {
			required: false,
			content: { "application/json": { schema: z.strictObject({ expiresAt: z.iso.datetime().optional() }) } },
		},
	},
	responses: { 204: noContent, ...problems(400, 401, 404, 409, 413, 415, 503) },
});

const unmuteAccount = createRoute({
	method: "delete",
	path: "/v1/mutes/{id}",
	tags: ["blocks"],
	summary: "Let an account's posts into your feed again",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 409, 503) },
});

const listMutes = createRoute({
	method: "get",
	path: "/v1/mutes",
	tags: ["blocks"],
	summary: "Whom you mute, latest first",
	security: signedIn,
	request: { query: pageQuery },
	responses: { 200: json(listOf(personSchema), "A page"), ...problems(400, 401) },
});

/**
 * A block and its end are told to whom they concern by nothing but what is not there any more. An account
 * that blocks the viewer can still be blocked and muted by her: else these calls would tell her.
 */
export function blockRoutes(services: GraphRouteServices) {
	const { accounts, graph } = services;
	const present = (profile: Profile, at: number) => ({ ...presentAuthor(profile), since: moment(at) });
	return createRouter()
		.openapi(blockAccount, async (c) => {
			const { id } = c.req.valid("param");
			await accounts.require(id);
			await graph.act(c.var.viewer, id, block);
			return c.body(null, 204);
		})
		.openapi(unblockAccount, async (c) => {
			const { id } = c.req.valid("param");
			await accounts.require(id);
			await graph.act(c.var.viewer, id, unblock);
			return c.body(null, 204);
		})
		.openapi(listBlocks, async (c) => {
			const { viewer } = c.var;
			return c.json(await peoplePage(services, viewer, viewer, "blocking", c.req.valid("query"), present), 200);
		})
		.openapi(muteAccount, async (c) => {
			const { id } = c.req.valid("param");
			const { expiresAt } = c.req.valid("json");
			const until = expiresAt === undefined ? null : Date.parse(expiresAt);
			if (until !== null && until <= Date.now()) {
				throw new Problem("invalid_request", undefined, [{ path: "expiresAt", message: "must be in the future" }]);
			}
			await accounts.require(id);
			await graph.mute(c.var.viewer, id, until);
			return c.body(null, 204);
		})
		.openapi(unmuteAccount, async (c) => {
			const { id } = c.req.valid("param");
			await accounts.require(id);
			await graph.mute(c.var.viewer, id, undefined);
			return c.body(null, 204);
		})
		.openapi(listMutes, async (c) => {
			const { viewer } = c.var;
			return c.json(await peoplePage(services, viewer, viewer, "muting", c.req.valid("query"), present), 200);
		});
}
