import { base64url } from "jose";
import { sha256 } from "../digest.ts";
import type { Id } from "../store/ids.ts";

/**
 * Milliseconds for which the token before the last one brings the same successor: for who lost the answer. Who comes
 * with the key of that refresh lost it for certain, and gets it however late.
 */
export const REFRESH_GRACE = 30_000;
/** Milliseconds for which a session lives on after a refresh. */
export const SESSION_LIFETIME = 30 * 86_400_000;

/**
 * What better-auth knows a session by once it was refreshed. It is nobody's credential: a bearer token that begins so
 * is refused.
 */
const INTERNAL = "refreshed_";
const SHAPE = /^efr_([0-9A-Z]{13})\.([1-9]\d{0,8})\.([\w-]{43})$/;

/** A session as its refresh tokens need it. */
interface Row {
	id: string;
	account: Id;
	/** What better-auth knows it by. */
	token: string;
	/** ISO 8601. */
	expiresAt: string;
	/** How often it was refreshed. */
	generation: number;
	/** The hash of the token that it began with; null until the first refresh. */
	firstToken: string | null;
	/** Unix milliseconds. */
	rotatedAt: number | null;
	/** The hash of the key that the last refresh came with. */
	rotatedBy: string | null;
}

/** What a refresh token is today. */
export type Presented =
	/** The one in force, or the one before it within the grace. */
	| { state: "good"; session: Row; generation: number }
	/** A genuine one that was used up: somebody has a copy. */
	| { state: "reused"; session: Row };

/** What stands for a session from a refresh on. */
export interface Successor {
	refreshToken: string;
	/** Unix milliseconds. */
	expiresAt: number;
}

/**
 * Refresh tokens. A session begins with the token of its sign-in, and each refresh replaces the one before.
 *
 * They are not kept, not even as hashes: a token is its session, its number and a code over both, made with the
 * service's secret and the hash of the session's first token. So whoever reads the database cannot make one, nor who
 * knows the secret without the database; one that was given out once is known for genuine for as long as the session
 * lives; and the successor of a token is the same however often it is asked for.
 */
export class RefreshTokens {
	readonly #database: D1Database;
	readonly #secret: string;
	readonly #now: () => number;

	constructor(database: D1Database, secret: string, now: () => number) {
		this.#database = database;
		this.#secret = secret;
		this.#now = now;
	}

	/**
	 * @param key what the client made for this refresh, and forgets with its answer: nobody else has it
	 * @returns undefined for what was never given out, and for sessions that ended
	 */
	async present(token: string, key?: string): Promise<Presented | undefined> {
		const found = await this.#find(token);
		if (!found) return undefined;
		const { session, generation } = found;
		const now = this.#now();
		if (Date.parse(session.expiresAt) <= now || generation > session.generation) return undefined;
		const late = now - (session.rotatedAt ?? 0) > REFRESH_GRACE;
		const behind = session.generation - generation;
		if (behind === 0 || (behind === 1 && !late)) return { state: "good", session, generation };
		const repeated = behind === 1 && key !== undefined && (await sha256(key)) === session.rotatedBy;
		return repeated ? { state: "good", session, generation } : { state: "reused", session };
	}

	/**
	 * Replaces a token. One statement decides among those who come at the same time.
	 *
	 * @returns undefined when another one was faster, or the session has ended: {@link present} it again
	 */
	async replace(
		{ session, generation }: Extract<Presented, { state: "good" }>,
		key?: string,
	): Promise<Successor | undefined> {
		const now = this.#now();
		const first = session.firstToken ?? (await sha256(session.token));
		const refreshToken = await this.#write(session.id, generation + 1, first);
		if (generation < session.generation) return { refreshToken, expiresAt: Date.parse(session.expiresAt) };
		const expiresAt = now + SESSION_LIFETIME;
		const { meta } = await this.#database
			.prepare(
				`UPDATE session SET generation = ?2 + 1, firstToken = ?3, rotatedAt = ?4, expiresAt = ?5, updatedAt = ?6,
					rotatedBy = ?8, token = CASE generation WHEN 0 THEN ?7 ELSE token END
				WHERE id = ?1 AND generation = ?2 AND expiresAt > ?6`,
			)
			.bind(
				session.id,
				generation,
				first,
				now,
				new Date(expiresAt).toISOString(),
				new Date(now).toISOString(),
				`${INTERNAL}${base64url.encode(crypto.getRandomValues(new Uint8Array(24)))}`,
				key === undefined ? null : await sha256(key),
			)
			.run();
		return meta.changes === 1 ? { refreshToken, expiresAt } : undefined;
	}

	/**
	 * What better-auth knows the session of a bearer token by, so that the token in force opens what a session token
	 * does. @returns undefined when it opens nothing
	 */
	async sessionToken(bearer: string): Promise<string | undefined> {
		if (decoded(bearer).startsWith(INTERNAL)) return undefined;
		if (!bearer.startsWith("efr_")) return bearer;
		const presented = await this.present(bearer);
		if (presented?.state !== "good" || presented.generation < presented.session.generation) return undefined;
		return presented.session.token;
	}

	async #find(token: string): Promise<{ session: Row; generation: number } | undefined> {
		const [, id, number, code] = SHAPE.exec(token) ?? [];
		if (id !== undefined && number !== undefined && code !== undefined) {
			const session = await this.#row("id = ?1", id);
			if (!session?.firstToken) return undefined;
			const generation = Number(number);
			const good = await crypto.subtle.verify(
				"HMAC",
				await this.#key(),
				base64url.decode(code),
				subject(id, generation, session.firstToken),
			);
			return good ? { session, generation } : undefined;
		}
		if (token.startsWith(INTERNAL)) return undefined;
		const session = await this.#row("(generation = 0 AND token = ?1) OR firstToken = ?2", token, await sha256(token));
		return session && { session, generation: 0 };
	}

	async #row(where: string, ...values: string[]): Promise<Row | undefined> {
		const row = await this.#database
			.prepare(
				`SELECT id, userId AS account, token, expiresAt, generation, firstToken, rotatedAt, rotatedBy FROM session WHERE ${where}`,
			)
			.bind(...values)
			.first<Row>();
		return row ?? undefined;
	}

	async #write(id: string, generation: number, first: string): Promise<string> {
		const code = await crypto.subtle.sign("HMAC", await this.#key(), subject(id, generation, first));
		return `efr_${id}.${generation}.${base64url.encode(new Uint8Array(code))}`;
	}

	#key(): Promise<CryptoKey> {
		const key = new TextEncoder().encode(`refresh:${this.#secret}`);
		return crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
	}
}

function subject(id: string, generation: number, first: string): Uint8Array {
	return new TextEncoder().encode(`${id}.${generation}.${first}`);
}

function decoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}
