import { errors, jwtVerify, SignJWT } from "jose";
import { type Id, isId } from "../store/ids.ts";
import { isCompact } from "./compact.ts";
import { Problem } from "./problem.ts";
import type { Revocable } from "./revocations.ts";

const AUDIENCE = "feed-stream";

/**
 * Seals the tickets of streams, so that one that was never given out is refused here: no timeline object is
 * woken, or even made, by a guess. That a ticket is used once is for the object to see.
 */
export class TicketSeal {
	readonly #key: Uint8Array;

	/** `secret` is the service's own, at least 32 bytes. */
	constructor(secret: string) {
		this.#key = new TextEncoder().encode(`${AUDIENCE}:${secret}`);
	}

	/** `token` is the access token that the ticket stands for; `goodUntil` in Unix milliseconds. */
	async seal(token: Revocable, ticket: string, goodUntil: number): Promise<string> {
		return new SignJWT({ sid: token.session })
			.setProtectedHeader({ alg: "HS256" })
			.setSubject(token.viewer)
			.setIssuedAt(token.issuedAt)
			.setJti(ticket)
			.setAudience(AUDIENCE)
			.setExpirationTime(new Date(goodUntil))
			.sign(this.#key);
	}

	/** @throws Problem `ticket_invalid` */
	async open(sealed: string): Promise<{ token: Revocable & { viewer: Id }; ticket: string }> {
		if (!isCompact(sealed)) throw new Problem("ticket_invalid");
		try {
			const { payload } = await jwtVerify(sealed, this.#key, {
				algorithms: ["HS256"],
				audience: AUDIENCE,
				requiredClaims: ["sub", "sid", "iat", "jti", "exp"],
			});
			const { sub, sid, iat = 0, jti } = payload;
			if (typeof sub === "string" && isId(sub) && jti) {
				return { token: { viewer: sub, session: String(sid), issuedAt: iat }, ticket: jti };
			}
		} catch (error) {
			if (!(error instanceof errors.JOSEError)) throw error;
		}
		throw new Problem("ticket_invalid");
	}
}
