import { createRoute, z } from "@hono/zod-openapi";
import {
	createRouter,
	idParam,
	idSchema,
	json,
	jsonBody,
	moment,
	momentSchema,
	noContent,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { requestOf, session } from "./calls.ts";
import { deviceOf } from "./device.ts";
import type { Identity } from "./identity.ts";
import type { Sessions } from "./sessions.ts";
import { waysInOf, waysInSchema } from "./ways-in.ts";

const refresh = createRoute({
	method: "post",
	path: "/auth/refresh",
	tags: ["auth"],
	summary: "A new access token and a new refresh token",
	description:
		"The first refresh token of a session is the session token that signing in answers with. Each is good once: the answer's takes its place. Who lost the answer gets the same one again for 30 seconds, and with the `Idempotency-Key` of that request at any time; other use of an old token ends the session, because somebody has a copy of it. Once refreshed, a session is opened by its last refresh token wherever a session token is asked for, save by `GET /auth/token`.",
	request: {
		headers: z.object({
			"idempotency-key": z
				.string()
				.regex(/^[\x21-\x7e]{16,255}$/, "16 to 255 visible ASCII characters")
				.optional()
				.openapi({
					description:
						"a random text that is kept before the request is sent, sent again when no answer came, and forgotten with the answer",
				}),
		}),
		body: jsonBody(z.strictObject({ refreshToken: z.string().min(1).max(1000) })),
	},
	responses: {
		200: json(
			z.object({
				token: z.string().openapi({ description: "an access token, good for 15 minutes" }),
				refreshToken: z.string(),
				expiresAt: momentSchema.openapi({ description: "when the session ends unless it is refreshed before" }),
			}),
			"The next pair",
		),
		...problems(400, 401, 413, 415, 429, 503),
	},
});

const waysIn = createRoute({
	method: "get",
	path: "/auth/account",
	tags: ["auth"],
	summary: "By what you can be signed in: address, password, second factor, passkeys, other services",
	security: session,
	responses: {
		200: json(waysInSchema, "The ways"),
		...problems(401, 429),
	},
});

const listSessions = createRoute({
	method: "get",
	path: "/v1/sessions",
	tags: ["accounts"],
	summary: "Where you are signed in, the last used first",
	security: signedIn,
	responses: {
		200: json(
			z.object({
				items: z.array(
					z
						.object({
							id: idSchema,
							device: z.string().nullable().openapi({ example: "Safari on iPhone" }),
							createdAt: momentSchema,
							lastSeenAt: momentSchema.openapi({
								description: "the last refresh; to the day for a session that is not refreshed",
							}),
							expiresAt: momentSchema,
							current: z.boolean().openapi({ description: "the access token of this request is of this session" }),
						})
						.openapi("Session"),
				),
			}),
			"Your sessions",
		),
		...problems(401, 503),
	},
});

const endSession = createRoute({
	method: "delete",
	path: "/v1/sessions/{id}",
	tags: ["accounts"],
	summary: "End a session: its access tokens end within five seconds, and its streams are closed",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 503) },
});

const endOthers = createRoute({
	method: "delete",
	path: "/v1/sessions",
	tags: ["accounts"],
	summary: "End all your sessions but the one of this request",
	security: signedIn,
	responses: { 204: noContent, ...problems(401, 503) },
});

export interface SessionServices {
	identity: Identity;
	identityDatabase: D1Database;
	sessions: Sessions;
}

export function sessionRoutes({ identity, identityDatabase, sessions }: SessionServices) {
	return createRouter()
		.openapi(refresh, async (c) => {
			const key = c.req.valid("header")["idempotency-key"];
			const next = await identity.refresh(c.req.valid("json").refreshToken, key);
			if (!next) throw new Problem("session_invalid");
			c.header("cache-control", "no-store");
			return c.json({ ...next, expiresAt: moment(next.expiresAt) }, 200);
		})
		.openapi(waysIn, async (c) => {
			const found = await identity.session(requestOf(c));
			const ways = found && (await waysInOf(identityDatabase, found.user.id));
			if (!ways) throw new Problem("session_invalid");
			return c.json(ways, 200);
		})
		.openapi(listSessions, async (c) => {
			const found = await sessions.list(c.var.viewer);
			const items = found.map(({ id, userAgent, createdAt, updatedAt, expiresAt }) => ({
				id,
				device: deviceOf(userAgent),
				createdAt,
				lastSeenAt: updatedAt,
				expiresAt,
				current: id === c.var.session,
			}));
			return c.json({ items }, 200);
		})
		.openapi(endSession, async (c) => {
			if (!(await sessions.endOne(c.var.viewer, c.req.valid("param").id))) throw new Problem("session_not_found");
			return c.body(null, 204);
		})
		.openapi(endOthers, async (c) => {
			await sessions.endOthers(c.var.viewer, c.var.session);
			return c.body(null, 204);
		});
}
