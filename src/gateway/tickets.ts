import { errors, jwtVerify, SignJWT } from "jose";
import { type Id, isId } from "../store/ids.ts";
import { Problem } from "./problem.ts";

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

	/** `goodUntil` in Unix milliseconds. */
	async seal(viewer: Id, ticket: string, goodUntil: number): Promise<string> {
		return new SignJWT()
			.setProtectedHeader({ alg: "HS256" })
			.setSubject(viewer)
			.setJti(ticket)
			.setAudience(AUDIENCE)
			.setExpirationTime(new Date(goodUntil))
			.sign(this.#key);
	}

	/** @throws Problem `ticket_invalid` */
	async open(sealed: string): Promise<{ viewer: Id; ticket: string }> {
		try {
			const { payload } = await jwtVerify(sealed, this.#key, {
				algorithms: ["HS256"],
				audience: AUDIENCE,
				requiredClaims: ["sub", "jti", "exp"],
			});
			if (payload.sub && isId(payload.sub) && payload.jti) return { viewer: payload.sub, ticket: payload.jti };
		} catch (error) {
			if (!(error instanceof errors.JOSEError)) throw error;
		}
		throw new Problem("ticket_invalid");
	}
}
