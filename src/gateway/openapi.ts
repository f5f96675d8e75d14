import { type createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Id } from "../store/ids.ts";
import { ID_PATTERN } from "../store/ids.ts";
import type { Trace } from "../trace.ts";
import { PROBLEMS, Problem, type ProblemCode } from "./problem.ts";

/** What the gateway knows of a request when a handler runs. */
export interface Gateway {
	Variables: {
		requestId: string;
		/** The account that the access token speaks for. Set on every route below `/v1`. */
		viewer: Id;
		/** Of every request but those that a kept page answered and nobody wanted to trace. */
		trace: Trace | undefined;
		/** Whether a line will be written about it, when that is decided before it has a trace. */
		logged: boolean | undefined;
		/** Of an answer that is a problem document. */
		problem: ProblemCode | undefined;
		/** What its access tokens are revoked by: a session's id, mostly. Set with `viewer`. */
		session: string;
		/** Who the operator is: an account, or `operator` for who knows the secret. Set on every route below `/ops`. */
		operator: string;
	};
}

/** A router whose validation failures are problem documents. */
export function createRouter(): OpenAPIHono<Gateway> {
	return new OpenAPIHono<Gateway>({
		defaultHook: (result) => {
			if (result.success) return;
			// A path that holds no id names nothing.
			if (result.target === "param") throw new Problem("not_found");
			throw invalid(result.error);
		},
	});
}

/** Fields at fault that a problem names at most. */
const NAMED = 20;

/** The problem of what did not fit its schema: the fields at fault. */
export function invalid(error: z.ZodError): Problem {
	const errors = error.issues.flatMap((issue) =>
		issue.code === "unrecognized_keys"
			? issue.keys.map((key) => ({ path: [...issue.path, key].join("."), message: "unknown field" }))
			: [{ path: issue.path.join("."), message: issue.message }],
	);
	return new Problem("invalid_request", undefined, errors.slice(0, NAMED));
}

/** Every route below `/v1` asks for this. */
export const signedIn: NonNullable<Parameters<typeof createRoute>[0]["security"]> = [{ bearer: [] }];

/** An id in a body, query or answer. */
export const idSchema = z
	.string()
	.regex(ID_PATTERN, "not an id")
	.transform((text) => text as Id)
	.openapi({ type: "string", pattern: ID_PATTERN.source, example: "0C1RZ5A8W3K0T" });

/** An id, or none: of itself the document would not say that there may be none, because {@link idSchema} names its type. */
export const nullableIdSchema = idSchema.nullable().openapi({ type: ["string", "null"] });

/** A named thing, or none. `nullable` would make every mention of the name in the document one that may be null. */
export function orNull<T extends z.ZodType>(thing: T) {
	return z.union([thing, z.null()]);
}

/** The `{id}` of a path. */
export const idParam = z.object({ id: idSchema.openapi({ param: { name: "id", in: "path" } }) });

/** A moment in an answer: ISO 8601 in UTC with milliseconds. */
export const momentSchema = z.iso.datetime().openapi({ example: "2026-11-20T09:30:00.000Z" });

/** @returns ISO 8601 of Unix milliseconds. */
export function moment(milliseconds: number): string {
	return new Date(milliseconds).toISOString();
}

/** The query of every list: `limit` 1-100, 20 by default, and where to go on. */
export const pageQuery = z.object({
	limit: z.coerce
		.number()
		.int()
		.min(1)
		.max(100)
		.default(20)
		.openapi({ type: "integer", minimum: 1, maximum: 100, default: 20 }),
	cursor: z.string().min(1).max(200).optional().openapi({ description: "`next` of the page before" }),
});

/** A page of a list. `next` is null at its end. */
export function listOf<T extends z.ZodType>(item: T) {
	return z.object({ items: z.array(item), next: z.string().nullable() });
}

export function json<T extends z.ZodType>(schema: T, description: string) {
	return { description, content: { "application/json": { schema } } };
}

export function jsonBody<T extends z.ZodType>(schema: T) {
	return { required: true, content: { "application/json": { schema } } };
}

export const noContent = { description: "Done" };
export const notModified = { description: "You have it: what `If-None-Match` names" };

const problemSchema = z
	.object({
		type: z.string().openapi({ example: "urn:edgefeed:problem:post_not_found" }),
		title: z.string(),
		status: z.int(),
		detail: z.string(),
		code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
		errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
		requestId: z.string(),
	})
	.openapi("Problem");

type ProblemStatus = (typeof PROBLEMS)[ProblemCode][0];

/** The `responses` of a route for its problems, by status. */
export function problems<S extends ProblemStatus>(...statuses: S[]) {
	const response = (status: S) => ({
		description: Object.entries(PROBLEMS)
			.filter(([, [of]]) => of === status)
			.map(([code]) => code)
			.join(", "),
		content: { "application/problem+json": { schema: problemSchema } },
	});
	return Object.fromEntries(statuses.map((status) => [status, response(status)])) as Record<
		S,
		ReturnType<typeof response>
	>;
}
