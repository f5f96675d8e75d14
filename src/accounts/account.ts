import { z } from "@hono/zod-openapi";
import { idSchema, moment, momentSchema } from "../gateway/openapi.ts";
import { type Id, timeOf } from "../store/ids.ts";
import { regionSchema } from "../store/shard-map.ts";
import type { AuthorProfile, Profile } from "./store.ts";

/** What the viewer and another account are to each other, from the viewer's side. */
export const relationSchema = z
	.object({
		friend: z.boolean(),
		following: z.boolean(),
		followedBy: z.boolean(),
		requested: z.boolean().openapi({ description: "you asked to be friends" }),
		requestedBy: z.boolean().openapi({ description: "the other asked to be friends" }),
		blocking: z.boolean(),
		muting: z.boolean(),
	})
	.openapi("Relation");
export type RelationView = z.infer<typeof relationSchema>;

export const authorSchema = z
	.object({ id: idSchema, username: z.string(), displayName: z.string(), avatarUrl: z.string().nullable() })
	.openapi("Author");
export type AuthorView = z.infer<typeof authorSchema>;

export const accountSchema = authorSchema
	.extend({
		bio: z.string(),
		createdAt: momentSchema,
		friendCount: z.int(),
		followerCount: z.int().openapi({ description: "who followed; friends are counted apart" }),
		followingCount: z.int(),
		postCount: z.int(),
		region: regionSchema.optional().openapi({ description: "only of your own account" }),
		relation: relationSchema.optional().openapi({ description: "only of another account" }),
	})
	.openapi("Account");
export type AccountView = z.infer<typeof accountSchema>;

/** Tells what a viewer and others are to each other. `graph/` answers; accounts come before it. */
export interface RelationReader {
	/** A view for every one of `others`. */
	views(viewer: Id, others: readonly Id[]): Promise<Map<Id, RelationView>>;
	/** Those of `others` between whom and the viewer there is no block. */
	unblocked(viewer: Id, others: Iterable<Id>): Promise<Set<Id>>;
}

export function presentAuthor({ id, username, displayName, avatarUrl }: AuthorProfile): AuthorView {
	return { id, username, displayName, avatarUrl };
}

/** Other accounts show the viewer's relation to them, one's own shows its region. */
export function presentAccount(profile: Profile, relation: RelationView | undefined): AccountView {
	const { bio, friendCount, followerCount, followingCount, postCount } = profile;
	return {
		...presentAuthor(profile),
		bio,
		createdAt: moment(timeOf(profile.id)),
		friendCount,
		followerCount,
		followingCount,
		postCount,
		...(relation ? { relation } : { region: regionSchema.parse(profile.region) }),
	};
}
