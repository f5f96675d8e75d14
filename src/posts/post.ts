import { z } from "@hono/zod-openapi";
import { authorSchema, presentAuthor } from "../accounts/account.ts";
import { webAddressSchema } from "../accounts/routes.ts";
import type { AuthorProfile } from "../accounts/store.ts";
import { idSchema, moment, momentSchema, nullableIdSchema, orNull } from "../gateway/openapi.ts";
import type { MediaAddresses } from "../media/addresses.ts";
import { MEDIA_OF_POST } from "../media/limits.ts";
import { mediaSchema, presentAll } from "../media/media.ts";
import { previewSchema, readPreview } from "../previews/preview.ts";
import { timeOf } from "../store/ids.ts";
import { AUDIENCES, audienceAt } from "./audience.ts";
import type { PostRow } from "./store.ts";

/** Code points, not UTF-16 units: an emoji outside the basic plane is one character. */
export const TEXT_LENGTH = { min: 1, max: 5000 } as const;

export const textSchema = z
	.string()
	.refine((text) => text.trim().length > 0, "must not be blank")
	.refine(
		(text) => text.length <= TEXT_LENGTH.max || [...text].length <= TEXT_LENGTH.max,
		`at most ${TEXT_LENGTH.max} characters`,
	)
	.openapi({ minLength: TEXT_LENGTH.min, maxLength: TEXT_LENGTH.max });

/** The text of a post that shows something else: it may be empty. */
const captionSchema = z
	.string()
	.refine(
		(text) => text.length <= TEXT_LENGTH.max || [...text].length <= TEXT_LENGTH.max,
		`at most ${TEXT_LENGTH.max} characters`,
	)
	.openapi({ maxLength: TEXT_LENGTH.max, description: "may be empty only where there is media" });

const mediaIdsSchema = z
	.array(idSchema)
	.max(MEDIA_OF_POST)
	.refine((ids) => new Set(ids).size === ids.length, "must not be there twice")
	.openapi({ description: "ids of your uploads that are ready, in the order in which they are shown" });

/** What is wrong with a post that says nothing and shows nothing. */
export const BLANK = { path: "text", message: "must not be blank" } as const;

export const audienceSchema = z.enum(AUDIENCES).openapi("Audience");

export const newPostSchema = z
	.strictObject({
		text: captionSchema,
		audience: audienceSchema.default("friends"),
		link: webAddressSchema.nullable().optional(),
		media: mediaIdsSchema.optional(),
	})
	.refine(({ text, media = [] }) => media.length > 0 || text.trim().length > 0, {
		path: [BLANK.path],
		message: BLANK.message,
	});

export const postChangeSchema = z.strictObject({
	text: captionSchema.optional(),
	audience: audienceSchema.optional(),
	link: webAddressSchema.nullable().optional(),
	media: mediaIdsSchema.optional().openapi({ description: "all that it is to show: what is left out is deleted" }),
});
export type PostChange = z.infer<typeof postChangeSchema>;

export const newCommentSchema = z.strictObject({ text: textSchema });

export const postSchema = z
	.object({
		id: idSchema,
		author: authorSchema,
		parentId: nullableIdSchema.openapi({ description: "what a comment answers; null for a post" }),
		text: z.string(),
		audience: audienceSchema,
		link: z.string().nullable(),
		media: z.array(mediaSchema),
		preview: orNull(previewSchema).openapi({ description: "of its link; null also while nobody has looked at it yet" }),
		createdAt: momentSchema,
		editedAt: momentSchema.nullable(),
		likeCount: z.int(),
		commentCount: z.int(),
		viewer: z.object({ liked: z.boolean() }),
	})
	.openapi("Post");
export type PostView = z.infer<typeof postSchema>;

/** A post as everybody sees it who may. */
export function presentPost(
	row: Omit<PostRow, "liked">,
	author: AuthorProfile,
	addresses: MediaAddresses,
): Omit<PostView, "viewer"> {
	return {
		id: row.id,
		author: presentAuthor(author),
		parentId: row.parentId,
		text: row.text,
		audience: audienceAt(row.audience),
		link: row.link,
		media: presentAll(row.media, addresses),
		preview: readPreview(row.preview),
		createdAt: moment(timeOf(row.id)),
		editedAt: row.editedAt === null ? null : moment(row.editedAt),
		likeCount: row.likeCount,
		commentCount: row.commentCount,
	};
}
