import type { Change, Marker, Post } from "./types.ts";

/**
 * What a live feed holds and how it changes: pure, no I/O.
 *
 * Invariant: `posts` are exactly the posts of the service's feed, as of change `seq`, from the newest down to `bottom`.
 * So pages, changes and frames can be put together in whatever order they come: a page that knows less than is held has
 * what it missed applied to it, one that knows more is caught up with, and nothing is placed but by its id.
 */
export interface Held {
	/** Whose feed it is. */
	readonly owner: string;
	/** The last change that any page among `posts` may know of, which can be more than `seq`. */
	readonly ahead: number;
	/** The last change that `posts` knows; null before the first page. */
	readonly seq: number | null;
	/** Newest first. */
	readonly posts: readonly Post[];
	/** The oldest id down to which nothing is missing; null: to the beginning of time. */
	readonly bottom: string | null;
	/** The timeline is being built: posts may be missing all the same. */
	readonly building: boolean;
	/** What this device has done that `seq` does not know yet. */
	readonly own: readonly Own[];
	/** Ids of own posts that the reader has seen appear. */
	readonly mine: readonly string[];
	/** Posts above this id are fresh: the reader has not let them in yet; null before anything was shown. */
	readonly shown: string | null;
	readonly marker: HeldMarker | null;
	/** A post that the reader has come to, which the service has not been told yet. */
	readonly marking: string | null;
	/** What happened below `bottom` while an older page is on its way. */
	readonly older: { readonly before: string; readonly changes: readonly Change[] } | null;
	/** So many posts are held at least: `keep`, or what the reader has asked for. */
	readonly depth: number;
}

/** What this device did to a post, until the changes have come so far. */
interface Own {
	readonly postId: string;
	/** The change from which the timeline knows of it; null when that was not told. */
	readonly seq: number | null;
	/** Null: deleted. */
	readonly post: Post | null;
	/** New in the feed, so that it is shown although it is not in `posts`. */
	readonly made: boolean;
}

interface HeldMarker {
	readonly postId: string | null;
	/** The change as of which this is known. */
	readonly seq: number;
	/** Unread posts below `bottom`, as far as the service counts. */
	readonly below: number;
	/** This is not to be trusted any more: ask. */
	readonly stale: boolean;
}

/** A page, or several that follow each other; `end` says that nothing is older. Without posts there is an end. */
export interface Stretch {
	posts: readonly Post[];
	end: boolean;
	/** The least change that all of it knows, and the last that any of it does. */
	seq: number;
	upTo: number;
	building: boolean;
}

export function nothing(owner: string, keep: number): Held {
	return {
		owner,
		ahead: 0,
		seq: null,
		posts: [],
		bottom: null,
		building: false,
		own: [],
		mine: [],
		shown: null,
		marker: null,
		marking: null,
		older: null,
		depth: keep,
	};
}

/** The feed was read anew, from the top. What this device knows of itself stays. */
export function readAnew(held: Held, { posts, end, seq, upTo, building }: Stretch): Held {
	const bottom = end ? null : (posts.at(-1)?.id ?? null);
	const marker = held.marker && { ...held.marker, below: 0, stale: true };
	return settle({ ...held, seq, ahead: upTo, posts, bottom, building, marker, older: null });
}

/** Whether changes go on where `held` ends. */
export function follows(held: Held, changes: readonly Change[]): boolean {
	const next = changes.find((change) => change.seq > (held.seq ?? 0));
	return held.seq !== null && (next === undefined || next.seq === held.seq + 1);
}

