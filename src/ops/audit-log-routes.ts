import { createRoute, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import type { AuditTrail } from "../audit-entry.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import {
	createRouter,
	type Gateway,
	json,
	listOf,
	moment,
	momentSchema,
	pageQuery,
	problems,
} from "../gateway/openapi.ts";
import type { AuditLog, KeptEntry } from "./audit-log.ts";

const entrySchema = z
	.object({
		seq: z.int(),
		at: momentSchema,
		act: z.string(),
		actor: z.string().openapi({ description: "an account's id, `operator`, `key:<id>` or `nobody`" }),
		subject: z.string().nullable(),
		requestId: z.string().nullable(),
		detail: z.record(z.string(), z.string()),
	})
	.openapi("AuditEntry");

const word = z.string().min(1).max(100).optional();

const listEntries = createRoute({
	method: "get",
	path: "/ops/audit-log",
	tags: ["operations"],
	summary: "Who did what, latest first",
	security: [{ operator: [] }],
	request: {
		query: pageQuery.extend({
			act: word,
			actor: word,
			subject: word,
			before: z.iso.datetime().optional().openapi({ description: "only what was done before this moment" }),
		}),
	},
	responses: { 200: json(listOf(entrySchema), "A page"), ...problems(400, 404) },
});

export function auditLogRoutes({ auditLog }: { auditLog: AuditLog }) {
	return createRouter().openapi(listEntries, async (c) => {
		const { limit, cursor, before, ...filter } = c.req.valid("query");
		const from = cursor === undefined ? undefined : Number(decodeCursor("audit-log", cursor, /^\d{1,15}$/)[0]);
		const until = before === undefined ? undefined : Date.parse(before);
		const found = await auditLog.list({ ...filter, before: until }, from, limit + 1);
		const shown = found.slice(0, limit);
		const last = shown.at(-1);
		const next = last && found.length > limit ? encodeCursor("audit-log", last.seq) : null;
		return c.json({ items: shown.map(present), next }, 200);
	});
}

function present({ seq, at, act, actor, subject, requestId, detail }: KeptEntry): z.infer<typeof entrySchema> {
	return {
		seq,
		at: moment(at),
		act,
		actor,
		subject: subject ?? null,
		requestId: requestId ?? null,
		detail: { ...detail },
	};
}

/** Looks that come as POST; with `repair` they change something. */
const LOOKS = new Set(["/ops/audit", "/ops/verify", "/ops/shards/verify"]);

/** Records what operators are about to change, before it is done: also what is then refused. */
export function recordOperators(auditLog: AuditTrail): MiddlewareHandler<Gateway> {
	return async (c, next) => {
		const { method, path } = c.req;
		const reads = method === "GET" || method === "HEAD";
		if (!reads && !(LOOKS.has(path) && !(await repairs(c.req)))) {
			const { operator: actor, requestId } = c.var;
			await auditLog.record({
				act: "operator_request",
				actor,
				requestId,
				detail: { method, path: path.slice(0, 200) },
			});
		}
		await next();
	};
}

async function repairs(request: { json: () => Promise<unknown> }): Promise<boolean> {
	const body = await request.json().catch(() => undefined);
	return typeof body === "object" && body !== null && "repair" in body && body.repair === true;
}
