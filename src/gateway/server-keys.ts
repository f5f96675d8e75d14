import type { Context } from "hono";
import { base64url } from "jose";
import { LRUCache } from "lru-cache";
import { same, sha256 } from "../digest.ts";
import { type Id, isId } from "../store/ids.ts";
import type { Gateway } from "./openapi.ts";
import { Problem } from "./problem.ts";
import type { Revocable, Revocations } from "./revocations.ts";
import { routeOf } from "./route.ts";
import type { TokenClaims } from "./tokens.ts";

/** What a server may do with its key: `read` and `write` as an account that it names, the others as itself. */
export const SCOPES = ["read", "write", "provision", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

/** Names the account that a server acts for. */
export const ACT_AS_HEADER = "X-Act-As";

/** A key as it is kept: without its secret. */
export interface ServerKey {
	id: Id;
	/** SHA-256 of the key's text, hexadecimal. */
	hash: string;
	scopes: readonly Scope[];
	/** Unix milliseconds; null: never. */
	expiresAt: number | null;
	/** Unix milliseconds. */
	revokedAt: number | null;
}

/** Where keys are kept. */
export interface ServerKeyRegister {
	byId(id: string): Promise<ServerKey | undefined>;
	/** Notes that a key was used, to the day (ISO 8601). Never fails. */
	used(id: Id, day: string): Promise<void>;
}

/** A request that a server made as somebody else. */
export interface Acting {
	key: Id;
	account: Id;
	method: string;
	/** The pattern of the route. */
	route: string;
}

export interface ServerKeysOptions {
	register: ServerKeyRegister;
	/** Whether there is an account to act for. */
	exists: (account: Id) => Promise<boolean>;
	revocations: Pick<Revocations, "fresh" | "has">;
	/** Is told of every request that is made as another. */
	acted: (acting: Acting) => void;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
	now: () => number;
}

const SHAPE = /^bearer +(efk_([0-9A-Z]{13})_[\w-]{43})$/i;
/** Milliseconds for which a key, and that an account is there, is believed before it is looked at again. */
const BELIEVED = 900_000;
const MEMORY = 1_000;
const DAY = 86_400_000;

/** A new key's text, and what is kept of it. */
export async function newServerKey(id: Id): Promise<{ secret: string; hash: string }> {
	const secret = `efk_${id}_${base64url.encode(crypto.getRandomValues(new Uint8Array(32)))}`;
	return { secret, hash: await sha256(secret) };
}

/** What the tokens of a key are revoked by: the subject of its revocation. */
export function sessionOfKey(id: string): string {
	return `key:${id}`;
}

/** What is remembered of a good key, or of an account that there is. */
interface Believed extends Revocable {
	/** Unix milliseconds. */
	until: number;
}

/**
 * Keys of the operator's servers: `Authorization: Bearer efk_…`, with `X-Act-As: <account>` where an account is needed.
 * Remembered like access tokens, and revoked by the same list.
 */
export class ServerKeys {
	readonly #options: ServerKeysOptions;
	/** By the key's text. */
	readonly #keys = new LRUCache<string, Believed & { key: ServerKey }>({ max: MEMORY });
	readonly #accounts = new LRUCache<Id, Believed>({ max: MEMORY });

	constructor(options: ServerKeysOptions) {
		this.#options = options;
	}

	/** Whether an `Authorization` header has a key of this kind, good or not. */
	static is(authorization: string | undefined): authorization is string {
		return authorization !== undefined && SHAPE.test(authorization);
	}

	/**
	 * The account that a request is made for.
	 * @throws Problem `token_invalid`, `token_expired` or `token_revoked` for the key, `scope_missing`, `act_as_missing`,
	 * `account_not_found`
	 */
	async act(c: Context<Gateway>, authorization: string): Promise<TokenClaims> {
		const { revocations, acted, now } = this.#options;
		const { key, session, until } = await this.#key(authorization);
		const account = c.req.header(ACT_AS_HEADER);
		const { method } = c.req;
		if (account === undefined || !isId(account)) throw new Problem("act_as_missing");
		const scope = method === "GET" || method === "HEAD" ? "read" : "write";
		if (!key.scopes.includes(scope)) throw new Problem("scope_missing", `The key has no scope ${scope}`);
		if (!(await this.#exists(account))) throw new Problem("account_not_found");
		acted({ key: key.id, account, method, route: routeOf(c) });
		const claims = { session, viewer: account, issuedAt: Math.floor(now() / 1000) };
		if (revocations.has(claims)) throw new Problem("token_revoked");
		// As nobody but a user, whatever the account's role is.
		return { ...claims, role: "user", hidden: false, expiresAt: until };
	}

	/**
	 * Whose key is good for something that no account is needed for: `key:<id>`, or undefined when it has none of some
	 * scopes. @throws Problem as {@link act} does
	 */
	async permits(authorization: string, scopes: readonly Scope[]): Promise<string | undefined> {
		const { key, session } = await this.#key(authorization);
		return scopes.some((scope) => key.scopes.includes(scope)) ? session : undefined;
	}

	async #key(authorization: string): Promise<Believed & { key: ServerKey }> {
		const { register, revocations, defer, now } = this.#options;
		const [, text = "", id = ""] = SHAPE.exec(authorization) ?? [];
		await revocations.fresh();
		const known = this.#keys.get(text);
		if (known && known.until > now()) {
			if (revocations.has(known)) throw new Problem("token_revoked");
			return known;
		}
		const key = await register.byId(id);
		if (!key || !(await same(await sha256(text), key.hash))) throw new Problem("token_invalid");
		if (key.revokedAt !== null) throw new Problem("token_revoked");
		if (key.expiresAt !== null && key.expiresAt <= now()) throw new Problem("token_expired");
		const found = {
			key,
			session: sessionOfKey(key.id),
			viewer: key.id,
			issuedAt: Math.floor(now() / 1000),
			until: Math.min(key.expiresAt ?? Number.POSITIVE_INFINITY, now() + BELIEVED, nextDay(now())),
		};
		// It was read from the store: what the list does not know yet is in the key.
		if (revocations.has(found)) throw new Problem("token_revoked");
		this.#keys.set(text, found);
		defer(register.used(key.id, new Date(now()).toISOString().slice(0, 10)));
		return found;
	}

	async #exists(account: Id): Promise<boolean> {
		const { exists, revocations, now } = this.#options;
		const known = this.#accounts.get(account);
		if (known && known.until > now() && !revocations.has(known)) return true;
		this.#accounts.delete(account);
		// The second before: what ends the account in this one counts.
		const issuedAt = Math.floor(now() / 1000) - 1;
		if (!(await exists(account))) return false;
		this.#accounts.set(account, { session: "", viewer: account, issuedAt, until: now() + BELIEVED });
		return true;
	}
}

/** So that a key is noted as used on each day that it is. */
function nextDay(now: number): number {
	return (Math.floor(now / DAY) + 1) * DAY;
}
