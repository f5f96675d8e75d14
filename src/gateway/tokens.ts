import type { MiddlewareHandler } from "hono";
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { type Id, isId } from "../store/ids.ts";
import type { Gateway } from "./openapi.ts";
import { Problem } from "./problem.ts";

export interface TokenRules {
	/** Finds the public key that a token names. */
	keys: JWTVerifyGetKey;
	issuer: string;
	audience: string;
}

/** Sets `viewer` from `Authorization: Bearer <access token>`; refuses a request without a good one. */
export function requireToken(rules: TokenRules): MiddlewareHandler<Gateway> {
	return async (c, next) => {
		const { viewer } = await verifyToken(c.req.header("authorization"), rules);
		c.set("viewer", viewer);
		await next();
	};
}

/** What an account may do beside its own things. */
export const ROLES = ["user", "operator"] as const;
export type Role = (typeof ROLES)[number];

/** What a good access token says. */
export interface TokenClaims {
	viewer: Id;
	role: Role;
	/** Unix milliseconds. */
	expiresAt: number;
}

/**
 * @param authorization the value of an `Authorization` header
 * @throws Problem `token_missing`, `token_invalid` or `token_expired`
 */
export async function verifyToken(authorization: string | undefined, rules: TokenRules): Promise<TokenClaims> {
	const [scheme, token, ...rest] = (authorization ?? "").split(" ");
	if (scheme?.toLowerCase() !== "bearer" || !token || rest.length > 0) throw new Problem("token_missing");
	return verify(token, rules);
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

async function verify(token: string, { keys, issuer, audience }: TokenRules): Promise<TokenClaims> {
	try {
		const { payload } = await jwtVerify(token, keys, {
			issuer,
			audience,
			algorithms: ["ES256"],
			requiredClaims: ["sub", "exp", "iat"],
		});
		const { sub, exp = 0, role } = payload;
		if (sub && isId(sub)) {
			return { viewer: sub, role: ROLES.find((each) => each === role) ?? "user", expiresAt: exp * 1000 };
		}
	} catch (error) {
		if (error instanceof errors.JWTExpired) throw new Problem("token_expired");
		if (!TOKEN_FAULTS.some((fault) => error instanceof fault)) throw error;
	}
	throw new Problem("token_invalid");
}
