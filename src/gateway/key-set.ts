import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { reportFailure } from "../report.ts";
import { Problem } from "./problem.ts";

/** Where the last key set of an issuer is found by an isolate that starts while the issuer is down. */
export interface KeySetShelf {
	/** Never fails, and need not be done when it answers. */
	put(address: string, keySet: string): void;
	/** @returns undefined when there is none, or none that is young enough to be used */
	last(address: string): Promise<string | undefined>;
}

export interface KeySetOptions {
	/** Where the keys are: an address, for `load`. */
	address: string;
	/** Answers with a JSON Web Key Set. */
	load: (address: string, signal: AbortSignal) => Promise<Response>;
	shelf?: KeySetShelf;
	/** Milliseconds after which keys are asked for again, once a token comes; while that fails, the old ones are kept. */
	maxAge: number;
	/** Milliseconds between two questions for an unknown key, so that forged ones cost little. */
	cooldown: number;
	/** Milliseconds that an answer may take. */
	timeout: number;
	now: () => number;
}

const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

/**
 * The public keys of an issuer as an isolate keeps them: fetched when the first token comes, again for an unknown key,
 * and now and then, so that a key that is not published any more ends. An outage of the issuer breaks no token whose
 * key is known, to this isolate or to the shelf.
 *
 * @returns what finds the key of a token; it throws `unavailable` while the issuer fails and the key is unknown
 */
export function keptKeys({ address, load, shelf, maxAge, cooldown, timeout, now }: KeySetOptions): JWTVerifyGetKey {
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
				const text = await response.text();
				keySetSchema.parse(JSON.parse(text));
				shelf?.put(address, text);
				asOf = asked;
				return new Response(text);
			} catch (error) {
				failedAt = now();
				const last = asOf === Number.NEGATIVE_INFINITY ? await shelf?.last(address) : undefined;
				if (last === undefined) throw error;
				reportFailure("the keys of an issuer were not to be had", error);
				// As old as can be: the next try is made after the pause.
				asOf = asked - maxAge;
				return new Response(last);
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
		try {
			return await keys(header, token);
		} catch (error) {
			// Perhaps a new one: that cannot be told while the issuer does not answer.
			const failing = now() - failedAt < cooldown;
			throw failing && error instanceof errors.JWKSNoMatchingKey ? new Problem("unavailable") : error;
		}
	};
}
