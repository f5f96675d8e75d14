import { sql } from "drizzle-orm";
import { Problem } from "../gateway/problem.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";
import { AVATAR } from "./media.ts";
import type { MediaStore } from "./store.ts";
import { attach, discard } from "./ties.ts";

/** The pictures of accounts that were uploaded here. */
export class Avatars {
	readonly #shards: Shards;
	readonly #store: MediaStore;
	readonly #now: () => number;

	constructor(shards: Shards, store: MediaStore, now: () => number) {
		this.#shards = shards;
		this.#store = store;
		this.#now = now;
	}

	/** Has an account show a picture; the one before goes. @throws Problem `media_not_found`, `media_not_ready` */
	async choose(owner: Id, id: Id): Promise<void> {
		const row = await this.#store.byId(id);
		if (row?.owner !== owner || row.purpose !== "avatar" || row.status === "discarded")
			throw new Problem("media_not_found");
		if (row.status !== "ready") throw new Problem("media_not_ready");
		const { dialect } = this.#shards.of(owner);
		const good = sql`EXISTS (SELECT 1 FROM media WHERE id = ${id} AND status = 'ready')`;
		const [changed = []] = await this.#shards
			.of(owner)
			.batch(
				[
					sql`UPDATE profiles SET avatar_url = ${`/media/${id}/${AVATAR}`} WHERE id = ${owner} AND ${good} RETURNING 1`,
					sql`${attach(dialect, [id], owner)} AND ${good}`,
					sql`${discard(dialect, owner, [id], this.#now())} AND ${good}`,
				],
				sql`media WHERE owner = ${owner} AND id = ${id}`,
			);
		if (changed.length === 0) throw new Problem("media_not_found");
	}

	/** Gives up the one that an account shows, and has it show `url`, or none. */
	async replace(owner: Id, url: string | null): Promise<void> {
		const { dialect } = this.#shards.of(owner);
		await this.#shards
			.of(owner)
			.batch(
				[sql`UPDATE profiles SET avatar_url = ${url} WHERE id = ${owner}`, discard(dialect, owner, [], this.#now())],
				sql`profiles WHERE id = ${owner}`,
			);
	}
}
