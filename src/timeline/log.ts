import type { Id } from "../store/ids.ts";
import type {
	Arrival,
	Backfill,
	Change,
	Delivery,
	Entry,
	Logged,
	Marker,
	News,
	Numbered,
	Page,
	Span,
} from "./changes.ts";
import { decode, encode, ID_LENGTH, type Row } from "./rows.ts";

/**
 * The timeline as a numbered log of changes: pure, no I/O.
 *
 * The log is a run of rows, each a run of changes; the first change of the first row ever has
 * `seq` 1 and every change has the next number, without holes, for the life of the account. Folding
 * the rows gives the entries. Whatever changes the log answers with {@link Effects}: the rows to
 * write and to drop, which its owner must store before it tells anybody.
 *
 * Invariant: the entries are exactly the posts above the `floor` that were added and not removed.
 * At and below the floor the store is the authority: what happens to a post there is told in a
 * change, but not kept; only deletions are remembered, for as long as their row is. Likewise the log knows
 * of every post above the floor whether the owner likes it.
 */

/** What must be stored for a change of the log to have happened. */
export interface Effects {
	puts: Row[];
	/** `first` of each row to drop. */
	drops: number[];
	/** The new floor, when it rose. */
	floor?: Id;
	/** The new marker, when it moved. */
	marker?: Id;
	/** {@link State.likes}, when rows do not tell it any more. */
	likes?: string;
}

/** What is stored beside the rows. */
export interface State {
	/** The number of the last change before the first row. */
	seq: number;
	floor: Id | null;
	marker: Id | null;
	/** The ids of what the owner likes, joined, beside what the rows tell. */
	likes: string;
}

/** Whether an author's entries are shown. */
export type Shown = (authorId: Id) => boolean;

const everybody: Shown = () => true;

export interface LogOptions {
	/** The newest entries that are always kept. */
	keep: number;
	/** Changes to a row. */
	rowCapacity: number;
	/** A log of more rows is better built anew: most of it is additions that were taken back. */
	mostRows: number;
	/** Likes that are known: past that the floor rises. */
	mostLikes: number;
}

