import type { Id } from "../store/ids.ts";

/** How long a key is remembered, in milliseconds. */
export const KEY_LIFETIME = 86_400_000;
/** After so long an unfinished claim has failed, in milliseconds: no request lives that long. */
const CLAIM_LIFETIME = 60_000;
/** How often the keys that are past their lifetime are looked for, in milliseconds. */
const PURGE_EVERY = 3_600_000;

/** What a key means for the request that brings it. */
export type Reservation =
	/**
	 * Do the work, under this id: whoever repeats the request before it is done gets the same one. `stale` says
	 * that it was claimed so long ago that whoever claimed it has failed.
	 */
	| { state: "proceed"; id: Id; stale: boolean }
	/** It is done; this was the answer. */
	| { state: "done"; body: string }
	/** The key belongs to a different request. */
	| { state: "mismatch" };

/** The idempotency keys of one account, in her timeline object: its calls run one at a time. */
export class Idempotency {
	readonly #sql: SqlStorage;
	#purgedAt = 0;

	constructor(sql: SqlStorage) {
		this.#sql = sql;
		sql.exec(`CREATE TABLE IF NOT EXISTS idempotency (
			key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, id TEXT NOT NULL, body TEXT, reserved_at INTEGER NOT NULL
		) WITHOUT ROWID`);
	}

	/** `fingerprint` stands for the request's method, path and body; `candidate` is the id to use when the key is new. */
	reserve(key: string, fingerprint: string, candidate: Id, now: number): Reservation {
		this.#purge(now);
		const [row] = this.#sql
			.exec<{ fingerprint: string; id: Id; body: string | null; reserved_at: number }>(
				`SELECT fingerprint, id, body, reserved_at FROM idempotency WHERE key = ?`,
				key,
			)
			.toArray();
		if (!row || row.reserved_at < now - KEY_LIFETIME) {
			this.#sql.exec(
				`INSERT OR REPLACE INTO idempotency (key, fingerprint, id, reserved_at) VALUES (?, ?, ?, ?)`,
				key,
				fingerprint,
				candidate,
				now,
			);
			return { state: "proceed", id: candidate, stale: false };
		}
		if (row.fingerprint !== fingerprint) return { state: "mismatch" };
		if (row.body !== null) return { state: "done", body: row.body };
		return { state: "proceed", id: row.id, stale: row.reserved_at < now - CLAIM_LIFETIME };
	}

	/** Puts a new id in the place of one that nothing was made under. @returns the one to use: another repeat may have been first. */
	renew(key: string, from: Id, to: Id, now: number): Id {
		this.#sql.exec(
			`UPDATE idempotency SET id = ?, reserved_at = ? WHERE key = ? AND id = ? AND body IS NULL`,
			to,
			now,
			key,
			from,
		);
		const [row] = this.#sql.exec<{ id: Id }>(`SELECT id FROM idempotency WHERE key = ?`, key).toArray();
		return row?.id ?? to;
	}

	/** The first answer stays: of two requests that raced, both give it. */
	complete(key: string, body: string): string {
		this.#sql.exec(`UPDATE idempotency SET body = ? WHERE key = ? AND body IS NULL`, body, key);
		const [row] = this.#sql.exec<{ body: string | null }>(`SELECT body FROM idempotency WHERE key = ?`, key).toArray();
		return row?.body ?? body;
	}

	#purge(now: number): void {
		if (now - this.#purgedAt < PURGE_EVERY) return;
		this.#purgedAt = now;
		this.#sql.exec(`DELETE FROM idempotency WHERE reserved_at < ?`, now - KEY_LIFETIME);
	}
}
