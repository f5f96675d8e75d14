import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, idParam, idSchema, json, moment, momentSchema, problems, signedIn } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { EXPORT_LIFETIME, type Export, type Exports } from "./exports.ts";

const exportSchema = z
	.object({
		id: idSchema,
		state: z.enum(["making", "ready"]),
		requestedAt: momentSchema,
		expiresAt: momentSchema.nullable().openapi({ description: "when it is deleted; null until it is ready" }),
	})
	.openapi("Export");

const requestExport = createRoute({
	method: "post",
	path: "/v1/accounts/me/export",
	tags: ["accounts"],
	summary: "Have all that you have made put together",
	description: "One at a time: while one is being made, it is the answer.",
	security: signedIn,
	responses: { 202: json(exportSchema, "It is being made"), ...problems(401, 503) },
});

const readExport = createRoute({
	method: "get",
	path: "/v1/accounts/me/export/{id}",
	tags: ["accounts"],
	summary: "How far an export is, and with it the archive once it is ready: for 7 days",
	security: signedIn,
	request: { params: idParam },
	responses: {
		200: json(
			exportSchema.extend({
				archive: z
					.looseObject({ format: z.literal(1) })
					.nullable()
					.openapi({ description: "`docs/export.md` says what is in it" }),
			}),
			"The export",
		),
		...problems(401, 404, 503),
	},
});

export function exportRoutes({ exports }: { exports: Exports }) {
	return createRouter()
		.openapi(requestExport, async (c) => c.json(present(await exports.request(c.var.viewer)), 202))
		.openapi(readExport, async (c) => {
			const found = await exports.find(c.var.viewer, c.req.valid("param").id);
			if (!found) throw new Problem("export_not_found");
			if (found.state === "making") return c.json({ ...present(found), archive: null }, 200);
			const headers = { "content-type": "application/json", "cache-control": "private, no-store" };
			return c.body(streamed(found, exports), 200, headers) as never;
		});
}

function present({ id, state, requestedAt, readyAt }: Export): z.infer<typeof exportSchema> {
	const expiresAt = readyAt === null ? null : moment(readyAt + EXPORT_LIFETIME);
	return { id, state, requestedAt: moment(requestedAt), expiresAt };
}

/** The answer a part at a time: an archive may be larger than a Worker's memory. */
function streamed(found: Export, exports: Exports): ReadableStream<Uint8Array> {
	const encoder = new TextEncoder();
	const archive = exports.archive(found);
	let begun = false;
	return new ReadableStream<Uint8Array>({
		async pull(controller) {
			if (!begun) {
				begun = true;
				const head = JSON.stringify(present(found)).slice(0, -1);
				return controller.enqueue(encoder.encode(`${head},"archive":`));
			}
			const { done, value } = await archive.next();
			if (!done) return controller.enqueue(encoder.encode(value));
			controller.enqueue(encoder.encode("}"));
			controller.close();
		},
	});
}
