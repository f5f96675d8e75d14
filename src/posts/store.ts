import { and, desc, eq, getTableColumns, inArray, isNull, lt, lte, type SQL, sql } from "drizzle-orm";
import type { Level } from "../graph/rules.ts";
import type { RelationKey } from "../graph/store.ts";
import { type Id, timeOf } from "../store/ids.ts";
import { inList } from "../store/json-list.ts";
import { type Job, promise } from "../store/outbox.ts";
import { likes, posts, postVersions } from "../store/schema.ts";
import type { ShardDatabase, Shards } from "../store/shards.ts";

/** A post or comment, and whether the one who asked likes it. */
export type PostRow = typeof posts.$inferSelect & { liked: boolean };
export type PostVersion = typeof postVersions.$inferSelect;
export type NewPost = Pick<typeof posts.$inferInsert, "id" | "authorId" | "text" | "audience" | "link">;
export type NewComment = NewPost & { parentId: Id; rootId: Id };
/** What is listed of a post when only its place is asked for. */
export interface PostKey {
	postId: Id;
	authorId: Id;
}

/** How many comments or likes are erased by one statement, and how many statements one run makes. */
const ERASE = 500;
const ERASE_ROUNDS = 20;

export class PostStore {
	readonly #shards: Shards;
	readonly #now: () => number;

	constructor(shards: Shards, now: () => number) {
		this.#shards = shards;
		this.#now = now;
	}

	/**
	 * Writes a post and promises its fan-out, in one atomic batch.
	 *
	 * @throws what {@link isTaken} tells when the id of either is taken.
	 */
	async insert(post: NewPost, job: Job): Promise<PostRow> {
		const database = this.#shards.of(post.id);
		const [[row]] = await database.batch([
			database.insert(posts).values(post).returning(),
			promise(database, job, this.#now()),
		]);
		if (!row) throw new Error("a post was not written");
		return { ...row, liked: false };
	}

	/**
	 * @returns undefined when what it answers is gone.
	 * @throws what {@link isTaken} tells when the id is taken.
	 */
	async insertComment(comment: NewComment): Promise<PostRow | undefined> {
		const { id, authorId, parentId, rootId, text, audience } = comment;
		const there = sql`EXISTS (SELECT 1 FROM posts WHERE id = ${parentId}) AND EXISTS (SELECT 1 FROM posts WHERE id = ${rootId})`;
		const [row] = await this.#shards
			.of(id)
			.insert(posts)
			.select(
				sql`SELECT ${id}, ${authorId}, ${parentId}, ${rootId}, ${text}, ${audience}, NULL, NULL, 0, 0 WHERE ${there}`,
			)
			.returning();
		return row && { ...row, liked: false };
	}

	/** The posts and comments that exist, by id, with one query to each shard. */
	async byIds(ids: Iterable<Id>, viewer: Id): Promise<Map<Id, PostRow>> {
		const rows = await this.#shards.gather(ids, async (database, group) =>
			selectRows(database, viewer).where(inArray(posts.id, inList(group))),
		);
		return new Map(rows.map((row) => [row.id, row]));
	}

	async exists(id: Id): Promise<boolean> {
		const rows = await this.#shards.of(id).select({ id: posts.id }).from(posts).where(eq(posts.id, id));
		return rows.length > 0;
	}

	/** An author's posts that someone at `level` may see, newest first, from `before` (exclusive). */
	async byAuthor(authorId: Id, viewer: Id, level: Level, before: Id | undefined, limit: number): Promise<PostRow[]> {
		return selectRows(this.#shards.of(authorId), viewer)
			.where(and(ofAuthor(authorId, level), before && lt(posts.id, before)))
			.orderBy(desc(posts.id))
			.limit(limit);
	}

	/** An author's newest posts that someone at `level` may see, newest first; `complete` when there are no older ones. */
	async newest(authorId: Id, level: Level, limit: number): Promise<{ ids: Id[]; complete: boolean }> {
		const rows = await this.#shards
			.of(authorId)
			.select({ id: posts.id })
			.from(posts)
			.where(ofAuthor(authorId, level))
			.orderBy(desc(posts.id))
			.limit(limit + 1);
		return { ids: rows.slice(0, limit).map((row) => row.id), complete: rows.length <= limit };
	}

	/** The newest posts of each of many authors that someone at `level` may see, newest first. */
	async heads(authors: readonly Id[], level: Level, limit: number): Promise<Map<Id, Id[]>> {
		const rows = await this.#shards.gather(authors, async (database, group) =>
			database.all<PostKey>(sql`
				SELECT posts.id AS "postId", posts.author_id AS "authorId"
				FROM json_each(${JSON.stringify(group)}) AS author
				JOIN posts ON posts.id IN (
					SELECT newest.id FROM posts AS newest INDEXED BY posts_by_author
					WHERE newest.author_id = author.value AND newest.parent_id IS NULL AND newest.audience <= ${level}
					ORDER BY newest.id DESC LIMIT ${limit}
				) ORDER BY posts.id DESC`),
		);
		const heads = new Map<Id, Id[]>(authors.map((author) => [author, []]));
		for (const { authorId, postId } of rows) heads.get(authorId)?.push(postId);
		return heads;
	}

