/** What the outbox keeps of a post on its way, and the rules by which it goes on: no I/O, the clock is an argument. */

/** A photo or video of an entry: in the blob store until it is uploaded, then known by its id as well. */
export interface EntryMedia {
	/** Its key in the blob store; null when it was uploaded before. */
	blob: string | null;
	/** The id that the service knows it by; null until it is uploaded. */
	id: string | null;
	type: string;
	alt: string | null;
	/** The text for it that the service has. */
	altThere: string | null;
	/** Pixels; null when unknown. */
	width: number | null;
	height: number | null;
	/** The still of a video, as a key in the blob store. */
	poster: string | null;
}

export interface EntryContent {
	text: string;
	audience?: "public" | "followers" | "friends" | "me";
	link?: string | null;
	media: EntryMedia[];
}

/** Why an entry was not taken, as a problem document says it. */
export interface Refusal {
	code: string;
	title: string;
	status: number;
	errors?: { path: string; message: string }[];
}

/** The body of `POST /v1/posts`, or of `POST /v1/posts/{id}/comments`, as it was sent: a repeat must be the same. */
export interface SentBody {
	text: string;
	audience?: EntryContent["audience"];
	link?: string | null;
	media?: string[];
}

/** A request that was begun and whose outcome is not known: it is repeated as it was, or looked for. */
export interface Attempt {
	body: SentBody;
	/** The revision of the content that it carries. */
	revision: number;
	/** Milliseconds: when it was first and last sent. */
	firstAt: number;
	lastAt: number;
	/** The service does not know its key any more, so that a repeat could be a second post. */
	forgotten: boolean;
}

export interface Entry {
	/** Sorts as its author made them. */
	id: string;
	/** The post that a comment answers; null for a post. */
	parentId: string | null;
	content: EntryContent;
	/** Grows with each edit. */
	revision: number;
	/** The `Idempotency-Key` under which it is sent. */
	key: string;
	createdAt: number;
	/** The draft that it was; null when it was none. */
	draftId: string | null;
	attempt: Attempt | null;
	/** The post that it has become, and the revision that this one has. */
	made: { id: string; revision: number } | null;
	cancelled: boolean;
	refused: Refusal | null;
	/** How often in a row the service failed at it (500 to 599); not how often there was no network. */
	faults: number;
	/** How often its media were uploaded again. */
	uploadsAgain: number;
}

/** Keys are good for 24 hours on the server; an hour is left for clocks that differ. */
export const KEY_GOOD_FOR = 23 * 3_600_000;
/** No request is still under way after so long. */
export const IN_FLIGHT = 60_000;
/** An entry at which the service has failed so often is set aside, so that others can go on. */
export const FAULTS = 12;

/** What is to be done next for an entry. */
export type Step =
	/** It was refused: it waits for its author. */
	| { do: "rest" }
	/** Nothing is left to do. */
	| { do: "finish" }
	| { do: "wait"; until: number }
	/** Is it among the author's newest posts? */
	| { do: "look"; attempt: Attempt }
	| { do: "upload"; media: EntryMedia }
	/** Tells the service the text for a photo that was uploaded before it was written. */
	| { do: "describe"; id: string; alt: string | null }
	| { do: "send"; body: SentBody }
	| { do: "edit"; id: string; body: SentBody; revision: number }
	| { do: "delete"; id: string };

export function nextStep(entry: Entry, now: number): Step {
	const { attempt, content, made } = entry;
	if (made && entry.cancelled) return { do: "delete", id: made.id };
	if (entry.cancelled && !attempt) return { do: "finish" };
	if (entry.refused && !entry.cancelled) return { do: "rest" };
	if (made && made.revision === entry.revision) return { do: "finish" };
	if (made) return mediaStep(content) ?? { do: "edit", id: made.id, body: bodyOf(entry), revision: entry.revision };
	if (attempt) {
		const unsure = entry.cancelled || attempt.forgotten || now - attempt.firstAt > KEY_GOOD_FOR;
		if (!unsure) return { do: "send", body: attempt.body };
		const settled = attempt.lastAt + IN_FLIGHT;
		return now < settled ? { do: "wait", until: settled } : { do: "look", attempt };
	}
	return mediaStep(content) ?? { do: "send", body: bodyOf(entry) };
}

/** When to look again for what could be another entry's post, in milliseconds: that one decides, and is told of. */
const CONTESTED = 300_000;

/**
 * The first entry that can go on, or after how long one can; null: none waits. One that was cancelled holds up no other.
 *
 * @param resting until when cancelled entries rest that could not go on
 */
export function choose(
	entries: readonly Entry[],
	resting: ReadonlyMap<string, number>,
	now: number,
): { entry: Entry; step: Step } | { pause: number | null } {
	let pause: number | null = null;
	for (const entry of entries) {
		const step = nextStep(entry, now);
		if (step.do === "rest") continue;
		const contested = step.do === "look" && isContested(entry, entries, now);
		const rests = entry.cancelled ? (resting.get(entry.id) ?? 0) : 0;
		const until = Math.max(step.do === "wait" ? step.until : 0, rests, contested ? now + CONTESTED : 0);
		if (until <= now) return { entry, step };
		pause = Math.min(pause ?? Number.POSITIVE_INFINITY, until - now);
		if (!entry.cancelled && !contested) break;
	}
	return { pause };
}

