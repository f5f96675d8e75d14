import type { Revocation, Revocations } from "../gateway/revocations.ts";
import type { Id } from "../store/ids.ts";

/** Seconds for which an access token is good. */
export const ACCESS_TOKEN_LIFETIME = 900;

/**
 * Milliseconds for which a revocation is of interest. A minute longer than a token: one may be signed a little after
 * its session has ended, by a request that had read it before, and clocks differ.
 */
const INTEREST = (ACCESS_TOKEN_LIFETIME + 60) * 1000;

/** Ends sessions, and their access tokens with them: here at once, elsewhere as {@link Revocations} says. */
export class Sessions {
	readonly #database: D1Database;
	readonly #revocations: Pick<Revocations, "add">;
	readonly #now: () => number;

	constructor(database: D1Database, revocations: Pick<Revocations, "add">, now: () => number) {
		this.#database = database;
		this.#revocations = revocations;
		this.#now = now;
	}

	/** Ends one session. */
	async end(id: string): Promise<void> {
		const revocation = { subject: id, issuedBefore: null, until: this.#now() + INTEREST };
		await this.#database.batch([
			this.#purge(),
			this.#revoke(revocation),
			this.#database.prepare("DELETE FROM session WHERE id = ?").bind(id),
		]);
		this.#revocations.add([revocation]);
	}

	/** Ends every session of an account, and every access token from before this second. */
	async endAll(account: Id): Promise<void> {
		const now = this.#now();
		const all = { subject: account, issuedBefore: Math.floor(now / 1000), until: now + INTEREST };
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
		]);
		this.#revocations.add([all, ...(sessions?.results ?? [])]);
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
