import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AuditTrail } from "../audit-entry.ts";
import { createRouter, type Gateway, idSchema, json, jsonBody, problems } from "../gateway/openapi.ts";
import { Problem, type ProblemCode } from "../gateway/problem.ts";
import { type Region, regionSchema } from "../store/shard-map.ts";
import { type Identity, PASSWORD_LENGTH, USERNAME_LENGTH } from "./identity.ts";
import { displayNameSchema } from "./routes.ts";

const emailSchema = z.email().max(254);
const passwordSchema = z.string().min(PASSWORD_LENGTH.min).max(PASSWORD_LENGTH.max);
export const usernameSchema = z
	.string()
	.min(USERNAME_LENGTH.min)
	.max(USERNAME_LENGTH.max)
	.regex(/^[A-Za-z0-9_.]+$/, "letters, digits, dots and underscores only");
const sessionAnswer = z.object({
	token: z
		.string()
		.openapi({ description: "the session token: the Bearer of GET /auth/token and POST /auth/sign-out" }),
	user: z.looseObject({ id: idSchema, name: z.string(), email: z.string(), username: z.string().optional() }),
});
const session = [{ session: [] }];

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
			}),
		),
	},
	responses: { 200: json(sessionAnswer, "The account, signed in"), ...problems(400, 409, 413, 415, 429, 503) },
});

const signInByEmail = createRoute({
	method: "post",
	path: "/auth/sign-in/email",
	tags: ["auth"],
	summary: "Sign in by e-mail address",
	request: {
		body: jsonBody(z.strictObject({ email: emailSchema, password: z.string().min(1).max(PASSWORD_LENGTH.max) })),
	},
	responses: { 200: json(sessionAnswer, "Signed in"), ...problems(400, 401, 413, 415, 429) },
});

const signInByUsername = createRoute({
	method: "post",
	path: "/auth/sign-in/username",
	tags: ["auth"],
	summary: "Sign in by username",
	request: {
		body: jsonBody(z.strictObject({ username: usernameSchema, password: z.string().min(1).max(PASSWORD_LENGTH.max) })),
	},
	responses: { 200: json(sessionAnswer, "Signed in"), ...problems(400, 401, 413, 415, 429) },
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
}

/** The calls of better-auth that are public, each checked before it sees them; the rest of `/auth` is not there. */
export function authRoutes({ identity, auditLog, defaultRegion }: AuthServices) {
	const forward = async (c: Context, body?: unknown) => answer(c, await identity.handle(requestOf(c, body)));

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
		return answer(c, response);
	};

	/** Two who race for a name get past better-auth's check; the database refuses one, and better-auth does not say why. */
	const whoseNames = async ({ email, username }: { email: string; username: string }) => {
		if (await identity.idOf(username)) return new Problem("username_taken");
		return new Problem((await identity.idOfEmail(email)) ? "email_taken" : "unavailable");
	};

	return createRouter()
		.openapi(signUp, async (c) => {
			const body = c.req.valid("json");
			const region = body.region ?? regionOf(c.req.raw.cf as IncomingRequestCfProperties | undefined, defaultRegion);
			const response = await identity.signUp(requestOf(c, { ...body, region }), body);
			if (response.status === 422) throw await whoseNames(body);
			return answer(c, response);
		})
		.openapi(signInByEmail, async (c) => {
			const body = c.req.valid("json");
			return signIn(c, body, () => identity.idOfEmail(body.email));
		})
		.openapi(signInByUsername, async (c) => {
			const body = c.req.valid("json");
			return signIn(c, body, () => identity.idOf(body.username));
		})
		.openapi(accessToken, async (c) => forward(c))
		.openapi(keySet, async (c) => forward(c))
		.openapi(signOut, async (c) => answer(c, await identity.signOut(requestOf(c))));
}

/** The call for better-auth. No cookies go in or out, so nothing can be done in a browser's name. */
function requestOf(c: Context, body?: unknown): Request {
	const { url, method } = c.req.raw;
	const headers = pick(c.req.raw.headers, FORWARDED);
	headers.set("x-request-id", c.get("requestId"));
	const request = new Request(url, { method, headers });
	return body === undefined ? request : new Request(request, { body: JSON.stringify(body) });
}

async function answer(c: Context, response: Response) {
	if (!response.ok) throw await toProblem(response);
	// The shapes are better-auth's own; the schemas above describe them.
	return c.json((await response.json()) as never, 200);
}

const FORWARDED = ["authorization", "cf-connecting-ip", "content-type", "user-agent"];

function pick(headers: Headers, names: readonly string[]): Headers {
	return new Headers(
		names.flatMap((name) => {
			const value = headers.get(name);
			return value === null ? [] : [[name, value]];
		}),
	);
}

/** better-auth's codes that a client can act on, as ours. */
const CODES: Readonly<Record<string, ProblemCode>> = {
	USER_ALREADY_EXISTS: "email_taken",
	USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: "email_taken",
	USERNAME_IS_ALREADY_TAKEN: "username_taken",
	INVALID_EMAIL_OR_PASSWORD: "invalid_credentials",
	INVALID_USERNAME_OR_PASSWORD: "invalid_credentials",
};

async function toProblem(response: Response): Promise<Problem> {
	const body: unknown = await response.json().catch(() => null);
	const code = body && typeof body === "object" && "code" in body ? CODES[String(body.code)] : undefined;
	if (code) return new Problem(code);
	if (response.status === 429) return new Problem("too_many_requests");
	if (response.status === 401) return new Problem("session_invalid");
	return new Problem(response.status < 500 ? "invalid_request" : "internal_error");
}

/** Countries that another hint than their continent's serves better. */
const CONTINENTS: Readonly<Record<string, Region>> = {
	AS: "apac",
	OC: "oc",
	AF: "afr",
	SA: "sam",
	NA: "enam",
	EU: "weur",
};
const COUNTRIES: Readonly<Record<string, Region>> = {
	...fill("me", "AE BH IL IQ IR JO KW LB OM QA SA SY TR YE"),
	...fill("eeur", "BG BY CZ EE FI GR HU LT LV MD PL RO RS RU SK UA"),
};
const WESTERN_STATES = new Set("AK AZ CA CO HI ID MT NM NV OR UT WA WY BC AB YT".split(" "));

/** The home region for someone who signs up from here. */
export function regionOf(
	place: Pick<IncomingRequestCfProperties, "country" | "continent" | "regionCode"> | undefined,
	fallback: Region,
): Region {
	const region = COUNTRIES[String(place?.country)] ?? CONTINENTS[String(place?.continent)] ?? fallback;
	return region === "enam" && WESTERN_STATES.has(String(place?.regionCode)) ? "wnam" : region;
}

function fill(region: Region, countries: string): Record<string, Region> {
	return Object.fromEntries(countries.split(" ").map((country) => [country, region]));
}
