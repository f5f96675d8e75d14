import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AuditTrail } from "../audit-entry.ts";
import { createRouter, type Gateway, json, jsonBody, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { type Region, regionSchema } from "../store/shard-map.ts";
import { PASSWORD_LENGTH } from "./auth.ts";
import {
	accepted,
	answer,
	COOKIES,
	cookieOf,
	done,
	requestOf,
	type SessionAnswer,
	session,
	sessionAnswer,
	yes,
} from "./calls.ts";
import type { Identity } from "./identity.ts";
import { regionOf } from "./places.ts";
import { type Redirects, redirectSchema } from "./redirects.ts";
import { displayNameSchema, usernameSchema } from "./routes.ts";

export const emailSchema = z.email().max(254);
export const passwordSchema = z.string().min(PASSWORD_LENGTH.min).max(PASSWORD_LENGTH.max);
/** One that may be from when other lengths were asked for. */
export const passwordToCheck = z.string().min(1).max(PASSWORD_LENGTH.max);
/** Instead of a session, for an account that wants a second factor. */
const challengeAnswer = z
	.object({
		twoFactor: z.object({
			challenge: z.string().openapi({ description: "for POST /auth/two-factor/verify-totp or verify-backup-code" }),
			methods: z.array(z.string()),
		}),
	})
	.openapi("SecondFactorWanted");
/** Where addresses must be confirmed, whether or not there is an account with this one already. */
const mailAnswer = z.object({ verificationSent: yes }).openapi("ConfirmationSent");
const signUpAnswer = z.union([sessionAnswer, mailAnswer]).openapi("SignUpAnswer");
const signInAnswer = z.union([sessionAnswer, challengeAnswer]).openapi("SignInAnswer");

const signUp = createRoute({
	method: "post",
	path: "/auth/sign-up/email",
	tags: ["auth"],
	summary: "Make an account",
	request: {
		body: jsonBody(
			z.strictObject({
				email: emailSchema,
				password: passwordSchema,
				name: displayNameSchema,
				username: usernameSchema,
				region: regionSchema
					.optional()
					.openapi({ description: "home region; by default guessed from where the request comes from" }),
				redirectTo: redirectSchema.optional().openapi({ description: "where the link in the message leads" }),
			}),
		),
	},
	responses: {
		200: json(signUpAnswer, "The account, signed in; or a message is on its way"),
		...problems(400, 409, 413, 415, 429, 503),
	},
});

const signInByEmail = createRoute({
	method: "post",
	path: "/auth/sign-in/email",
	tags: ["auth"],
	summary: "Sign in by e-mail address",
	request: {
		body: jsonBody(z.strictObject({ email: emailSchema, password: passwordToCheck })),
	},
	responses: {
		200: json(signInAnswer, "Signed in, or asked for a second factor"),
		...problems(400, 401, 403, 413, 415, 429),
	},
});

const signInByUsername = createRoute({
	method: "post",
	path: "/auth/sign-in/username",
	tags: ["auth"],
	summary: "Sign in by username",
	request: {
		body: jsonBody(z.strictObject({ username: usernameSchema, password: passwordToCheck })),
	},
	responses: {
		200: json(signInAnswer, "Signed in, or asked for a second factor"),
		...problems(400, 401, 403, 413, 415, 429),
	},
});

const signInAsGuest = createRoute({
	method: "post",
	path: "/auth/sign-in/anonymous",
	tags: ["auth"],
	summary: "A new account without an address: a guest's, who can keep it later",
	request: {
		body: jsonBody(z.strictObject({ name: displayNameSchema.optional(), region: regionSchema.optional() })),
	},
	responses: { 200: json(sessionAnswer, "The account, signed in"), ...problems(400, 413, 415, 429, 503) },
});

const keepGuest = createRoute({
	method: "post",
	path: "/auth/upgrade",
	tags: ["auth"],
	summary: "Keep a guest's account for good: with an address and a password",
	security: session,
	request: { body: jsonBody(z.strictObject({ email: emailSchema, password: passwordSchema })) },
	responses: { 200: json(done, "It is yours"), ...problems(400, 401, 409, 413, 415, 429, 503) },
});

const accessToken = createRoute({
	method: "get",
	path: "/auth/token",
	tags: ["auth"],
	summary: "An access token for a session, good for 15 minutes",
	security: session,
	responses: {
		200: json(z.object({ token: z.string() }), "The Bearer of everything below /v1"),
		...problems(401, 429),
	},
});

const keySet = createRoute({
	method: "get",
	path: "/auth/jwks",
	tags: ["auth"],
	summary: "The public keys of access tokens",
	responses: {
		200: json(z.object({ keys: z.array(z.looseObject({ kid: z.string() })) }), "A JSON Web Key Set"),
		...problems(429),
	},
});

const signOut = createRoute({
	method: "post",
	path: "/auth/sign-out",
	tags: ["auth"],
	summary: "End a session, and the access tokens that were made from it",
	security: session,
	responses: { 200: json(z.object({ success: z.boolean() }), "Signed out"), ...problems(401, 429) },
});

export interface AuthServices {
	identity: Identity;
	auditLog: AuditTrail;
	defaultRegion: Region;
	/** Where the link in a message may lead. */
	redirects: Redirects;
	/** Whether an account has to confirm its address before it is signed in. */
	requireVerification: boolean;
}

/** The calls of better-auth that are public, each checked before it sees them; the rest of `/auth` is not there. */
export function authRoutes({ identity, auditLog, defaultRegion, redirects, requireVerification }: AuthServices) {
	const here = (c: Context) => regionOf(c.req.raw.cf as IncomingRequestCfProperties | undefined, defaultRegion);

	/** Two who race for a name get past better-auth's check; the database refuses one, and better-auth does not say why. */
	const whoseNames = async ({ email, username }: { email: string; username: string }) => {
		if (await identity.idOf(username)) return new Problem("username_taken");
		return new Problem((await identity.idOfEmail(email)) ? "email_taken" : "unavailable");
	};

	/** What is refused is recorded; what succeeds is recorded with its session. */
	const signIn = async (c: Context<Gateway>, body: unknown, whose: () => Promise<string | undefined>) => {
		const response = await identity.handle(requestOf(c, body));
		if (response.status === 401) {
			const subject = await whose();
			const address = c.req.header("cf-connecting-ip");
			await auditLog.record({
				act: "sign_in_refused",
				actor: "nobody",
				...(subject ? { subject } : {}),
				requestId: c.var.requestId,
				detail: address ? { ip: await auditLog.mark(address) } : {},
			});
		}
		const found = (await accepted(response)) as SessionAnswer | { twoFactorRedirect: true; twoFactorMethods: string[] };
		if (!("twoFactorRedirect" in found)) return c.json(found, 200);
		const challenge = cookieOf(response, COOKIES.secondFactor);
		return c.json({ twoFactor: { challenge, methods: found.twoFactorMethods } }, 200);
	};

	return createRouter()
		.openapi(signUp, async (c) => {
			const { redirectTo, ...body } = c.req.valid("json");
			redirects.require(redirectTo, c.req.raw);
			const region = body.region ?? here(c);
			const response = await identity.signUp(requestOf(c, { ...body, region }), body, redirectTo);
			if (response.status === 422) {
				const problem = await whoseNames(body);
				if (!requireVerification || problem.code !== "email_taken") throw problem;
				return c.json({ verificationSent: true } as const, 200);
			}
			const made = (await accepted(response)) as SessionAnswer;
			return c.json(requireVerification ? ({ verificationSent: true } as const) : made, 200);
		})
		.openapi(signInByEmail, async (c) => {
			const body = c.req.valid("json");
			return signIn(c, body, () => identity.idOfEmail(body.email));
		})
		.openapi(signInByUsername, async (c) => {
			const body = c.req.valid("json");
			return signIn(c, body, () => identity.idOf(body.username));
		})
		.openapi(signInAsGuest, async (c) => {
			const { name, region } = c.req.valid("json");
			const request = requestOf(c, {});
			// A guest who comes again is another one.
			request.headers.delete("authorization");
			return answer(c, await identity.handle(request, { name, region: region ?? here(c) }));
		})
		.openapi(keepGuest, async (c) => {
			await identity.upgrade(requestOf(c), c.req.valid("json"));
			return c.json({ status: true } as const, 200);
		})
		.openapi(accessToken, async (c) => answer(c, await identity.handle(requestOf(c))))
		.openapi(keySet, async (c) => answer(c, await identity.handle(requestOf(c))))
		.openapi(signOut, async (c) => answer(c, await identity.signOut(requestOf(c))));
}
