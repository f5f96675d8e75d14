import { createRoute, z } from "@hono/zod-openapi";
import { idempotencyHeader, once } from "../accounts/once.ts";
import {
	createRouter,
	idParam,
	idSchema,
	json,
	jsonBody,
	moment,
	momentSchema,
	noContent,
	orNull,
	problems,
	signedIn,
} from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { type Id, timeOf } from "../store/ids.ts";
import type { Timelines } from "../timeline/client.ts";
import { PART_SIZE, PURPOSES, partsOf, TYPES } from "./limits.ts";
import { mediaSchema } from "./media.ts";
import type { MediaRow, MediaStore } from "./store.ts";
import { FAULTS, type Fault } from "./unusable.ts";
import type { Uploads } from "./uploads.ts";

/** What a part is sent as. */
const BYTES = "application/octet-stream";
/** Characters of a text that stands for a photo. */
const ALT_LENGTH = 1000;
const altSchema = z
	.string()
	.trim()
	.min(1)
	.max(ALT_LENGTH)
	.nullable()
	.openapi({ description: "what is to be seen, for who cannot see it" });
const posterSchema = idSchema
	.nullable()
	.openapi({ description: "a still of a video: an upload of the purpose `poster` that is ready" });

const uploadSchema = z
	.object({
		id: idSchema,
		purpose: z.enum(PURPOSES),
		type: z.enum(TYPES),
		size: z.int().openapi({ description: "bytes" }),
		alt: z.string().nullable(),
		status: z.enum(["uploading", "processing", "ready", "failed"]),
		error: z.enum(FAULTS).nullable().openapi({ description: "why it failed: `docs/media.md`" }),
		createdAt: momentSchema,
		expiresAt: momentSchema.nullable().openapi({ description: "when it is deleted unless something shows it" }),
		parts: z.array(z.int()).openapi({ description: "the numbers of the parts that have come" }),
		upload: z
			.object({
				method: z.literal("PUT"),
				headers: z.record(z.string(), z.string()),
				partSize: z.int().openapi({ description: "bytes of each part but the last" }),
				parts: z.int().openapi({ description: "how many there are" }),
				urls: z.array(z.string()).openapi({
					description:
						"of each part, in order. A path is on the API's origin and wants the access token; a whole address is signed and wants none",
				}),
			})
			.nullable()
			.openapi({ description: "where to send what is left; null when it is complete" }),
		media: orNull(mediaSchema).openapi({ description: "what a post shows of it, once it is ready" }),
	})
	.openapi("Upload");

const beginUpload = createRoute({
	method: "post",
	path: "/v1/media",
	tags: ["media"],
	summary: "Make room for a photo or video",
	description: "Then send its parts, and complete it: `docs/media.md`.",
	security: signedIn,
	request: {
		headers: idempotencyHeader,
		body: jsonBody(
			z.strictObject({
				type: z.enum(TYPES),
				size: z.int().min(1).max(1e12).openapi({ description: "bytes" }),
				purpose: z.enum(PURPOSES).default("post"),
				alt: altSchema.optional(),
				poster: posterSchema.optional(),
			}),
		),
	},
	responses: { 201: json(uploadSchema, "The upload"), ...problems(400, 401, 404, 409, 413, 415, 422, 503) },
});

const readUpload = createRoute({
	method: "get",
	path: "/v1/media/{id}",
	tags: ["media"],
	summary: "How far an upload of yours is",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(uploadSchema, "The upload"), ...problems(401, 404, 503) },
});

const partParams = idParam.extend({
	part: z.coerce
		.number()
		.int()
		.min(1)
		.max(10_000)
		.openapi({ param: { name: "part", in: "path" }, type: "integer", minimum: 1, maximum: 10_000 }),
});

const sendPart = createRoute({
	method: "put",
	path: "/v1/media/{id}/parts/{part}",
	tags: ["media"],
	summary: "Send a part of an upload, counted from 1",
	description: "Parts come in any order, several at once, and again if need be.",
	security: signedIn,
	request: {
		params: partParams,
		body: {
			required: true,
			content: { [BYTES]: { schema: { type: "string", format: "binary" } } },
		},
	},
	responses: { 204: noContent, ...problems(400, 401, 404, 409, 413, 415, 503) },
});

