import type { MediaSource } from "./blobs.ts";
import { askedAgain, cancelled, type Entry, type EntryContent, type EntryMedia, edited } from "./outbox-entry.ts";
import { Lane } from "./outbox-lane.ts";
import type { Sending } from "./outbox-sender.ts";
import { OutboxStore } from "./outbox-store.ts";
import type {
	KeptDraft,
	MadePost,
	OutboxDraft,
	OutboxItem,
	OutboxMedia,
	OutboxParts,
	OutboxState,
	Sent,
} from "./outbox-types.ts";
import { Signal } from "./signal.ts";

const NOTHING: OutboxState = { items: [] };

/**
 * Posts and comments on their way: kept in storage from the moment that `add` resolves until the service has them, each
 * sent exactly once. Posts go one after the other in the order of their making, and comments beside them likewise: none
 * waits for the upload of a video.
 */
export class Outbox<P extends MadePost> {
	readonly #parts: OutboxParts<P>;
	readonly #told = new Signal<OutboxState>();
	readonly #sent = new Signal<Sent<P>>();
	#kept: OutboxStore | null = null;
	#entries = new Map<string, Entry>();
	#state = NOTHING;
	readonly #progress = new Map<string, number>();
	readonly #lanes: readonly Lane<P>[];
	#stop = new AbortController();

