import { reportFailure } from "../report.ts";
import type { ShardDatabase } from "../store/database.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";
import type { MediaFiles } from "./files.ts";
import type { MediaRow, MediaStore } from "./store.ts";

/** Rows that one look takes, looks in one round for each database, and files that are deleted at once. */
const ROWS = 100;
const LOOKS = 5;
const AT_ONCE = 5;
/** Milliseconds until what could not be deleted is tried again. */
const AGAIN = 600_000;

/** Deletes what nobody is to find any more: a row says that a file is to go until it is gone. */
export class MediaKeeping {
	readonly #shards: Shards;
	readonly #store: MediaStore;
	readonly #files: MediaFiles;

	constructor(shards: Shards, store: MediaStore, files: MediaFiles) {
		this.#shards = shards;
		this.#store = store;
		this.#files = files;
	}

	/** What was discarded, and what nothing has come to show in its time. */
	async sweep(now: number): Promise<void> {
		await this.#shards.fresh();
		const rounds = await Promise.allSettled(this.#shards.all().map((database) => this.#sweepOne(database, now)));
		// A shard that is down must not keep the others from being swept.
		for (const round of rounds) {
			if (round.status === "rejected") reportFailure("media of a shard were not swept", round.reason);
		}
	}

	async #sweepOne(database: ShardDatabase, now: number): Promise<void> {
		for (let look = 0; look < LOOKS; look++) {
			const rows = await this.#store.due(database, now, ROWS);
			await this.#all(rows, async (row) => {
				try {
					await this.#sweepRow(row, now);
				} catch (error) {
					reportFailure("a file was not deleted", error);
					await this.#store.putOff(row.id, now + AGAIN);
				}
			});
			if (rows.length < ROWS) return;
		}
	}

	async #sweepRow(row: MediaRow, now: number): Promise<void> {
		// A post may have come to show it since it was looked for.
		if (row.status !== "discarded" && !(await this.#store.discardOrphan(row.id, now))) return;
		await this.#delete(row);
	}

	/** The row last: it tells of the files. */
	async #delete(row: MediaRow): Promise<void> {
		await this.#files.empty(row);
		await this.#store.remove(row.id);
	}

	/** Deletes some of an account's, a page of it. @returns false when there is more */
	async forget(owner: Id): Promise<boolean> {
		const rows = await this.#store.discardAll(owner, ROWS);
		await this.#all(rows, (row) => this.#delete(row));
		if (rows.length === ROWS) return false;
		// Also what has no row: whoever wrote it died before he saw that it was gone.
		await this.#files.emptyAll(owner);
		return true;
	}

	async #all(rows: readonly MediaRow[], work: (row: MediaRow) => Promise<void>): Promise<void> {
		for (let at = 0; at < rows.length; at += AT_ONCE) await Promise.all(rows.slice(at, at + AT_ONCE).map(work));
	}
}
