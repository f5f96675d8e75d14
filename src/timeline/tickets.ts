/** How long a ticket waits to be used, in milliseconds. */
export const TICKET_LIFETIME = 60_000;

/** Tickets of one account that wait at once: another one takes the place of the oldest. */
const MOST = 100;

/** One-time passes to the owner's stream, for clients that can send neither a header nor a subprotocol. */
export class Tickets {
	readonly #sql: SqlStorage;

	constructor(sql: SqlStorage) {
		this.#sql = sql;
		sql.exec(`CREATE TABLE IF NOT EXISTS tickets (
			ticket TEXT PRIMARY KEY, good_until INTEGER NOT NULL, token_expires_at INTEGER NOT NULL
		) WITHOUT ROWID`);
	}

	/** `tokenExpiresAt` is that of the access token that asked, in Unix milliseconds: the stream ends with it. */
	issue(tokenExpiresAt: number, now: number): { ticket: string; goodUntil: number } {
		this.#sql.exec(`DELETE FROM tickets WHERE good_until < ?`, now);
		const oldest = `SELECT ticket FROM tickets ORDER BY good_until DESC LIMIT -1 OFFSET ?`;
		this.#sql.exec(`DELETE FROM tickets WHERE ticket IN (${oldest})`, MOST - 1);
		const ticket = crypto.randomUUID();
		const goodUntil = Math.min(now + TICKET_LIFETIME, tokenExpiresAt);
		this.#sql.exec(`INSERT INTO tickets VALUES (?, ?, ?)`, ticket, goodUntil, tokenExpiresAt);
		return { ticket, goodUntil };
	}

	/** @returns when the token that asked for it expires, or undefined when the ticket is used up, too old or none. */
	redeem(ticket: string, now: number): number | undefined {
		const [row] = this.#sql
			.exec<{ good_until: number; token_expires_at: number }>(
				`DELETE FROM tickets WHERE ticket = ? RETURNING good_until, token_expires_at`,
				ticket,
			)
			.toArray();
		return row && row.good_until >= now ? row.token_expires_at : undefined;
	}
}
