import { createRoute, z } from "@hono/zod-openapi";
import type { DeadLetter, DeadLetters } from "../fanout/dead-letters.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import {
	createRouter,
	idParam,
	idSchema,
	json,
	listOf,
	moment,
	momentSchema,
	noContent,
	pageQuery,
	problems,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { ID_PATTERN, type Id, timeOf } from "../store/ids.ts";

const security = [{ operator: [] }];
const tags = ["operations"];

const letterSchema = z
	.object({
		id: idSchema,
		kind: z.enum(["job", "chunk", "message"]),
		body: z.unknown().openapi({ description: "what was to be done" }),
		error: z.string().nullable(),
		attempts: z.int(),
		since: momentSchema.openapi({ description: "when it was first to be done" }),
		givenUpAt: momentSchema,
	})
	.openapi("DeadLetter");

const listLetters = createRoute({
	method: "get",
	path: "/ops/dead-letters",
	tags,
	summary: "What was given up after the last try, latest first",
	security,
	request: { query: pageQuery },
	responses: { 200: json(listOf(letterSchema), "A page"), ...problems(400, 404) },
});

const redriveLetter = createRoute({
	method: "post",
	path: "/ops/dead-letters/{id}/redrive",
	tags,
	summary: "Try again",
	security,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(404, 503) },
});

const redriveAll = createRoute({
	method: "post",
	path: "/ops/dead-letters/redrive-all",
	tags,
	summary: "Try everything again, some at a time: call again until nothing is left",
	security,
	responses: { 200: json(z.object({ redriven: z.int(), more: z.boolean() }), "How many"), ...problems(404, 503) },
});

const deleteLetter = createRoute({
	method: "delete",
	path: "/ops/dead-letters/{id}",
	tags,
	summary: "Forget about it",
	security,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(404, 503) },
});

/** Letters that one call tries again. */
const ALL = 100;

export function deadLetterRoutes({ deadLetters }: { deadLetters: DeadLetters }) {
	return createRouter()
		.openapi(listLetters, async (c) => {
			const { limit, cursor } = c.req.valid("query");
			const before = cursor === undefined ? undefined : (decodeCursor("letters", cursor, ID_PATTERN)[0] as Id);
			const found = await deadLetters.list(before, limit + 1);
			const shown = found.slice(0, limit);
			const last = shown.at(-1);
			const next = last && found.length > limit ? encodeCursor("letters", last.id) : null;
			return c.json({ items: shown.map(present), next }, 200);
		})
		.openapi(redriveAll, async (c) => {
			const letters = await deadLetters.list(undefined, ALL);
			for (const { id } of letters) await deadLetters.redrive(id);
			return c.json({ redriven: letters.length, more: letters.length === ALL }, 200);
		})
		.openapi(redriveLetter, async (c) => {
			if (!(await deadLetters.redrive(c.req.valid("param").id))) throw new Problem("not_found");
			return c.body(null, 204);
		})
		.openapi(deleteLetter, async (c) => {
			if (!(await deadLetters.remove(c.req.valid("param").id))) throw new Problem("not_found");
			return c.body(null, 204);
		});
}

function present({ id, kind, body, error, attempts, since }: DeadLetter) {
	return {
		id,
		kind,
		body: JSON.parse(body) as unknown,
		error,
		attempts,
		since: moment(since),
		givenUpAt: moment(timeOf(id)),
	};
}
