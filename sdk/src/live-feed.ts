import type { Core, Written } from "./core.ts";
import { EdgefeedError } from "./errors.ts";
import type { Feed } from "./feed.ts";
import { keep, restore } from "./feed-keeper.ts";
import { FeedSocket, type Frame } from "./feed-socket.ts";
import {
	abandonOlder,
	addOlder,
	apply,
	beginOlder,
	follows,
	freshIds,
	type Held,
	learnMarker,
	mark,
	markerOf,
	nothing,
	readAnew,
	type Stretch,
	show,
	shownPosts,
	wantsMarker,
	write,
} from "./feed-state.ts";
import { pause, throwIfAborted, waitAfter } from "./retry.ts";
import { Signal } from "./signal.ts";
import type { FeedPage, Post } from "./types.ts";

export interface LiveOptions {
	/** Posts that are held at most, unless the reader asks for older ones; 200 by default. */
	keep?: number;
	/** Posts that are fetched at once: 1 to 100, 30 by default. */
	pageSize?: number;
	/** Posts that are kept in the storage, to be shown before the network is there; 60 by default. */
	stored?: number;
	/** Milliseconds between looks where sockets do not get through; 15,000 by default. */
	pollEvery?: number;
}

export interface LiveFeedState {
	/**
	 * `loading`: nothing is known yet. `live`: this is the feed. `catching-up`: it was, and what came since is on its
	 * way. `offline`: the service cannot be reached, and is tried again.
	 */
	readonly status: "loading" | "live" | "catching-up" | "offline";
	/** Newest first, the fresh ones included. */
	readonly items: readonly Post[];
	readonly hasOlder: boolean;
	readonly loadingOlder: boolean;
	/** Posts may be missing: the timeline is being built after a long absence. */
	readonly building: boolean;
	/** The last change that `items` knows; null before the first page. */
	readonly seq: number | null;
	/** How far the reader is, on any device; null until it is known. */
	readonly marker: { readonly postId: string | null; readonly unreadCount: number } | null;
	/** Ids of those of `items` that have come in above what was there, until {@link LiveFeed.show}. */
	readonly fresh: readonly string[];
}

/** Waits after failures, in milliseconds. */
const BACKOFF = { first: 1000, longest: 60_000 };
/** How often a timeline that is being built is looked at, in milliseconds. */
const BUILDING = { first: 500, longest: 4000 };
/** So many sockets in a row that did not open mean that none gets through; then how long it is polled, in milliseconds. */
const SOCKETS_FAILED = 3;
const WITHOUT_SOCKETS = 120_000;
/** A stream that ends sooner has come to nothing, in milliseconds. */
const SHORT_LIVED = 2000;
/** Changes are kept in the storage after so many milliseconds. */
const KEEP_AFTER = 1000;
/** Posts and changes of one request. */
const MOST = 100;
const OLDER_TRIES = 5;

/** The own feed, kept in step with the service's until it is closed. */
export class LiveFeed {
	readonly #core: Core;
	readonly #feed: Feed;
	readonly #options: Required<LiveOptions>;
	readonly #changed = new Signal<LiveFeedState>();
	readonly #closing = new AbortController();
	readonly #ends: (() => void)[] = [];
	#held: Held;
	#status: LiveFeedState["status"] = "loading";
	#state: LiveFeedState;
	#socket: FeedSocket | undefined;
	#resting: AbortController | undefined;
	#syncing: Promise<void> = Promise.resolve();
	#older: Promise<void> | undefined;
	#marking: Promise<void> | undefined;
	#asking: Promise<void> | undefined;
	#keepTimer: ReturnType<typeof setTimeout> | undefined;
	/** The change that a page must know, because the stream has told of it. */
	#least = 0;
	/** Whose feed has been kept. */
	#kept = "";
	#socketFailures = 0;
	#socketsFrom = 0;

	/** @internal */
	constructor(core: Core, feed: Feed, options: LiveOptions) {
		this.#core = core;
		this.#feed = feed;
		this.#options = { keep: 200, pageSize: 30, stored: 60, pollEvery: 15_000, ...options };
		this.#held = nothing("", this.#options.keep);
		this.#state = this.#view();
		this.#ends.push(
			core.written.subscribe((written) => this.#take(written)),
			core.platform.wakes((wake) => {
				if (wake === "offline") return this.#become(this.#held, "offline");
				this.#socket?.doubt();
				this.#resting?.abort();
			}),
		);
		void this.#run();
	}

	/** What is known now: a snapshot that stays the same object until something changes. */
	get state(): LiveFeedState {
		return this.#state;
	}

	/** Calls the listener after each change. @returns what ends that */
	subscribe = (listener: (state: LiveFeedState) => void): (() => void) => this.#changed.subscribe(listener);

