import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, json, moment, momentSchema, problems, signedIn } from "../gateway/openapi.ts";
import type { AccessTokens } from "../gateway/tokens.ts";
import { PASSWORD_LENGTH } from "./auth.ts";
import type { Life, Lives } from "./lives.ts";

const lifeSchema = z
	.object({
		state: z.enum(["active", "deactivated", "leaving"]).openapi({
			description: "`deactivated` and `leaving` accounts are hidden from everybody",
		}),
		since: momentSchema.nullable().openapi({ description: "null when it always was so" }),
		eraseAt: momentSchema.nullable().openapi({ description: "when all of a `leaving` account is erased" }),
		comeBack: z.string().nullable().openapi({ description: "how the account is brought back; null when it is there" }),
	})
	.openapi("AccountLife");

const deactivate = createRoute({
	method: "post",
	path: "/v1/accounts/me/deactivate",
	tags: ["accounts"],
	summary: "Hide your account, and end all of its sessions; signing in again brings it back",
	description:
		"Others find nothing of it within five seconds: no profile, posts, comments, and no name in a list. What it has counted for (likes, friends) is still counted.",
	security: signedIn,
	responses: { 200: json(lifeSchema, "Hidden, and signed out everywhere"), ...problems(401, 403, 404, 503) },
});

const reactivate = createRoute({
	method: "post",
	path: "/v1/accounts/me/reactivate",
	tags: ["accounts"],
	summary: "Keep an account that was about to be deleted",
	description: "Get another access token afterwards: the one that asked is good for nothing else.",
	security: signedIn,
	responses: { 200: json(lifeSchema, "As before"), ...problems(401, 404, 503) },
});

const remove = createRoute({
	method: "delete",
	path: "/v1/accounts/me",
	tags: ["accounts"],
	summary: "Delete your account",
	description:
		"Hidden and signed out at once, erased with all that it has made when the time of grace is over; until then, sign in and POST /v1/accounts/me/reactivate. An account with a password wants it, or a session that began in the last five minutes.",
	security: signedIn,
	request: {
		body: {
			required: false,
			content: {
				"application/json": {
					schema: z.strictObject({ password: z.string().min(1).max(PASSWORD_LENGTH.max).optional() }),
				},
			},
		},
	},
	responses: { 202: json(lifeSchema, "To be erased"), ...problems(400, 401, 403, 404, 413, 415, 503) },
});

/** What a hidden account may ask for: what brings it back, what it is, and what it takes along. */
export function openToHidden(method: string, path: string): boolean {
	if (!path.startsWith("/v1/accounts/me")) return false;
	const rest = path.slice("/v1/accounts/me".length);
	if (rest === "") return method !== "PATCH";
	return rest === "/reactivate" || rest === "/export" || rest.startsWith("/export/");
}

export interface LifeServices {
	lives: Lives;
	tokens: AccessTokens;
}

export function lifeRoutes({ lives, tokens }: LifeServices) {
	return createRouter()
		.openapi(deactivate, async (c) => c.json(present(await lives.deactivate(c.var.viewer)), 200))
		.openapi(reactivate, async (c) => c.json(present(await lives.reactivate(c.var.viewer)), 200))
		.openapi(remove, async (c) => {
			const { viewer, session } = await tokens.verify(c.req.header("authorization"), true);
			await lives.confirm(viewer, session, c.req.valid("json").password);
			return c.json(present(await lives.leave(viewer)), 202);
		});
}

const COME_BACK = {
	active: null,
	deactivated: "sign in",
	leaving: "sign in, then POST /v1/accounts/me/reactivate",
} as const;

function present({ state, since, eraseAt }: Life): z.infer<typeof lifeSchema> {
	if (state === "erasing") throw new Error("nobody is told of an account that is being erased");
	return {
		state,
		since: since === 0 ? null : moment(since),
		eraseAt: eraseAt === null ? null : moment(eraseAt),
		comeBack: COME_BACK[state],
	};
}
