import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ShardUnavailable } from "../store/database.ts";

/**
 * Every error that a client can get: its stable code, status and title. `docs/errors.md` explains
 * them, and a test compares the two.
 */
export const PROBLEMS = {
	invalid_request: [400, "The request is not valid"],
	malformed_json: [400, "The body is not JSON"],
	invalid_cursor: [400, "The cursor is not one of this list's"],
	invalid_bookmark: [400, "The bookmark is none of ours"],
	seq_in_future: [400, "The timeline has not come so far"],
	token_missing: [401, "An access token is needed"],
	token_invalid: [401, "The access token is not valid"],
	token_expired: [401, "The access token has expired"],
	token_revoked: [401, "The session of the access token has ended"],
	ticket_invalid: [401, "The ticket is used up, too old or none"],
	session_invalid: [401, "The session token is not valid"],
	invalid_credentials: [401, "The name or the password is wrong"],
	forbidden: [403, "This is not yours to change"],
	not_found: [404, "There is nothing here"],
	account_not_found: [404, "There is no such account"],
	post_not_found: [404, "There is no such post"],
	friend_request_not_found: [404, "There is no such friend request"],
	already_friends: [409, "You are friends already"],
	friend_limit_reached: [409, "One of you has as many friends as an account can have"],
	follow_limit_reached: [409, "You follow as many accounts as an account can follow"],
	email_taken: [409, "An account with this address exists"],
	username_taken: [409, "This username belongs to somebody"],
	own_account: [409, "This cannot be done to your own account"],
	idempotency_key_reused: [422, "The idempotency key belongs to another request"],
	seq_outdated: [410, "The log does not reach back so far: read the feed anew"],
	body_too_large: [413, "The body is too large"],
	unsupported_media_type: [415, "The body must be application/json"],
	upgrade_required: [426, "This address speaks WebSocket"],
	too_many_streams: [429, "Too many devices are connected"],
	too_many_requests: [429, "Too many requests"],
	internal_error: [500, "Something went wrong on our side"],
	unavailable: [503, "A part of the service is not available"],
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
	readonly errors: readonly FieldError[] | undefined;

	constructor(code: ProblemCode, detail: string = PROBLEMS[code][1], errors?: readonly FieldError[]) {
		super(detail);
		this.name = "Problem";
		this.code = code;
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
	if (problem.status >= 500) {
		const { name, message, stack } =
			error instanceof Error ? error : { name: "thrown", message: String(error), stack: undefined };
		const causes = causesOf(error).map(String);
		console.error(JSON.stringify({ level: "error", requestId, route: c.req.routePath, name, message, causes, stack }));
	}
	const [status, title] = PROBLEMS[problem.code];
	const document = {
		type: `urn:edgefeed:problem:${problem.code}`,
		title,
		status,
		detail: problem.message,
		code: problem.code,
		...(problem.errors ? { errors: problem.errors } : {}),
		requestId,
	};
	// Without it a cache may keep some of these as long as it likes (RFC 9110, section 15.1).
	const headers: Record<string, string> = { "content-type": "application/problem+json", "cache-control": "no-store" };
	// RFC 6750, section 3: a 401 says which scheme is wanted.
	if (status === 401) headers["www-authenticate"] = "Bearer";
	return c.body(JSON.stringify(document), status, headers);
}

function toProblem(error: unknown): Problem {
	if (error instanceof Problem) return error;
	if (error instanceof HTTPException) {
		if (error.status === 400) return new Problem("malformed_json");
		if (error.status === 413) return new Problem("body_too_large");
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
