import type { Change, FeedPage, Marker, Post } from "../../sdk/src/types.ts";
import type { Chance } from "./chance.ts";

/**
 * The service as a client of one account's feed sees it, in memory: what its answers promise, and what they leave open
 * (pages that are some seconds old, posts that are gone between the list and the read, numbers that are not told any
 * more). `test/sdk-real.test.ts` plays the same scenarios on the Worker itself.
 */

export const OWNER = "0000000000ME0";
const AUTHORS = ["00000000000A1", "00000000000A2", "00000000000A3"];

interface Row {
	id: string;
	author: string;
	text: string;
	deleted: boolean;
}

interface Logged {
	seq: number;
	kind: "add" | "edit" | "remove" | "marker" | "reset";
	postId: string;
}

/** When a post was in the timeline: from the change that added it to the one that took it away. */
interface Stay {
	from: number;
	to: number;
}

export class ServiceProblem extends Error {
	readonly status: number;
	readonly code: string;
	readonly retryAfter: number | undefined;

	constructor(status: number, code: string, retryAfter?: number) {
		super(code);
		this.status = status;
		this.code = code;
		this.retryAfter = retryAfter;
	}
}

/** Milliseconds that a page is sent again. */
const PAGE_KEPT = 2500;

export class ModelService {
	readonly #chance: Chance;
	readonly #now: () => number;
	readonly rows = new Map<string, Row>();
	readonly #log: Logged[] = [];
	/** The oldest number from which changes are told. */
	#told = 0;
	#marker: string | null = null;
	readonly #present = new Set<string>();
	readonly #hidden = new Set<string>();
	readonly #stays = new Map<string, Stay[]>();
	readonly #ties = new Set(AUTHORS);
	readonly #pages = new Map<string, { page: FeedPage; at: number }>();
	readonly #done = new Map<string, { post: Post; seq: number }>();
	#building = false;
	#minted = 0;
	/** Called after each change of the timeline. */
	changed: () => void = () => undefined;

	constructor(chance: Chance, now: () => number) {
		this.#chance = chance;
		this.#now = now;
	}

	get seq(): number {
		return this.#log.length;
	}

