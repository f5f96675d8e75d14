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
		const [scheme, token, ...rest] = (c.req.header("authorization") ?? "").split(" ");
		if (scheme?.toLowerCase() !== "bearer" || !token || rest.length > 0) throw new Problem("token_missing");
		c.set("viewer", await verify(token, rules));
		await next();
	};
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

async function verify(token: string, { keys, issuer, audience }: TokenRules): Promise<Id> {
	try {
		const { payload } = await jwtVerify(token, keys, {
			issuer,
			audience,
			algorithms: ["ES256"],
			requiredClaims: ["sub", "exp", "iat"],
		});
		if (payload.sub && isId(payload.sub)) return payload.sub;
	} catch (error) {
		if (error instanceof errors.JWTExpired) throw new Problem("token_expired");
		if (!TOKEN_FAULTS.some((fault) => error instanceof fault)) throw error;
	}
	throw new Problem("token_invalid");
}
