import type { Context, MiddlewareHandler } from "hono";
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { type Id, isId } from "../store/ids.ts";
import { isCompact } from "./compact.ts";
import type { Gateway } from "./openapi.ts";
import { Problem } from "./problem.ts";
import type { Revocable, Revocations } from "./revocations.ts";
import { type Scope, ServerKeys } from "./server-keys.ts";
import type { TrustedIssuers } from "./trusted-issuers.ts";

export interface TokenRules {
	/** Finds the public key that a token names. */
	keys: JWTVerifyGetKey;
	issuer: string;
	audience: string;
	revocations: Pick<Revocations, "current" | "fresh" | "has">;
	/** Others whose tokens are as good as ours. */
	trusted?: TrustedIssuers;
	/** Servers that act for accounts. */
	serverKeys?: ServerKeys;
	now: () => number;
	/** How many tokens are remembered. */
	memory?: number;
}

/** What an account may do beside its own things: a moderator judges what others post, an operator runs the service. */
export const ROLES = ["user", "moderator", "operator"] as const;
export type Role = (typeof ROLES)[number];

/** What a good access token says. */
export interface TokenClaims extends Revocable {
	viewer: Id;
	role: Role;
	/** The account is not shown to anybody: the token is good for what brings it back, or takes it away, and nothing else. */
	hidden: boolean;
	/** Unix milliseconds: what stands for the token ends then. */
	expiresAt: number;
	/** The token may be good for longer: after `expiresAt` it is looked at again. */
	renewable?: true;
}

/** What a token of a hidden account says as its claim `life`. */
export const HIDDEN = "hidden";

/** Some 700 bytes each. */
const MEMORY = 10_000;

/**
 * Checks access tokens, and remembers whose signature was good: a token seen before costs a look at its expiry and
 * at the revocations. The memory goes by the whole text of the header, so that what differs in a character is another
 * token, and none is taken apart twice.
 */
export class AccessTokens {
	readonly #rules: TokenRules;
	readonly #remembered: LRUCache<string, TokenClaims>;

	constructor(rules: TokenRules) {
		this.#rules = rules;
		this.#remembered = new LRUCache({ max: rules.memory ?? MEMORY });
	}

	/** How many tokens are remembered. */
	get remembered(): number {
		return this.#remembered.size;
	}

