import { sql } from "drizzle-orm";
import type { ShardDatabase } from "../store/database.ts";
import { isServed, jsonRows, list } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";
import { byCodePoint, endOf, wordsOf } from "./names.ts";
import type { Profile } from "./store.ts";

/** An account, and the first of its words that fits what was asked. */
export interface Named {
	id: Id;
	word: string;
}

/** Profiles of one database that a round of {@link NameStore.backfill} gives words to. */
const ROUND = 500;

/** By what accounts are found. Triggers keep `account_names` with `profiles`; an account that is hidden has no names. */
export class NameStore {
	readonly #shards: Shards;

	constructor(shards: Shards) {
		this.#shards = shards;
	}

	/**
	 * The first accounts with a word that begins with `prefix`, by that word and then by id, after `after` (exclusive).
	 * Each is there once, by the first of its words that fit. One query to each physical shard, which may also have
	 * copies of profiles on their way, and so names of yesterday: {@link hasWord}.
	 */
	async find(prefix: string, after: Named | undefined, limit: number): Promise<Named[]> {
		const from = after
			? sql`(named.word, named.account_id) > (${after.word}, ${after.id})`
			: sql`named.word >= ${prefix}`;
		await this.#shards.fresh();
		const found = await Promise.all(
			this.#shards.all().map((database) =>
				database.all<Named>(sql`SELECT named.account_id AS id, named.word AS word FROM account_names AS named
					WHERE ${from} AND named.word < ${endOf(prefix)}
						AND NOT EXISTS (SELECT 1 FROM account_names AS earlier WHERE earlier.account_id = named.account_id
							AND earlier.word >= ${prefix} AND earlier.word < named.word)
					ORDER BY named.word, named.account_id LIMIT ${limit}`),
			),
		);
		return once(found.flat()).slice(0, limit);
	}

	/** Those of some accounts that have a word that begins with `prefix`, in the same order. */
	async among(ids: readonly Id[], prefix: string): Promise<Named[]> {
		if (ids.length === 0) return [];
		const rows = await this.#shards.gather(ids, (database, group) =>
			database.all<Named>(sql`SELECT account_id AS id, word FROM account_names
				WHERE account_id IN ${list(database.dialect, group)} AND word >= ${prefix} AND word < ${endOf(prefix)}`),
		);
		return once(rows);
	}

	/** Gives words to profiles that were made before there were any, some at a time. @returns how many it found */
	async backfill(): Promise<number> {
		await this.#shards.fresh();
		const counts = await Promise.all(this.#shards.all().map((database) => this.#backfill(database)));
		return counts.reduce((sum, count) => sum + count, 0);
	}

	async #backfill(database: ShardDatabase): Promise<number> {
		const rows = await database.all<{ id: Id; displayName: string }>(
			sql`SELECT id, display_name AS "displayName" FROM profiles
				WHERE words IS NULL AND id > '' AND ${isServed(database.dialect, sql`id`)} LIMIT ${ROUND}`,
		);
		if (rows.length === 0) return 0;
		const words = JSON.stringify(rows.map(({ id, displayName }) => [id, displayName, writeWords(displayName)]));
		// Who has changed her name meanwhile has written its words.
		await this.#shards.gather(
			rows.map(({ id }) => id),
			(holder, group) =>
				holder.all(sql`UPDATE profiles SET words = (SELECT value->>2 FROM ${jsonRows(holder.dialect, words)} AS made
						WHERE made.value->>0 = profiles.id)
					WHERE id IN ${list(holder.dialect, group)} AND words IS NULL
						AND display_name = (SELECT value->>1 FROM ${jsonRows(holder.dialect, words)} AS made
							WHERE made.value->>0 = profiles.id)`),
		);
		return rows.length;
	}
}

/** In order, each account by the first of its words. */
function once(found: Named[]): Named[] {
	const first = new Map<Id, Named>();
	for (const row of found.sort(inOrder)) if (!first.has(row.id)) first.set(row.id, row);
	return [...first.values()];
}

/** Whether somebody is found by a word today. */
export function hasWord({ username, words }: Pick<Profile, "username" | "words">, word: string): boolean {
	return word === username || (words !== null && (JSON.parse(words) as string[]).includes(word));
}

/** The value of `profiles.words`. */
export function writeWords(displayName: string): string {
	return JSON.stringify(wordsOf(displayName));
}

/** As {@link NameStore.find} orders accounts. */
export function inOrder(a: Named, b: Named): number {
	return byCodePoint(a.word, b.word) || byCodePoint(a.id, b.id);
}