	constructor(parts: OutboxParts<P>) {
		this.#parts = parts;
		this.#lanes = [
			this.#lane("", ({ parentId }) => parentId === null),
			this.#lane("-comments", ({ parentId }) => parentId !== null),
		];
		if (parts.channel) parts.channel.onmessage = ({ data }) => this.#heard(data);
	}

	/** What is on its way: the same object until something changes. */
	get state(): OutboxState {
		return this.#state;
	}

	/** Calls the listener when there is another state. @returns what ends that */
	readonly subscribe = (listener: (state: OutboxState) => void): (() => void) => this.#told.subscribe(listener);

	/** Calls the listener when an item has become a post, just before it leaves the state. @returns what ends that */
	onSent(listener: (sent: Sent<P>) => void): () => void {
		return this.#sent.subscribe(listener);
	}

	/** Goes on with what an account has left; null: nobody is signed in, nothing is sent and nothing is forgotten. */
	async open(account: string | null): Promise<void> {
		if (account === (this.#kept?.account ?? null)) return;
		this.#stop.abort();
		this.#stop = new AbortController();
		this.#kept = account === null ? null : this.#store(account);
		this.#entries = new Map();
		this.#progress.clear();
		for (const lane of this.#lanes) {
			if (this.#kept) lane.open(this.#kept, this.#stop.signal);
			else lane.close();
		}
		this.#emit();
		if (!this.#kept) return;
		await this.#reload(this.#kept);
		this.wake();
	}

	/** Resolves when it is kept: from then on it is sent, whatever becomes of the tab. @throws when nobody is signed in */
	async add({ audience, draftId = null, link, media = [], parentId = null, text }: OutboxDraft): Promise<OutboxItem> {
		const kept = this.#signedIn();
		const { mintKey, now } = this.#parts;
		const held: EntryMedia[] = [];
		for (const item of media) held.push("source" in item ? await hold(kept, item) : item);
		const content: EntryContent = {
			text,
			...(audience === undefined ? {} : { audience }),
			...(link === undefined ? {} : { link }),
			media: held,
		};
		let made: Entry | undefined;
		await kept.create(
			(id) => ({
				id,
				parentId,
				content,
				revision: 0,
				key: mintKey(),
				createdAt: now(),
				draftId,
				attempt: null,
				made: null,
				cancelled: false,
				refused: null,
				faults: 0,
				uploadsAgain: 0,
			}),
			(entry) => {
				made = entry;
				if (kept === this.#kept) this.#entries.set(entry.id, entry);
			},
		);
		this.#changed(kept);
		this.#wake(true);
		return this.#show(made as Entry);
	}

	/** Puts a photo or video where it waits until it is uploaded: for a draft, for `add` and `edit`. */
	hold(media: OutboxMedia): Promise<EntryMedia> {
		return hold(this.#signedIn(), media);
	}

	/** What is held under a key of `EntryMedia`; null when it is not on this device. */
	async source(key: string): Promise<MediaSource | null> {
		return (await this.#parts.blobs?.get(key)) ?? null;
	}

	/** Lets go of one that is in nothing any more. */
	async release(media: EntryMedia): Promise<void> {
		await this.#kept?.release(media);
	}

	/** What was being written when the app was closed; null when that was nothing. */
	async draft(): Promise<KeptDraft | null> {
		return (await this.#kept?.draft()) ?? null;
	}

	async keepDraft(draft: KeptDraft | null): Promise<void> {
		await this.#kept?.keepDraft(draft);
	}

	/**
	 * Changes what is on its way: before it is sent, or by an edit of its post when that may have been made already.
	 *
	 * @returns false when it was not on its way any more: then nothing was changed
	 */
	async edit(id: string, change: Partial<EntryContent>): Promise<boolean> {
		const entry = await this.#change(this.#signedIn(), id, (entry) =>
			entry.cancelled ? entry : edited(entry, change),
		);
		this.wake();
		return entry !== null && !entry.cancelled;
	}

	/**
	 * It is not sent; and where it may have arrived already, it is looked for and deleted.
	 *
	 * @returns false when it was not on its way any more: then nothing was changed
	 */
	async cancel(id: string): Promise<boolean> {
		const entry = await this.#change(this.#signedIn(), id, cancelled);
		this.wake();
		return entry !== null;
	}

	/** Tries again what has failed. */
	async retry(id: string): Promise<void> {
		await this.#change(this.#signedIn(), id, askedAgain);
		this.#wake(true);
	}

	/** Tries to send now: there may be a network again. */
	wake(): void {
		this.#wake();
	}

	/** Deletes media of the account that are a day old and in nothing: of drafts and entries whose app died. */
	async tidy(): Promise<void> {
		await this.#kept?.tidy();
	}

	/** Deletes what an account has left here, sent or not. */
	async clear(account: string): Promise<void> {
		if (account === this.#kept?.account) await this.open(null);
		const kept = this.#store(account);
		await kept.clear();
		this.#changed(kept);
	}

	/** Stops, and keeps everything: what the end of a page does by itself. */
	close(): void {
		this.#stop.abort();
		this.#kept = null;
		for (const lane of this.#lanes) lane.close();
		this.#parts.channel?.close();
	}

	#store(account: string): OutboxStore {
		const forget = (key: string) => {
			this.#progress.delete(key);
			return this.#parts.transport.forget(key);
		};
		return new OutboxStore(account, { ...this.#parts, forget });
	}

	#signedIn(): OutboxStore {
		if (!this.#kept) throw new Error("Nobody is signed in");
		return this.#kept;
	}

	#lane(name: string, has: (entry: Entry) => boolean): Lane<P> {
		return new Lane({
			...this.#parts,
			lockOf: ({ account }) => `edgefeed-outbox-${account}${name}`,
			entries: () => [...this.#entries.values()].filter(has),
			reload: (kept) => this.#reload(kept),
			sending: (kept, signal) => this.#sending(kept, signal),
			changed: () => this.#emit(),
		});
	}

	#wake(afresh = false): void {
		for (const lane of this.#lanes) lane.wake(afresh);
	}

	#sending(kept: OutboxStore, signal: AbortSignal): Sending<P> {
		return {
			...this.#parts,
			signal,
			change: (id, apply, then) => this.#change(kept, id, apply, then),
			sent: () => kept.sent(),
			remember: (one) => kept.remember(one),
			onProgress: (blob, share) => {
				this.#progress.set(blob, share);
				if (!signal.aborted) this.#emit();
			},
			onSent: (entry, kind, answered) => {
				const sent = { ...answered, kind, item: this.#show(entry) };
				this.#parts.channel?.postMessage({ account: kept.account, sent });
				this.#sent.emit(sent);
			},
		};
	}

	async #change(
		kept: OutboxStore,
		id: string,
		apply: (entry: Entry) => Entry,
		then?: () => void,
	): Promise<Entry | null> {
		const changed = await kept.change(id, apply, (_, entry) => {
			if (kept !== this.#kept) return;
			if (entry) this.#entries.set(id, entry);
			else this.#entries.delete(id);
		});
		then?.();
		this.#changed(kept);
		return changed;
	}

	async #reload(kept: OutboxStore): Promise<void> {
		await kept.list((entries) => {
			if (kept === this.#kept) this.#entries = new Map(entries.map((entry) => [entry.id, entry]));
		});
		this.#emit();
	}

	#changed({ account }: OutboxStore): void {
		this.#parts.channel?.postMessage({ account });
		this.#emit();
	}

	#heard(data: unknown): void {
		const { account, sent } = data as { account?: string; sent?: Sent<P> };
		if (!this.#kept || account !== this.#kept.account) return;
		if (sent) this.#sent.emit(sent);
		else this.#reload(this.#kept).catch(() => undefined);
	}

	#emit(): void {
		const shown = [...this.#entries.values()].filter((entry) => !entry.cancelled);
		this.#state = shown.length === 0 ? NOTHING : { items: shown.map((entry) => this.#show(entry)) };
		this.#told.emit(this.#state);
	}

	#show({ content, createdAt, id, parentId, refused }: Entry): OutboxItem {
		const shares = content.media.map((item) => (item.id ? 1 : (this.#progress.get(item.blob ?? "") ?? 0)));
		return {
			id,
			parentId,
			content,
			createdAt,
			status: refused ? "failed" : this.#lanes.some(({ active }) => active === id) ? "sending" : "waiting",
			progress: shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length,
			problem: refused,
		};
	}
}

async function hold(kept: OutboxStore, { source, poster, ...item }: OutboxMedia): Promise<EntryMedia> {
	const keep = (held: Exclude<typeof source, { id: string }>) => ("blob" in held ? held.blob : kept.hold(held));
	const alt = item.alt ?? null;
	return {
		blob: "id" in source ? null : await keep(source),
		id: "id" in source ? source.id : null,
		type: item.type,
		alt,
		altThere: "id" in source ? alt : null,
		width: item.width ?? null,
		height: item.height ?? null,
		poster: poster ? await keep(poster) : null,
	};
}