/**
 * Whether what one is looked for as could be another one's post: of two that say the same, the one that can be asked
 * for by its key comes first.
 */
function isContested(entry: Entry, others: readonly Entry[], now: number): boolean {
	for (const other of others) {
		if (other === entry || !other.attempt || other.parentId !== entry.parentId) continue;
		if (other.attempt.body.text !== entry.attempt?.body.text) continue;
		const { do: next } = nextStep(other, now);
		if (next === "send" || next === "rest") return true;
	}
	return false;
}

function mediaStep({ media }: EntryContent): Step | undefined {
	for (const item of media) {
		if (item.id === null) return { do: "upload", media: item };
		if (item.alt !== item.altThere) return { do: "describe", id: item.id, alt: item.alt };
	}
	return undefined;
}

export function bodyOf({ content, parentId }: Entry): SentBody {
	const { text, audience, link, media } = content;
	if (parentId !== null) return { text };
	return {
		text,
		...(audience === undefined ? {} : { audience }),
		...(link === undefined ? {} : { link }),
		...(media.length === 0 ? {} : { media: media.flatMap(({ id }) => (id === null ? [] : [id])) }),
	};
}

/** To be kept before the request goes out: whoever finds it knows that it may have arrived. */
export function attempted(entry: Entry, body: SentBody, now: number): Entry {
	const { attempt } = entry;
	return {
		...entry,
		attempt: attempt
			? { ...attempt, lastAt: now }
			: { body, revision: entry.revision, firstAt: now, lastAt: now, forgotten: false },
	};
}

/** The service says that the attempt has become this post. */
export function arrived(entry: Entry, id: string): Entry {
	const made = { id, revision: entry.attempt?.revision ?? entry.revision };
	return { ...entry, made, attempt: null, refused: null, faults: 0 };
}

/** It was looked for and is not there: it goes under another key, which no earlier request has. */
export function notFound(entry: Entry, key: string): Entry {
	return { ...entry, attempt: null, key };
}

/** The service has refused it: nothing was made, so the next attempt is a new one. */
export function refuse(entry: Entry, refused: Refusal, key: string): Entry {
	return { ...entry, refused, attempt: null, key };
}

/** The service has failed at it. After too often it is set aside; what became of an attempt stays unknown. */
export function faulted(entry: Entry, refused: Refusal): Entry {
	const faults = entry.faults + 1;
	return { ...entry, faults, refused: faults < FAULTS ? null : refused };
}

/** The service does not take the attempt's key for the attempt's body. */
export function forgotten(entry: Entry): Entry {
	return entry.attempt ? { ...entry, attempt: { ...entry.attempt, forgotten: true } } : entry;
}

/** Its media were swept before the post was made: they are uploaded again, where they are still held. */
export function withoutUploads(entry: Entry, key: string): Entry {
	const media = entry.content.media.map((item) => (item.blob === null ? item : { ...item, id: null, altThere: null }));
	const uploadsAgain = entry.uploadsAgain + 1;
	return { ...entry, content: { ...entry.content, media }, attempt: null, key, uploadsAgain };
}

export function uploaded(entry: Entry, item: EntryMedia, there: { id: string; alt: string | null }): Entry {
	return withMedia(entry, (other) =>
		other.blob === item.blob && other.id === null ? { ...other, id: there.id, altThere: there.alt } : other,
	);
}

export function described(entry: Entry, id: string, alt: string | null): Entry {
	return withMedia(entry, (item) => (item.id === id ? { ...item, altThere: alt } : item));
}

function withMedia(entry: Entry, change: (item: EntryMedia) => EntryMedia): Entry {
	return { ...entry, content: { ...entry.content, media: entry.content.media.map(change) }, faults: 0 };
}

/** What its author has made of it since: the next attempt carries that, or an edit after the one that is under way. */
export function edited(entry: Entry, change: Partial<EntryContent>): Entry {
	return {
		...entry,
		content: { ...entry.content, ...change },
		revision: entry.revision + 1,
		refused: null,
		faults: 0,
	};
}

export function askedAgain(entry: Entry): Entry {
	return { ...entry, refused: null, faults: 0, uploadsAgain: 0 };
}

export function cancelled(entry: Entry): Entry {
	return { ...entry, cancelled: true, refused: null };
}

/** What a failure of a request means for the entry that it carried. */
export type Verdict = "again" | "fault" | "forgotten" | "media-gone" | "gone" | "refused";

export function verdictOf({ status, code }: { status: number; code: string }): Verdict {
	if (code === "idempotency_key_reused") return "forgotten";
	if (code === "media_not_found" || code === "media_not_ready") return "media-gone";
	// 0: no answer. 401: signed out; it is sent when its author is back. 426: the client is too old.
	if ([0, 401, 408, 425, 426, 429].includes(status)) return "again";
	if (status >= 500) return "fault";
	return status === 404 || status === 410 ? "gone" : "refused";
}
