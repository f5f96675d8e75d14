import type { MiddlewareHandler } from "hono";
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { LRUCache } from "lru-cache";
import { type Id, isId } from "../store/ids.ts";
import { isCompact } from "./compact.ts";
import type { Gateway } from "./openapi.ts";
import { Problem } from "./problem.ts";
import type { Revocable, Revocations } from "./revocations.ts";

export interface TokenRules {
	/** Finds the public key that a token names. */
	keys: JWTVerifyGetKey;
	issuer: string;
	audience: string;
	revocations: Pick<Revocations, "current" | "fresh" | "has">;
	now: () => number;
	/** How many tokens are remembered. */
	memory?: number;
}

/** What an account may do beside its own things. */
export const ROLES = ["user", "operator"] as const;
export type Role = (typeof ROLES)[number];

/** What a good access token says. */
export interface TokenClaims extends Revocable {
	viewer: Id;
	role: Role;
	/** Unix milliseconds. */
	expiresAt: number;
}

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
	 * @throws Problem `token_expired` or `token_revoked`
	 */
	recall(authorization: string | undefined): TokenClaims | undefined {
		const claims = this.#known(authorization);
		if (claims === undefined || !this.#rules.revocations.current()) return undefined;
		this.#refuseRevoked(claims);
		return claims;
	}

	/**
	 * @param authorization the value of an `Authorization` header
	 * @throws Problem `token_missing`, `token_invalid`, `token_expired` or `token_revoked`; `unavailable` when the
	 * revocations were never to be had
	 */
	async verify(authorization: string | undefined): Promise<TokenClaims> {
		let claims = this.#known(authorization);
		if (claims === undefined) {
			claims = await verifySignature(bearer(authorization), this.#rules);
			this.#remembered.set(authorization as string, claims);
		}
		await this.refuseRevoked(claims);
		return claims;
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
		throw new Problem("token_expired");
	}
}

/** Sets `viewer` from `Authorization: Bearer <access token>`; refuses a request without a good one. */
export function requireToken(tokens: AccessTokens): MiddlewareHandler<Gateway> {
	return (c, next) => {
		const authorization = c.req.header("authorization");
		// No `await` where none is needed: most requests come this way.
		const claims = tokens.recall(authorization);
		if (claims === undefined) {
			return tokens.verify(authorization).then(({ viewer }) => {
				c.set("viewer", viewer);
				return next();
			});
		}
		c.set("viewer", claims.viewer);
		return next();
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
const TOKEN_FAULTS = [
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
		const { sub, sid, exp = 0, iat = 0, role } = payload;
		// A revocation of all that was issued before a moment must not miss what says that it was issued later.
		const isTimely = exp <= LAST && iat <= now() / 1000 + AHEAD;
		if (isTimely && typeof sub === "string" && isId(sub) && typeof sid === "string" && sid !== "") {
			return {
				viewer: sub,
				session: sid,
				role: ROLES.find((each) => each === role) ?? "user",
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
