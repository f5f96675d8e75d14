import { z } from "@hono/zod-openapi";

/** The card of a link: what its page says of itself, as text. Kept with a post as it is shown. */
export const previewSchema = z
	.object({
		url: z.string().openapi({ description: "where the link leads in the end" }),
		title: z.string(),
		description: z.string().nullable(),
		siteName: z.string().nullable(),
		image: z
			.object({
				url: z
					.string()
					.openapi({ description: "a path of this API; whoever loads it tells the page's server nothing" }),
				width: z.int(),
				height: z.int(),
			})
			.nullable(),
	})
	.openapi("LinkPreview");
export type Preview = z.infer<typeof previewSchema>;

/** The path of the images, and how one is named below it. */
export const IMAGE_PATH = "/media/previews/";
export const IMAGE_NAME = /^[0-9a-f]{32}$/;

/** What is written into a post: the preview as JSON, and the name of its image so that it can be found. */
export interface PreviewColumns {
	preview: string | null;
	previewImage: string | null;
}

export const NO_PREVIEW: PreviewColumns = { preview: null, previewImage: null };

export function columnsOf(preview: Preview | null): PreviewColumns {
	if (preview === null) return NO_PREVIEW;
	return { preview: JSON.stringify(preview), previewImage: preview.image?.url.slice(IMAGE_PATH.length) ?? null };
}

/** What {@link columnsOf} has written. */
export function readPreview(preview: string | null): Preview | null {
	return preview === null ? null : (JSON.parse(preview) as Preview);
}
