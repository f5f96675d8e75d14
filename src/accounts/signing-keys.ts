import type { Jwk, JwtOptions } from "better-auth/plugins";
import type { IdMinter } from "../store/ids.ts";
import { ACCESS_TOKEN_LIFETIME } from "./sessions.ts";

/** Milliseconds for which a key stays published after the last token was signed with it; clocks differ by a minute. */
const PUBLISHED_AFTER = (ACCESS_TOKEN_LIFETIME + 60) * 1000;
/** Milliseconds for which an isolate goes by the keys that it has: a key that is gone is gone everywhere by then. */
export const KEYS_KEPT = 600_000;

export interface SigningKey {
	id: string;
	algorithm: string;
	/** `next`: published, and signs from `signsFrom`; `retired`: published until `publishedUntil`, signs no more. */
	state: "next" | "signing" | "retired";
	/** Unix milliseconds. */
	createdAt: number;
	signsFrom: number;
	publishedUntil: number | null;
}

interface Row {
	id: string;
	publicKey: string;
	privateKey: string;
	alg: string | null;
	crv: string | null;
	/** ISO 8601. */
	createdAt: string;
	/** ISO 8601: published until then. */
	expiresAt: string | null;
	/** Unix milliseconds; 0: from when it was made. */
	signsFrom: number;
}

/**
 * The keys that sign access tokens. There is at most one that is to sign next: it is published before it signs, and the
 * one before stays published until its tokens have expired, so that whoever asks for the keys now and then can verify
 * every token.
 */
export class SigningKeys {
	readonly #database: D1Database;
	readonly #minter: IdMinter;
	readonly #now: () => number;

	constructor(database: D1Database, minter: IdMinter, now: () => number) {
		this.#database = database;
		this.#minter = minter;
		this.#now = now;
	}

	/** The keys that are published, the newest first. */
	async list(): Promise<SigningKey[]> {
		const now = this.#now();
		const rows = await this.#published();
		const signing = rows.find((row) => startOf(row) <= now);
		return rows.map((row) => ({
			id: row.id,
			algorithm: row.alg ?? "ES256",
			state: row === signing ? "signing" : startOf(row) > now ? "next" : "retired",
			createdAt: Date.parse(row.createdAt),
			signsFrom: startOf(row),
			publishedUntil: row.expiresAt === null ? null : Date.parse(row.expiresAt),
		}));
	}

	/** Where better-auth finds the keys, and puts what it makes: a key that signs from `signsFrom`, by default at once. */
	adapter(signsFrom?: number): NonNullable<JwtOptions["adapter"]> {
		return {
			getJwks: async () => {
				const now = this.#now();
				// It publishes all of them and signs with the latest, which must not be one whose time has not come.
				return (await this.#published()).map((row) => ({
					...toJwk(row),
					createdAt: new Date(startOf(row) <= now ? startOf(row) : 0),
				}));
			},
			createJwk: (key) => this.#add(key, signsFrom ?? this.#now()),
		};
	}

	/** Latest first. */
	async #published(): Promise<Row[]> {
		const { results } = await this.#database
			.prepare("SELECT * FROM jwks WHERE expiresAt IS NULL OR expiresAt > ?")
			.bind(new Date(this.#now()).toISOString())
			.all<Row>();
		return results.toSorted((a, b) => startOf(b) - startOf(a));
	}

	/** The first key signs at once. @returns the key that is there then: of two who add one at the same time, one does */
	async #add({ publicKey, privateKey, alg, crv }: Omit<Jwk, "id">, signsFrom: number): Promise<Jwk> {
		const now = this.#now();
		const id = this.#minter.mint(0);
		const [, , , latest] = await this.#database.batch<Row>([
			this.#database
				.prepare(
					`INSERT INTO jwks (id, publicKey, privateKey, alg, crv, createdAt, signsFrom)
					SELECT ?1, ?2, ?3, ?4, ?5, ?6,
						CASE WHEN EXISTS (SELECT 1 FROM jwks WHERE expiresAt IS NULL) THEN ?7 ELSE ?8 END
					WHERE NOT EXISTS (SELECT 1 FROM jwks WHERE signsFrom > ?8)
						AND (?7 > ?8 OR NOT EXISTS (SELECT 1 FROM jwks WHERE expiresAt IS NULL))`,
				)
				.bind(id, publicKey, privateKey, alg ?? null, crv ?? null, new Date(now).toISOString(), signsFrom, now),
			this.#database
				.prepare(
					`UPDATE jwks SET expiresAt = ?2 WHERE expiresAt IS NULL AND id <> ?1
						AND EXISTS (SELECT 1 FROM jwks WHERE id = ?1)`,
				)
				.bind(id, new Date(signsFrom + PUBLISHED_AFTER).toISOString()),
			this.#database.prepare("DELETE FROM jwks WHERE expiresAt <= ?").bind(new Date(now).toISOString()),
			this.#database.prepare("SELECT * FROM jwks WHERE expiresAt IS NULL ORDER BY signsFrom DESC LIMIT 1"),
		]);
		const [row] = latest?.results ?? [];
		if (!row) throw new Error("there is a key after one was added");
		return toJwk(row);
	}
}

function startOf({ signsFrom, createdAt }: Row): number {
	return signsFrom || Date.parse(createdAt);
}

function toJwk({ id, publicKey, privateKey, alg, crv, createdAt, expiresAt }: Row): Jwk {
	return {
		id,
		publicKey,
		privateKey,
		...(alg ? { alg: alg as "ES256" } : {}),
		...(crv ? { crv: crv as "P-256" } : {}),
		createdAt: new Date(createdAt),
		...(expiresAt ? { expiresAt: new Date(expiresAt) } : {}),
	};
}
