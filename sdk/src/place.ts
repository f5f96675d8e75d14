import type { EdgefeedStorage } from "./storage.ts";

/** How far this device has come in what it has done: sent along, so that it reads what it wrote, wherever it reads. */
interface Kept {
	/** The last `X-Feed-Seq`. */
	seq: number;
	/** The last `X-Feed-Bookmark`. */
	bookmark?: string;
}

const keyOf = (accountId: string) => `place/${accountId}`;

/** The {@link Kept} of the account that is signed in. */
export class Place {
	readonly #storage: EdgefeedStorage;
	#accountId: string | undefined;
	#kept: Kept = { seq: 0 };

	constructor(storage: EdgefeedStorage) {
		this.#storage = storage;
	}

	get seq(): number {
		return this.#kept.seq;
	}

	get bookmark(): string | undefined {
		return this.#kept.bookmark;
	}

	/** Takes up what is kept for an account, once. */
	async of(accountId: string | undefined): Promise<void> {
		if (accountId === this.#accountId) return;
		this.#accountId = accountId;
		this.#kept = { seq: 0 };
		if (accountId === undefined) return;
		const text = await this.#storage.get(keyOf(accountId)).catch(() => undefined);
		if (!text || this.#accountId !== accountId) return;
		const kept = JSON.parse(text) as Kept;
		this.#kept = { ...kept, ...this.#kept, seq: Math.max(kept.seq, this.#kept.seq) };
	}

	/** Notes what the answer of a mutation says. @returns its `X-Feed-Seq` */
	note(headers: Headers): number | undefined {
		const seq = Number(headers.get("x-feed-seq") ?? Number.NaN);
		const bookmark = headers.get("x-feed-bookmark");
		const grown = Number.isInteger(seq) && seq > this.#kept.seq;
		if (grown || bookmark !== null) {
			this.#keep({ seq: grown ? seq : this.#kept.seq, ...this.#bookmark(bookmark) });
		}
		return Number.isInteger(seq) ? seq : undefined;
	}

	/** The timeline has not come so far: the service was set back. */
	forgetSeq(): void {
		this.#keep({ seq: 0, ...this.#bookmark(null) });
	}

	forgetBookmark(): void {
		this.#keep({ seq: this.#kept.seq });
	}

	#bookmark(news: string | null): { bookmark?: string } {
		const bookmark = news ?? this.#kept.bookmark;
		return bookmark === undefined ? {} : { bookmark };
	}

	#keep(kept: Kept): void {
		this.#kept = kept;
		if (this.#accountId === undefined) return;
		void this.#storage.set(keyOf(this.#accountId), JSON.stringify(kept)).catch(() => undefined);
	}
}
