import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, json, moment, momentSchema, pageQuery, problems } from "../gateway/openapi.ts";
import type { Mailer } from "../mail/mailer.ts";

const emailSchema = z
	.object({
		id: z.string(),
		recipient: z.string(),
		kind: z.string(),
		subject: z.string(),
		text: z.string().nullable().openapi({ description: "only where no sender is set up" }),
		html: z.string().nullable(),
		createdAt: momentSchema,
		attempts: z.int(),
		dueAt: momentSchema.nullable().openapi({ description: "when it is tried next; null: sent, given up or kept" }),
	})
	.openapi("Email");

const listEmails = createRoute({
	method: "get",
	path: "/ops/outbox",
	tags: ["operations"],
	summary: "The e-mail of the last day, latest first; with its text where there is no sender",
	security: [{ operator: [] }],
	request: { query: z.object({ limit: pageQuery.shape.limit, to: z.email().max(254).optional() }) },
	responses: { 200: json(z.object({ items: z.array(emailSchema) }), "The messages"), ...problems(400, 404, 503) },
});

export function outboxRoutes({ mailer }: { mailer: Pick<Mailer, "recent"> }) {
	return createRouter().openapi(listEmails, async (c) => {
		const { limit, to } = c.req.valid("query");
		const items = (await mailer.recent(limit, to)).map(({ createdAt, dueAt, ...email }) => ({
			...email,
			createdAt: moment(createdAt),
			dueAt: dueAt === null ? null : moment(dueAt),
		}));
		return c.json({ items }, 200);
	});
}
