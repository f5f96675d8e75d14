import type { Memory } from "../cache/memory.ts";
import type { Rendered } from "../gateway/conditional.ts";
import type { Id } from "../store/ids.ts";

/** A page of somebody's feed, ready to be sent again. */
export interface SentPage {
	rendered: Rendered;
	/** The number of the timeline's last change that it knows. */
	seq: number;
	/** Whatever was committed before this is in it: Unix milliseconds. */
	asOf: number;
	/** Unix milliseconds. */
	madeAt: number;
}

/** A page that was just made. One of a timeline that is still being built is sent, but not kept. */
export interface MadePage {
	page: SentPage;
	building: boolean;
}

/** Whether a page was kept, made for this request, or kept for so long that it is being made anew for the next one. */
export type Freshness = "HIT" | "STALE" | "MISS";

/** How long after it was made a page is sent as it is, and then while a newer one is made, in milliseconds. */
const FRESH = 1000;
const STALE = 2500;
/** How old it may be in any case, counted from its `asOf`: of the five seconds, a half is for clocks and the way. */
const BOUND = 4500;
/** A refresh that takes longer was cancelled with its request, in milliseconds. */
const REFRESH_LASTS = 2000;

/**
 * The pages that this isolate has sent lately. A phone asks for the same one again and again, and over the same
 * connection, so they are kept nowhere else: another isolate makes its own.
 */
export class FeedPages {
	readonly #memory: Memory | undefined;
	readonly #now: () => number;
	readonly #refreshes = new Map<string, number>();

	/** @param memory where pages are kept, if they are */
	constructor(memory: Memory | undefined, now: () => number) {
		this.#memory = memory;
		this.#now = now;
	}

	/**
	 * A page that was sent for the same question, if it knows of `minSeq` and of what its viewer did by way of this
	 * isolate.
	 */
	find(viewer: Id, question: string, minSeq: number): { page: SentPage; freshness: Freshness } | undefined {
		const page = this.#memory?.peek(keyOf(viewer, question))?.value as SentPage | undefined;
		if (!page || page.seq < minSeq || page.asOf <= (this.#memory?.peek(changeOf(viewer))?.asOf ?? 0)) return undefined;
		const age = this.#now() - page.madeAt;
		return age <= STALE ? { page, freshness: age <= FRESH ? "HIT" : "STALE" } : undefined;
	}

	keep(viewer: Id, question: string, { page, building }: MadePage): void {
		if (!building) this.#memory?.keep(keyOf(viewer, question), { value: page, asOf: page.asOf }, BOUND);
	}

	/** The viewer has changed something: what was made before is not hers to see any more. */
	outdate(viewer: Id): void {
		this.#memory?.keep(changeOf(viewer), { value: null, asOf: this.#now() }, BOUND);
	}

	/** Makes a page anew, unless that is being done. Never fails: the next reader makes it herself. */
	async refresh(viewer: Id, question: string, make: () => Promise<MadePage>): Promise<void> {
		const key = keyOf(viewer, question);
		const now = this.#now();
		for (const [other, since] of this.#refreshes) {
			if (now - since <= REFRESH_LASTS) break;
			this.#refreshes.delete(other);
		}
		if (this.#refreshes.has(key)) return;
		this.#refreshes.set(key, now);
		try {
			this.keep(viewer, question, await make());
		} catch {
		} finally {
			this.#refreshes.delete(key);
		}
	}
}

function keyOf(viewer: Id, question: string): string {
	return `page/${viewer}?${question}`;
}

function changeOf(viewer: Id): string {
	return `change/${viewer}`;
}
