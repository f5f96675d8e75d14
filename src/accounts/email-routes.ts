import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, json, jsonBody, problems } from "../gateway/openapi.ts";
import { Problem, type ProblemCode } from "../gateway/problem.ts";
import type { Id } from "../store/ids.ts";
import { withQuery } from "./auth.ts";
import { emailSchema, passwordSchema, passwordToCheck } from "./auth-routes.ts";
import { accepted, done, newSessionOf, requestOf, session } from "./calls.ts";
import type { Identity } from "./identity.ts";
import type { Lives } from "./lives.ts";
import { type Redirects, redirectSchema } from "./redirects.ts";

/** Of a link or a code in a message. */
const tokenSchema = z.string().min(1).max(2048);
const link = redirectSchema.optional().openapi({ description: "where the link in the message leads" });

const verifyEmail = createRoute({
	method: "get",
	path: "/auth/verify-email",
	tags: ["auth"],
	summary: "Confirm an address: the link of a message",
	request: { query: z.object({ token: tokenSchema, redirectTo: redirectSchema.optional() }) },
	responses: {
		200: json(done, "Confirmed"),
		302: {
			description:
				"To `redirectTo`, or for a browser to the web app, with `verified=true` (`next`: the old address is, now open the message at the new one), or with `error`: `link_invalid` or `email_taken`",
		},
		...problems(400, 409, 429, 503),
	},
});

const sendVerification = createRoute({
	method: "post",
	path: "/auth/send-verification-email",
	tags: ["auth"],
	summary: "Send the message again that confirms an address. The answer does not tell whether there is an account",
	request: { body: jsonBody(z.strictObject({ email: emailSchema, redirectTo: link })) },
	responses: { 200: json(done, "On its way, if there is such an account"), ...problems(400, 413, 415, 429, 503) },
});

const requestReset = createRoute({
	method: "post",
	path: "/auth/request-password-reset",
	tags: ["auth"],
	summary: "Ask for a new password. The answer does not tell whether there is an account",
	request: {
		body: jsonBody(
			z.strictObject({
				email: emailSchema,
				redirectTo: redirectSchema.optional().openapi({
					description:
						"your page for a new password; it gets `token`. Without one, the message has the token to type in",
				}),
			}),
		),
	},
	responses: { 200: json(done, "On its way, if there is such an account"), ...problems(400, 413, 415, 429, 503) },
});

const resetPassword = createRoute({
	method: "post",
	path: "/auth/reset-password",
	tags: ["auth"],
	summary: "Set a new password with the token of a message: once, within an hour. Ends all sessions",
	request: { body: jsonBody(z.strictObject({ token: tokenSchema, newPassword: passwordSchema })) },
	responses: { 200: json(done, "It is the password now"), ...problems(400, 413, 415, 429, 503) },
});

const changePassword = createRoute({
	method: "post",
	path: "/auth/change-password",
	tags: ["auth"],
	summary: "Set a new password. Ends all other sessions",
	security: session,
	request: { body: jsonBody(z.strictObject({ currentPassword: passwordToCheck, newPassword: passwordSchema })) },
	responses: { 200: json(done, "It is the password now"), ...problems(400, 401, 413, 415, 429, 503) },
});

const changeEmail = createRoute({
	method: "post",
	path: "/auth/change-email",
	tags: ["auth"],
	summary: "Change the address: once the old one, if it was confirmed, and the new one are confirmed",
	description: "An account with a password wants it, or a session that began in the last five minutes.",
	security: session,
	request: {
		body: jsonBody(z.strictObject({ newEmail: emailSchema, password: passwordToCheck.optional(), redirectTo: link })),
	},
	responses: {
		200: json(done, "A message is on its way, unless an account has the address"),
		...problems(400, 401, 403, 413, 415, 429, 503),
	},
});

/** What a page is told of a link that does nothing. */
const TOLD: ReadonlySet<ProblemCode> = new Set(["link_invalid", "email_taken"]);

/** Milliseconds that an answer takes at least: how long it took would tell whether there is an account. */
const FLOOR = 500;

export interface EmailServices {
	identity: Identity;
	lives: Pick<Lives, "confirm">;
	/** Where the link in a message may lead. */
	redirects: Redirects;
}

/** What is done with an address or a password by way of a message, and changing them. */
export function emailRoutes({ identity, lives, redirects }: EmailServices) {
	const DONE = { status: true } as const;

	const ask = async (request: Request, redirectTo: string | undefined) => {
		redirects.require(redirectTo, request);
		const [response] = await Promise.all([identity.handle(request, { redirectTo }), scheduler.wait(FLOOR)]);
		await accepted(response);
	};

	return createRouter()
		.openapi(verifyEmail, async (c) => {
			const { token, redirectTo: wanted } = c.req.valid("query");
			redirects.require(wanted, c.req.raw);
			// Whoever opens it in a browser is not shown JSON.
			const browser = c.req.header("accept")?.includes("text/html");
			const redirectTo = wanted ?? (browser ? `${identity.originOf(c.req.raw)}/sign-in` : undefined);
			const request = requestOf(c, undefined, `/auth/verify-email?${new URLSearchParams({ token })}`);
			request.headers.delete("authorization");
			const response = await identity.handle(request, { redirectTo });
			// Who opens a link is not signed in by it; of a changed address better-auth makes a session all the same.
			const made = newSessionOf(response);
			if (made !== undefined) await identity.forgetSession(made);
			let verified = "true";
			try {
				// Of the old address: it tells of nobody yet, and the next message is on its way.
				if (!("user" in ((await accepted(response)) as object))) verified = "next";
			} catch (error) {
				if (redirectTo === undefined || !(error instanceof Problem) || !TOLD.has(error.code)) throw error;
				return c.redirect(withQuery(redirectTo, { error: error.code }), 302);
			}
			return redirectTo === undefined ? c.json(DONE, 200) : c.redirect(withQuery(redirectTo, { verified }), 302);
		})
		.openapi(sendVerification, async (c) => {
			const { email, redirectTo } = c.req.valid("json");
			const request = requestOf(c, { email });
			// With a session it would tell.
			request.headers.delete("authorization");
			await ask(request, redirectTo);
			return c.json(DONE, 200);
		})
		.openapi(requestReset, async (c) => {
			const { email, redirectTo } = c.req.valid("json");
			await ask(requestOf(c, { email }), redirectTo);
			return c.json(DONE, 200);
		})
		.openapi(resetPassword, async (c) => {
			const body = c.req.valid("json");
			await accepted(await identity.resetPassword(requestOf(c, body), body.token));
			return c.json(DONE, 200);
		})
		.openapi(changePassword, async (c) => {
			await accepted(await identity.changePassword(requestOf(c, c.req.valid("json"))));
			return c.json(DONE, 200);
		})
		.openapi(changeEmail, async (c) => {
			const { newEmail, password, redirectTo } = c.req.valid("json");
			redirects.require(redirectTo, c.req.raw);
			const found = await identity.session(requestOf(c));
			if (!found) throw new Problem("session_invalid");
			// Whoever has the address can have the password.
			await lives.confirm(found.user.id as Id, found.session.id, password);
			await ask(requestOf(c, { newEmail }), redirectTo);
			return c.json(DONE, 200);
		});
}