	/** Ids, newest first, of the feed as it is. */
	get feed(): string[] {
		return [...this.#present]
			.filter((id) => this.#sees(id))
			.sort()
			.reverse();
	}

	get marker(): Marker {
		const marker = this.#marker;
		// As the timeline counts: what is deleted counts until the timeline knows.
		const unread = [...this.#present].filter(
			(id) => !this.#hidden.has(id) && this.rows.get(id)?.author !== OWNER && (marker === null || id > marker),
		);
		return { postId: marker, unreadCount: unread.length, seq: this.seq };
	}

	view(id: string): Post {
		const { author, text } = this.rows.get(id) as Row;
		const name = { id: author, username: author, displayName: author, avatarUrl: null };
		const rest = { parentId: null, audience: "friends", link: null, media: [], preview: null, editedAt: null } as const;
		const counts = { likeCount: 0, commentCount: 0, viewer: { liked: false } };
		return { id, author: name, text, createdAt: "2026-01-01T00:00:00.000Z", ...rest, ...counts, media: [] };
	}

	/** What a client that knows the feed up to `seq` must show, if it shows that part, and what it may. */
	bounds(seq: number): { must: Set<string>; may: Set<string> } {
		const must = new Set<string>();
		const may = new Set<string>();
		for (const [id, stays] of this.#stays) {
			if (stays.some(({ to }) => to > seq)) may.add(id);
			const whole = stays.some(({ from, to }) => from <= seq && to === Number.POSITIVE_INFINITY);
			if (whole && this.#sees(id)) must.add(id);
		}
		return { must, may };
	}

	// What others do.

	/** A post is committed; it may be `late` milliseconds old, and is delivered when {@link deliver} says. */
	commit(author: number, late: number): string {
		return this.#commit(AUTHORS[author % AUTHORS.length] as string, late);
	}

	/** One that is `before` milliseconds older than another post. */
	commitAt(author: number, other: string, before: number): string {
		return this.#mint(AUTHORS[author % AUTHORS.length] as string, Number(other.slice(0, 10)) - before);
	}

	deliver(id: string): void {
		const row = this.rows.get(id);
		if (!row || row.deleted || this.#present.has(id)) return;
		if (row.author !== OWNER && !this.#ties.has(row.author)) return;
		this.#append([{ kind: "add", postId: id }]);
	}

	edit(id: string, text: string): void {
		const row = this.rows.get(id);
		if (row && !row.deleted) row.text = text;
	}

	deliverEdit(id: string): void {
		if (this.#present.has(id)) this.#append([{ kind: "edit", postId: id }]);
	}

	delete(id: string): void {
		const row = this.rows.get(id);
		if (row) row.deleted = true;
	}

	deliverRemoval(id: string): void {
		if (this.#present.has(id)) this.#append([{ kind: "remove", postId: id }]);
	}

	/** Its author lets others see it no more, or again: an edit to them, which is told as a removal while they may not. */
	toggle(id: string): void {
		const stays = this.#stays.get(id);
		if (!this.#present.has(id) || !stays || this.rows.get(id)?.author === OWNER) return;
		const hides = !this.#hidden.has(id);
		if (hides) this.#hidden.add(id);
		else this.#hidden.delete(id);
		this.#append([{ kind: "edit", postId: id }]);
		const last = stays.at(-1) as Stay;
		if (hides) last.to = this.seq;
		else stays.push({ from: this.seq, to: Number.POSITIVE_INFINITY });
	}

	#sees(id: string): boolean {
		return this.rows.get(id)?.deleted === false && !this.#hidden.has(id);
	}

	/** Ends or renews the tie to an author: more changes than changes tell. */
	retie(author: number): void {
		const who = AUTHORS[author % AUTHORS.length] as string;
		const theirs = [...this.rows.values()].filter((row) => row.author === who && !row.deleted).map(({ id }) => id);
		if (this.#ties.delete(who)) {
			const gone = theirs.filter((id) => this.#present.has(id));
			this.#append([...gone.map((postId) => ({ kind: "remove" as const, postId })), { kind: "reset", postId: "" }]);
			return;
		}
		this.#ties.add(who);
		const news = theirs.filter((id) => !this.#present.has(id)).sort();
		this.#append([...news.map((postId) => ({ kind: "add" as const, postId })), { kind: "reset", postId: "" }]);
	}

	/** Old changes are not told any more. */
	trim(kept: number): void {
		this.#told = Math.max(this.#told, this.seq - kept);
	}

	/** The timeline is dropped and built anew: until {@link built}, pages may have holes. */
	drop(): void {
		this.#building = true;
	}

	built(): void {
		if (!this.#building) return;
		this.#building = false;
		this.#append([{ kind: "reset", postId: "" }]);
	}

	/** What is kept in the memory of an isolate is gone. */
	restart(): void {
		this.#pages.clear();
	}

	// What the account's devices ask.

	create(text: string, key: string): { post: Post; seq: number } {
		const before = this.#done.get(key);
		if (before) return { ...before, seq: this.seq };
		const id = this.#commit(OWNER, 0);
		this.edit(id, text);
		this.#append([{ kind: "add", postId: id }]);
		const made = { post: this.view(id), seq: this.seq };
		this.#done.set(key, made);
		this.#pages.clear();
		return made;
	}

	remove(id: string): number {
		const row = this.rows.get(id);
		if (!row || row.deleted) throw new ServiceProblem(404, "post_not_found");
		if (row.author !== OWNER) throw new ServiceProblem(403, "forbidden");
		this.delete(id);
		this.deliverRemoval(id);
		this.#pages.clear();
		return this.seq;
	}

	mark(postId: string): Marker {
		if (this.#marker === null || postId > this.#marker) {
			this.#marker = postId;
			this.#append([{ kind: "marker", postId }]);
		}
		return this.marker;
	}

	/** A page of the list as it is; {@link hydrate} is to follow, some time later. */
	page(question: string, before: string | undefined, limit: number, least: number) {
		const kept = this.#pages.get(question);
		if (kept && kept.page.seq >= least && this.#now() - kept.at <= PAGE_KEPT) return { kept: kept.page };
		if (least > this.seq) throw new ServiceProblem(400, "seq_in_future");
		const all = [...this.#present].sort().reverse();
		const shown = this.#building ? all.filter((_, n) => n % 3 !== 1) : all;
		const rest = before === undefined ? shown : shown.filter((id) => id < before);
		return { ids: rest.slice(0, limit), end: rest.length <= limit, seq: this.seq, building: this.#building };
	}

	hydrate(question: string, found: { ids: string[]; end: boolean; seq: number; building: boolean }): FeedPage {
		const { ids, end, seq, building } = found;
		const items = ids.filter((id) => this.#sees(id)).map((id) => this.view(id));
		const page = { items, next: end ? null : `reached.${ids.at(-1)}`, prev: null, building, seq };
		if (!building) this.#pages.set(question, { page, at: this.#now() });
		return page;
	}

	changes(since: number, limit: number): { changes: Logged[]; seq: number; more: boolean } {
		if (since > this.seq) throw new ServiceProblem(400, "seq_in_future");
		const reset = this.#log.findLast(({ kind }) => kind === "reset")?.seq ?? 0;
		if (since < Math.max(reset, this.#told) || (this.#building && since < this.seq))
			throw new ServiceProblem(410, "seq_outdated");
		if (this.#building) return { changes: [], seq: this.seq, more: false };
		const changes = this.#log.slice(since, since + limit);
		return { changes, seq: this.seq, more: since + changes.length < this.seq };
	}

	/** Changes with their posts as they are by now. */
	tell(changes: readonly Logged[]): Change[] {
		return changes.map(({ seq, kind, postId }) => {
			if (kind === "remove" || kind === "marker" || kind === "reset") return { seq, kind, postId } as Change;
			const { author } = this.rows.get(postId) as Row;
			const seen = this.#sees(postId) && (author === OWNER || this.#ties.has(author));
			return seen ? { seq, kind, postId, post: this.view(postId) } : { seq, kind: "remove", postId };
		});
	}

	#commit(author: string, late: number): string {
		return this.#mint(author, this.#now() - Date.UTC(2026, 0, 1) + 10_000_000 - late);
	}

	#mint(author: string, time: number): string {
		const id = `${String(time).padStart(10, "0")}${String(this.#minted++ % 1000).padStart(3, "0")}`;
		this.rows.set(id, { id, author, text: "new", deleted: false });
		return id;
	}

	#append(changes: Omit<Logged, "seq">[]): void {
		for (const { kind, postId } of changes) {
			const seq = this.#log.push({ seq: this.#log.length + 1, kind, postId });
			const stays = this.#stays.get(postId) ?? [];
			const last = stays.at(-1);
			if (kind === "add") {
				this.#present.add(postId);
				this.#hidden.delete(postId);
				this.#stays.set(postId, [...stays, { from: seq, to: Number.POSITIVE_INFINITY }]);
			} else if (kind === "remove" && last) {
				this.#present.delete(postId);
				last.to = Math.min(last.to, seq);
			}
		}
		// Whether others hear of it in this moment or the next is left to chance.
		if (changes.length > 0) setTimeout(() => this.changed(), this.#chance.below(20));
	}
}
