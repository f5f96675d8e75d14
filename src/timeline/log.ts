import type { Id } from "../store/ids.ts";

/**
 * The timeline as a numbered log of changes: pure, no I/O.
 *
 * The log is a run of rows, each a run of changes; the first change of the first row ever has
 * `seq` 1 and every change has the next number, without holes, for the life of the account. Folding
 * the rows gives the entries. Whatever changes the log answers with {@link Effects}: the rows to
 * write and to drop, which its owner must store before it tells anybody.
 *
 * Invariant: the entries are exactly the posts above the `floor` that were added and not removed.
 * At and below the floor the store is the authority.
 */

/** Why a post is in a timeline. */
export type Reason = "own" | "friend" | "follow";
/** How it got there: pushed by fan-out, brought by a new relation, or found when the timeline was built. */
export type Via = "push" | "backfill" | "build";
/** `deleted` is for good; after `relation` (the tie to the author ended) the post may come back. */
export type Cause = "deleted" | "relation";

export interface Entry {
	postId: Id;
	authorId: Id;
	reason: Reason;
	via: Via;
}

export type Change = ({ kind: "add" } & Entry) | { kind: "remove"; postId: Id; cause: Cause };

/** A stored row: `first` is the `seq` of its first change. */
export interface Row {
	first: number;
	changes: string;
}

/** What must be stored for a change of the log to have happened. */
export interface Effects {
	puts: Row[];
	/** `first` of each row to drop. */
	drops: number[];
	/** The new floor, when it rose. */
	floor?: Id;
}

export interface Page {
	/** Newest first. */
	entries: Entry[];
	/** The number of the last change that this page knows. */
	seq: number;
	/** Posts at or below this id are read from the store; null when there are none. */
	floor: Id | null;
}

/** Where to read: towards older posts from `before`, or towards newer ones from `after`; both exclusive. */
export type Span = { before?: Id | undefined; limit: number } | { after: Id; limit: number };

export interface LogOptions {
	/** The newest entries that are always kept. */
	keep: number;
	/** Changes to a row. */
	rowCapacity: number;
	/** A log of more rows is better built anew: most of it is additions that were taken back. */
	mostRows: number;
}

/** The format that {@link encode} writes; an object with another one is converted when it wakes. */
export const LOG_FORMAT = 1;
export const LOG_OPTIONS: LogOptions = { keep: 1000, rowCapacity: 64, mostRows: 64 };

interface Segment {
	first: number;
	count: number;
	changes: string;
	/** The newest post that any change of the row names. */
	newest: Id;
}

export class TimelineLog {
	readonly #options: LogOptions;
	readonly #segments: Segment[] = [];
	readonly #entries: Entry[] = [];
	readonly #present = new Set<Id>();
	readonly #deleted = new Set<Id>();
	#seq: number;
	#floor: Id | null;

