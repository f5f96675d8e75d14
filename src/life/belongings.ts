import { sql } from "drizzle-orm";
import type { ShardDatabase } from "../store/database.ts";
import { columns, isServed, list } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import { type deadLetters, posts, postVersions, relations } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";

export type OwnPost = typeof posts.$inferSelect;
export type OwnVersion = typeof postVersions.$inferSelect;
export type OwnRelation = typeof relations.$inferSelect;
export interface OwnLike {
	postId: Id;
	likedAt: number;
}
type Letter = Pick<typeof deadLetters.$inferSelect, "id" | "kind" | "body">;

/** What an account has on the shards: its own shard has its posts and relations, any may have its comments and likes. */
export class Belongings {
	readonly #shards: Shards;

	constructor(shards: Shards) {
		this.#shards = shards;
	}

	/** Every database, in an order that stays. */
	databases(): ShardDatabase[] {
		return this.#shards.all();
	}

	/**
	 * Whether a range of shards is just being switched from one database to another: then some rows are found on
	 * neither. Both sides know of it for long after.
	 */
	async isSwitching(): Promise<boolean> {
		for (const database of this.databases()) {
			const found = await database.all(sql`SELECT 1 FROM moves WHERE phase <> 'copying' LIMIT 1`);
			if (found.length > 0) return true;
		}
		return false;
	}

	/** Posts, latest first, from `before` (exclusive). */
	async posts(account: Id, before: string, limit: number): Promise<OwnPost[]> {
		const older = before === "" ? undefined : sql`AND id < ${before}`;
		return this.#shards.of(account).all<OwnPost>(sql`SELECT ${columns(posts)} FROM posts
			WHERE author_id = ${account} AND parent_id IS NULL ${older} ORDER BY id DESC LIMIT ${limit}`);
	}

	/** Comments that are on a database, in order, after `after` (exclusive). */
	async comments(database: ShardDatabase, account: Id, after: string, limit: number): Promise<OwnPost[]> {
		return database.all<OwnPost>(sql`SELECT ${columns(posts)} FROM posts
			WHERE author_id = ${account} AND parent_id IS NOT NULL AND id > ${after}
				AND ${isServed(database.dialect, sql`id`)} ORDER BY id LIMIT ${limit}`);
	}

	/** What some posts and comments of a database said before they were edited, latest first. */
	async versions(database: ShardDatabase, ids: readonly Id[]): Promise<OwnVersion[]> {
		return database.all<OwnVersion>(sql`SELECT ${columns(postVersions)} FROM post_versions
			WHERE post_id IN ${list(database.dialect, ids)} ORDER BY post_id, written_at DESC`);
	}

	/** The versions of posts on the account's own shard. */
	async ownVersions(account: Id, ids: readonly Id[]): Promise<OwnVersion[]> {
		return this.versions(this.#shards.of(account), ids);
	}

	/** Likes that are on a database, by post, after `after` (exclusive). */
	async likes(database: ShardDatabase, account: Id, after: string, limit: number): Promise<OwnLike[]> {
		return database.all<OwnLike>(sql`SELECT post_id AS "postId", liked_at AS "likedAt" FROM likes
			WHERE account_id = ${account} AND post_id > ${after}
				AND ${isServed(database.dialect, sql`post_id`)} ORDER BY post_id LIMIT ${limit}`);
	}

	/** Takes likes back. */
	async unlike(account: Id, postIds: readonly Id[]): Promise<void> {
		await this.#shards.gather(postIds, async (database, group) => {
			const ids = list(database.dialect, group);
			await database.batch(
				[sql`DELETE FROM likes WHERE account_id = ${account} AND post_id IN ${ids}`],
				// The counts change: in order, so that two batches do not wait for each other.
				sql`posts WHERE id IN ${ids} ORDER BY id`,
			);
			return [];
		});
	}

	/** The account's side of its relations, by the other, after `after` (exclusive). */
	async relations(account: Id, after: string, limit: number): Promise<OwnRelation[]> {
		return this.#shards.of(account).all<OwnRelation>(sql`SELECT ${columns(relations)} FROM relations
			WHERE owner = ${account} AND other > ${after} ORDER BY other LIMIT ${limit}`);
	}

	/** Deletes both sides of relations in which there is nothing any more; the account's own last, as it tells of the other. */
	async forgetRelations(account: Id, others: readonly Id[]): Promise<void> {
		await this.#shards.gather(others, (database, group) =>
			database.all(sql`DELETE FROM relations WHERE owner IN ${list(database.dialect, group)} AND other = ${account}`),
		);
		const database = this.#shards.of(account);
		await database.batch(
			[sql`DELETE FROM relations WHERE owner = ${account} AND other IN ${list(database.dialect, others)}`],
			sql`profiles WHERE id = ${account}`,
		);
	}

	/** Ends the mutes of those who had nothing else to do with the account: only they know of them. */
	async forgetMutes(account: Id): Promise<void> {
		for (const database of this.databases()) {
			await database.all(sql`DELETE FROM relations WHERE other = ${account} AND muting_at IS NOT NULL`);
		}
	}

	/** Whether something is still to be done that has to do with the account, apart from the job `except`. */
	async awaited(account: Id, except: Id): Promise<boolean> {
		const named = `%${account}%`;
		for (const database of this.databases()) {
			const found = await database.all(sql`SELECT 1 FROM outbox WHERE id <> ${except} AND task LIKE ${named}
				UNION ALL SELECT 1 FROM outbox_chunks WHERE recipients LIKE ${named} LIMIT 1`);
			if (found.length > 0) return true;
		}
		return false;
	}

	/** Takes the account out of the dead letters: those about it go, those to many are for the others from now on. */
	async forgetLetters(account: Id): Promise<void> {
		for (const database of this.databases()) {
			const letters = await database.all<Letter>(
				sql`SELECT id, kind, body FROM dead_letters WHERE body LIKE ${`%${account}%`}`,
			);
			for (const { id, kind, body } of letters) {
				const rest = kind === "chunk" ? withoutRecipient(body, account) : undefined;
				await this.#shards
					.of(id)
					.all(
						rest === undefined
							? sql`DELETE FROM dead_letters WHERE id = ${id}`
							: sql`UPDATE dead_letters SET body = ${rest} WHERE id = ${id}`,
					);
			}
		}
	}

	/** Crosses a job off. */
	async finish(job: Id): Promise<void> {
		await this.#shards.of(job).all(sql`DELETE FROM outbox WHERE id = ${job}`);
	}
}

/** A letter's body without one of its recipients; undefined when it names the account elsewhere too, or nobody is left. */
function withoutRecipient(body: string, account: Id): string | undefined {
	const letter = JSON.parse(body) as { recipients: string[] };
	const recipients = letter.recipients.filter((recipient) => recipient !== account);
	const rest = JSON.stringify({ ...letter, recipients });
	return recipients.length === 0 || rest.includes(account) ? undefined : rest;
}