/** Applies changes that {@link follows} accepts; what is known already is passed over. */
export function apply(held: Held, changes: readonly Change[], keep: number): Held {
	const news = changes.filter((change) => change.seq > (held.seq ?? 0));
	const last = news.at(-1);
	if (!last) return held;
	const posts = [...held.posts];
	let { marker, own } = held;
	const missed: Change[] = [];
	for (const change of news) {
		if (change.kind === "marker") {
			if (!marker || change.seq > marker.seq) {
				const covered = held.bottom === null || change.postId >= held.bottom;
				marker = { postId: change.postId, seq: change.seq, below: 0, stale: !covered };
			}
			continue;
		}
		own = own.filter((each) => each.seq !== null || each.postId !== change.postId);
		const within = isWithin(held.bottom, change.postId);
		if (!within) missed.push(change);
		// What is no more and no less here than before was counted otherwise by the service.
		const counted = within && place(posts, change);
		if (!counted && marker && !isCovered(held.bottom, marker.postId) && isNewer(change.postId, marker.postId))
			marker = { ...marker, stale: true };
	}
	const older = held.older && { ...held.older, changes: [...held.older.changes, ...missed] };
	return trim(settle({ ...held, seq: last.seq, posts, own, marker, older }), keep);
}

/** An older page is asked for: from now on what happens below `bottom` is remembered until it comes. */
export function beginOlder(held: Held): Held {
	return held.bottom === null ? held : { ...held, older: { before: held.bottom, changes: [] } };
}

export function abandonOlder(held: Held): Held {
	return held.older ? { ...held, older: null } : held;
}

/** The older page has come. One that does not go on where `held` ends by now is dropped. */
export function addOlder(held: Held, before: string, { posts, end, seq, upTo, building }: Stretch): Held {
	if (!held.older || held.older.before !== before || held.bottom !== before) return held;
	if (building) return abandonOlder(held);
	const lower = posts.filter((post) => post.id < before);
	const bottom = end ? null : (lower.at(-1)?.id ?? before);
	for (const change of held.older.changes) {
		if (change.seq > seq && change.postId < before && isWithin(bottom, change.postId)) place(lower, change);
	}
	const counted = held.marker ? unreadAmong(lower, held.owner, held.marker.postId) : 0;
	// The page may know of more than was counted.
	const stale = held.marker !== null && (held.marker.stale || !isCovered(bottom, held.marker.postId));
	const marker = held.marker && { ...held.marker, below: Math.max(0, held.marker.below - counted), stale };
	const all = [...held.posts, ...lower];
	const ahead = Math.max(held.ahead, upTo);
	return { ...held, ahead, posts: all, bottom, marker, older: null, depth: Math.max(held.depth, all.length) };
}

/** This device has changed a post, and the answer says that the timeline knows of it from `seq`. */
export function write(held: Held, { postId, seq, post, made }: Own): Held {
	if (post?.parentId) return held;
	const mine = made && !held.mine.includes(postId) ? [...held.mine, postId] : held.mine;
	// The changes have come so far already, and may tell of more than the answer. Whose post it is they do not tell.
	if (seq !== null && held.seq !== null && seq <= held.seq) return { ...held, mine };
	if (post && !made && !shownPosts(held).some(({ id }) => id === postId)) return held;
	// A change of what was just made does not make it less new.
	const before = held.own.find((each) => each.postId === postId);
	const own = [
		...held.own.filter((each) => each.postId !== postId),
		{ postId, seq, post, made: made || before?.made === true },
	];
	return settle({ ...held, own, mine });
}

/** The reader lets the fresh posts in: she is at the top. */
export function show(held: Held, keep: number): Held {
	const top = shownPosts(held)[0]?.id ?? held.shown;
	return trim({ ...held, shown: top, mine: [], depth: keep }, keep);
}

/** What the service says of the marker. */
export function learnMarker(held: Held, { postId, unreadCount, seq }: Marker): Held {
	if (held.marker && seq < held.marker.seq) return held;
	const below = Math.max(0, unreadCount - unreadAmong(held.posts, held.owner, postId));
	// What is not of the same change as the posts cannot be told apart from them.
	const stale = (seq !== held.seq || held.ahead > seq) && !isCovered(held.bottom, postId);
	const marking = held.marking !== null && isNewer(held.marking, postId) ? held.marking : null;
	return { ...held, marker: { postId, seq, below, stale }, marking };
}

/** The reader has come to a post. */
export function mark(held: Held, postId: string): Held {
	return isNewer(postId, markedPost(held)) ? { ...held, marking: postId } : held;
}

/** Whether the service must be asked where the marker is, or how much is unread. */
export function wantsMarker({ marker }: Held): boolean {
	return marker === null || marker.stale;
}

