import { type SQL, sql } from "drizzle-orm";
import type { RelationKey } from "../graph/store.ts";
import { asInteger, jsonRows, list } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";

/** That an account likes a post or comment, or does not. */
export interface Wish {
	postId: Id;
	accountId: Id;
	liked: boolean;
}
/** How it is after a wish. */
export interface Reaction {
	liked: boolean;
	likeCount: number;
}

/** A reaction, and its place (about Unix milliseconds) among those to the same post: a later one has a greater one. */
export interface PlacedReaction extends Reaction {
	at: number;
}

export class LikeStore {
	readonly #shards: Shards;
	readonly #now: () => number;

	constructor(shards: Shards, now: () => number) {
		this.#shards = shards;
		this.#now = now;
	}

	/**
	 * Likes posts of one logical shard and takes likes back, as wished, in one atomic batch. Liking twice is liking
	 * once; when an account wishes twice, the last wish is done.
	 *
	 * @returns for each wish how it is then, or null when the post is gone.
	 */
	async react(wishes: readonly Wish[]): Promise<(Reaction | null)[]> {
		const [one] = wishes;
		if (!one) return [];
		const database = this.#shards.of(one.postId);
		const { dialect } = database;
		const last = new Map(wishes.map((wish) => [keyOf(wish), wish]));
		const rows = (liked: boolean) => {
			const some = [...last.values()].filter((wish) => wish.liked === liked);
			return some.length > 0 && jsonRows(dialect, JSON.stringify(some.map((wish) => [wish.postId, wish.accountId])));
		};
		const [likes, unlikes] = [rows(true), rows(false)];
		const touched = sql`posts WHERE id IN ${list(dialect, [...new Set(wishes.map(({ postId }) => postId))])}`;
		const answers = await database.batch(
			[
				...(likes ? [like(likes, this.#now())] : []),
				...(unlikes
					? [sql`DELETE FROM likes WHERE (post_id, account_id) IN (SELECT value->>0, value->>1 FROM ${unlikes})`]
					: []),
				sql`SELECT id, like_count AS "likeCount" FROM ${touched}`,
			],
			// In order, so that two batches do not wait for each other.
			sql`${touched} ORDER BY id`,
		);
		const counts = new Map((answers.at(-1) as { id: Id; likeCount: number }[]).map((row) => [row.id, row.likeCount]));
		return wishes.map((wish) => {
			const likeCount = counts.get(wish.postId);
			return likeCount === undefined ? null : { liked: last.get(keyOf(wish))?.liked ?? wish.liked, likeCount };
		});
	}

	/** Those of some posts that an account likes, with one query to each shard. */
	async among(accountId: Id, postIds: Iterable<Id>): Promise<Set<Id>> {
		const rows = await this.#shards.gather(postIds, (database, group) =>
			database.all<{ id: Id }>(sql`SELECT post_id AS id FROM likes
				WHERE post_id IN ${list(database.dialect, group)} AND account_id = ${accountId}`),
		);
		return new Set(rows.map(({ id }) => id));
	}

	/** Who likes a post, latest first, from `before` (exclusive). */
	async likers(postId: Id, before: RelationKey | undefined, limit: number): Promise<RelationKey[]> {
		const older = before && sql`AND (liked_at, account_id) < (${before.at}, ${before.other})`;
		return this.#shards.of(postId).all<RelationKey>(sql`SELECT liked_at AS at, account_id AS other FROM likes
			WHERE post_id = ${postId} ${older} ORDER BY liked_at DESC, account_id DESC LIMIT ${limit}`);
	}
}

function keyOf({ postId, accountId }: Wish): string {
	return `${postId} ${accountId}`;
}

/** @param rows of post and account. */
function like(rows: SQL, now: number): SQL {
	return sql`INSERT INTO likes (post_id, account_id, liked_at)
		SELECT value->>0, value->>1, ${asInteger(now)} FROM ${rows}
		WHERE EXISTS (SELECT 1 FROM posts WHERE id = value->>0) ON CONFLICT DO NOTHING`;
}
