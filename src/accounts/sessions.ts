import type { Revocation, Revocations } from "../gateway/revocations.ts";
import type { Id } from "../store/ids.ts";

/** Seconds for which an access token is good. */
export const ACCESS_TOKEN_LIFETIME = 900;

/**
 * Milliseconds for which a revocation is of interest. A minute longer than a token: one may be signed a little after
 * its session has ended, by a request that had read it before, and clocks differ.
 */
export const INTEREST = (ACCESS_TOKEN_LIFETIME + 60) * 1000;

/** A session that is still good. */
export interface Session {
	id: Id;
	userAgent: string | null;
	/** ISO 8601. */
	createdAt: string;
	/** ISO 8601: when it was last refreshed, or to the day when an access token was last made from it. */
	updatedAt: string;
	expiresAt: string;
}

export interface SessionsOptions {
	database: D1Database;
	revocations: Pick<Revocations, "add">;
	now: () => number;
	/**
	 * Is told of sessions that ended, undefined for all of the account's, so that their streams are closed at once. Never
	 * fails: a stream that was not told ends before it is sent anything else.
	 */
	ended: (account: Id, sessions: readonly string[] | undefined) => Promise<unknown>;
}

/** Ends sessions, and their access tokens with them: here at once, elsewhere as {@link Revocations} says. */
export class Sessions {
	readonly #database: D1Database;
	readonly #revocations: Pick<Revocations, "add">;
	readonly #now: () => number;
	readonly #ended: SessionsOptions["ended"];

	constructor({ database, revocations, now, ended }: SessionsOptions) {
		this.#database = database;
		this.#revocations = revocations;
		this.#now = now;
		this.#ended = ended;
	}

	/** An account's sessions that are good, the last used first. */
	async list(account: Id): Promise<Session[]> {
		const { results } = await this.#database
			.prepare(
				`SELECT id, userAgent, createdAt, updatedAt, expiresAt FROM session
				WHERE userId = ? AND expiresAt > ? ORDER BY updatedAt DESC, id DESC LIMIT 100`,
			)
			.bind(account, new Date(this.#now()).toISOString())
			.all<Session>();
		return results;
	}

	/** Ends one session. */
	async end(id: string): Promise<void> {
		const revocation = { subject: id, issuedBefore: null, until: this.#now() + INTEREST };
		const [, , gone] = await this.#database.batch<{ account: Id }>([
			this.#purge(),
			this.#revoke(revocation),
			this.#database.prepare("DELETE FROM session WHERE id = ? RETURNING userId AS account").bind(id),
		]);
		this.#revocations.add([revocation]);
		const [session] = gone?.results ?? [];
		if (session) await this.#ended(session.account, [id]);
	}

	/** Ends a session of the account's. @returns false when it is none of hers. */
	async endOne(account: Id, id: string): Promise<boolean> {
		return (await this.#endSome(account, "id = ?2", id)).length > 0;
	}

	/** Ends all sessions of the account but one. */
	async endOthers(account: Id, keep: string): Promise<void> {
		await this.#endSome(account, "id <> ?2", keep);
	}

	/** Ends every session of an account, and every access token from before this second. */
	async endAll(account: Id): Promise<void> {
		const now = this.#now();
		const second = Math.floor(now / 1000);
		const all = { subject: account, issuedBefore: second, until: now + INTEREST };
		const [, , sessions] = await this.#database.batch<Revocation>([
			this.#purge(),
			this.#revoke(all),
			// By name as well: a token of this second, or one that is being signed now, counts as issued later.
			this.#database
				.prepare(
					`INSERT INTO revocations (subject, until) SELECT id, ?2 FROM session WHERE userId = ?1
					RETURNING subject, issued_before AS issuedBefore, until`,
				)
				.bind(account, all.until),
			this.#database.prepare("DELETE FROM session WHERE userId = ?").bind(account),
			// Tokens of other issuers live for as long as these say.
			this.#database
				.prepare("UPDATE external_identities SET not_before = max(not_before, ?) WHERE account_id = ?")
				.bind(second, account),
		]);
		this.#revocations.add([all, ...(sessions?.results ?? [])]);
		await this.#ended(account, undefined);
	}

	/** `which` is a condition with the account as `?1` and `value` as `?2`. @returns the sessions that ended */
	async #endSome(account: Id, which: string, value: string): Promise<string[]> {
		const [, revoked] = await this.#database.batch<Revocation>([
			this.#purge(),
			this.#database
				.prepare(
					`INSERT INTO revocations (subject, until) SELECT id, ?3 FROM session WHERE userId = ?1 AND ${which}
					RETURNING subject, issued_before AS issuedBefore, until`,
				)
				.bind(account, value, this.#now() + INTEREST),
			this.#database.prepare(`DELETE FROM session WHERE userId = ?1 AND ${which}`).bind(account, value),
		]);
		const revocations = revoked?.results ?? [];
		this.#revocations.add(revocations);
		const ids = revocations.map(({ subject }) => subject);
		if (ids.length > 0) await this.#ended(account, ids);
		return ids;
	}

	#revoke({ subject, issuedBefore, until }: Revocation): D1PreparedStatement {
		return this.#database
			.prepare("INSERT INTO revocations (subject, issued_before, until) VALUES (?, ?, ?)")
			.bind(subject, issuedBefore, until);
	}

	/** What is of no interest any more goes with the next that is. */
	#purge(): D1PreparedStatement {
		return this.#database.prepare("DELETE FROM revocations WHERE until <= ?").bind(this.#now());
	}
}
