/** The networks that accounts are signed in from. */
export class FamiliarNetworks {
	readonly #database: D1Database;
	readonly #now: () => number;

	constructor(database: D1Database, now: () => number) {
		this.#database = database;
		this.#now = now;
	}

	/**
	 * Whether the account with this address or username (lower case) has a session that began in a network. Who cannot
	 * be asked says no.
	 */
	async has(name: string, network: string): Promise<boolean> {
		if (network === "") return false;
		try {
			const found = await this.#database
				.prepare(
					`SELECT 1 FROM user JOIN session ON session.userId = user.id
					WHERE (user.email = ?1 OR user.username = ?1) AND session.ipAddress = ?2 AND session.expiresAt > ?3 LIMIT 1`,
				)
				.bind(name, network, new Date(this.#now()).toISOString())
				.first();
			return found !== null;
		} catch {
			return false;
		}
	}
}
