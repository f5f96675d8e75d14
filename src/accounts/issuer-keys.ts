import type { KeySetShelf } from "../gateway/key-set.ts";
import { reportFailure } from "../report.ts";

/** Milliseconds for which the last key set of an issuer is used by who cannot get another one. */
export const USED_FOR = 86_400_000;
/** Milliseconds between two writes of the same key set. */
const NOTED_EVERY = 3_600_000;

/** The last key sets of trusted issuers, in the identity database. */
export class IssuerKeys implements KeySetShelf {
	readonly #database: D1Database;
	readonly #defer: (work: Promise<unknown>) => void;
	readonly #now: () => number;

	/** `defer` has work go on after the answer. */
	constructor(database: D1Database, defer: (work: Promise<unknown>) => void, now: () => number) {
		this.#database = database;
		this.#defer = defer;
		this.#now = now;
	}

	put(address: string, keySet: string): void {
		this.#defer(this.#write(address, keySet));
	}

	async last(address: string): Promise<string | undefined> {
		try {
			const row = await this.#database
				.prepare("SELECT key_set AS keySet FROM issuer_keys WHERE address = ? AND kept_at > ?")
				.bind(address, this.#now() - USED_FOR)
				.first<{ keySet: string }>();
			return row?.keySet;
		} catch (error) {
			reportFailure("the last keys of an issuer could not be read", error);
			return undefined;
		}
	}

	async #write(address: string, keySet: string): Promise<void> {
		try {
			await this.#database
				.prepare(
					`INSERT INTO issuer_keys (address, key_set, kept_at) VALUES (?1, ?2, ?3)
					ON CONFLICT (address) DO UPDATE SET key_set = excluded.key_set, kept_at = excluded.kept_at
					WHERE issuer_keys.key_set <> excluded.key_set OR issuer_keys.kept_at < ?3 - ?4`,
				)
				.bind(address, keySet, this.#now(), NOTED_EVERY)
				.run();
		} catch (error) {
			reportFailure("the keys of an issuer were not kept", error);
		}
	}
}
