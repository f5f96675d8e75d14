import type { Id } from "../store/ids.ts";

/** How long a key is remembered, in milliseconds. */
export const KEY_LIFETIME = 86_400_000;

/** What a key means for the request that brings it. */
export type Reservation =
	/** Do the work, under this id: whoever repeats the request before it is done gets the same one. */
	| { state: "proceed"; id: Id }
	/** It is done; this was the answer. */
	| { state: "done"; body: string }
	/** The key belongs to a different request. */
	| { state: "mismatch" };

/** The idempotency keys of one account, in her timeline object: its calls run one at a time. */
export class Idempotency {
	readonly #sql: SqlStorage;

	constructor(sql: SqlStorage) {
		this.#sql = sql;
		sql.exec(`CREATE TABLE IF NOT EXISTS idempotency (
			key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL, body TEXT, reserved_at INTEGER NOT NULL
		) WITHOUT ROWID`);
	}

	/** `fingerprint` stands for the request's method, path and body; `candidate` is the id to use when the key is new. */
	reserve(key: string, fingerprint: string, candidate: Id, now: number): Reservation {
		this.#sql.exec(`DELETE FROM idempotency WHERE reserved_at < ?`, now - KEY_LIFETIME);
		const [row] = this.#sql
			.exec<{ fingerprint: string; id: Id; body: string | null }>(
				`SELECT fingerprint, id, body FROM idempotency WHERE key = ?`,
				key,
			)
			.toArray();
		if (!row) {
			this.#sql.exec(
				`INSERT INTO idempotency (key, fingerprint, id, reserved_at) VALUES (?, ?, ?, ?)`,
				key,
				fingerprint,
				candidate,
				now,
			);
			return { state: "proceed", id: candidate };
		}
		if (row.fingerprint !== fingerprint) return { state: "mismatch" };
		return row.body === null ? { state: "proceed", id: row.id } : { state: "done", body: row.body };
	}

	/** The first answer stays: of two requests that raced, both give it. */
	complete(key: string, body: string): string {
		this.#sql.exec(`UPDATE idempotency SET body = ? WHERE key = ? AND body IS NULL`, body, key);
		const [row] = this.#sql.exec<{ body: string | null }>(`SELECT body FROM idempotency WHERE key = ?`, key).toArray();
		return row?.body ?? body;
	}
}
