import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, idParam, json, jsonBody, nullableIdSchema, problems, signedIn } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { sendSeq } from "../gateway/seq.ts";
import type { Id } from "../store/ids.ts";
import { regionSchema } from "../store/shard-map.ts";
import { type AccountView, accountSchema, presentAccount, type RelationReader } from "./account.ts";
import { USERNAME_LENGTH } from "./auth.ts";
import type { Identity } from "./identity.ts";
import type { AccountStore } from "./store.ts";

export const displayNameSchema = z.string().trim().min(1).max(80);
export const usernameSchema = z
	.string()
	.min(USERNAME_LENGTH.min)
	.max(USERNAME_LENGTH.max)
	.regex(/^[A-Za-z0-9_.]+$/, "letters, digits, dots and underscores only");
/** An address that a browser may load: http or https, at most 2,048 characters. */
export const webAddressSchema = z.url({ protocol: /^https?$/ }).max(2048);

const ownAccount = createRoute({
	method: "get",
	path: "/v1/accounts/me",
	tags: ["accounts"],
	summary: "Your own account",
	security: signedIn,
	responses: { 200: json(accountSchema, "Your account"), ...problems(401, 404) },
});

const updateAccount = createRoute({
	method: "patch",
	path: "/v1/accounts/me",
	tags: ["accounts"],
	summary: "Change your profile",
	security: signedIn,
	request: {
		body: jsonBody(
			z.strictObject({
				username: usernameSchema.optional().openapi({
					description: "another one to sign in and be found by: the old one is free for others from then on",
				}),
				displayName: displayNameSchema.optional(),
				bio: z.string().max(500).optional(),
				avatarUrl: webAddressSchema.nullable().optional(),
				avatar: nullableIdSchema
					.optional()
					.openapi({ description: "an upload of the purpose `avatar` that is ready, in place of `avatarUrl`" }),
				region: regionSchema
					.optional()
					.openapi({ description: "where you say that you are at home; what is kept of you stays where it is" }),
			}),
		),
	},
	responses: { 200: json(accountSchema, "Your account as it is now"), ...problems(400, 401, 404, 409, 413, 415) },
});

const findAccount = createRoute({
	method: "get",
	path: "/v1/accounts",
	tags: ["accounts"],
	summary: "The account with a username",
	security: signedIn,
	request: { query: z.object({ username: z.string().min(1).max(100) }) },
	responses: { 200: json(accountSchema, "The account"), ...problems(400, 401, 404) },
});

const getAccount = createRoute({
	method: "get",
	path: "/v1/accounts/{id}",
	tags: ["accounts"],
	summary: "An account",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(accountSchema, "The account"), ...problems(401, 404) },
});

/** The pictures of accounts that were uploaded; `media/` has them, accounts come before it. */
export interface AvatarChooser {
	/** Has an account show an upload; the one before goes. @throws Problem */
	choose(owner: Id, upload: Id): Promise<void>;
	/** Gives up the upload that an account shows, and has it show what is behind an address, or nothing. */
	replace(owner: Id, url: string | null): Promise<void>;
}

export interface AccountServices {
	identity: Identity;
	accounts: AccountStore;
	relations: RelationReader;
	avatars: AvatarChooser;
	/** Is told when an account shows itself in another way; answers the `seq` of its timeline. Never fails. */
	changed: (id: Id) => Promise<number | null>;
}

export function accountRoutes({ identity, accounts, relations, avatars, changed }: AccountServices) {
	const view = async (viewer: Id, id: Id): Promise<AccountView> => {
		const profile = await (id === viewer ? accounts.own(id) : accounts.byId(id));
		if (!profile) throw new Problem("account_not_found");
		if (!(await relations.unblocked(viewer, [id])).has(id)) throw new Problem("account_not_found");
		return presentAccount(profile, id === viewer ? undefined : (await relations.views(viewer, [id])).get(id));
	};

	return createRouter()
		.openapi(ownAccount, async (c) => c.json(await view(c.var.viewer, c.var.viewer), 200))
		.openapi(updateAccount, async (c) => {
			const { viewer } = c.var;
			const { username, avatar, avatarUrl, ...change } = c.req.valid("json");
			if (avatar !== undefined && avatarUrl !== undefined)
				throw new Problem("invalid_request", undefined, [{ path: "avatar", message: "not beside avatarUrl" }]);
			await accounts.require(viewer);
			// First, as they may be refused.
			if (username && (await identity.isTaken(username, viewer))) throw new Problem("username_taken");
			if (avatar) await avatars.choose(viewer, avatar);
			else if (avatar === null || avatarUrl !== undefined) await avatars.replace(viewer, avatarUrl ?? null);
			if (username) await identity.rename(viewer, username);
			const profile = await accounts.update(viewer, { ...change, username: username?.toLowerCase() });
			sendSeq(c, await changed(c.var.viewer));
			return c.json(presentAccount(profile, undefined), 200);
		})
		.openapi(findAccount, async (c) => {
			const id = await identity.idOf(c.req.valid("query").username);
			if (!id) throw new Problem("account_not_found");
			return c.json(await view(c.var.viewer, id), 200);
		})
		.openapi(getAccount, async (c) => c.json(await view(c.var.viewer, c.req.valid("param").id), 200));
}
