/** What is wrong, by kind: nothing, one hopes. */

export const KINDS = ["lost", "duplicated", "stuck", "drift"] as const;
/**
 * `lost`: an acknowledged write is not there, or only in part. `duplicated`: something is there twice, or that nobody
 * wrote. `stuck`: work that does not come to its end. `drift`: what is derived from the writes (timelines, counts,
 * clients that follow) differs from them.
 */
export type Kind = (typeof KINDS)[number];

/** So many are printed in full. */
const PRINTED = 60;

export class Findings {
	readonly #counts = new Map<Kind, number>(KINDS.map((kind) => [kind, 0]));

	get total(): number {
		return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
	}

	add(kind: Kind, text: string): void {
		if (this.total < PRINTED) console.log(`  ${kind.toUpperCase()}: ${text}`);
		this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
	}

	/** Compares two lists of the same things: what is missing, what is too much, and else their order. */
	compare(what: string, found: readonly string[], wanted: readonly string[], kinds: { less: Kind; more: Kind }): void {
		const here = new Set(found);
		const there = new Set(wanted);
		for (const each of wanted) if (!here.has(each)) this.add(kinds.less, `${what}: missing ${each}`);
		for (const each of found) if (!there.has(each)) this.add(kinds.more, `${what}: not expected ${each}`);
		if (found.length !== here.size) this.add("duplicated", `${what}: ${found.length - here.size} twice`);
		else if (found.length === wanted.length && found.some((each, n) => each !== wanted[n]))
			this.add("drift", `${what}: in another order`);
	}

	/** Tells when ids are not newest first, each once. */
	static order(ids: readonly string[], tell: (text: string) => void): void {
		const at = ids.findIndex((id, n) => n > 0 && id >= (ids[n - 1] ?? ""));
		if (at > 0) tell(`${ids[at]} comes after ${ids[at - 1]}`);
	}

	toString(): string {
		return KINDS.map((kind) => `${this.#counts.get(kind)} ${kind}`).join(", ");
	}
}
