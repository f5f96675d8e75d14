import { createRoute, z } from "@hono/zod-openapi";
import { hashPassword } from "better-auth/crypto";
import { sql } from "drizzle-orm";
import { createRouter, idSchema, json, jsonBody, problems } from "../gateway/openapi.ts";
import { rankOf } from "../posts/audience.ts";
import { audienceSchema, textSchema } from "../posts/post.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import { regionSchema } from "../store/shard-map.ts";
import type { ShardDatabase, Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";

/** Rows of each kind in one call; together at most {@link IMPORT_BODY} bytes. */
const MOST = 5000;
/** Bytes of one call. */
export const IMPORT_BODY = 8 * 2 ** 20;

const accountRow = z.strictObject({
	id: idSchema,
	username: z.string().min(3).max(30),
	email: z.email(),
	displayName: z.string().min(1).max(80),
	bio: z.string().max(500),
	region: regionSchema,
});
const postRow = z.strictObject({ id: idSchema, authorId: idSchema, text: textSchema, audience: audienceSchema });
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
	likes: z.array(tieRow).max(MOST).default([]).openapi({ description: "[post, account, at in Unix milliseconds]" }),
	rebuild: z
		.array(idSchema)
		.max(MOST)
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
				friendships: z.int(),
				follows: z.int(),
				posts: z.int(),
				likes: z.int(),
				rebuilt: z.int(),
			}),
			"How many were new",
		),
		...problems(400, 404, 413, 415),
	},
});

export interface ImportServices {
	identity: D1Database;
	shards: Shards;
	timelines: Timelines;
	minter: IdMinter;
	now: () => number;
}

export function importRoutes(services: ImportServices) {
	return createRouter().openapi(importRoute, async (c) => {
		const body = c.req.valid("json");
		const counts = {
			accounts: await importAccounts(services, body.accounts, body.password),
			...(await importTies(services.shards, body.friendships, body.follows)),
			posts: await importPosts(services.shards, body.posts),
			likes: await importLikes(services.shards, body.likes),
			rebuilt: body.rebuild.length,
		};
		await Promise.all(body.rebuild.map((owner) => services.timelines.of(owner).drop()));
		return c.json(counts, 200);
	});
}

type AccountRow = z.infer<typeof accountRow>;
type TieRow = z.infer<typeof tieRow>;
type PostRow = z.infer<typeof postRow>;

async function importAccounts(
	{ identity, shards, minter, now }: ImportServices,
	accounts: readonly AccountRow[],
	password: string | undefined,
): Promise<number> {
	if (accounts.length === 0) return 0;
	// One hash for all: they share the password, and hashing is slow on purpose.
	const hash = password === undefined ? null : await hashPassword(password);
	const at = new Date(now()).toISOString();
	const rows = JSON.stringify(
		accounts.map((account) => [
			account.id,
			account.displayName,
			account.email,
			account.username,
			account.region,
			minter.mint(logicalShardOf(account.id)),
		]),
	);
	await identity.batch([
		identity
			.prepare(
				`INSERT INTO user (id, name, email, emailVerified, username, region, createdAt, updatedAt)
				SELECT value->>0, value->>1, value->>2, 1, value->>3, value->>4, ?2, ?2 FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`,
			)
			.bind(rows, at),
		identity
			.prepare(
				`INSERT INTO account (id, accountId, providerId, userId, password, createdAt, updatedAt)
				SELECT value->>5, value->>0, 'credential', value->>0, ?3, ?2, ?2 FROM json_each(?1)
				WHERE ?3 IS NOT NULL AND EXISTS (SELECT 1 FROM user WHERE id = value->>0)
					AND NOT EXISTS (SELECT 1 FROM account WHERE userId = value->>0)`,
			)
			.bind(rows, at, hash),
	]);
	return insert(
		shards,
		accounts.map(({ id, username, displayName, bio, region }) => ({
			on: id,
			row: [id, username, displayName, bio, region],
		})),
		(rows) => sql`INSERT INTO profiles (id, username, display_name, bio, region)
			SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each(${rows}) WHERE true ON CONFLICT DO NOTHING RETURNING 1`,
	);
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

async function importPosts(shards: Shards, posts: readonly PostRow[]): Promise<number> {
	return insert(
		shards,
		posts.map(({ id, authorId, text, audience }) => ({ on: id, row: [id, authorId, text, rankOf(audience)] })),
		(rows) => sql`INSERT INTO posts (id, author_id, text, audience)
			SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(${rows}) WHERE true ON CONFLICT DO NOTHING RETURNING 1`,
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

/** One statement a shard: the rows travel as one JSON value. @returns how many were written. */
async function insert(
	shards: Shards,
	rows: readonly { on: Id; row: unknown[] }[],
	statement: (rows: string) => ReturnType<typeof sql>,
): Promise<number> {
	const groups = new Map<ShardDatabase, unknown[][]>();
	for (const { on, row } of rows) {
		const database = shards.of(on);
		const group = groups.get(database);
		if (group) group.push(row);
		else groups.set(database, [row]);
	}
	const written = await Promise.all(
		[...groups].map(([database, group]) => database.all(statement(JSON.stringify(group)))),
	);
	return written.flat().length;
}
