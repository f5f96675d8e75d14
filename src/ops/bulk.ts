import { type SQL, sql } from "drizzle-orm";
import { writeWords } from "../accounts/name-store.ts";
import { jsonRows } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";

/** Two ids and Unix milliseconds. */
export type TieRow = readonly [Id, Id, number];

/** Characters of one bound value: D1 takes 2 MB, and a character is at most 3 bytes. */
const VALUE = 600_000;

/** Writes many rows at once. What is there already stays as it is; every call answers how many were new. */
export class BulkStore {
	readonly #shards: Shards;

	constructor(shards: Shards) {
		this.#shards = shards;
	}

	async profiles(
		rows: readonly { id: Id; username: string; displayName: string; bio: string; region: string }[],
	): Promise<number> {
		return this.#insert(
			rows.map(({ id, username, displayName, bio, region }) => ({
				on: id,
				row: [id, username, displayName, bio, region, writeWords(displayName)],
			})),
			(rows) => sql`INSERT INTO profiles (id, username, display_name, bio, region, words)
				SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM ${rows} WHERE true
				ON CONFLICT DO NOTHING RETURNING 1`,
		);
	}

	/** Both sides of each friendship, as a settled pair has them: version 1 on either shard. */
	async friendships(pairs: readonly TieRow[]): Promise<number> {
		const mirrored = pairs.flatMap(([a, b, at]): TieRow[] => [
			[a, b, at],
			[b, a, at],
		]);
		return (await this.#ties("friend_at", mirrored)) / 2;
	}

	async follows(pairs: readonly TieRow[]): Promise<number> {
		const made = await this.#ties("following_at", pairs);
		await this.#ties(
			"follower_at",
			pairs.map(([follower, followed, at]) => [followed, follower, at]),
		);
		return made;
	}

	async posts(rows: readonly { id: Id; authorId: Id; text: string; audience: number }[]): Promise<number> {
		return this.#insert(
			rows.map(({ id, authorId, text, audience }) => ({ on: id, row: [id, authorId, text, audience] })),
			(rows) => sql`INSERT INTO posts (id, author_id, text, audience)
				SELECT value->>0, value->>1, value->>2, CAST(value->>3 AS integer) FROM ${rows} WHERE true
				ON CONFLICT DO NOTHING RETURNING 1`,
		);
	}

	/** Comments on posts, not on other comments. */
	async comments(rows: readonly { id: Id; authorId: Id; parentId: Id; text: string }[]): Promise<number> {
		return this.#insert(
			rows.map(({ id, authorId, parentId, text }) => ({ on: id, row: [id, authorId, parentId, text] })),
			(rows) => sql`INSERT INTO posts (id, author_id, parent_id, root_id, text, audience)
				SELECT value->>0, value->>1, parent.id, parent.id, value->>3, parent.audience
				FROM ${rows} JOIN posts AS parent ON parent.id = value->>2 AND parent.parent_id IS NULL WHERE true
				ON CONFLICT DO NOTHING RETURNING 1`,
		);
	}

	/** [what is liked, who likes it, when] */
	async likes(likes: readonly TieRow[]): Promise<number> {
		return this.#insert(
			likes.map((row) => ({ on: row[0], row })),
			(rows) => sql`INSERT INTO likes (post_id, account_id, liked_at)
				SELECT value->>0, value->>1, CAST(value->>2 AS bigint) FROM ${rows}
				WHERE EXISTS (SELECT 1 FROM posts WHERE id = value->>0) ON CONFLICT DO NOTHING RETURNING 1`,
		);
	}

	/**
	 * [whose row, the other, since]. A tie that is named twice is grouped, as Postgres updates no row twice in a
	 * statement; in order, so that two imports at once do not wait for each other.
	 */
	async #ties(name: "friend_at" | "following_at" | "follower_at", ties: readonly TieRow[]): Promise<number> {
		const column = sql.raw(name);
		return this.#insert(
			ties.map((row) => ({ on: row[0], row })),
			(rows) => sql`INSERT INTO relations (owner, other, version, ${column})
				SELECT value->>0, value->>1, 1, min(CAST(value->>2 AS bigint)) FROM ${rows} WHERE true
				GROUP BY value->>0, value->>1 ORDER BY value->>0, value->>1
				ON CONFLICT (owner, other) DO UPDATE SET ${column} = excluded.${column}, version = relations.version + 1
					WHERE relations.${column} IS NULL RETURNING 1`,
		);
	}

	/** The rows travel as JSON values, one statement each. */
	async #insert(rows: readonly { on: Id; row: readonly unknown[] }[], statement: (rows: SQL) => SQL): Promise<number> {
		const texts = new Map<Id, string[]>();
		for (const { on, row } of rows) {
			const known = texts.get(on);
			if (known) known.push(JSON.stringify(row));
			else texts.set(on, [JSON.stringify(row)]);
		}
		const written = await this.#shards.gather(texts.keys(), async (database, ids) => {
			const news: unknown[] = [];
			for (const part of parts(ids.flatMap((id) => texts.get(id) ?? []))) {
				news.push(...(await database.all(statement(jsonRows(database.dialect, `[${part.join(",")}]`)))));
			}
			return news;
		});
		return written.length;
	}
}

/** As many texts as fit into one value. */
function parts(texts: readonly string[]): string[][] {
	const parts: string[][] = [];
	let size = VALUE;
	for (const text of texts) {
		size += text.length + 1;
		if (size > VALUE) {
			parts.push([]);
			size = text.length;
		}
		parts.at(-1)?.push(text);
	}
	return parts;
}
