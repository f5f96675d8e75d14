import type { Revocations } from "../gateway/revocations.ts";
import {
	newServerKey,
	type Scope,
	type ServerKey,
	type ServerKeyRegister,
	sessionOfKey,
} from "../gateway/server-keys.ts";
import { reportFailure } from "../report.ts";
import type { Id, IdMinter } from "../store/ids.ts";
import { INTEREST } from "./sessions.ts";

/** A key as operators see it. */
export interface ListedKey extends Omit<ServerKey, "hash"> {
	name: string;
	/** Unix milliseconds. */
	createdAt: number;
	/** ISO 8601 date: the last day on which it was used; null: never. */
	lastUsedDay: string | null;
}

interface Row extends Omit<ListedKey, "scopes"> {
	hash: string;
	/** JSON. */
	scopes: string;
}

const COLUMNS = `id, name, hash, scopes, created_at AS createdAt, expires_at AS expiresAt, revoked_at AS revokedAt,
	last_used_day AS lastUsedDay`;

/** The keys of the operator's servers, in the identity database. */
export class ServerKeyTable implements ServerKeyRegister {
	readonly #database: D1Database;
	readonly #minter: IdMinter;
	readonly #revocations: Pick<Revocations, "add">;
	readonly #now: () => number;

	constructor(database: D1Database, minter: IdMinter, revocations: Pick<Revocations, "add">, now: () => number) {
		this.#database = database;
		this.#minter = minter;
		this.#revocations = revocations;
		this.#now = now;
	}

	/** Makes a key. Its secret is in the answer and nowhere else. */
	async create(
		name: string,
		scopes: readonly Scope[],
		expiresAt: number | null,
	): Promise<{ key: ListedKey; secret: string }> {
		const id = this.#minter.mint(0);
		const { secret, hash } = await newServerKey(id);
		const createdAt = this.#now();
		await this.#database
			.prepare("INSERT INTO server_keys (id, name, hash, scopes, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)")
			.bind(id, name, hash, JSON.stringify(scopes), createdAt, expiresAt)
			.run();
		return { key: { id, name, scopes, createdAt, expiresAt, revokedAt: null, lastUsedDay: null }, secret };
	}

	/** All keys, the newest first. */
	async list(): Promise<ListedKey[]> {
		const { results } = await this.#database
			.prepare(`SELECT ${COLUMNS} FROM server_keys ORDER BY id DESC LIMIT 1000`)
			.all<Row>();
		return results.map(({ hash: _, ...row }) => ({ ...row, scopes: JSON.parse(row.scopes) }));
	}

	async byId(id: string): Promise<ServerKey | undefined> {
		const row = await this.#database.prepare(`SELECT ${COLUMNS} FROM server_keys WHERE id = ?`).bind(id).first<Row>();
		return row ? { ...row, scopes: JSON.parse(row.scopes) } : undefined;
	}

	/** Ends a key, elsewhere as {@link Revocations} says; one that ended before stays so. @returns false when there is none */
	async revoke(id: Id): Promise<boolean> {
		const now = this.#now();
		const revocation = { subject: sessionOfKey(id), issuedBefore: null, until: now + INTEREST };
		const [changed] = await this.#database.batch([
			this.#database.prepare("UPDATE server_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?").bind(now, id),
			this.#database
				.prepare("INSERT INTO revocations (subject, until) SELECT ?1, ?2 FROM server_keys WHERE id = ?3")
				.bind(revocation.subject, revocation.until, id),
		]);
		if (!changed?.meta.changes) return false;
		this.#revocations.add([revocation]);
		return true;
	}

	async used(id: Id, day: string): Promise<void> {
		try {
			await this.#database
				.prepare("UPDATE server_keys SET last_used_day = ?1 WHERE id = ?2 AND coalesce(last_used_day, '') < ?1")
				.bind(day, id)
				.run();
		} catch (error) {
			reportFailure("the use of a key was not noted", error, { key: id });
		}
	}
}
