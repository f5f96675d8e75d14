import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { idSchema } from "../gateway/openapi.ts";
import { Problem, type ProblemCode } from "../gateway/problem.ts";

/** What every way to sign in answers. */
export const sessionAnswer = z
	.object({
		token: z
			.string()
			.openapi({ description: "the session token: the Bearer of GET /auth/token and POST /auth/sign-out" }),
		user: z.looseObject({ id: idSchema, name: z.string(), email: z.string(), username: z.string().optional() }),
	})
	.openapi("SignedIn");
export type SessionAnswer = z.infer<typeof sessionAnswer>;

/** Routes that want a session token ask for this. */
export const session = [{ session: [] }];

/** Always true. It is described as any other boolean: generators make an enumeration of text out of one value. */
export const yes = z.literal(true).openapi({ type: "boolean" });

export const done = z.object({ status: yes });

/** The call for better-auth. No cookies go in or out, so nothing can be done in a browser's name. */
export function requestOf(c: Context, body?: unknown, path?: string): Request {
	const { url, method } = c.req.raw;
	const address = path === undefined ? url : new URL(path, url).href;
	const headers = pick(c.req.raw.headers, FORWARDED);
	headers.set("x-request-id", c.get("requestId"));
	const request = new Request(address, { method, headers });
	return body === undefined ? request : new Request(request, { body: JSON.stringify(body) });
}

/** What better-auth answered. @throws Problem when it refused */
export async function accepted(response: Response): Promise<unknown> {
	if (!response.ok) throw await toProblem(response);
	return response.json();
}

/** Passes an answer of better-auth's on. */
export async function answer(c: Context, response: Response) {
	// The shapes are better-auth's own; the routes' schemas describe them.
	return c.json((await accepted(response)) as never, 200);
}

/** The session token that better-auth sends as a cookie. */
export function newSessionOf(response: Response): string | undefined {
	return response.headers.get("set-auth-token")?.split(".")[0];
}

/** better-auth's cookies, without their prefix, for what is half done: the client sends their value instead. */
export const COOKIES = { secondFactor: "two_factor", passkey: "passkey" } as const;
type HalfDone = (typeof COOKIES)[keyof typeof COOKIES];

/** A cookie's value that a client sends. */
export const cookieSchema = z.string().regex(/^[\w.%~+/=-]{1,300}$/, "is none of ours");

/** What better-auth sends as a cookie. */
export function cookieOf(response: Response, cookie: HalfDone): string {
	for (const line of response.headers.getSetCookie()) {
		const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
		if (name?.endsWith(`.${cookie}`) && value) return value;
	}
	throw new Error(`better-auth has set no cookie ${cookie}`);
}

const FORWARDED = ["accept-language", "authorization", "cf-connecting-ip", "content-type", "user-agent"];

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
	INVALID_PASSWORD: "invalid_credentials",
	CREDENTIAL_ACCOUNT_NOT_FOUND: "invalid_credentials",
	EMAIL_NOT_VERIFIED: "email_not_verified",
	// Of a link or a code in a message.
	INVALID_TOKEN: "link_invalid",
	TOKEN_EXPIRED: "link_invalid",
	INVALID_USER: "link_invalid",
	USER_NOT_FOUND: "link_invalid",
	// Of a second factor.
	INVALID_CODE: "code_invalid",
	INVALID_BACKUP_CODE: "code_invalid",
	INVALID_TWO_FACTOR_COOKIE: "code_invalid",
	TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE: "code_invalid",
	CHALLENGE_NOT_FOUND: "passkey_invalid",
	PASSKEY_NOT_FOUND: "passkey_invalid",
	AUTHENTICATION_FAILED: "passkey_invalid",
	FAILED_TO_VERIFY_REGISTRATION: "passkey_invalid",
	YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY: "passkey_invalid",
	// Of a session that is older than a day.
	SESSION_NOT_FRESH: "session_invalid",
	TOTP_ALREADY_ENABLED: "two_factor_enabled",
	TOTP_NOT_ENABLED: "two_factor_not_enabled",
	TWO_FACTOR_NOT_ENABLED: "two_factor_not_enabled",
	BACKUP_CODES_NOT_ENABLED: "two_factor_not_enabled",
};

async function toProblem(response: Response): Promise<Problem> {
	const body: unknown = await response.json().catch(() => null);
	const code = body && typeof body === "object" && "code" in body ? CODES[String(body.code)] : undefined;
	if (code) return new Problem(code);
	if (response.status === 429) return new Problem("too_many_requests");
	if (response.status === 401) return new Problem("session_invalid");
	return new Problem(response.status < 500 ? "invalid_request" : "internal_error");
}