	/** Folds `rows` (in the order of `first`); `seq` counts what came before the first of them. */
	constructor(rows: readonly Row[], state: { seq: number; floor: Id | null }, options = LOG_OPTIONS) {
		this.#options = options;
		this.#floor = state.floor;
		this.#seq = state.seq;
		const folded = new Map<Id, Entry>();
		for (const row of rows) {
			const changes = decode(row.changes);
			this.#segments.push({ ...row, count: changes.length, newest: newestOf(changes) });
			this.#seq = row.first + changes.length - 1;
			for (const change of changes) {
				if (this.#below(change.postId)) continue;
				if (change.kind === "add") folded.set(change.postId, entryOf(change));
				else {
					folded.delete(change.postId);
					if (change.cause === "deleted") this.#deleted.add(change.postId);
				}
			}
		}
		this.#entries.push(...[...folded.values()].sort(newestFirst));
		for (const entry of this.#entries) this.#present.add(entry.postId);
	}

	/** The number of the last change. */
	get seq(): number {
		return this.#seq;
	}

	/** Whether the log holds so much that is over that it should be built anew. */
	get overgrown(): boolean {
		return this.#segments.length > this.#options.mostRows;
	}

	page(span: Span): Page {
		return { entries: this.#slice(span), seq: this.#seq, floor: this.#floor };
	}

	/**
	 * Applies changes in order. What changes nothing gets no number: a post that is here already, was
	 * deleted, or is below the floor, and the removal of one that is not here.
	 */
	apply(changes: readonly Change[]): Effects {
		const accepted = changes.filter((change) => this.#accept(change));
		return this.#trim(this.#append(accepted));
	}

	/**
	 * Adds the newest posts of one author, newest first; `complete` says that she has no older ones.
	 *
	 * Where she has, the floor rises to the last of them, so that the older ones come from the store and
	 * the timeline has no hole.
	 */
	backfill(entries: readonly Entry[], complete: boolean): Effects {
		const effects = this.apply(entries.toReversed().map((entry): Change => ({ kind: "add", ...entry })));
		const last = entries.at(-1)?.postId;
		if (complete || !last || !this.#raise(last)) return effects;
		return this.#trim({ ...effects, floor: last });
	}

	/** Takes out every entry of an author to whom the owner has no tie any more. */
	removeAuthor(authorId: Id): Effects {
		const gone = this.#entries.filter((entry) => entry.authorId === authorId);
		return this.apply(gone.map(({ postId }): Change => ({ kind: "remove", postId, cause: "relation" })));
	}

	#accept(change: Change): boolean {
		const { postId } = change;
		if (this.#below(postId)) return false;
		if (change.kind === "add") {
			if (this.#present.has(postId) || this.#deleted.has(postId)) return false;
			this.#present.add(postId);
			this.#entries.splice(this.#firstOlder(postId), 0, entryOf(change));
			return true;
		}
		const present = this.#present.delete(postId);
		if (present) this.#entries.splice(this.#firstOlder(postId) - 1, 1);
		if (change.cause === "relation") return present;
		// A deletion is remembered even before its post: an addition that comes late must not undo it.
		if (this.#deleted.has(postId)) return false;
		this.#deleted.add(postId);
		return true;
	}

	#append(changes: readonly Change[]): Effects {
		const touched = new Set<Segment>();
		for (const change of changes) {
			let segment = this.#segments.at(-1);
			if (!segment || segment.count >= this.#options.rowCapacity) {
				segment = { first: this.#seq + 1, count: 0, changes: "", newest: change.postId };
				this.#segments.push(segment);
			}
			segment.changes += encode(change);
			segment.count += 1;
			segment.newest = later(segment.newest, change.postId);
			this.#seq += 1;
			touched.add(segment);
		}
		return { puts: [...touched].map(({ first, changes }) => ({ first, changes })), drops: [] };
	}

	/**
	 * Drops whole old rows while enough entries stay above the posts that go with them, or when nothing
	 * they name is above the floor.
	 */
	#trim(effects: Effects): Effects {
		const drops: number[] = [];
		let floor: Id | undefined;
		for (let oldest = this.#segments[0]; oldest && this.#segments.length > 1; oldest = this.#segments[0]) {
			if (!this.#below(oldest.newest) && this.#firstOlder(oldest.newest, true) < this.#options.keep) break;
			this.#segments.shift();
			drops.push(oldest.first);
			if (this.#raise(oldest.newest)) floor = oldest.newest;
		}
		if (drops.length === 0) return effects;
		const dropped = new Set(drops);
		return {
			puts: effects.puts.filter((row) => !dropped.has(row.first)),
			drops: [...effects.drops, ...drops],
			...(floor ? { floor } : effects.floor ? { floor: effects.floor } : {}),
		};
	}

	#raise(floor: Id): boolean {
		if (this.#below(floor)) return false;
		this.#floor = floor;
		for (const entry of this.#entries.splice(this.#firstOlder(floor, true))) this.#present.delete(entry.postId);
		for (const postId of this.#deleted) if (postId <= floor) this.#deleted.delete(postId);
		return true;
	}

	#slice(span: Span): Entry[] {
		if ("after" in span) {
			const end = this.#firstOlder(span.after, true);
			return this.#entries.slice(Math.max(0, end - span.limit), end);
		}
		const start = span.before ? this.#firstOlder(span.before) : 0;
		return this.#entries.slice(start, start + span.limit);
	}

	#below(postId: Id): boolean {
		return this.#floor !== null && postId <= this.#floor;
	}

	/** The index of the first entry older than `postId`, or, when `inclusive`, of `postId` itself or an older one. */
	#firstOlder(postId: Id, inclusive = false): number {
		let low = 0;
		let high = this.#entries.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			const other = this.#entries[middle]?.postId ?? postId;
			if (inclusive ? other <= postId : other < postId) high = middle;
			else low = middle + 1;
		}
		return low;
	}
}

const REASONS = { own: "o", friend: "f", follow: "w" } as const;
const VIAS = { push: "p", backfill: "b", build: "c" } as const;
const CAUSES = { deleted: "d", relation: "r" } as const;
const ID_LENGTH = 13;

/** `+` reason via post author, or `-` cause post: fixed widths, no separators. */
function encode(change: Change): string {
	return change.kind === "add"
		? `+${REASONS[change.reason]}${VIAS[change.via]}${change.postId}${change.authorId}`
		: `-${CAUSES[change.cause]}${change.postId}`;
}

function decode(text: string): Change[] {
	const changes: Change[] = [];
	let at = 0;
	const take = (length: number) => {
		at += length;
		return text.slice(at - length, at);
	};
	while (at < text.length) {
		if (take(1) === "+") {
			const reason = keyOf(REASONS, take(1));
			const via = keyOf(VIAS, take(1));
			changes.push({ kind: "add", reason, via, postId: take(ID_LENGTH) as Id, authorId: take(ID_LENGTH) as Id });
		} else {
			changes.push({ kind: "remove", cause: keyOf(CAUSES, take(1)), postId: take(ID_LENGTH) as Id });
		}
	}
	return changes;
}

function keyOf<K extends string>(codes: Readonly<Record<K, string>>, code: string): K {
	for (const key in codes) if (codes[key] === code) return key;
	throw new Error("timeline row is not in this format");
}

function entryOf({ postId, authorId, reason, via }: Entry): Entry {
	return { postId, authorId, reason, via };
}

function newestOf(changes: readonly Change[]): Id {
	return changes.reduce((newest, { postId }) => later(newest, postId), "" as Id);
}

function newestFirst(a: Entry, b: Entry): number {
	return a.postId < b.postId ? 1 : -1;
}

function later(a: Id, b: Id): Id {
	return a < b ? b : a;
}
