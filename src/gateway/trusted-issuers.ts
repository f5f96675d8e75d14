import { decodeJwt, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import type { Id } from "../store/ids.ts";
import { type Region, regionSchema } from "../store/shard-map.ts";
import { type KeySetShelf, keptKeys } from "./key-set.ts";
import { Problem } from "./problem.ts";
import { ROLES, TOKEN_FAULTS, type TokenClaims } from "./tokens.ts";

/** The issuer of accounts that a server of the operator's names and no trusted issuer does. */
export const PROVISIONED = "provisioned";

/** Plain HTTP is for a server on the same machine. */
const keyAddressSchema = z
	.url({ protocol: /^https?$/ })
	.regex(/^https:|^http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\//);

/** Somebody else whose tokens are accepted where ours are. */
const trustedIssuerSchema = z.strictObject({
	/** The `iss` of its tokens. */
	issuer: z.string().min(1).max(500),
	/** Where its keys are: a JSON Web Key Set. */
	jwks: keyAddressSchema,
	/** The `aud` that its tokens for us have. */
	audience: z.string().min(1),
	/** Which claims say who it is. Without `role`, nobody of theirs is more than a user. */
	claims: z
		.strictObject({
			subject: z.string().min(1).default("sub"),
			name: z.string().min(1).default("name"),
			username: z.string().min(1).default("preferred_username"),
			email: z.string().min(1).default("email"),
			role: z.string().min(1).optional(),
		})
		.prefault({}),
	/** The home region of its accounts; by default `DEFAULT_REGION`. */
	region: regionSchema.optional(),
});
export type TrustedIssuer = z.infer<typeof trustedIssuerSchema>;

/** Each of them once, and none under a name of ours. */
export const trustedIssuersSchema = z.array(trustedIssuerSchema).refine((issuers) => {
	const names = [PROVISIONED, ...issuers.map(({ issuer }) => issuer)];
	return new Set(names).size === names.length;
});

/** What a token of another issuer says of a person, as far as it can be used. */
export interface ExternalPerson {
	issuer: string;
	subject: string;
	name: string | undefined;
	username: string | undefined;
	email: { address: string; verified: boolean } | undefined;
	region: Region | undefined;
}

/** An account of somebody whom another issuer names. */
export interface ExternalAccount {
	id: Id;
	/** It is not shown to anybody: {@link TokenClaims.hidden}. */
	hidden: boolean;
	/** Unix seconds: tokens from before this second ended. */
	notBefore: number;
}

export interface TrustedIssuersOptions {
	/** The `iss` of our own tokens. */
	own: string;
	issuers: readonly TrustedIssuer[];
	/** The account of a person, made at first sight; always the same one for the same issuer and subject. */
	accountOf: (person: ExternalPerson) => Promise<ExternalAccount>;
	/** Gets a key set. */
	load: (address: string, signal: AbortSignal) => Promise<Response>;
	shelf: KeySetShelf;
	now: () => number;
}

/** Asymmetric ones only: a secret that both sides know proves nothing of who signed. */
const ALGORITHMS = ["ES256", "RS256", "EdDSA"];
/** Milliseconds; see {@link keptKeys}. */
const KEYS = { maxAge: 600_000, cooldown: 30_000, timeout: 3_000 };
/** Milliseconds for which a good token is believed before it is looked at again, and its account with it. */
const BELIEVED = 900_000;
/** Milliseconds of difference between clocks that is let pass. */
const CLOCK_SKEW = 60_000;

interface Known extends TrustedIssuer {
	keys: JWTVerifyGetKey;
}

/** Verifies tokens of other issuers. */
export class TrustedIssuers {
	readonly #options: TrustedIssuersOptions;
	readonly #issuers: Map<string, Known>;

	/** @throws Error when one of them has our own name: it could then sign for every account */
	constructor(options: TrustedIssuersOptions) {
		this.#options = options;
		const { own, load, shelf, now } = options;
		if (options.issuers.some(({ issuer }) => issuer === own)) throw new Error("TRUSTED_ISSUERS names TOKEN_ISSUER");
		const known = (issuer: TrustedIssuer) => ({
			...issuer,
			keys: keptKeys({ address: issuer.jwks, load, shelf, now, ...KEYS }),
		});
		this.#issuers = new Map(options.issuers.map((issuer) => [issuer.issuer, known(issuer)]));
	}

	/** Whether a token says that it is of one of them: nothing of it is verified yet. */
	claims(token: string): boolean {
		return this.#issuers.size > 0 && this.#issuers.has(issuerOf(token) ?? "");
	}

	/** @throws Problem `token_invalid`, `token_expired` or `token_revoked`; `unavailable` when the keys are not to be had */
	async verify(token: string): Promise<TokenClaims> {
		const issuer = this.#issuers.get(issuerOf(token) ?? "");
		if (!issuer) throw new Problem("token_invalid");
		const { now, accountOf } = this.#options;
		const payload = await this.#payload(token, issuer);
		const { exp = 0, iat = 0 } = payload;
		const text = (claim: string, longest: number) => {
			const value = payload[claim];
			return typeof value === "string" && value.trim() !== "" && value.length <= longest ? value.trim() : undefined;
		};
		const subject = text(issuer.claims.subject, 255);
		// One from the future would outlive every revocation.
		if (subject === undefined || iat * 1000 > now() + CLOCK_SKEW) throw new Problem("token_invalid");
		const address = text(issuer.claims.email, 254);
		const { id, hidden, notBefore } = await accountOf({
			issuer: issuer.issuer,
			subject,
			name: text(issuer.claims.name, 80),
			username: text(issuer.claims.username, 100),
			email:
				address !== undefined && payload.email_verified !== false && z.email().safeParse(address).success
					? { address, verified: payload.email_verified === true }
					: undefined,
			region: issuer.region,
		});
		if (iat < notBefore) throw new Problem("token_revoked");
		const role = issuer.claims.role === undefined ? undefined : payload[issuer.claims.role];
		return {
			viewer: id,
			session: `${issuer.issuer}#${subject}`,
			role: ROLES.find((each) => each === role) ?? "user",
			hidden,
			issuedAt: iat,
			expiresAt: Math.min(exp * 1000, now() + BELIEVED),
			renewable: true,
		};
	}

	async #payload(token: string, { keys, issuer, audience }: Known) {
		try {
			const { payload } = await jwtVerify(token, keys, {
				issuer,
				audience,
				algorithms: ALGORITHMS,
				requiredClaims: ["exp", "iat"],
				currentDate: new Date(this.#options.now()),
			});
			return payload;
		} catch (error) {
			if (error instanceof errors.JWTExpired) throw new Problem("token_expired");
			if (TOKEN_FAULTS.some((fault) => error instanceof fault)) throw new Problem("token_invalid");
			// Theirs, and not a fault of ours.
			throw error instanceof Problem ? error : new Problem("unavailable");
		}
	}
}

function issuerOf(token: string): string | undefined {
	try {
		return decodeJwt(token).iss;
	} catch {
		return undefined;
	}
}