	/** What answers a post or comment, newest first, from `before` (exclusive). */
	async comments(parentId: Id, viewer: Id, before: Id | undefined, limit: number): Promise<PostRow[]> {
		return selectRows(this.#shards.of(parentId), viewer)
			.where(and(eq(posts.parentId, parentId), before && lt(posts.id, before)))
			.orderBy(desc(posts.id))
			.limit(limit);
	}

	/** The newest posts of many authors at once, each up to what its level shows, below `before` (exclusive). */
	async older(authors: ReadonlyMap<Id, Level>, before: Id | undefined, limit: number): Promise<PostKey[]> {
		return this.#ofMany(authors, before ? sql`AND posts.id < ${before}` : sql``, "DESC", limit);
	}

	/** The oldest ones above `after` (exclusive), up to `upTo` (inclusive); newest first. */
	async newer(authors: ReadonlyMap<Id, Level>, after: Id, upTo: Id, limit: number): Promise<PostKey[]> {
		const keys = await this.#ofMany(authors, sql`AND posts.id > ${after} AND posts.id <= ${upTo}`, "ASC", limit);
		return keys.toReversed();
	}

	/** What a post or comment said before, latest first, from `before` (exclusive; Unix milliseconds). */
	async versions(id: Id, before: number | undefined, limit: number): Promise<PostVersion[]> {
		return this.#shards
			.of(id)
			.select()
			.from(postVersions)
			.where(and(eq(postVersions.postId, id), before === undefined ? undefined : lt(postVersions.writtenAt, before)))
			.orderBy(desc(postVersions.writtenAt))
			.limit(limit);
	}

	/** Changes an author's own post, keeps what it said before, and promises `jobs`, in one atomic batch. */
	async update(
		id: Id,
		change: Partial<Pick<NewPost, "text" | "audience" | "link">>,
		jobs: readonly Job[],
	): Promise<void> {
		const database = this.#shards.of(id);
		const now = this.#now();
		const before = database
			.insert(postVersions)
			.select(
				sql`SELECT id, coalesce(edited_at, ${timeOf(id)}), text, link FROM posts WHERE id = ${id}
					AND (text IS NOT ${change.text ?? sql`text`} OR link IS NOT ${change.link === undefined ? sql`link` : change.link})`,
			)
			.onConflictDoNothing();
		const write = database
			.update(posts)
			.set({ ...change, editedAt: now })
			.where(eq(posts.id, id));
		await database.batch([before, write, ...jobs.map((job) => promise(database, job, now))]);
	}

	/** Deletes a post, so that no read finds it or what hangs on it, and promises to clear up, in one atomic batch. */
	async remove(id: Id, jobs: readonly Job[]): Promise<void> {
		const database = this.#shards.of(id);
		const now = this.#now();
		const erase = database.delete(posts).where(eq(posts.id, id));
		const eraseVersions = database.delete(postVersions).where(eq(postVersions.postId, id));
		await database.batch([erase, eraseVersions, ...jobs.map((job) => promise(database, job, now))]);
	}

	/** Deletes a comment with everything that answers it. */
	async removeComment(id: Id): Promise<void> {
		const database = this.#shards.of(id);
		const thread = sql`(WITH RECURSIVE thread (id) AS (
			SELECT ${id} UNION ALL SELECT posts.id FROM posts JOIN thread ON posts.parent_id = thread.id
		) SELECT id FROM thread)`;
		await database.batch([
			database.delete(likes).where(inArray(likes.postId, thread)),
			database.delete(postVersions).where(inArray(postVersions.postId, thread)),
			database.delete(posts).where(inArray(posts.id, thread)),
		]);
	}

	/**
	 * Erases the comments and likes of a deleted post, some at a time.
	 *
	 * @returns false when there are more than one run erases.
	 */
	async eraseThread(rootId: Id): Promise<boolean> {
		const database = this.#shards.of(rootId);
		const someLikes = sql`(post_id, account_id) IN (SELECT post_id, account_id FROM likes WHERE post_id = ${rootId} LIMIT ${ERASE})`;
		const someComments = sql`(SELECT id FROM posts WHERE root_id = ${rootId} ORDER BY id LIMIT ${ERASE})`;
		for (let round = 0; round < ERASE_ROUNDS; round++) {
			const [own, , , gone] = await database.batch([
				database.delete(likes).where(someLikes).returning({ id: likes.accountId }),
				database.delete(likes).where(inArray(likes.postId, someComments)),
				database.delete(postVersions).where(inArray(postVersions.postId, someComments)),
				database.delete(posts).where(inArray(posts.id, someComments)).returning({ id: posts.id }),
			]);
			if (own.length < ERASE && gone.length < ERASE) return true;
		}
		return false;
	}

	/** Liking twice is liking once; a post that is gone takes no likes. */
	async like(postId: Id, accountId: Id): Promise<void> {
		await this.#shards
			.of(postId)
			.insert(likes)
			.select(
				sql`SELECT ${postId}, ${accountId}, ${this.#now()} WHERE EXISTS (SELECT 1 FROM posts WHERE id = ${postId})`,
			)
			.onConflictDoNothing();
	}

	async unlike(postId: Id, accountId: Id): Promise<void> {
		await this.#shards
			.of(postId)
			.delete(likes)
			.where(and(eq(likes.postId, postId), eq(likes.accountId, accountId)));
	}

	/** Who likes a post, latest first, from `before` (exclusive). */
	async likers(postId: Id, before: RelationKey | undefined, limit: number): Promise<RelationKey[]> {
		return this.#shards
			.of(postId)
			.select({ at: likes.likedAt, other: likes.accountId })
			.from(likes)
			.where(
				and(
					eq(likes.postId, postId),
					before && sql`(${likes.likedAt}, ${likes.accountId}) < (${before.at}, ${before.other})`,
				),
			)
			.orderBy(desc(likes.likedAt), desc(likes.accountId))
			.limit(limit);
	}

	/**
	 * One statement a shard, whatever the number of authors: they travel as one JSON object of id and
	 * level. With `posts_by_author` in the order asked for, SQLite leaves an author as soon as her next
	 * post cannot be among the first `limit` any more.
	 */
	async #ofMany(authors: ReadonlyMap<Id, Level>, span: SQL, order: "ASC" | "DESC", limit: number): Promise<PostKey[]> {
		const keys = await this.#shards.gather(authors.keys(), async (database, group) => {
			const levels = JSON.stringify(Object.fromEntries(group.map((author) => [author, authors.get(author)])));
			return database.all<PostKey>(sql`
				SELECT posts.id AS postId, posts.author_id AS authorId
				FROM json_each(${levels}) AS author
				CROSS JOIN posts INDEXED BY posts_by_author
					ON posts.author_id = author.key AND posts.parent_id IS NULL AND posts.audience <= author.value ${span}
				ORDER BY posts.id ${sql.raw(order)} LIMIT ${limit}`);
		});
		const sign = order === "ASC" ? 1 : -1;
		return keys.sort((a, b) => (a.postId < b.postId ? -sign : sign)).slice(0, limit);
	}
}

function ofAuthor(authorId: Id, level: Level): SQL | undefined {
	return and(eq(posts.authorId, authorId), isNull(posts.parentId), lte(posts.audience, level));
}

function selectRows(database: ShardDatabase, viewer: Id) {
	const liked =
		sql<boolean>`EXISTS (SELECT 1 FROM likes WHERE likes.post_id = ${posts.id} AND likes.account_id = ${viewer})`.mapWith(
			Boolean,
		);
	return database.select({ ...getTableColumns(posts), liked }).from(posts);
}
