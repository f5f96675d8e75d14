import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createRouter, json, jsonBody, problems } from "../gateway/openapi.ts";
import { passwordToCheck } from "./auth-routes.ts";
import {
	accepted,
	COOKIES,
	cookieSchema,
	newSessionOf,
	requestOf,
	type SessionAnswer,
	session,
	sessionAnswer,
} from "./calls.ts";
import type { Identity } from "./identity.ts";

const withPassword = jsonBody(z.strictObject({ password: passwordToCheck }));
const codesSchema = z
	.array(z.string())
	.openapi({ description: "each signs in once when the app is lost; never shown again" });

const enable = createRoute({
	method: "post",
	path: "/auth/two-factor/enable",
	tags: ["auth"],
	summary: "Begin to use an authenticator app: what to show it. It counts from the first code on",
	security: session,
	request: { body: withPassword },
	responses: {
		200: json(z.object({ totpURI: z.string(), backupCodes: codesSchema }), "For the app, and for emergencies"),
		...problems(400, 401, 409, 413, 415, 429),
	},
});

const verifyTotp = createRoute({
	method: "post",
	path: "/auth/two-factor/verify-totp",
	tags: ["auth"],
	summary: "A code of the authenticator app: to sign in (with the challenge), or to begin (with the session's token)",
	request: {
		body: jsonBody(
			z.strictObject({
				code: z.string().regex(/^\d{6}$/, "is not six digits"),
				challenge: cookieSchema.optional(),
			}),
		),
	},
	responses: {
		200: json(sessionAnswer, "Signed in; the session's token is a new one"),
		...problems(400, 401, 409, 413, 415, 429),
	},
});

const verifyBackupCode = createRoute({
	method: "post",
	path: "/auth/two-factor/verify-backup-code",
	tags: ["auth"],
	summary: "Sign in with a backup code",
	request: {
		body: jsonBody(z.strictObject({ code: z.string().min(1).max(40), challenge: cookieSchema })),
	},
	responses: { 200: json(sessionAnswer, "Signed in"), ...problems(400, 401, 409, 413, 415, 429) },
});

const newBackupCodes = createRoute({
	method: "post",
	path: "/auth/two-factor/generate-backup-codes",
	tags: ["auth"],
	summary: "New backup codes instead of the old ones",
	security: session,
	request: { body: withPassword },
	responses: {
		200: json(z.object({ backupCodes: codesSchema }), "The codes"),
		...problems(400, 401, 409, 413, 415, 429),
	},
});

const disable = createRoute({
	method: "post",
	path: "/auth/two-factor/disable",
	tags: ["auth"],
	summary: "Do without a second factor",
	security: session,
	request: { body: withPassword },
	responses: {
		200: json(z.object({ token: z.string() }), "The session's token is a new one"),
		...problems(400, 401, 413, 415, 429),
	},
});

/** A second factor: codes of an authenticator app (RFC 6238), and backup codes. */
export function factorRoutes({ identity }: { identity: Identity }) {
	const call = async <T>(c: Context, body: unknown): Promise<T & { response: Response }> => {
		const response = await identity.handle(requestOf(c, body));
		return { ...((await accepted(response)) as T), response };
	};

	/** better-auth keeps who has shown a password in a cookie; here it travels as `challenge`. */
	const verify = async (c: Context, { code, challenge }: { code: string; challenge?: string | undefined }) => {
		const request = requestOf(c, { code });
		if (challenge !== undefined) request.headers.delete("authorization");
		const response = await (challenge === undefined
			? identity.handle(request)
			: identity.resume(request, COOKIES.secondFactor, challenge));
		const { token, user } = (await accepted(response)) as SessionAnswer;
		// When it was the first code, the session that better-auth answers with is the one that it has just ended.
		return c.json({ token: newSessionOf(response) ?? token, user }, 200);
	};

	return createRouter()
		.openapi(enable, async (c) => {
			const { totpURI, backupCodes } = await call<{ totpURI: string; backupCodes: string[] }>(c, c.req.valid("json"));
			return c.json({ totpURI, backupCodes }, 200);
		})
		.openapi(verifyTotp, async (c) => verify(c, c.req.valid("json")))
		.openapi(verifyBackupCode, async (c) => verify(c, c.req.valid("json")))
		.openapi(newBackupCodes, async (c) => {
			const { backupCodes } = await call<{ backupCodes: string[] }>(c, c.req.valid("json"));
			return c.json({ backupCodes }, 200);
		})
		.openapi(disable, async (c) => {
			const { response } = await call(c, c.req.valid("json"));
			return c.json({ token: String(newSessionOf(response)) }, 200);
		});
}