	/** Holds a page more at the old end. One at a time: who asks meanwhile gets the same one. @throws EdgefeedError */
	loadOlder(): Promise<void> {
		if (!this.#older) {
			this.#older = this.#loadOlder().finally(() => {
				this.#older = undefined;
				this.#become(abandonOlder(this.#held));
			});
			this.#become(this.#held);
		}
		return this.#older;
	}

	/** Lets the fresh posts in: for who is at the top. What lies deeper than `keep` is let go of. */
	show(): void {
		this.#become(show(this.#held, this.#options.keep));
	}

	/** Moves the marker to a post, forward only; without a network as soon as there is one. */
	mark(postId: string): void {
		this.#become(mark(this.#held, postId));
		this.#sendMark();
	}

	/** Looks for changes now. @throws EdgefeedError when the service cannot be reached */
	async refresh(): Promise<void> {
		this.#resting?.abort();
		await this.#sync(this.#closing.signal);
	}

	/** Ends it; `state` stays as it is. */
	close(): void {
		if (this.#closing.signal.aborted) return;
		this.#closing.abort();
		for (const end of this.#ends) end();
		if (this.#keepTimer !== undefined) this.#keep();
	}

	async #run(): Promise<void> {
		const { session } = this.#core;
		await session.ready;
		while (!this.#closing.signal.aborted) {
			const over = new AbortController();
			const end = () => over.abort();
			const stop = session.subscribe(end);
			this.#closing.signal.addEventListener("abort", end);
			const owner = session.current?.accountId;
			if (owner === undefined) {
				this.#become(nothing("", this.#options.keep), "offline");
				await untilAborted(over.signal);
			} else await this.#follow(owner, over.signal);
			this.#closing.signal.removeEventListener("abort", end);
			stop();
		}
	}

	/** Follows one account's feed until the signal. Never rejects. */
	async #follow(owner: string, signal: AbortSignal): Promise<void> {
		const { storage, platform } = this.#core;
		this.#become(nothing(owner, this.#options.keep), "loading");
		const held = await restore(storage, owner, this.#options.keep);
		if (signal.aborted) return;
		if (held.seq !== null) this.#become(held, "offline");
		for (let failures = 0; !signal.aborted; ) {
			try {
				await this.#sync(signal);
				const ended = await this.#stream(signal);
				if (signal.aborted) return;
				failures = ended === "early" ? failures + 1 : 0;
				if (ended !== "polled" && this.#status === "live") this.#become(this.#held, "catching-up");
				if (ended === "soon" || ended === "early")
					await this.#rest(waitAfter(failures + 1, BACKOFF, platform.random()), signal);
			} catch (error) {
				if (signal.aborted) return;
				failures++;
				this.#become(this.#held, "offline");
				const wanted = error instanceof EdgefeedError ? (error.retryAfter ?? 0) * 1000 : 0;
				await this.#rest(Math.max(waitAfter(failures, BACKOFF, platform.random()), wanted), signal);
			}
		}
	}

	/** Brings what is held up to the service's feed. One at a time. */
	#sync(signal: AbortSignal): Promise<void> {
		const before = this.#syncing;
		const turn = (async () => {
			await before.catch(() => undefined);
			await this.#catchUp(signal);
		})();
		this.#syncing = turn.catch(() => undefined);
		return turn;
	}

	async #catchUp(signal: AbortSignal): Promise<void> {
		for (let failures = 0, more = true; more; ) {
			throwIfAborted(signal);
			const since = this.#held.seq;
			if (since === null || this.#held.building) {
				if (this.#held.building) await pause(waitAfter(++failures, BUILDING, this.#core.platform.random()), signal);
				await this.#readAnew(signal, this.#least);
				continue;
			}
			try {
				const page = await this.#feed.changes(since, { limit: MOST, signal });
				this.#become(this.#accept(page.changes), this.#status === "live" ? "live" : "catching-up");
				more = page.more;
			} catch (error) {
				const code = error instanceof EdgefeedError ? error.code : "";
				if (code !== "seq_outdated" && code !== "seq_in_future") throw error;
				if (this.#status === "live") this.#become(this.#held, "catching-up");
				// A page that is kept near its readers may be from before what made this one outdated.
				if (failures++ > 0) await pause(waitAfter(failures, BUILDING, this.#core.platform.random()), signal);
				if (code === "seq_in_future") this.#core.place.forgetSeq();
				await this.#readAnew(signal, code === "seq_outdated" ? Math.max(since, this.#least) : 0);
			}
		}
		if (wantsMarker(this.#held)) this.#become(learnMarker(this.#held, await this.#feed.marker({ signal })));
		this.#become(this.#held, "live");
		this.#sendMark();
	}

	/** Changes that go on where `held` ends; of others nothing, they are asked for again. */
	#accept(changes: Parameters<typeof apply>[1]): Held {
		return follows(this.#held, changes) ? apply(this.#held, changes, this.#options.keep) : this.#held;
	}

	/** Reads as much of the feed as was held, and puts it in its place when all of it is there. */
	async #readAnew(signal: AbortSignal, least: number): Promise<void> {
		const { keep: most, pageSize } = this.#options;
		const wanted = Math.max(pageSize, Math.min(this.#held.posts.length, most));
		const read = (minSeq: number) => this.#read({ wanted, least: minSeq, signal });
		const stretch = await read(least).catch((error) => {
			if (!(error instanceof EdgefeedError && error.code === "seq_in_future")) throw error;
			// The service was set back: what it has come to before means nothing any more.
			this.#core.place.forgetSeq();
			return read(0);
		});
		this.#least = 0;
		// What is shown has no holes; it stays until what comes in its place has none either.
		if (stretch.building && this.#held.posts.length > 0 && !this.#held.building) {
			return pause(BUILDING.longest / 2, signal);
		}
		this.#become(readAnew(this.#held, stretch));
	}

	/** Reads pages until there are so many posts, or the end. */
	async #read(from: { wanted: number; least: number; before?: string; signal: AbortSignal }): Promise<Stretch> {
		const { wanted, least, signal } = from;
		const posts: Post[] = [];
		let seq: number | undefined;
		let upTo = 0;
		let building = false;
		for (let before: string | null | undefined = from.before; ; ) {
			const page: FeedPage = await this.#feed.page({
				limit: Math.min(MOST, Math.max(1, wanted - posts.length)),
				minSeq: Math.max(least, seq ?? 0),
				signal,
				...(before ? { before } : {}),
			});
			posts.push(...page.items);
			seq ??= page.seq;
			upTo = Math.max(upTo, page.seq);
			building ||= page.building;
			if (page.next === null || posts.length >= wanted) return { posts, end: page.next === null, seq, upTo, building };
			before = page.next;
		}
	}

	async #loadOlder(): Promise<void> {
		const { signal } = this.#closing;
		const { pageSize } = this.#options;
		for (let tries = 1; tries <= OLDER_TRIES; tries++) {
			const { seq, bottom: before, owner } = this.#held;
			if (seq === null || before === null) return;
			this.#become(beginOlder(this.#held));
			const stretch = await this.#read({ wanted: pageSize, least: seq, before, signal });
			if (this.#held.owner !== owner) return;
			this.#become(addOlder(this.#held, before, stretch));
			if (wantsMarker(this.#held)) this.#askMarker();
			if (this.#held.bottom !== before) return;
			// What was held has been replaced meanwhile, or the timeline is being built.
			await pause(waitAfter(tries, BUILDING, this.#core.platform.random()), signal);
		}
	}

	/**
	 * Listens until the stream ends, or for a while where none gets through.
	 * @returns `polled` after a while; else whether to look again `now` or `soon`, or that it came to nothing: `early`
	 */
	async #stream(signal: AbortSignal): Promise<"polled" | "now" | "soon" | "early"> {
		const { platform, session, baseUrl } = this.#core;
		const { WebSocket } = platform;
		const from = platform.now();
		if (!WebSocket || from < this.#socketsFrom) {
			const { pollEvery } = this.#options;
			await this.#rest(pollEvery * (0.75 + platform.random() / 2), signal);
			return "polled";
		}
		const token = await session.accessToken();
		if (token === undefined || signal.aborted) return "early";
		const url = `${baseUrl.replace(/^http/, "ws")}/v1/feed/stream?since=${this.#held.seq}&hydrate=1`;
		const socket = new FeedSocket({ WebSocket, url, token, hear: (frame) => this.#hear(frame), signal });
		this.#socket = socket;
		const { opened, byUs } = await socket.ended;
		if (this.#socket === socket) this.#socket = undefined;
		this.#socketFailures = opened ? 0 : this.#socketFailures + 1;
		if (this.#socketFailures >= SOCKETS_FAILED) {
			this.#socketFailures = 0;
			this.#socketsFrom = platform.now() + WITHOUT_SOCKETS;
			return "polled";
		}
		if (!opened || platform.now() - from < SHORT_LIVED) return "early";
		return byUs ? "now" : "soon";
	}

	/** @returns false when the stream does not go on where `held` ends */
	#hear(frame: Frame): boolean {
		const { seq } = this.#held;
		if (seq === null || frame.type === "outdated") {
			this.#least = frame.seq;
			return false;
		}
		// What was missed follows by itself.
		if (frame.type === "hello") return true;
		const { type: _, ...change } = frame;
		if (change.seq <= seq) return true;
		if (!follows(this.#held, [change])) return false;
		// Without its post a change cannot be applied.
		if ((change.kind === "add" || change.kind === "edit") && !change.post) return false;
		this.#become(this.#accept([change]), "live");
		if (wantsMarker(this.#held)) this.#askMarker();
		return true;
	}

	/** How much is unread below what is held; what fails is asked at the next look. */
	#askMarker(): void {
		if (this.#asking) return;
		const { owner } = this.#held;
		const ask = async () => {
			for (;;) {
				const marker = await this.#feed.marker({ signal: this.#closing.signal });
				if (this.#held.owner !== owner) return;
				this.#become(learnMarker(this.#held, marker));
				// What came while it was asked was not counted, and what it knows more of is on its way.
				if (!wantsMarker(this.#held) || marker.seq >= (this.#held.seq ?? 0)) return;
			}
		};
		this.#asking = ask()
			.catch(() => undefined)
			.finally(() => {
				this.#asking = undefined;
			});
	}

	/** This device has changed a post: shown at once, and only once, because the changes say when they have come so far. */
	#take({ postId, seq, kind, post, patch }: Written): void {
		const known = post ?? shownPosts(this.#held).find(({ id }) => id === postId);
		if (kind !== "deleted" && !known) return;
		const changed = kind === "deleted" || !known ? null : { ...known, ...patch };
		this.#become(write(this.#held, { postId, seq: seq ?? null, post: changed, made: kind === "made" }));
	}

	/** One at a time; what fails is sent after the next look. */
	#sendMark(): void {
		if (this.#marking || this.#held.marking === null || this.#closing.signal.aborted) return;
		const send = async () => {
			for (let { marking, owner } = this.#held; marking !== null; { marking } = this.#held) {
				const marker = await this.#feed.mark(marking, { signal: this.#closing.signal });
				if (this.#held.owner !== owner) return;
				this.#become(learnMarker(this.#held, marker));
			}
		};
		this.#marking = send()
			.catch((error) => {
				const refused = error instanceof EdgefeedError && error.status === 400;
				if (refused) this.#become({ ...this.#held, marking: null });
			})
			.finally(() => {
				this.#marking = undefined;
			});
	}

	/** Waits, but not when there is reason to look at once. */
	async #rest(milliseconds: number, signal: AbortSignal): Promise<void> {
		const resting = new AbortController();
		this.#resting = resting;
		const end = () => resting.abort();
		signal.addEventListener("abort", end);
		if (signal.aborted) end();
		await pause(milliseconds, resting.signal);
		signal.removeEventListener("abort", end);
		this.#resting = undefined;
	}

	#become(held: Held, status = this.#status): void {
		if (this.#closing.signal.aborted) return;
		const before = this.#held;
		this.#held = held;
		this.#status = status;
		const next = this.#view();
		if (
			held.posts !== before.posts ||
			held.seq !== before.seq ||
			held.marking !== before.marking ||
			held.shown !== before.shown
		)
			this.#keepSoon();
		if (next === this.#state) return;
		this.#state = next;
		this.#changed.emit(next);
	}

	#view(): LiveFeedState {
		const held = this.#held;
		const before = this.#state as LiveFeedState | undefined;
		const items = shownPosts(held);
		const next: LiveFeedState = {
			status: this.#status,
			items: same(before?.items, items),
			hasOlder: held.bottom !== null,
			loadingOlder: this.#older !== undefined,
			building: held.building,
			seq: held.seq,
			marker: sameMarker(before?.marker ?? null, markerOf(held, items)),
			fresh: same(before?.fresh, freshIds(held, items)),
		};
		const names = Object.keys(next) as (keyof LiveFeedState)[];
		return before && names.every((name) => before[name] === next[name]) ? before : next;
	}

	#keepSoon(): void {
		if (this.#options.stored <= 0) return;
		// The first time at once: a page that is left within the second must not have kept nothing.
		if (this.#kept !== this.#held.owner && this.#held.seq !== null && !this.#held.building) this.#keep();
		else this.#keepTimer ??= setTimeout(() => this.#keep(), KEEP_AFTER);
	}

	#keep(): void {
		if (this.#keepTimer !== undefined) clearTimeout(this.#keepTimer);
		this.#keepTimer = undefined;
		const { session, storage } = this.#core;
		if (this.#held.owner !== session.current?.accountId) return;
		this.#kept = this.#held.owner;
		void keep(storage, this.#held, this.#options.stored);
	}
}

/** The list as it was, when it has the same members. */
function same<T>(before: readonly T[] | undefined, next: readonly T[]): readonly T[] {
	return before?.length === next.length && before.every((each, n) => each === next[n]) ? before : next;
}

function sameMarker(before: LiveFeedState["marker"], next: LiveFeedState["marker"]): LiveFeedState["marker"] {
	return before?.postId === next?.postId && before?.unreadCount === next?.unreadCount ? before : next;
}

function untilAborted(signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal.aborted) return resolve();
		signal.addEventListener("abort", () => resolve());
	});
}
