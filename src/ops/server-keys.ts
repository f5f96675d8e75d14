import { createRoute, z } from "@hono/zod-openapi";
import type { ListedKey, ServerKeyTable } from "../accounts/server-keys.ts";
import {
	createRouter,
	idParam,
	idSchema,
	json,
	jsonBody,
	moment,
	momentSchema,
	noContent,
	problems,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { SCOPES } from "../gateway/server-keys.ts";

const operator = [{ operator: [] }];
const keySchema = z
	.object({
		id: idSchema,
		name: z.string(),
		scopes: z.array(z.enum(SCOPES)),
		createdAt: momentSchema,
		expiresAt: momentSchema.nullable(),
		revokedAt: momentSchema.nullable(),
		lastUsedDay: z.string().nullable().openapi({ example: "2026-11-20" }),
	})
	.openapi("ServerKey");

const create = createRoute({
	method: "post",
	path: "/ops/server-keys",
	tags: ["operations"],
	summary: "Make a key for a server of yours",
	description:
		"The answer has the key, once: only its hash is kept. Send it as `Authorization: Bearer efk_…`. With `X-Act-As: <account id>` a server does what that account may do, as far as the scopes go: `read` for GET, `write` for the rest. `provision` is for `POST /ops/provision`, `admin` for everything below `/ops`.",
	security: operator,
	request: {
		body: jsonBody(
			z.strictObject({
				name: z.string().trim().min(1).max(80),
				scopes: z
					.array(z.enum(SCOPES))
					.min(1)
					.max(SCOPES.length)
					.refine((scopes) => new Set(scopes).size === scopes.length, "one of them twice"),
				expiresAt: z.iso
					.datetime()
					.optional()
					.openapi({ description: "the key ends by itself then; by default never" }),
			}),
		),
	},
	responses: {
		201: json(keySchema.extend({ secret: z.string() }), "The key with its secret"),
		...problems(400, 404, 413, 415, 503),
	},
});

const list = createRoute({
	method: "get",
	path: "/ops/server-keys",
	tags: ["operations"],
	summary: "The keys of servers, without their secrets",
	security: operator,
	responses: { 200: json(z.object({ items: z.array(keySchema) }), "The newest first"), ...problems(404, 503) },
});

const revoke = createRoute({
	method: "delete",
	path: "/ops/server-keys/{id}",
	tags: ["operations"],
	summary: "End a key: refused everywhere within five seconds",
	security: operator,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(404, 503) },
});

export function serverKeyRoutes({ serverKeyTable, now }: { serverKeyTable: ServerKeyTable; now: () => number }) {
	return createRouter()
		.openapi(create, async (c) => {
			const { name, scopes, expiresAt } = c.req.valid("json");
			const end = expiresAt === undefined ? null : Date.parse(expiresAt);
			if (end !== null && end <= now()) {
				throw new Problem("invalid_request", undefined, [{ path: "expiresAt", message: "is in the past" }]);
			}
			const { key, secret } = await serverKeyTable.create(name, scopes, end);
			c.header("cache-control", "no-store");
			return c.json({ ...present(key), secret }, 201);
		})
		.openapi(list, async (c) => c.json({ items: (await serverKeyTable.list()).map(present) }, 200))
		.openapi(revoke, async (c) => {
			if (!(await serverKeyTable.revoke(c.req.valid("param").id))) throw new Problem("not_found");
			return c.body(null, 204);
		});
}

function present({ id, name, scopes, createdAt, expiresAt, revokedAt, lastUsedDay }: ListedKey) {
	const at = (time: number | null) => (time === null ? null : moment(time));
	return {
		id,
		name,
		scopes: [...scopes],
		createdAt: moment(createdAt),
		expiresAt: at(expiresAt),
		revokedAt: at(revokedAt),
		lastUsedDay,
	};
}