const completeUpload = createRoute({
	method: "post",
	path: "/v1/media/{id}/complete",
	tags: ["media"],
	summary: "All parts have been sent: have the upload processed",
	security: signedIn,
	request: { params: idParam },
	responses: { 200: json(uploadSchema, "The upload"), ...problems(401, 404, 409, 503) },
});

const changeMedia = createRoute({
	method: "patch",
	path: "/v1/media/{id}",
	tags: ["media"],
	summary: "Change the text that stands for a photo or video, or a video's still",
	security: signedIn,
	request: {
		params: idParam,
		body: jsonBody(z.strictObject({ alt: altSchema.optional(), poster: posterSchema.optional() })),
	},
	responses: { 200: json(uploadSchema, "The upload"), ...problems(400, 401, 404, 409, 413, 415, 503) },
});

const deleteMedia = createRoute({
	method: "delete",
	path: "/v1/media/{id}",
	tags: ["media"],
	summary: "Give up an upload that nothing shows",
	security: signedIn,
	request: { params: idParam },
	responses: { 204: noContent, ...problems(401, 404, 409, 503) },
});

export interface MediaRouteServices {
	uploads: Uploads;
	mediaStore: MediaStore;
	timelines: Timelines;
}

/** The parts' bytes. Mounted where bodies need not be JSON, may be large, and may take their time. */
export function partRoutes({ uploads }: Pick<MediaRouteServices, "uploads">) {
	return createRouter().openapi(sendPart, async (c) => {
		const { id, part } = c.req.valid("param");
		await uploads.own(c.var.viewer, id);
		if (c.req.header("content-type")?.toLowerCase() !== BYTES) throw new Problem("unsupported_media_type");
		const declared = c.req.header("content-length");
		const length = declared === undefined ? undefined : Number(declared);
		await uploads.putPart(c.var.viewer, id, part, c.req.raw.body, length);
		return c.body(null, 204);
	});
}

export function mediaRoutes({ uploads, mediaStore, timelines }: MediaRouteServices) {
	const made = async (id: Id) => (await mediaStore.byId(id)) !== undefined;
	const view = (row: MediaRow) => present(uploads, row);
	return createRouter()
		.openapi(beginUpload, async (c) => {
			const { viewer } = c.var;
			const { alt = null, ...body } = c.req.valid("json");
			const key = c.req.valid("header")["idempotency-key"];
			const attempt = { key, request: ["POST", c.req.path, { ...body, alt }], made };
			// What is kept for a repeated request is the id: addresses are made anew.
			const { id } = await once(timelines.of(viewer), attempt, uploads.mintFor(viewer), async (candidate) => {
				const row = await uploads.begin(viewer, candidate, { ...body, alt });
				return { id: row.id };
			});
			return c.json(await view(await uploads.own(viewer, id)), 201);
		})
		.openapi(readUpload, async (c) => c.json(await view(await uploads.own(c.var.viewer, c.req.valid("param").id)), 200))
		.openapi(completeUpload, async (c) =>
			c.json(await view(await uploads.complete(c.var.viewer, c.req.valid("param").id)), 200),
		)
		.openapi(changeMedia, async (c) => {
			const row = await uploads.change(c.var.viewer, c.req.valid("param").id, c.req.valid("json"));
			return c.json(await view(row), 200);
		})
		.openapi(deleteMedia, async (c) => {
			await uploads.discard(c.var.viewer, c.req.valid("param").id);
			return c.body(null, 204);
		});
}

async function present(uploads: Uploads, row: MediaRow): Promise<z.infer<typeof uploadSchema>> {
	const { id, purpose, type, size, alt, status, error, dueAt } = row;
	const progress = await uploads.progress(row);
	return {
		id,
		purpose,
		type: type as (typeof TYPES)[number],
		size,
		alt,
		status: status === "discarded" ? "failed" : status,
		error: error as Fault | null,
		createdAt: moment(timeOf(id)),
		expiresAt: dueAt === null ? null : moment(dueAt),
		parts: progress?.parts ?? [],
		upload: progress
			? {
					method: "PUT",
					headers: { "content-type": BYTES },
					partSize: PART_SIZE,
					parts: partsOf(size),
					urls: progress.urls,
				}
			: null,
		media: await uploads.show(row),
	};
}
