import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { describe, writeLine } from "../log.ts";
import { ShardUnavailable } from "../store/database.ts";
import type { Trace } from "../trace.ts";
import { SECURITY_HEADERS } from "./headers.ts";
import { type Language, languageFor } from "./language.ts";
import { routeOf } from "./route.ts";
import { ja } from "./texts/ja.ts";
import { ko } from "./texts/ko.ts";
import { zhHans } from "./texts/zh-hans.ts";

/**
 * Every error that a client can get: its stable code, status and title. `docs/errors.md` explains
 * them, and a test compares the two.
 */
export const PROBLEMS = {
	invalid_request: [400, "The request is not valid"],
	malformed_json: [400, "The body is not JSON"],
	invalid_cursor: [400, "The cursor is not one of this list's"],
	invalid_bookmark: [400, "The bookmark is none of ours"],
	link_invalid: [400, "The link is used up, too old or none"],
	seq_in_future: [400, "The timeline has not come so far"],
	act_as_missing: [400, "The header X-Act-As must name the account that the key acts for"],
	token_missing: [401, "An access token is needed"],
	token_invalid: [401, "The access token is not valid"],
	token_expired: [401, "The access token has expired"],
	token_revoked: [401, "The session of the access token has ended"],
	ticket_invalid: [401, "The ticket is used up, too old or none"],
	session_invalid: [401, "The session token is not valid"],
	invalid_credentials: [401, "The name or the password is wrong"],
	code_invalid: [401, "The code is wrong, used up or too old"],
	passkey_invalid: [401, "The passkey was not accepted"],
	email_not_verified: [403, "The address has to be confirmed first"],
	forbidden: [403, "This is not yours to change"],
	scope_missing: [403, "The key is not for this"],
	media_address_invalid: [403, "The address is not signed, or not by us"],
	media_address_expired: [403, "The address has expired"],
	account_deactivated: [403, "The account is deactivated or about to be deleted"],
	reauthentication_required: [403, "This wants your password, or that you have just signed in"],
	not_found: [404, "There is nothing here"],
	provider_not_found: [404, "There is no such service to sign in with"],
	account_not_found: [404, "There is no such account"],
	session_not_found: [404, "There is no such session"],
	post_not_found: [404, "There is no such post"],
	export_not_found: [404, "There is no such export"],
	media_not_found: [404, "There is no such photo or video"],
	friend_request_not_found: [404, "There is no such friend request"],
	method_not_allowed: [405, "This address does not know the method"],
	already_friends: [409, "You are friends already"],
	friend_limit_reached: [409, "One of you has as many friends as an account can have"],
	follow_limit_reached: [409, "You follow as many accounts as an account can follow"],
	last_way_in: [409, "This is the only way into your account: add another one first"],
	email_taken: [409, "An account with this address exists"],
	username_taken: [409, "This username belongs to somebody"],
	identity_taken: [409, "The other service's account belongs to somebody"],
	not_anonymous: [409, "The account is no guest's"],
	two_factor_enabled: [409, "There is a second factor already"],
	two_factor_not_enabled: [409, "There is no second factor"],
	own_account: [409, "This cannot be done to your own account"],
	media_not_ready: [409, "The photo or video is not ready"],
	media_attached: [409, "The photo or video is shown already"],
	media_complete: [409, "The upload is complete already"],
	media_incomplete: [409, "Parts of the upload are missing"],
	media_limit_reached: [409, "You have uploaded as much as an account can at a time"],
	idempotency_key_reused: [422, "The idempotency key belongs to another request"],
	seq_outdated: [410, "The log does not reach back so far: read the feed anew"],
	body_too_large: [413, "The body is too large"],
	unsupported_media_type: [415, "The body is of another type than it must be"],
	range_not_satisfiable: [416, "The file has no such part"],
	upgrade_required: [426, "This address speaks WebSocket"],
	too_many_streams: [429, "Too many devices are connected"],
	too_many_requests: [429, "Too many requests"],
	internal_error: [500, "Something went wrong on our side"],
	unavailable: [503, "A part of the service is not available"],
	timed_out: [503, "There was no answer in time"],
	feature_disabled: [503, "This is switched off at present"],
} as const satisfies Record<string, readonly [ContentfulStatusCode, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A field at fault: `path` is its name in the body or the query, with dots between levels. */
export interface FieldError {
	path: string;
	message: string;
}

/** Thrown by handlers and rules; {@link respondWithProblem} turns it into a document (RFC 9457). */
export class Problem extends Error {
	readonly code: ProblemCode;
	/** What is to be said of this one beside its title, in English. */
	readonly detail: string | undefined;
	readonly errors: readonly FieldError[] | undefined;

	constructor(code: ProblemCode, detail?: string, errors?: readonly FieldError[]) {
		super(detail ?? PROBLEMS[code][1]);
		this.name = "Problem";
		this.code = code;
		this.detail = detail;
		this.errors = errors;
	}

	get status(): ContentfulStatusCode {
		return PROBLEMS[this.code][0];
	}
}

/** The application's error handler: nothing of an unexpected error reaches the client. */
export function respondWithProblem(error: unknown, c: Context): Response {
	const requestId: string = c.get("requestId") ?? "";
	const problem = toProblem(error);
	// What operators have switched off is no fault.
	if (problem.status >= 500 && problem.code !== "feature_disabled") {
		const causes = causesOf(error).map(describe);
		writeLine("error", "request failed", { route: routeOf(c), error: describe(error), causes, at: framesOf(error) });
	}
	c.set("problem", problem.code);
	const [status] = PROBLEMS[problem.code];
	const language = languageFor(c.req.header("accept-language"));
	const title = titleOf(problem.code, language);
	const document = {
		type: `urn:edgefeed:problem:${problem.code}`,
		title,
		status,
		detail: problem.detail ?? title,
		code: problem.code,
		...(problem.errors ? { errors: problem.errors } : {}),
		requestId,
	};
	const trace: Trace | undefined = c.get("trace");
	const headers: Record<string, string> = {
		...SECURITY_HEADERS,
		...(trace ? { traceresponse: trace.traceparent } : {}),
		"content-type": "application/problem+json",
		"content-language": language,
		// Without it a cache may keep some of these as long as it likes (RFC 9110, section 15.1).
		"cache-control": "no-store",
	};
	c.header("vary", "Accept-Language", { append: true });
	// RFC 6750, section 3: a 401 says which scheme is wanted.
	if (status === 401) headers["www-authenticate"] = "Bearer";
	return c.body(JSON.stringify(document), status, headers);
}

/** The titles in the languages other than that of {@link PROBLEMS}. */
const TITLES: Readonly<Record<Exclude<Language, "en">, Readonly<Record<ProblemCode, string>>>> = {
	ko,
	ja,
	"zh-Hans": zhHans,
};

export function titleOf(code: ProblemCode, language: Language): string {
	return language === "en" ? PROBLEMS[code][1] : TITLES[language][code];
}

/** Where an error was thrown, without its message. */
function framesOf(error: unknown): string[] | undefined {
	if (!(error instanceof Error) || error.stack === undefined) return undefined;
	const start = error.stack.indexOf(error.message) + error.message.length;
	return error.stack
		.slice(start)
		.split("\n")
		.map((line) => line.trim())
		.filter((line) => line.startsWith("at "));
}

function toProblem(error: unknown): Problem {
	if (error instanceof Problem) return error;
	if (error instanceof HTTPException) {
		if (error.status === 400) return new Problem("malformed_json");
		if (error.status === 413) return new Problem("body_too_large");
		if (error.status === 415) return new Problem("unsupported_media_type");
	}
	return new Problem(isOutage(error) ? "unavailable" : "internal_error");
}

/** What D1 says of faults that pass (https://developers.cloudflare.com/d1/observability/debug-d1/). */
const PASSING =
	/overloaded|network connection lost|reset|timeout|try again|transient issue|client disconnected|code (was|has been) updated/i;

/** True for what passes by itself: an object or a database that is overloaded, out of reach or was just reset. */
function isOutage(error: unknown): boolean {
	return [error, ...causesOf(error)].some((cause) => {
		if (!(cause instanceof Error)) return false;
		const { retryable, overloaded } = cause as { retryable?: boolean; overloaded?: boolean };
		if (retryable === true || overloaded === true) return true;
		if (cause.message === ShardUnavailable.MESSAGE) return true;
		return /D1_|D1 DB|Durable Object/.test(cause.message) && PASSING.test(cause.message);
	});
}

/** What an error came from, the nearest first. */
function causesOf(error: unknown): unknown[] {
	const causes: unknown[] = [];
	for (let { cause } = (error ?? {}) as { cause?: unknown }; cause !== undefined; cause = (cause as Error).cause) {
		causes.push(cause);
		if (!(cause instanceof Error)) break;
	}
	return causes;
}