export const LOG_OPTIONS: LogOptions = { keep: 1000, rowCapacity: 64, mostRows: 64, mostLikes: 4000 };

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
	readonly #liked: Set<Id>;
	#seq: number;
	#floor: Id | null;
	#marker: Id | null;
	/** The number of the last reset, or of what came before the first row ever kept. */
	#reset: number;

	/** Folds `rows`, in the order of `first`. */
	constructor(rows: readonly Row[], { seq, floor, marker, likes }: State, options = LOG_OPTIONS) {
		this.#options = options;
		this.#liked = new Set(idsOf(likes));
		this.#floor = floor;
		this.#marker = marker;
		this.#seq = seq;
		this.#reset = seq;
		const folded = new Map<Id, Entry>();
		for (const row of rows) {
			const changes = decode(row.changes);
			this.#segments.push({ ...row, count: changes.length, newest: newestOf(changes) });
			for (const [n, change] of changes.entries()) {
				if (change.kind === "reset") this.#reset = row.first + n;
				else if (change.kind === "marker") this.#marker = change.postId;
				else if (change.kind === "like") this.#like(change.postId, change.liked);
				else fold(change, folded, this.#deleted, this.#below(change.postId));
			}
			this.#seq = row.first + changes.length - 1;
		}
		this.#entries.push(...[...folded.values()].sort(newestFirst));
		for (const entry of this.#entries) this.#present.add(entry.postId);
	}

	/** The number of the last change. */
	get seq(): number {
		return this.#seq;
	}

	/**
	 * When the last change came, in Unix milliseconds; undefined when the log does not tell, because it was no
	 * addition. Markers are the owner's own and do not count.
	 */
	get changedAt(): number | undefined {
		for (const { changes } of this.#segments.toReversed()) {
			const last = decode(changes).findLast((change) => change.kind !== "marker");
			if (last) return last.kind === "add" ? last.at + TICK : undefined;
		}
		return undefined;
	}

	/** Whether the log holds so much that is over that it should be built anew. */
	get overgrown(): boolean {
		return this.#segments.length > this.#options.mostRows;
	}

	/** Whether the owner likes a post above the floor. */
	likes(postId: Id): boolean {
		return this.#liked.has(postId);
	}

	/** What was edited or liked by one of the newest changes. */
	get recent(): Id[] {
		const changes = decode(this.#segments.at(-1)?.changes ?? "");
		return changes.flatMap((change) => (change.kind === "edit" || change.kind === "like" ? [change.postId] : []));
	}

	/** Only entries of authors who are `shown`. */
	page(span: Span, shown: Shown = everybody): Page {
		return { entries: this.#slice(span, shown), seq: this.#seq, floor: this.#floor };
	}

	/** What came after `since`, at most `limit` changes. */
	changes(since: number, limit: number): News {
		const seq = this.#seq;
		if (since > seq) return { state: "future", seq };
		const oldest = (this.#segments[0]?.first ?? seq + 1) - 1;
		if (since < Math.max(oldest, this.#reset)) return { state: "outdated", seq };
		const changes: Numbered[] = [];
		for (const { first, count, changes: text } of this.#segments) {
			if (first + count - 1 <= since) continue;
			for (const [n, change] of decode(text).entries()) {
				if (change.kind === "reset" || first + n <= since) continue;
				if (changes.length === limit) return { state: "told", changes, seq, more: true };
				const { postId } = change;
				changes.push(change.kind === "like" ? { kind: "edit", postId, seq: first + n } : { ...change, seq: first + n });
			}
		}
		return { state: "told", changes, seq, more: false };
	}

	/** Counts entries of others who are `shown`. */
	marker(owner: Id, shown: Shown = everybody): Marker {
		const newer = this.#marker === null ? this.#entries.length : this.#firstOlder(this.#marker, true);
		let unreadCount = 0;
		for (const { authorId } of this.#entries.slice(0, newer)) if (authorId !== owner && shown(authorId)) unreadCount++;
		return { postId: this.#marker, unreadCount, seq: this.#seq };
	}

	/** Moves the marker, forward only unless `force`. */
	mark(postId: Id, force: boolean): Effects {
		const moves = this.#marker === null || (force ? postId !== this.#marker : postId > this.#marker);
		if (!moves) return { puts: [], drops: [] };
		this.#marker = postId;
		return { ...this.#trim(this.#append([{ kind: "marker", postId }])), marker: postId };
	}

	/**
	 * The owner likes a post, or does not any more. What is so already gets no number; nor does what she does to a post
	 * that is not in her feed, or has yet to come: told of it, a client would show it, and not hear when its author goes.
	 */
	like(postId: Id, liked: boolean): Effects {
		if (this.#liked.has(postId) === liked && !this.#below(postId)) return { puts: [], drops: [] };
		this.#like(postId, liked);
		if (this.lacks(postId)) return this.#bound({ puts: [], drops: [], likes: this.#likes });
		return this.#trim(this.#bound(this.#append([{ kind: "like", postId, liked }])));
	}

	/** Posts have come in of which the store says that the owner likes them. */
	learnLikes(postIds: readonly Id[]): Effects {
		const news = postIds.filter((postId) => !this.#liked.has(postId));
		if (news.length === 0) return { puts: [], drops: [] };
		for (const postId of news) this.#like(postId, true);
		return this.#bound({ puts: [], drops: [], likes: this.#likes });
	}

	/**
	 * Compares the entries with `stored`, what the store says belongs here: its newest posts, newest first,
	 * read after `before` was the page. Only what is older than `until` counts: newer posts may be on their way.
	 *
	 * @returns what would mend it.
	 */
	compare(
		before: Page,
		stored: readonly Arrival[],
		whole: boolean,
		until: Id,
	): { missing: Delivery[]; stale: Delivery[] } {
		const bottom = whole ? null : (stored.at(-1)?.postId ?? null);
		const counts = (postId: Id) => postId < until && !this.#below(postId) && (bottom === null || postId >= bottom);
		const belongs = new Set(stored.map(({ postId }) => postId));
		const missing = stored.filter(
			({ postId }) => counts(postId) && !this.#present.has(postId) && !this.#deleted.has(postId),
		);
		// What was delivered since the store was read is in neither list.
		const stale = before.entries.filter(
			({ postId }) => counts(postId) && this.#present.has(postId) && !belongs.has(postId),
		);
		return {
			missing: missing.toReversed().map((arrival) => ({ kind: "add", ...arrival })),
			stale: stale.map(({ postId }) => ({ kind: "remove", postId, cause: "relation" })),
		};
	}

	/** Why a post is here, or null when it is not. */
	entry(postId: Id): Entry | null {
		return (this.#present.has(postId) && this.#entries[this.#firstOlder(postId, true)]) || null;
	}

	/** An author's entries, newest first. */
	by(authorId: Id): Id[] {
		return this.#entries.filter((entry) => entry.authorId === authorId).map(({ postId }) => postId);
	}

	/** Whether a post could be added above the floor. */
	lacks(postId: Id): boolean {
		return !this.#present.has(postId) && !this.#deleted.has(postId) && !this.#below(postId);
	}

	/**
	 * Applies changes in order. What changes nothing gets no number: a post that is here already or was
	 * deleted, the edit or the removal of one that is not here.
	 */
	apply(deliveries: readonly Delivery[], now: number): Effects {
		const changes = deliveries.map((delivery) => dated(delivery, now));
		return this.#trim(this.#append(changes.filter((change) => this.#accept(change))));
	}

	/** Says that more has changed than changes tell. */
	reset(): Effects {
		return this.#trim(this.#append([{ kind: "reset" }]));
	}

	/** Fills an empty log with its newest entries, newest first. Who knew an earlier log must read anew. */
	fill(arrivals: readonly Arrival[], now: number): Effects {
		const told: Logged[] = additions(arrivals, now).filter((change) => this.#accept(change));
		// What lies below the floor is in no change.
		if (this.#seq > 0 || this.#floor !== null) told.push({ kind: "reset" });
		return this.#append(told);
	}

	/**
	 * Adds the newest posts of one author, newest first, at `now`; `complete` says that she has no older ones.
	 *
	 * Where she has, the floor rises to the last of them, so that the older ones come from the store and
	 * the timeline has no hole.
	 */
	backfill({ authorId, reason, postIds, complete }: Backfill, now: number): Effects {
		const arrivals = postIds.map((postId): Arrival => ({ postId, authorId, reason, via: "backfill" }));
		const above = arrivals.filter(({ postId }) => !this.#below(postId));
		const told: Logged[] = additions(above, now).filter((change) => this.#accept(change));
		// What comes into the feed below the floor, or leaves it unseen, is in no change.
		if (!complete || above.length < arrivals.length) told.push({ kind: "reset" });
		const effects = this.#append(told);
		const last = postIds.at(-1);
		const raised = !complete && last !== undefined && this.#raise(last);
		return this.#trim(raised ? { ...effects, floor: last } : effects);
	}

	/** Takes out every entry of an author to whom the owner has no tie any more. */
	removeAuthor(authorId: Id): Effects {
		const gone = this.#entries.filter((entry) => entry.authorId === authorId);
		const told: Logged[] = gone.map(({ postId }) => ({ kind: "remove", postId, cause: "relation" }));
		for (const { postId } of gone) this.#accept({ kind: "remove", postId, cause: "relation" });
		// Her posts below the floor leave the feed too, and are in no change.
		if (this.#floor !== null) told.push({ kind: "reset" });
		return this.#trim(this.#append(told));
	}

	#accept(change: Exclude<Change, { kind: "marker" }>): boolean {
		const { postId } = change;
		if (change.kind === "edit") return this.#present.has(postId) || this.#below(postId);
		if (change.kind === "add") {
			if (this.#present.has(postId) || this.#deleted.has(postId)) return false;
			if (this.#below(postId)) return true;
			this.#present.add(postId);
			this.#entries.splice(this.#firstOlder(postId), 0, entryOf(change));
			return true;
		}
		const present = this.#present.delete(postId);
		if (present) this.#entries.splice(this.#firstOlder(postId) - 1, 1);
		if (change.cause === "relation") return present || this.#below(postId);
		// A deletion is remembered even before its post: an addition that comes late must not undo it.
		if (this.#deleted.has(postId)) return false;
		this.#deleted.add(postId);
		return true;
	}

	#like(postId: Id, liked: boolean): void {
		if (liked && !this.#below(postId)) this.#liked.add(postId);
		else this.#liked.delete(postId);
	}

	get #likes(): string {
		return [...this.#liked].filter((postId) => !this.#below(postId)).join("");
	}

	/** Whoever likes very many posts has the older ones read from the store. */
	#bound(effects: Effects): Effects {
		const { mostLikes } = this.#options;
		if (this.#liked.size <= mostLikes) return effects;
		for (const postId of this.#liked) if (this.#below(postId)) this.#liked.delete(postId);
		const last = [...this.#liked].sort().at(-Math.ceil(mostLikes / 2));
		if (this.#liked.size <= mostLikes || !last) return { ...effects, likes: this.#likes };
		this.#raise(last);
		return { ...effects, floor: last, likes: this.#likes };
	}

	#append(changes: readonly Logged[]): Effects {
		const touched = new Set<Segment>();
		for (const change of changes) {
			let segment = this.#segments.at(-1);
			if (!segment || segment.count >= this.#options.rowCapacity) {
				segment = { first: this.#seq + 1, count: 0, changes: "", newest: NONE };
				this.#segments.push(segment);
			}
			segment.changes += encode(change);
			segment.count += 1;
			segment.newest = later(segment.newest, namedBy(change));
			this.#seq += 1;
			if (change.kind === "reset") this.#reset = this.#seq;
			touched.add(segment);
		}
		return { puts: [...touched].map(({ first, changes }) => ({ first, changes })), drops: [] };
	}

	/**
	 * Drops whole old rows while enough entries stay above the posts that go with them, or when they name
	 * no post above the floor.
	 */
	#trim(effects: Effects): Effects {
		const { keep, rowCapacity } = this.#options;
		const drops: number[] = [];
		let { floor } = effects;
		let untold = false;
		for (
			let oldest = this.#segments[0];
			oldest && this.#segments.length > keep / rowCapacity;
			oldest = this.#segments[0]
		) {
			const spent = oldest.newest === NONE || this.#below(oldest.newest);
			if (!spent && this.#firstOlder(oldest.newest, true) < keep) break;
			this.#segments.shift();
			drops.push(oldest.first);
			if (!spent && this.#raise(oldest.newest)) floor = oldest.newest;
			for (const change of decode(oldest.changes)) {
				if (change.kind === "remove") this.#deleted.delete(change.postId);
				untold ||= change.kind === "like";
			}
		}
		if (drops.length === 0) return effects;
		const dropped = new Set(drops);
		const puts = effects.puts.filter((row) => !dropped.has(row.first));
		return {
			...effects,
			puts,
			drops: [...effects.drops, ...drops],
			...(floor ? { floor } : {}),
			...(untold ? { likes: this.#likes } : {}),
		};
	}

	#raise(floor: Id): boolean {
		if (this.#below(floor)) return false;
		this.#floor = floor;
		for (const entry of this.#entries.splice(this.#firstOlder(floor, true))) this.#present.delete(entry.postId);
		return true;
	}

	#slice(span: Span, shown: Shown): Entry[] {
		const forward = "after" in span;
		const step = forward ? -1 : 1;
		let at = forward ? this.#firstOlder(span.after, true) - 1 : span.before ? this.#firstOlder(span.before) : 0;
		const entries: Entry[] = [];
		for (let entry = this.#entries[at]; entry && entries.length < span.limit; entry = this.#entries[at]) {
			if (shown(entry.authorId)) entries.push(entry);
			at += step;
		}
		return forward ? entries.reverse() : entries;
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

/** Deletions are remembered below the floor too, for as long as their row is kept. */
function fold(change: Change, entries: Map<Id, Entry>, deleted: Set<Id>, below: boolean): void {
	if (change.kind === "add" && !below) entries.set(change.postId, entryOf(change));
	if (change.kind !== "remove") return;
	entries.delete(change.postId);
	if (change.cause === "deleted") deleted.add(change.postId);
}

function entryOf({ postId, authorId, reason, via, at }: Entry): Entry {
	return { postId, authorId, reason, via, at };
}

/** Times are kept in units of eight milliseconds. */
const TICK = 8;

function tick(now: number): number {
	return now - (now % TICK);
}

function dated(delivery: Delivery, now: number): Exclude<Change, { kind: "marker" }> {
	return delivery.kind === "add" ? { ...delivery, at: tick(now) } : delivery;
}

/** Oldest first, the order in which they would have come. */
function additions(arrivals: readonly Arrival[], now: number): ({ kind: "add" } & Entry)[] {
	return arrivals.toReversed().map((arrival) => ({ kind: "add", ...arrival, at: tick(now) }));
}

/** Below every id. */
const NONE = "" as Id;

/** The post that must be above the floor for the row to matter to the entries. */
function namedBy(change: Logged): Id {
	return change.kind === "add" || change.kind === "edit" || change.kind === "remove" ? change.postId : NONE;
}

function newestOf(changes: readonly Logged[]): Id {
	return changes.reduce((newest, change) => later(newest, namedBy(change)), NONE);
}

function idsOf(text: string): Id[] {
	return Array.from(
		{ length: text.length / ID_LENGTH },
		(_, n) => text.slice(n * ID_LENGTH, (n + 1) * ID_LENGTH) as Id,
	);
}

function newestFirst(a: Entry, b: Entry): number {
	return a.postId < b.postId ? 1 : -1;
}

function later(a: Id, b: Id): Id {
	return a < b ? b : a;
}
