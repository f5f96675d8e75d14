import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";
import { reportFailure } from "../report.ts";
import { Problem } from "./problem.ts";

export interface KeySetOptions {
	/** Where the keys are: an address, for `load`. */
	address: string;
	/** Answers with a JSON Web Key Set. */
	load: (address: string, signal: AbortSignal) => Promise<Response>;
	/** Milliseconds after which keys are asked for again, once a token comes; while that fails, the old ones are kept. */
	maxAge: number;
	/** Milliseconds between two questions for an unknown key, so that forged ones cost little. */
	cooldown: number;
	/** Milliseconds that an answer may take. */
	timeout: number;
	now: () => number;
}

/**
 * The public keys of an issuer as an isolate keeps them: fetched when the first token comes, again for an unknown key,
 * and now and then, so that a key that is not published any more ends. An outage of the issuer breaks no token whose
 * key is known.
 *
 * @returns what finds the key of a token; it throws `unavailable` while the issuer fails and the key is unknown
 */
export function keptKeys({ address, load, maxAge, cooldown, timeout, now }: KeySetOptions): JWTVerifyGetKey {
	let asOf = Number.NEGATIVE_INFINITY;
	let failedAt = Number.NEGATIVE_INFINITY;
	const keys = createRemoteJWKSet(new URL(address), {
		cacheMaxAge: Number.POSITIVE_INFINITY,
		cooldownDuration: cooldown,
		timeoutDuration: timeout,
		[customFetch]: async (_, { signal }) => {
			const asked = now();
			// jose counts its cool-down from an answer.
			if (asked - failedAt < cooldown) throw new Problem("unavailable");
			try {
				const response = await load(address, signal);
				if (!response.ok) throw new Error(`the keys of ${address} were answered with ${response.status}`);
				asOf = asked;
				return response;
			} catch (error) {
				failedAt = now();
				throw error;
			}
		},
	});
	return async (header, token) => {
		if (asOf > Number.NEGATIVE_INFINITY && now() - asOf >= maxAge && now() - failedAt >= cooldown) {
			try {
				await keys.reload();
			} catch (error) {
				reportFailure("the keys of an issuer were not to be had", error);
			}
		}
		return keys(header, token);
	};
}
