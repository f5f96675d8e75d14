import { createRoute, z } from "@hono/zod-openapi";
import { webAddressSchema } from "../accounts/routes.ts";
import { createRouter, json, jsonBody, orNull, problems, signedIn } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { PreviewImages } from "./images.ts";
import { IMAGE_NAME, IMAGE_PATH, previewSchema } from "./preview.ts";
import type { Previews } from "./previews.ts";

const askPreview = createRoute({
	method: "post",
	path: "/v1/link-previews",
	tags: ["posts"],
	summary: "What a link will show, for who is writing a post",
	description:
		"Looks at the page in the background: while it answers `pending`, ask again in a second. A post made meanwhile gets its preview as soon as there is one, and its readers hear of that as of an edit.",
	security: signedIn,
	request: { body: jsonBody(z.strictObject({ url: webAddressSchema })) },
	responses: {
		200: json(
			z.object({
				status: z.enum(["ready", "pending", "none"]).openapi({ description: "`none`: there is nothing to show" }),
				preview: orNull(previewSchema),
			}),
			"What is known",
		),
		...problems(400, 401, 413, 415, 503),
	},
});

const getImage = createRoute({
	method: "get",
	path: `${IMAGE_PATH}{name}` as const,
	tags: ["posts"],
	summary: "The image of a link's preview",
	request: { params: z.object({ name: z.string().regex(IMAGE_NAME, "not an image") }) },
	responses: {
		200: { description: "The image", content: { "image/webp": { schema: z.string().openapi({ format: "binary" }) } } },
		...problems(404),
	},
});

/** What is under a name never changes. Days and not for ever, so that what is deleted is forgotten in the end. */
const KEPT = "public, max-age=2592000, immutable";

export function previewRoutes({ previews }: { previews: Previews }) {
	return createRouter().openapi(askPreview, async (c) =>
		c.json(await previews.ask(c.req.valid("json").url, new URL(c.req.url).host), 200),
	);
}

export interface PreviewImageServices {
	previewImages: PreviewImages;
	defer: (work: Promise<unknown>) => void;
}

export function previewImageRoutes({ previewImages, defer }: PreviewImageServices) {
	return createRouter().openapi(getImage, async (c) => {
		const { name } = c.req.valid("param");
		const cache = await caches.open("edgefeed-previews");
		const address = new URL(IMAGE_PATH + name, c.req.url).href;
		const kept = await cache.match(address);
		if (kept) return new Response(kept.body, kept);
		const image = await previewImages.find(name);
		if (!image) throw new Problem("not_found");
		const response = new Response(image.body, {
			headers: {
				"content-type": "image/webp",
				"content-length": String(image.size),
				"cache-control": KEPT,
				etag: image.httpEtag,
				"x-content-type-options": "nosniff",
				"content-security-policy": "default-src 'none'; sandbox",
				"cross-origin-resource-policy": "cross-origin",
			},
		});
		defer(cache.put(address, response.clone()));
		return response;
	});
}
