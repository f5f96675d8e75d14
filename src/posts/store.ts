import { type SQL, sql } from "drizzle-orm";
import type { AuthorProfile } from "../accounts/store.ts";
import { LEVELS, type Level } from "../graph/rules.ts";
import { attach, discard, stillThere, type Wanted } from "../media/ties.ts";
import type { PreviewColumns } from "../previews/preview.ts";
import type { ShardDatabase } from "../store/database.ts";
import { asInteger, assignments, asText, columns, indexedBy, jsonMembers, list, staying } from "../store/dialect.ts";
import { type Id, timeOf } from "../store/ids.ts";
import { done, type Job, promise, promiseWhere } from "../store/outbox.ts";
import { posts, postVersions } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";

/** A post or comment, and whether the one who asked likes it. */
export type PostRow = typeof posts.$inferSelect & { liked: boolean };
export type PostWithAuthor = Omit<PostRow, "liked"> & { author: AuthorProfile };
type PostWithAuthorRow = Omit<PostRow, "liked"> & {
	authorUsername: string;
	authorDisplayName: string;
	authorAvatarUrl: string | null;
};
export type PostVersion = typeof postVersions.$inferSelect;
export type NewPost = Pick<typeof posts.$inferInsert, "id" | "authorId" | "text" | "audience" | "link"> &
	Partial<PreviewColumns>;
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
	 * Writes a post and promises its fan-out, and `more`, in one atomic batch.
	 *
	 * @throws what {@link isTaken} tells when the id of any is taken.
	 */
	async insert(post: NewPost, job: Job, more: readonly Job[] = []): Promise<PostRow> {
		const { id, authorId, text, audience, link = null, preview = null, previewImage = null } = post;
		const [written] = await this.#shards.of(id).batch([
			sql`INSERT INTO posts (id, author_id, text, audience, link, preview, preview_image)
				VALUES (${id}, ${authorId}, ${text}, ${audience}, ${link}, ${preview}, ${previewImage})
				RETURNING ${columns(posts)}`,
			...[job, ...more].map((each) => promise(each, this.#now())),
		]);
		const [row] = (written ?? []) as PostRow[];
		if (!row) throw new Error("a post was not written");
		return { ...row, liked: false };
	}

	/**
	 * The same of a post that shows media, which are tied to it in the same batch.
	 *
	 * @returns undefined when they are not as they were found any more: then nothing is written.
	 */
	async insertWithMedia(
		post: NewPost,
		media: Wanted,
		job: Job,
		more: readonly Job[] = [],
	): Promise<PostRow | undefined> {
		const { id, authorId, text, audience, link = null, preview = null, previewImage = null } = post;
		const database = this.#shards.of(id);
		const { dialect } = database;
		const written = sql`EXISTS (SELECT 1 FROM posts WHERE id = ${id})`;
		const [inserted] = await database.batch(
			[
				sql`INSERT INTO posts (id, author_id, text, audience, link, preview, preview_image, media)
					SELECT ${asText(id)}, ${asText(authorId)}, ${asText(text)}, ${asInteger(audience)}, ${asText(link)},
						${asText(preview)}, ${asText(previewImage)}, ${asText(media.text)}
					WHERE ${stillThere(dialect, media, id)} RETURNING ${columns(posts)}`,
				sql`${attach(dialect, media.ids, id)} AND ${written}`,
				...[job, ...more].map((each) => promiseWhere(each, this.#now(), written)),
			],
			sql`media WHERE id IN ${list(dialect, media.ids)} ORDER BY id`,
		);
		const [row] = (inserted ?? []) as PostRow[];
		return row && { ...row, liked: false };
	}

	/**
	 * @returns undefined when what it answers is gone.
	 * @throws what {@link isTaken} tells when the id is taken.
	 */
	async insertComment({ id, authorId, parentId, rootId, ...comment }: NewComment): Promise<PostRow | undefined> {
		const database = this.#shards.of(id);
		const [row] = await database.all<PostRow>(sql`INSERT INTO posts (id, author_id, parent_id, root_id, text, audience)
			SELECT ${asText(id)}, ${asText(authorId)}, ${asText(parentId)}, ${asText(rootId)}, ${asText(comment.text)},
				${asInteger(comment.audience)}
			WHERE ${isThere(database, rootId)} AND ${isThere(database, parentId)} RETURNING ${columns(posts)}`);
		return row && { ...row, liked: false };
	}

	/** The posts and comments that exist, by id, with one query to each shard. */
	async byIds(ids: Iterable<Id>, viewer: Id): Promise<Map<Id, PostRow>> {
		const rows = await this.#shards.gather(ids, (database, group) =>
			select(database, viewer, sql`id IN ${list(database.dialect, group)}`),
		);
		return new Map(rows.map((row) => [row.id, row]));
	}

	/**
	 * The posts that exist, comments left out, each with its author: with one query to each shard, because a post is
	 * where its author is.
	 */
	async withAuthors(ids: Iterable<Id>): Promise<PostWithAuthor[]> {
		return this.#shards.gather(ids, (database, group) =>
			selectWithAuthors(database, sql`posts.id IN ${list(database.dialect, group)} AND posts.parent_id IS NULL`),
		);
	}

	/** An author's posts that everybody may see, newest first, from `before` (exclusive). */
	async publicByAuthor(authorId: Id, before: Id | undefined, limit: number): Promise<PostWithAuthor[]> {
		const page = sql`${ofAuthor(authorId, LEVELS.none)} ${before && sql`AND posts.id < ${before}`}
			ORDER BY posts.id DESC LIMIT ${limit}`;
		return selectWithAuthors(this.#shards.of(authorId), page);
	}

	async exists(id: Id): Promise<boolean> {
		const rows = await this.#shards.of(id).all(sql`SELECT 1 FROM posts WHERE id = ${id}`);
		return rows.length > 0;
	}

	/** An author's posts that someone at `level` may see, newest first, from `before` (exclusive). */
	async byAuthor(authorId: Id, viewer: Id, level: Level, before: Id | undefined, limit: number): Promise<PostRow[]> {
		const page = sql`${ofAuthor(authorId, level)} ${below(before)} ORDER BY id DESC LIMIT ${limit}`;
		return select(this.#shards.of(authorId), viewer, page);
	}

	/** An author's newest posts that someone at `level` may see, newest first; `complete` when there are no older ones. */
	async newest(authorId: Id, level: Level, limit: number): Promise<{ ids: Id[]; complete: boolean }> {
		const rows = await this.#shards
			.of(authorId)
			.all<{ id: Id }>(
				sql`SELECT id FROM posts WHERE ${ofAuthor(authorId, level)} ORDER BY id DESC LIMIT ${limit + 1}`,
			);
		return { ids: rows.slice(0, limit).map((row) => row.id), complete: rows.length <= limit };
	}

	/** The newest posts of each of many authors that someone at `level` may see, newest first. */
	async heads(authors: readonly Id[], level: Level, limit: number): Promise<Map<Id, Id[]>> {
		const rows = await this.#shards.gather(authors, (database, group) => {
			const { dialect } = database;
			const newest = sql`FROM posts AS newest ${indexedBy(dialect, "posts_by_author")}
				WHERE newest.author_id = author.value AND newest.parent_id IS NULL AND newest.audience <= ${level}
				ORDER BY newest.id DESC LIMIT ${limit}`;
			// Postgres does not look posts up by a list that depends on the author, SQLite knows no LATERAL.
			const join =
				dialect === "sqlite"
					? sql`JOIN posts ON posts.id IN (SELECT newest.id ${newest})`
					: sql`CROSS JOIN LATERAL (SELECT newest.id, newest.author_id ${newest}) AS posts`;
			return database.all<PostKey>(sql`SELECT posts.id AS "postId", posts.author_id AS "authorId"
				FROM ${list(dialect, group)} AS author ${join} ORDER BY posts.id DESC`);
		});
		const heads = new Map<Id, Id[]>(authors.map((author) => [author, []]));
		for (const { authorId, postId } of rows) heads.get(authorId)?.push(postId);
		return heads;
	}

	/** What answers a post or comment, newest first, from `before` (exclusive). */
	async comments(parentId: Id, viewer: Id, before: Id | undefined, limit: number): Promise<PostRow[]> {
		const page = sql`parent_id = ${parentId} ${below(before)} ORDER BY id DESC LIMIT ${limit}`;
		return select(this.#shards.of(parentId), viewer, page);
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
		const older = before === undefined ? undefined : sql`AND written_at < ${before}`;
		return this.#shards.of(id).all<PostVersion>(sql`SELECT ${columns(postVersions)} FROM post_versions
			WHERE post_id = ${id} ${older} ORDER BY written_at DESC LIMIT ${limit}`);
	}

	/** Changes an author's own post, keeps what it said before, and promises `jobs`, in one atomic batch. */
	async update(
		id: Id,
		change: Partial<Pick<NewPost, "text" | "audience" | "link" | keyof PreviewColumns>>,
		jobs: readonly Job[],
	): Promise<void> {
		const now = this.#now();
		const { text = sql`text`, link = sql`link` } = change;
		await this.#shards.of(id).batch(
			[
				sql`INSERT INTO post_versions (post_id, written_at, text, link)
					SELECT id, coalesce(edited_at, ${timeOf(id)}), text, link FROM posts
					WHERE id = ${id} AND (text IS DISTINCT FROM ${text} OR link IS DISTINCT FROM ${link})
					ON CONFLICT DO NOTHING`,
				sql`UPDATE posts SET ${assignments(posts, { ...change, editedAt: now })} WHERE id = ${id}`,
				...jobs.map((job) => promise(job, now)),
			],
			sql`posts WHERE id = ${id}`,
		);
	}

	/** What the preview of a post's link depends on; undefined when the post is gone. */
	async linked(id: Id): Promise<Pick<PostRow, "authorId" | "audience" | "link" | "preview"> | undefined> {
		const [row] = await this.#shards
			.of(id)
			.all<Pick<PostRow, "authorId" | "audience" | "link" | "preview">>(
				sql`SELECT author_id AS "authorId", audience, link, preview FROM posts WHERE id = ${id}`,
			);
		return row;
	}

	/**
	 * Gives a post the preview of its link, if that is still its link; promises `jobs` and crosses `finished` off, in one
	 * atomic batch. No edit: nothing of what its author wrote is different.
	 */
	async setPreview(id: Id, link: string, preview: PreviewColumns, jobs: readonly Job[], finished: Id): Promise<void> {
		await this.#shards
			.of(id)
			.batch(
				[
					sql`UPDATE posts SET ${assignments(posts, { ...preview })} WHERE id = ${id} AND link = ${link}`,
					...jobs.map((job) => promise(job, this.#now())),
					done(finished),
				],
				sql`posts WHERE id = ${id}`,
			);
	}

	/** Those of some images that a post shows, wherever it is. */
	async previewImagesAmong(names: readonly string[]): Promise<Set<string>> {
		await this.#shards.fresh();
		const found = await Promise.all(
			this.#shards
				.all()
				.map((database) =>
					database.all<{ name: string }>(
						sql`SELECT preview_image AS name FROM posts WHERE preview_image IN ${list(database.dialect, names)}`,
					),
				),
		);
		return new Set(found.flat().map(({ name }) => name));
	}

	/**
	 * The same when the post is to show other media: those are tied to it, and what it showed is given up, in the same batch.
	 *
	 * @returns false when they are not as they were found any more: then nothing is written.
	 */
	async updateWithMedia(
		id: Id,
		change: Partial<Pick<NewPost, "text" | "audience" | "link" | keyof PreviewColumns>>,
		media: Wanted,
		jobs: readonly Job[],
	): Promise<boolean> {
		const now = this.#now();
		const database = this.#shards.of(id);
		const { dialect } = database;
		const { text = sql`text`, link = sql`link` } = change;
		// True before and after those are tied to the post.
		const good = stillThere(dialect, media, id);
		const set = assignments(posts, { ...change, media: media.text, editedAt: now });
		const [, updated = []] = await database.batch(
			[
				sql`INSERT INTO post_versions (post_id, written_at, text, link)
					SELECT id, coalesce(edited_at, ${timeOf(id)}), text, link FROM posts
					WHERE id = ${id} AND (text IS DISTINCT FROM ${text} OR link IS DISTINCT FROM ${link}) AND ${good}
					ON CONFLICT DO NOTHING`,
				sql`UPDATE posts SET ${set} WHERE id = ${id} AND ${good} RETURNING 1`,
				sql`${attach(dialect, media.ids, id)} AND ${good}`,
				sql`${discard(dialect, id, media.ids, now)} AND ${good}`,
				...jobs.map((job) => promiseWhere(job, now, good)),
			],
			sql`posts WHERE id = ${id}`,
		);
		return updated.length > 0;
	}

	/**
	 * Deletes a post, so that no read finds it or what hangs on it, gives up what it showed, and promises to clear up, in
	 * one atomic batch.
	 */
	async remove(id: Id, jobs: readonly Job[]): Promise<void> {
		const now = this.#now();
		const database = this.#shards.of(id);
		await database.batch([
			discard(database.dialect, id, [], now),
			sql`DELETE FROM posts WHERE id = ${id}`,
			sql`DELETE FROM post_versions WHERE post_id = ${id}`,
			sql`DELETE FROM deliveries WHERE post_id = ${id}`,
			...jobs.map((job) => promise(job, now)),
		]);
	}

	/**
	 * Deletes a comment with everything that answers it, some at a time and the comment last: when this ends half-way,
	 * it is still there, to be deleted again.
	 *
	 * @returns false when there is more than one run deletes.
	 */
	async removeComment(id: Id): Promise<boolean> {
		// An answer before what it answers, so that nothing is left that cannot be found.
		const deepest = sql`(WITH RECURSIVE thread (id, depth) AS (
			SELECT id, 0 FROM posts WHERE id = ${id}
			UNION ALL SELECT posts.id, depth + 1 FROM posts JOIN thread ON posts.parent_id = thread.id
		) SELECT id FROM thread ORDER BY depth DESC, id LIMIT ${ERASE})`;
		for (let round = 0; round < ERASE_ROUNDS; round++) {
			const [, , gone = []] = await this.#shards
				.of(id)
				.batch([
					sql`DELETE FROM likes WHERE post_id IN ${deepest}`,
					sql`DELETE FROM post_versions WHERE post_id IN ${deepest}`,
					sql`DELETE FROM posts WHERE id IN ${deepest} RETURNING 1`,
				]);
			if (gone.length < ERASE) return true;
		}
		return false;
	}

	/**
	 * Erases the comments and likes of a deleted post, some at a time.
	 *
	 * @returns false when there are more than one run erases.
	 */
	async eraseThread(rootId: Id): Promise<boolean> {
		const database = this.#shards.of(rootId);
		const someLikes = sql`(SELECT post_id, account_id FROM likes WHERE post_id = ${rootId} LIMIT ${ERASE})`;
		const someComments = sql`(SELECT id FROM posts WHERE root_id = ${rootId} ORDER BY id LIMIT ${ERASE})`;
		for (let round = 0; round < ERASE_ROUNDS; round++) {
			const [own = [], , , gone = []] = await database.batch([
				sql`DELETE FROM likes WHERE (post_id, account_id) IN ${someLikes} RETURNING 1`,
				sql`DELETE FROM likes WHERE post_id IN ${someComments}`,
				sql`DELETE FROM post_versions WHERE post_id IN ${someComments}`,
				sql`DELETE FROM posts WHERE id IN ${someComments} RETURNING 1`,
			]);
			if (own.length < ERASE && gone.length < ERASE) return true;
		}
		return false;
	}

	/** One statement a shard, whatever the number of authors: they travel as one JSON object of id and level. */
	async #ofMany(authors: ReadonlyMap<Id, Level>, span: SQL, order: "ASC" | "DESC", limit: number): Promise<PostKey[]> {
		const first = (count: number) => sql`ORDER BY posts.id ${sql.raw(order)} LIMIT ${count}`;
		const keys = await this.#shards.gather(authors.keys(), async (database, group) => {
			const levels = JSON.stringify(Object.fromEntries(group.map((author) => [author, authors.get(author)])));
			const from = jsonMembers(database.dialect, levels);
			return database.all<PostKey>(
				database.dialect === "sqlite" ? early(from, span, first(limit)) : heads(from, span, first(1), first(limit)),
			);
		});
		const sign = order === "ASC" ? 1 : -1;
		return keys.sort((a, b) => (a.postId < b.postId ? -sign : sign)).slice(0, limit);
	}
}

const VISIBLE = sql`posts.author_id = author.key AND posts.parent_id IS NULL AND posts.audience <= CAST(author.value AS integer)`;

/**
 * With `posts_by_author` in the order asked for, SQLite leaves an author as soon as her next post cannot be among the
 * first of the page any more.
 */
function early(authors: SQL, span: SQL, page: SQL): SQL {
	return sql`SELECT posts.id AS "postId", posts.author_id AS "authorId" FROM ${authors} AS author
		CROSS JOIN posts ${indexedBy("sqlite", "posts_by_author")} ON ${VISIBLE} ${span} ${page}`;
}

/**
 * Postgres would read every post of every author. So it first looks for each author's first post: who has posts on a
 * page of so many is among the authors of the so many first ones. Measured (Postgres 15, 5,000 authors of 100 posts,
 * 500,000 newer ones of others; pages of 20 and of 100, active and quiet authors): 11-29 ms whatever the page; a top
 * 20 for every author 17-38 ms, a top 100 23-71 ms; a plain join 22-69 ms, and more with every post ever written.
 */
function heads(authors: SQL, span: SQL, one: SQL, page: SQL): SQL {
	return sql`WITH head AS (
			SELECT author.key, author.value FROM ${authors} AS author
			CROSS JOIN LATERAL (SELECT id FROM posts WHERE ${VISIBLE} ${span} ${one}) AS posts ${page}
		)
		SELECT posts.id AS "postId", posts.author_id AS "authorId" FROM head AS author
		CROSS JOIN LATERAL (SELECT id, author_id FROM posts WHERE ${VISIBLE} ${span} ${page}) AS posts ${page}`;
}

function ofAuthor(authorId: Id, level: Level): SQL {
	return sql`author_id = ${authorId} AND parent_id IS NULL AND audience <= ${level}`;
}

function below(id: Id | undefined): SQL | undefined {
	return id && sql`AND id < ${id}`;
}

/** Whether a post exists, and does until what is written because of it is there too. */
function isThere({ dialect }: ShardDatabase, id: Id): SQL {
	return sql`EXISTS (SELECT 1 FROM posts WHERE id = ${id} ${staying(dialect)})`;
}

async function selectWithAuthors(database: ShardDatabase, where: SQL): Promise<PostWithAuthor[]> {
	const rows =
		await database.all<PostWithAuthorRow>(sql`SELECT ${columns(posts)}, profiles.username AS "authorUsername",
			profiles.display_name AS "authorDisplayName", profiles.avatar_url AS "authorAvatarUrl"
		FROM posts JOIN profiles ON profiles.id = posts.author_id AND profiles.hidden % 2 = 0 WHERE ${where}`);
	return rows.map(({ authorUsername, authorDisplayName, authorAvatarUrl, ...post }) => ({
		...post,
		author: {
			id: post.authorId,
			username: authorUsername,
			displayName: authorDisplayName,
			avatarUrl: authorAvatarUrl,
		},
	}));
}

async function select(database: ShardDatabase, viewer: Id, where: SQL): Promise<PostRow[]> {
	const liked = sql`EXISTS (SELECT 1 FROM likes WHERE likes.post_id = posts.id AND likes.account_id = ${viewer})`;
	// A post is where its author is; a comment's may be elsewhere, and is left out when it is presented. A look for each
	// row: for NOT EXISTS, Postgres may read all profiles.
	const hidden = sql`coalesce((SELECT hidden FROM profiles WHERE profiles.id = posts.author_id), 0)`;
	const rows = await database.all<PostRow>(
		sql`SELECT ${columns(posts)}, ${liked} AS liked FROM posts WHERE ${hidden} % 2 = 0 AND ${where}`,
	);
	return rows.map((row) => ({ ...row, liked: Boolean(row.liked) }));
}
