import { createRoute, z } from "@hono/zod-openapi";
import type { Identity } from "../accounts/identity.ts";
import type { AuditTrail } from "../audit-entry.ts";
import { createRouter, idSchema, jsonBody, noContent, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { ROLES } from "../gateway/tokens.ts";

const setRole = createRoute({
	method: "put",
	path: "/ops/roles",
	tags: ["operations"],
	summary: "Give an account a role: its next access token has it",
	security: [{ operator: [] }],
	request: { body: jsonBody(z.strictObject({ accountId: idSchema, role: z.enum(ROLES) })) },
	responses: { 204: noContent, ...problems(400, 404, 413, 415, 503) },
});

export function roleRoutes({ identity, auditLog }: { identity: Identity; auditLog: AuditTrail }) {
	return createRouter().openapi(setRole, async (c) => {
		const { accountId, role } = c.req.valid("json");
		const { operator: actor, requestId } = c.var;
		await auditLog.record({ act: "role_given", actor, subject: accountId, requestId, detail: { role } });
		if (!(await identity.setRole(accountId, role))) throw new Problem("account_not_found");
		return c.body(null, 204);
	});
}