	/**
	 * What {@link verify} answers, if that can be told without waiting.
	 *
	 * @param authorization the value of an `Authorization` header
	 * @param hidden whether a hidden account is let in
	 * @throws Problem `token_expired`, `token_revoked` or `account_deactivated`
	 */
	recall(authorization: string | undefined, hidden = false): TokenClaims | undefined {
		const claims = this.#known(authorization);
		if (claims === undefined || !this.#rules.revocations.current()) return undefined;
		this.#refuseRevoked(claims);
		if (claims.hidden && !hidden) throw new Problem("account_deactivated");
		return claims;
	}

	/**
	 * @param authorization the value of an `Authorization` header
	 * @param hidden whether a hidden account is let in
	 * @throws Problem `token_missing`, `token_invalid`, `token_expired`, `token_revoked` or `account_deactivated`;
	 * `unavailable` when the revocations were never to be had
	 */
	async verify(authorization: string | undefined, hidden = false): Promise<TokenClaims> {
		let claims = this.#known(authorization);
		if (claims === undefined) {
			claims = await this.#check(bearer(authorization));
			this.#remembered.set(authorization as string, claims);
		}
		await this.refuseRevoked(claims);
		if (claims.hidden && !hidden) throw new Problem("account_deactivated");
		return claims;
	}

	/**
	 * Who a request is made for: by an access token, or by the key of a server that acts for an account.
	 *
	 * @param hidden whether a hidden account is let in
	 * @throws Problem as {@link verify} and {@link ServerKeys.act} do, also before anything is awaited
	 */
	claimsOf(c: Context<Gateway>, hidden = false): TokenClaims | Promise<TokenClaims> {
		const authorization = c.req.header("authorization");
		const known = this.recall(authorization, hidden);
		if (known !== undefined) return known;
		const { serverKeys } = this.#rules;
		if (serverKeys && ServerKeys.is(authorization)) return serverKeys.act(c, authorization);
		return this.verify(authorization, hidden);
	}

	/**
	 * Who opens by a header what is for operators: one of them, by the account's id, or a server whose key has one of
	 * some scopes, as `key:<id>`; undefined: nobody.
	 */
	async operator(authorization: string | undefined, scopes: readonly Scope[]): Promise<string | undefined> {
		const { serverKeys } = this.#rules;
		if (serverKeys && ServerKeys.is(authorization)) return serverKeys.permits(authorization, scopes);
		const { viewer, role } = await this.verify(authorization);
		return role === "operator" ? viewer : undefined;
	}

	/** For what stands for a token. @throws Problem `token_revoked`, or `unavailable` as in {@link verify} */
	async refuseRevoked(claims: Revocable): Promise<void> {
		await this.#rules.revocations.fresh();
		this.#refuseRevoked(claims);
	}

	#refuseRevoked(claims: Revocable): void {
		if (this.#rules.revocations.has(claims)) throw new Problem("token_revoked");
	}

	#known(authorization = ""): TokenClaims | undefined {
		const claims = this.#remembered.get(authorization);
		if (claims === undefined || this.#rules.now() < claims.expiresAt) return claims;
		this.#remembered.delete(authorization);
		if (claims.renewable) return undefined;
		throw new Problem("token_expired");
	}

	#check(token: string): Promise<TokenClaims> {
		const { trusted } = this.#rules;
		return trusted?.claims(token) ? trusted.verify(token) : verifySignature(token, this.#rules);
	}
}

/**
 * Sets `viewer` and `session` from `Authorization`; refuses a request that {@link AccessTokens.claimsOf} does.
 *
 * @param openToHidden which requests a hidden account may make
 */
export function requireToken(
	tokens: AccessTokens,
	openToHidden: (method: string, path: string) => boolean = () => false,
): MiddlewareHandler<Gateway> {
	return (c, next) => {
		const admit = ({ viewer, session }: TokenClaims) => {
			c.set("viewer", viewer);
			c.set("session", session);
			return next();
		};
		const claims = tokens.claimsOf(c, openToHidden(c.req.method, c.req.path));
		// No `await` where none is needed: most requests come this way.
		return claims instanceof Promise ? claims.then(admit) : admit(claims);
	};
}

/** The token of an `Authorization` header. @throws Problem `token_missing`, or `token_invalid` for what is none at a look */
function bearer(authorization = ""): string {
	const space = authorization.indexOf(" ");
	const scheme = authorization.slice(0, space);
	const token = authorization.slice(space + 1);
	if ((scheme !== "Bearer" && scheme.toLowerCase() !== "bearer") || token === "" || token.includes(" ")) {
		throw new Problem("token_missing");
	}
	if (!isCompact(token)) throw new Problem("token_invalid");
	return token;
}

/** The faults of a token, as against a fault in finding its key. */
export const TOKEN_FAULTS = [
	errors.JOSEAlgNotAllowed,
	errors.JOSENotSupported,
	errors.JWSInvalid,
	errors.JWSSignatureVerificationFailed,
	errors.JWTClaimValidationFailed,
	errors.JWTInvalid,
	errors.JWKSNoMatchingKey,
	errors.JWKSMultipleMatchingKeys,
];

/** Seconds by which the clock of whoever signed may be ahead. */
const AHEAD = 60;
/** Seconds from 1970 on that a Date can hold. */
const LAST = 8.64e12;

async function verifySignature(token: string, { keys, issuer, audience, now }: TokenRules): Promise<TokenClaims> {
	try {
		const { payload } = await jwtVerify(token, keys, {
			issuer,
			audience,
			algorithms: ["ES256"],
			requiredClaims: ["sub", "sid", "exp", "iat"],
			currentDate: new Date(now()),
		});
		const { sub, sid, exp = 0, iat = 0, role, life } = payload;
		// A revocation of all that was issued before a moment must not miss what says that it was issued later.
		const isTimely = exp <= LAST && iat <= now() / 1000 + AHEAD;
		if (isTimely && typeof sub === "string" && isId(sub) && typeof sid === "string" && sid !== "") {
			return {
				viewer: sub,
				session: sid,
				role: ROLES.find((each) => each === role) ?? "user",
				hidden: life === HIDDEN,
				issuedAt: iat,
				expiresAt: exp * 1000,
			};
		}
	} catch (error) {
		if (error instanceof errors.JWTExpired) throw new Problem("token_expired");
		if (!TOKEN_FAULTS.some((fault) => error instanceof fault)) throw error;
	}
	throw new Problem("token_invalid");
}
