import { z } from "@hono/zod-openapi";
import { type Piece, piece, type Rendered, renderList, shortPiece } from "../gateway/conditional.ts";
import { type PostView, postSchema } from "./post.ts";
import { type SharedPost, writePost } from "./shared.ts";

type Field = keyof PostView;
const FIELDS = Object.keys(postSchema.shape) as Field[];

/** `fields` of a query: which members of its posts a page has. */
export const fieldsQuery = z
	.string()
	.max(200)
	.transform((text) => new Set(text.split(",")))
	.refine((names) => [...names].every((name) => FIELDS.includes(name as Field)), "not fields of a post")
	.optional()
	.openapi({
		type: "string",
		description: "only these members of each post, separated by commas: `id` alone for a list of ids",
		example: "id,author,text",
	});

/** What {@link fieldsQuery} makes of its text. */
export type Fields = ReadonlySet<string> | undefined;

/** A post for one viewer as JSON, or those of its members that are asked for. */
export function writeFields(post: SharedPost, liked: boolean, fields: Fields): Piece {
	if (!fields) return writePost(post, liked);
	return piece(JSON.stringify(pickFields({ ...post, viewer: { liked } }, fields)));
}

/** The page of a list: `rest` are its members beside `items`. */
export function writePage(items: readonly Piece[], rest: Record<string, unknown>): Rendered {
	return renderList(OPEN, items, shortPiece(`],${JSON.stringify(rest).slice(1)}`));
}

const OPEN = shortPiece('{"items":[');

export function pickFields(post: PostView, fields: Fields): PostView {
	if (!fields) return post;
	// Less than its type says: who asks for fewer members knows.
	return Object.fromEntries(Object.entries(post).filter(([name]) => fields.has(name))) as PostView;
}
