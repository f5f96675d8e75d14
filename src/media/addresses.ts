import { hmac, same } from "../digest.ts";
import type { Id } from "../store/ids.ts";

/** Milliseconds. An address is good until the end of the window after the one in which it was made. */
export const WINDOW = 6 * 3_600_000;

/** What an address is found to be. */
export type Verdict = "good" | "expired" | "wrong";

/**
 * The addresses of files that not everybody may see. Whoever has one may read what it names until it expires, and
 * nobody else can make one: so only those get one who may see the post. All that are made in one window are the same,
 * so that pages stay the same, and caches find what they have.
 */
export class MediaAddresses {
	readonly #secret: string;
	readonly #now: () => number;

	/** @param secret the service's; the key is derived from it */
	constructor(secret: string, now: () => number) {
		this.#secret = `media:${secret}`;
		this.#now = now;
	}

	/** What makes the paths of one medium's files, given the name of each. */
	of(id: Id): (file: string) => string {
		const expires = ((Math.floor(this.#now() / WINDOW) + 2) * WINDOW) / 1000;
		const query = `exp=${expires}&sig=${this.#sign(id, expires)}`;
		return (file) => `/media/${id}/${file}?${query}`;
	}

	async check(id: Id, exp: string | undefined, sig: string | undefined): Promise<Verdict> {
		if (exp === undefined || sig === undefined || !/^\d{1,12}$/.test(exp)) return "wrong";
		if (!(await same(sig, this.#sign(id, Number(exp))))) return "wrong";
		return Number(exp) * 1000 > this.#now() ? "good" : "expired";
	}

	/** One for all files of a medium: who may see a photo may see it in any size. */
	#sign(id: Id, expires: number): string {
		return hmac(this.#secret, `${id}/${expires}`).slice(0, SIGNATURE);
	}
}

/** Characters of six bits: 132 bits. */
const SIGNATURE = 22;