/** The posts that are shown, newest first: what is held, with what this device has done. */
export function shownPosts({ own, posts, bottom }: Held): readonly Post[] {
	if (own.length === 0) return posts;
	const shown = [...posts];
	for (const { postId, post, made } of own) {
		const at = placeOf(shown, postId);
		const held = shown[at]?.id === postId;
		if (!post) {
			if (held) shown.splice(at, 1);
		} else if (held || (made && isWithin(bottom, postId))) shown.splice(at, held ? 1 : 0, post);
	}
	return shown;
}

/** Ids of posts that the reader has not let in yet, newest first. */
export function freshIds(held: Held, posts: readonly Post[]): string[] {
	const { shown, mine } = held;
	if (shown === null) return [];
	return posts.flatMap(({ id }) => (id > shown && !mine.includes(id) ? [id] : []));
}

/** How far the reader is, and how much is unread; null until the service has said. */
export function markerOf(held: Held, posts: readonly Post[]): { postId: string | null; unreadCount: number } | null {
	if (!held.marker) return null;
	const postId = markedPost(held);
	const below = isCovered(held.bottom, postId) ? 0 : held.marker.below;
	return { postId, unreadCount: unreadAmong(posts, held.owner, postId) + below };
}

function markedPost({ marker, marking }: Held): string | null {
	return marking !== null && isNewer(marking, marker?.postId ?? null) ? marking : (marker?.postId ?? null);
}

/** Drops what the changes have come up to, and lets everything in when nothing else is left to see. */
function settle(held: Held): Held {
	const { seq } = held;
	const own = held.own.filter((each) => each.seq === null || seq === null || each.seq > seq);
	const next: Held = own.length === held.own.length ? held : { ...held, own };
	if (seq === null) return next;
	const posts = shownPosts(next);
	if (next.shown !== null && freshIds(next, posts).length < posts.length) return next;
	return { ...next, shown: posts[0]?.id ?? next.shown ?? "" };
}

/** Bounds what is held; fresh posts do not push out what the reader looks at, until there are as many of them. */
function trim(held: Held, keep: number): Held {
	const { posts, older, depth, owner, marker } = held;
	if (older) return held;
	const limit = posts.length <= depth ? depth : depth + Math.min(freshIds(held, posts).length, keep);
	const last = posts[limit - 1];
	if (posts.length <= limit || !last) return held;
	const cut = marker ? unreadAmong(posts.slice(limit), owner, marker.postId) : 0;
	// As long as all that is unread was held, nobody counted what was below.
	const below = marker && !isCovered(held.bottom, marker.postId) ? marker.below : 0;
	return settle({
		...held,
		posts: posts.slice(0, limit),
		bottom: last.id,
		marker: marker && { ...marker, below: below + cut },
	});
}

/** Puts the post of a change where its id says, or takes it away. @returns whether there is one more or one less */
function place(posts: Post[], { kind, postId, post }: Change): boolean {
	const at = placeOf(posts, postId);
	const held = posts[at]?.id === postId;
	if (kind !== "remove" && post) posts.splice(at, held ? 1 : 0, post);
	else if (held) posts.splice(at, 1);
	return kind === "add" ? !held : kind === "remove" && held;
}

/** Where a post is, or would be: ids sort as their posts were made. */
function placeOf(posts: readonly Post[], id: string): number {
	let low = 0;
	let high = posts.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if ((posts[middle] as Post).id > id) low = middle + 1;
		else high = middle;
	}
	return low;
}

function isWithin(bottom: string | null, id: string): boolean {
	return bottom === null || id >= bottom;
}

/** Whether everything newer than a marker is held. */
function isCovered(bottom: string | null, marker: string | null): boolean {
	return bottom === null || (marker !== null && marker >= bottom);
}

function isNewer(id: string, marker: string | null): boolean {
	return marker === null || id > marker;
}

function unreadAmong(posts: readonly Post[], owner: string, marker: string | null): number {
	let count = 0;
	for (const { id, author } of posts) if (author.id !== owner && isNewer(id, marker)) count++;
	return count;
}
