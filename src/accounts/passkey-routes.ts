import { createRoute, z } from "@hono/zod-openapi";
import { APIError } from "better-auth/api";
import type { Context } from "hono";
import { createRouter, json, jsonBody, momentSchema, noContent, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import {
	accepted,
	COOKIES,
	cookieOf,
	cookieSchema,
	newSessionOf,
	requestOf,
	type SessionAnswer,
	session,
	sessionAnswer,
} from "./calls.ts";
import type { Identity } from "./identity.ts";

const ceremonySchema = cookieSchema.openapi({ description: "`ceremony` of the options: good once, for five minutes" });
/** What an authenticator answers: WebAuthn, section 5.1, as JSON. Browsers add fields from version to version. */
const credentialSchema = z.looseObject({
	id: z.string().min(1).max(2048),
	rawId: z.string().min(1).max(2048),
	type: z.literal("public-key"),
	response: z.looseObject({ clientDataJSON: z.string().min(1) }),
	clientExtensionResults: z.looseObject({}).default({}),
});
const optionsAnswer = z.object({
	ceremony: z.string().openapi({ description: "send it back with what the authenticator answers" }),
	options: z.looseObject({ challenge: z.string() }).openapi({ description: "for navigator.credentials" }),
});
const passkeySchema = z
	.object({ id: z.string(), name: z.string().nullable(), createdAt: momentSchema })
	.openapi("Passkey");

const registrationOptions = createRoute({
	method: "get",
	path: "/auth/passkey/generate-register-options",
	tags: ["auth"],
	summary: "Begin to make a passkey. The session must be younger than a day",
	security: session,
	responses: { 200: json(optionsAnswer, "For the authenticator"), ...problems(401, 429) },
});

const verifyRegistration = createRoute({
	method: "post",
	path: "/auth/passkey/verify-registration",
	tags: ["auth"],
	summary: "Keep a passkey that was made",
	security: session,
	request: {
		body: jsonBody(
			z.strictObject({
				ceremony: ceremonySchema,
				response: credentialSchema,
				name: z.string().trim().min(1).max(80).optional(),
			}),
		),
	},
	responses: { 200: json(passkeySchema, "It signs you in from now on"), ...problems(400, 401, 413, 415, 429) },
});

const authenticationOptions = createRoute({
	method: "get",
	path: "/auth/passkey/generate-authenticate-options",
	tags: ["auth"],
	summary: "Begin to sign in with a passkey",
	responses: { 200: json(optionsAnswer, "For the authenticator"), ...problems(429) },
});

const verifyAuthentication = createRoute({
	method: "post",
	path: "/auth/passkey/verify-authentication",
	tags: ["auth"],
	summary: "Sign in with a passkey",
	request: { body: jsonBody(z.strictObject({ ceremony: ceremonySchema, response: credentialSchema })) },
	responses: { 200: json(sessionAnswer, "Signed in"), ...problems(400, 401, 413, 415, 429) },
});

const listPasskeys = createRoute({
	method: "get",
	path: "/auth/passkey/list-user-passkeys",
	tags: ["auth"],
	summary: "Your passkeys",
	security: session,
	responses: { 200: json(z.object({ items: z.array(passkeySchema) }), "All of them"), ...problems(401, 429) },
});

const deletePasskey = createRoute({
	method: "post",
	path: "/auth/passkey/delete-passkey",
	tags: ["auth"],
	summary: "Forget a passkey. The last way into an account cannot be taken away",
	security: session,
	request: { body: jsonBody(z.strictObject({ id: z.string().min(1).max(100) })) },
	responses: { 204: noContent, ...problems(400, 401, 404, 409, 413, 415) },
});

export interface PasskeyServices {
	identity: Identity;
	/** What passkeys are for; by default the host and the origin of each request. */
	passkeys: { domain: string | undefined; origins: readonly string[] };
}

/** Passkeys (WebAuthn). Instead of by a cookie, an answer is matched with its challenge by `ceremony`. */
export function passkeyRoutes({ identity, passkeys }: PasskeyServices) {
	/** Loaded when it is first used: few requests need it, and it is large. */
	const occasion = async (request: Request) => {
		const { passkey } = await import("@better-auth/passkey");
		const origin = identity.originOf(request);
		const plugin = passkey({
			rpID: passkeys.domain ?? new URL(origin).hostname,
			origin: passkeys.origins.length > 0 ? [...passkeys.origins] : origin,
			advanced: { webAuthnChallengeCookie: COOKIES.passkey },
			authenticatorSelection: { residentKey: "required", userVerification: "required" },
			authentication: {
				// It signs in without a second factor, so it has to be two: the device, and a finger or a number.
				afterVerification: async ({ verification }) => {
					if (!verification.authenticationInfo.userVerified) {
						throw new APIError("UNAUTHORIZED", { code: "AUTHENTICATION_FAILED" });
					}
				},
			},
		});
		return { plugin };
	};

	const options = async (c: Context) => {
		const request = requestOf(c);
		const response = await identity.handle(request, await occasion(request));
		const found = (await accepted(response)) as { challenge: string };
		return { ceremony: cookieOf(response, COOKIES.passkey), options: found };
	};

	const verify = async (request: Request, ceremony: string) =>
		identity.resume(request, COOKIES.passkey, ceremony, await occasion(request));

	return createRouter()
		.openapi(registrationOptions, async (c) => c.json(await options(c), 200))
		.openapi(verifyRegistration, async (c) => {
			const { ceremony, ...body } = c.req.valid("json");
			const made = await accepted(await verify(requestOf(c, body), ceremony));
			return c.json(present(made as Passkey), 200);
		})
		.openapi(authenticationOptions, async (c) => {
			const { ceremony, options: found } = await options(c);
			return c.json({ ceremony, options: { ...found, userVerification: "required" } }, 200);
		})
		.openapi(verifyAuthentication, async (c) => {
			const { ceremony, response: credential } = c.req.valid("json");
			const request = requestOf(c, { response: credential });
			request.headers.delete("authorization");
			const response = await verify(request, ceremony);
			const { user } = (await accepted(response)) as SessionAnswer;
			return c.json({ token: String(newSessionOf(response)), user }, 200);
		})
		.openapi(listPasskeys, async (c) => {
			const request = requestOf(c);
			const found = await accepted(await identity.handle(request, await occasion(request)));
			return c.json({ items: (found as Passkey[]).map(present) }, 200);
		})
		.openapi(deletePasskey, async (c) => {
			const found = await identity.session(requestOf(c));
			if (!found) throw new Problem("session_invalid");
			await identity.removePasskey(found.user.id, c.req.valid("json").id);
			return c.body(null, 204);
		});
}

interface Passkey {
	id: string;
	name?: string | null;
	createdAt: string;
}

function present({ id, name, createdAt }: Passkey): z.infer<typeof passkeySchema> {
	return { id, name: name ?? null, createdAt };
}
