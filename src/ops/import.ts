import { createRoute, z } from "@hono/zod-openapi";
import { hashPassword } from "better-auth/crypto";
import { type SQL, sql } from "drizzle-orm";
import { usernameSchema } from "../accounts/auth-routes.ts";
import { createRouter, idSchema, json, jsonBody, problems } from "../gateway/openapi.ts";
import { rankOf } from "../posts/audience.ts";
import { audienceSchema, textSchema } from "../posts/post.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import type { ShardMap } from "../store/shard-map.ts";
import type { ShardDatabase, Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";

/** Rows of each kind in one call; together at most {@link IMPORT_BODY} bytes. */
const MOST = 5000;
/** Bytes of one call. */
export const IMPORT_BODY = 8 * 2 ** 20;

const accountRow = z.strictObject({
	id: idSchema,
	username: usernameSchema,
	email: z.email().max(254),
	displayName: z.string().min(1).max(80),
	bio: z.string().max(500),
});
/** An id that is given must carry the shard that one minted here would carry. */
const HOME = "the id must carry the shard of what it belongs to";
const postRow = z
	.strictObject({ id: idSchema, authorId: idSchema, text: textSchema, audience: audienceSchema })
	.refine(({ id, authorId }) => logicalShardOf(id) === logicalShardOf(authorId), { path: ["id"], message: HOME });
const commentRow = z
	.strictObject({ id: idSchema, authorId: idSchema, parentId: idSchema, text: textSchema })
	.refine(({ id, parentId }) => logicalShardOf(id) === logicalShardOf(parentId), { path: ["id"], message: HOME });
const tieRow = z.tuple([idSchema, idSchema, z.int().positive()]);

const importSchema = z.strictObject({
	password: z.string().min(8).max(128).optional().openapi({ description: "of every account in this call" }),
	accounts: z.array(accountRow).max(MOST).default([]),
	friendships: z
		.array(tieRow)
		.max(MOST)
		.default([])
		.openapi({ description: "[account, account, since in Unix milliseconds]" }),
	follows: z
		.array(tieRow)
		.max(MOST)
		.default([])
		.openapi({ description: "[follower, followed, since in Unix milliseconds]" }),
	posts: z.array(postRow).max(MOST).default([]),
	comments: z.array(commentRow).max(MOST).default([]),
	likes: z.array(tieRow).max(MOST).default([]).openapi({ description: "[post, account, at in Unix milliseconds]" }),
	rebuild: z
		.array(idSchema)
		.max(1000)
		.default([])
		.openapi({ description: "accounts whose timelines to build anew at their next read" }),
});
export type ImportRequest = z.input<typeof importSchema>;

const importRoute = createRoute({
	method: "post",
	path: "/ops/import",
	tags: ["operations"],
	summary: "Bring in accounts, ties, posts and likes in bulk",
	description:
		"What is there already stays as it is, so a call can be repeated. Timelines are not pushed to: name their owners in `rebuild` last.",
	security: [{ operator: [] }],
	request: { body: jsonBody(importSchema) },
	responses: {
		200: json(
			z.object({
				accounts: z.int(),
				refused: z.int().openapi({ description: "accounts whose address or username is another account's" }),
				friendships: z.int(),
				follows: z.int(),
				posts: z.int(),
				comments: z.int(),
				likes: z.int(),
				rebuild: z.int(),
			}),
			"How many were new",
		),
		...problems(400, 404, 413, 415),
	},
});

export interface ImportServices {
	identity: D1Database;
	shards: Shards;
	map: ShardMap;
	timelines: Timelines;
	minter: IdMinter;
	now: () => number;
}

export function importRoutes(services: ImportServices) {
	return createRouter().openapi(importRoute, async (c) => {
		const body = c.req.valid("json");
		const counts = {
			...(await importAccounts(services, body.accounts, body.password)),
			...(await importTies(services.shards, body.friendships, body.follows)),
			posts: await importPosts(services.shards, body.posts),
			comments: await importComments(services.shards, body.comments),
			likes: await importLikes(services.shards, body.likes),
			rebuild: body.rebuild.length,
		};
		await Promise.all(body.rebuild.map((owner) => services.timelines.of(owner).drop()));
		return c.json(counts, 200);
	});
}

type AccountRow = z.infer<typeof accountRow>;
type TieRow = z.infer<typeof tieRow>;

async function importAccounts(
	{ identity, shards, map, minter, now }: ImportServices,
	accounts: readonly AccountRow[],
	password: string | undefined,
): Promise<{ accounts: number; refused: number }> {
	if (accounts.length === 0) return { accounts: 0, refused: 0 };
	// One hash for all: they share the password, and hashing is slow on purpose.
	const hash = password === undefined ? null : await hashPassword(password);
	const at = new Date(now()).toISOString();
	const rows = JSON.stringify(
		accounts.map(({ id, displayName, email, username }) => {
			return [
				id,
				displayName,
				email.toLowerCase(),
				username.toLowerCase(),
				map.regionOf(id),
				minter.mint(logicalShardOf(id)),
			];
		}),
	);
	const known = "SELECT id FROM user WHERE id IN (SELECT value->>0 FROM json_each(?1))";
	const [, , found] = await identity.batch<{ id: Id }>([
		identity
			.prepare(
				`INSERT INTO user (id, name, email, emailVerified, username, region, createdAt, updatedAt)
				SELECT value->>0, value->>1, value->>2, 1, value->>3, value->>4, ?2, ?2 FROM json_each(?1) WHERE true
				ON CONFLICT DO NOTHING`,
			)
			.bind(rows, at),
		identity
			.prepare(
				`INSERT INTO account (id, accountId, providerId, userId, password, createdAt, updatedAt)
				SELECT value->>5, value->>0, 'credential', value->>0, ?3, ?2, ?2 FROM json_each(?1)
				WHERE ?3 IS NOT NULL AND value->>0 IN (${known})
					AND NOT EXISTS (SELECT 1 FROM account WHERE userId = value->>0)`,
			)
			.bind(rows, at, hash),
		identity.prepare(known).bind(rows),
	]);
	// A row whose address or username belongs to another account was left out, and gets no profile either.
	const ids = new Set(found?.results.map(({ id }) => id));
	const made = await insert(
		shards,
		accounts
			.filter(({ id }) => ids.has(id))
			.map(({ id, username, displayName, bio }) => ({
				on: id,
				row: [id, username.toLowerCase(), displayName, bio, map.regionOf(id)],
			})),
		(rows) => sql`INSERT INTO profiles (id, username, display_name, bio, region)
			SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(${rows}) WHERE true
			ON CONFLICT DO NOTHING RETURNING 1`,
	);
	return { accounts: made, refused: accounts.length - ids.size };
}

/** Both sides of each tie, as a settled pair has them: version 1 on either shard. */
async function importTies(shards: Shards, friendships: readonly TieRow[], follows: readonly TieRow[]) {
	const tie = (column: string, pairs: readonly (readonly [Id, Id, number])[]) =>
		insert(
			shards,
			pairs.map(([owner, other, at]) => ({ on: owner, row: [owner, other, at] })),
			(rows) => sql`INSERT INTO relations (owner, other, version, ${sql.raw(column)})
				SELECT value->>0, value->>1, 1, value->>2 FROM json_each(${rows}) WHERE true
				ON CONFLICT DO UPDATE SET ${sql.raw(column)} = excluded.${sql.raw(column)}, version = version + 1 WHERE ${sql.raw(column)} IS NULL RETURNING 1`,
		);
	const mirrored = friendships.flatMap(([a, b, at]): (readonly [Id, Id, number])[] => [
		[a, b, at],
		[b, a, at],
	]);
	const friends = await tie("friend_at", mirrored);
	const following = await tie("following_at", follows);
	await tie(
		"follower_at",
		follows.map(([follower, followed, at]) => [followed, follower, at] as const),
	);
	return { friendships: friends / 2, follows: following };
}

async function importPosts(shards: Shards, posts: readonly z.infer<typeof postRow>[]): Promise<number> {
	return insert(
		shards,
		posts.map(({ id, authorId, text, audience }) => ({ on: id, row: [id, authorId, text, rankOf(audience)] })),
		(rows) => sql`INSERT INTO posts (id, author_id, text, audience)
			SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(${rows}) WHERE true
			ON CONFLICT DO NOTHING RETURNING 1`,
	);
}

/** Comments on posts, not on other comments. */
async function importComments(shards: Shards, comments: readonly z.infer<typeof commentRow>[]): Promise<number> {
	return insert(
		shards,
		comments.map(({ id, authorId, parentId, text }) => ({ on: id, row: [id, authorId, parentId, text] })),
		(rows) => sql`INSERT INTO posts (id, author_id, parent_id, root_id, text, audience)
			SELECT value->>0, value->>1, parent.id, parent.id, value->>3, parent.audience
			FROM json_each(${rows}) JOIN posts AS parent ON parent.id = value->>2 AND parent.parent_id IS NULL WHERE true
			ON CONFLICT DO NOTHING RETURNING 1`,
	);
}

async function importLikes(shards: Shards, likes: readonly TieRow[]): Promise<number> {
	return insert(
		shards,
		likes.map(([postId, accountId, at]) => ({ on: postId, row: [postId, accountId, at] })),
		(rows) => sql`INSERT INTO likes (post_id, account_id, liked_at)
			SELECT value->>0, value->>1, value->>2 FROM json_each(${rows})
			WHERE EXISTS (SELECT 1 FROM posts WHERE id = value->>0) ON CONFLICT DO NOTHING RETURNING 1`,
	);
}

/** Characters of one bound value: D1 takes 2 MB, and a character is at most 3 bytes. */
const VALUE = 600_000;

/** The rows travel as JSON values, one statement each. @returns how many were written. */
async function insert(
	shards: Shards,
	rows: readonly { on: Id; row: unknown[] }[],
	statement: (rows: string) => SQL,
): Promise<number> {
	const groups = new Map<ShardDatabase, string[][]>();
	const sizes = new Map<ShardDatabase, number>();
	for (const { on, row } of rows) {
		const database = shards.of(on);
		const text = JSON.stringify(row);
		const size = (sizes.get(database) ?? VALUE) + text.length + 1;
		const parts = groups.get(database) ?? [];
		if (size > VALUE) parts.push([]);
		parts.at(-1)?.push(text);
		sizes.set(database, size > VALUE ? text.length : size);
		groups.set(database, parts);
	}
	const written = await Promise.all(
		[...groups].map(async ([database, parts]) => {
			let count = 0;
			for (const part of parts) count += (await database.all(statement(`[${part.join(",")}]`))).length;
			return count;
		}),
	);
	return written.reduce((sum, count) => sum + count, 0);
}
