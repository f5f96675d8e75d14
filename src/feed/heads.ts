import type { Id } from "../store/ids.ts";

/** How long a head is shared, in milliseconds. */
const FRESH = 2000;
/** How many heads an isolate keeps. */
const MOST = 10_000;

interface Head {
	readAt: number;
	ids: Promise<readonly Id[]>;
}

/** The newest posts of heavy authors, read once for all of their readers in this isolate. */
export class Heads {
	readonly #read: (authors: readonly Id[]) => Promise<ReadonlyMap<Id, readonly Id[]>>;
	readonly #now: () => number;
	readonly #kept = new Map<Id, Head>();

	constructor(read: (authors: readonly Id[]) => Promise<ReadonlyMap<Id, readonly Id[]>>, now: () => number) {
		this.#read = read;
		this.#now = now;
	}

	async of(authors: readonly Id[]): Promise<ReadonlyMap<Id, readonly Id[]>> {
		const now = this.#now();
		const missing = authors.filter((author) => (this.#kept.get(author)?.readAt ?? 0) < now - FRESH);
		if (missing.length > 0) {
			const reading = this.#read(missing);
			for (const author of missing) {
				const ids = reading.then((heads) => heads.get(author) ?? []);
				ids.catch(() => this.#kept.delete(author));
				// Behind the others: the first of the map is the oldest.
				this.#kept.delete(author);
				this.#kept.set(author, { readAt: now, ids });
			}
			for (const author of this.#kept.keys()) {
				if (this.#kept.size <= MOST) break;
				this.#kept.delete(author);
			}
		}
		const found = authors.map(async (author) => [author, (await this.#kept.get(author)?.ids) ?? []] as const);
		return new Map(await Promise.all(found));
	}
}
