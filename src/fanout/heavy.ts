import { sql } from "drizzle-orm";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import { promise, underFreshId } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";

/** Below this part of the limit a heavy author is pushed again: else one at the limit would go to and fro. */
const STAYS = 0.8;

/**
 * Authors with so many followers that their posts are not pushed to them.
 *
 * Crossing the limit leaves no gap in either direction: posts are pushed until every follower's timeline has
 * been told to pull, and again before the first is told to stop. What is pushed and pulled is there once.
 */
export class HeavyAuthors {
	readonly #shards: Shards;
	readonly #minter: IdMinter;
	readonly #limit: number;
	readonly #now: () => number;

	constructor(shards: Shards, minter: IdMinter, limit: number, now: () => number) {
		this.#shards = shards;
		this.#minter = minter;
		this.#limit = limit;
		this.#now = now;
	}

	/** Whether the followers of an author pull; when she has crossed the limit, they are told. */
	async arePulled(author: Id): Promise<boolean> {
		const [found] = await this.#shards.of(author).all<{ followers: number; heavy: number; herald: Id | null }>(
			sql`SELECT follower_count AS followers, heavy, outbox.id AS herald
				FROM profiles LEFT JOIN outbox ON outbox.id = profiles.herald WHERE profiles.id = ${author}`,
		);
		if (!found) return false;
		const heavy = found.followers > this.#limit * (found.heavy ? STAYS : 1);
		if (heavy !== (found.heavy === 1)) await this.#announce(author, heavy);
		return heavy && found.heavy === 1 && found.herald === null;
	}

	async #announce(author: Id, heavy: boolean): Promise<void> {
		const database = this.#shards.of(author);
		await underFreshId(
			() => this.#minter.mint(logicalShardOf(author)),
			async (herald) => {
				await database.batch([
					promise({ id: herald, task: { kind: "herald", authorId: author } }, this.#now()),
					sql`UPDATE profiles SET heavy = ${heavy ? 1 : 0}, herald = ${herald} WHERE id = ${author}`,
				]);
			},
		);
	}
}
