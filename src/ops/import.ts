import { createRoute, z } from "@hono/zod-openapi";
import { hashPassword } from "better-auth/crypto";
import { usernameSchema } from "../accounts/routes.ts";
import { createRouter, idSchema, json, jsonBody, problems } from "../gateway/openapi.ts";
import { rankOf } from "../posts/audience.ts";
import { audienceSchema, textSchema } from "../posts/post.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import type { ShardMap } from "../store/shard-map.ts";
import type { Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";
import { BulkStore } from "./bulk.ts";

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
	const bulk = new BulkStore(services.shards);
	return createRouter().openapi(importRoute, async (c) => {
		const body = c.req.valid("json");
		const counts = {
			...(await importAccounts(services, bulk, body.accounts, body.password)),
			friendships: await bulk.friendships(body.friendships),
			follows: await bulk.follows(body.follows),
			posts: await bulk.posts(body.posts.map((post) => ({ ...post, audience: rankOf(post.audience) }))),
			comments: await bulk.comments(body.comments),
			likes: await bulk.likes(body.likes),
			rebuild: body.rebuild.length,
		};
		await Promise.all(body.rebuild.map((owner) => services.timelines.of(owner).drop()));
		return c.json(counts, 200);
	});
}

type AccountRow = z.infer<typeof accountRow>;

async function importAccounts(
	{ identity, map, minter, now }: ImportServices,
	bulk: BulkStore,
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
	const made = await bulk.profiles(
		accounts
			.filter(({ id }) => ids.has(id))
			.map((account) => ({ ...account, username: account.username.toLowerCase(), region: map.regionOf(account.id) })),
	);
	return { accounts: made, refused: accounts.length - ids.size };
}
