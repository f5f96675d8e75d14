import { z } from "@hono/zod-openapi";
import { authorSchema, presentAuthor } from "../accounts/account.ts";
import { webAddressSchema } from "../accounts/routes.ts";
import type { AuthorProfile } from "../accounts/store.ts";
import { idSchema, moment, momentSchema } from "../gateway/openapi.ts";
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

export const audienceSchema = z.enum(AUDIENCES).openapi("Audience");

export const newPostSchema = z.strictObject({
	text: textSchema,
	audience: audienceSchema.default("friends"),
	link: webAddressSchema.nullable().optional(),
});

export const postChangeSchema = z.strictObject({
	text: textSchema.optional(),
	audience: audienceSchema.optional(),
	link: webAddressSchema.nullable().optional(),
});
export type PostChange = z.infer<typeof postChangeSchema>;

export const newCommentSchema = z.strictObject({ text: textSchema });

export const postSchema = z
	.object({
		id: idSchema,
		author: authorSchema,
		parentId: idSchema.nullable().openapi({ description: "what a comment answers; null for a post" }),
		text: z.string(),
		audience: audienceSchema,
		link: z.string().nullable(),
		media: z.array(z.record(z.string(), z.unknown())),
		createdAt: momentSchema,
		editedAt: momentSchema.nullable(),
		likeCount: z.int(),
		commentCount: z.int(),
		viewer: z.object({ liked: z.boolean() }),
	})
	.openapi("Post");
export type PostView = z.infer<typeof postSchema>;

/** A post as everybody sees it who may. */
export function presentPost(row: Omit<PostRow, "liked">, author: AuthorProfile): Omit<PostView, "viewer"> {
	return {
		id: row.id,
		author: presentAuthor(author),
		parentId: row.parentId,
		text: row.text,
		audience: audienceAt(row.audience),
		link: row.link,
		media: [],
		createdAt: moment(timeOf(row.id)),
		editedAt: row.editedAt === null ? null : moment(row.editedAt),
		likeCount: row.likeCount,
		commentCount: row.commentCount,
	};
}
