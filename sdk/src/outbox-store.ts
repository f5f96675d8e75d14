import type { BlobStore } from "./blobs.ts";
import { type Entry, type EntryMedia, nextStep } from "./outbox-entry.ts";
import type { KeptDraft, MadePost, OutboxParts } from "./outbox-types.ts";

/** So many posts are remembered as known to be made, so that one that is looked for is not taken for another. */
const REMEMBERED = 100;
/** A blob that nothing needs is deleted after so long, in milliseconds: what needs it may be about to be written. */
const BLOB_UNUSED = 86_400_000;

export interface KnownPost {
	postId: string;
	entryId: string;
}

type StoreParts = Pick<OutboxParts<MadePost>, "storage" | "blobs" | "locks" | "now" | "random" | "mintKey"> & {
	forget: (key: string) => Promise<void>;
};

/**
 * What an account has on its way, one entry a key, so that a change of one is atomic wherever a single write is:
 * `outbox/<account>/entry/<id>`, `outbox/<account>/sent` with the last posts that were made, and
 * `outbox/<account>/draft` with what is being written. Blobs are
 * `<account>/<milliseconds>-<random>` in the blob store.
 */
export class OutboxStore {
	readonly account: string;
	readonly #parts: StoreParts;
	#last = 0;

	constructor(account: string, parts: StoreParts) {
		this.account = account;
		this.#parts = parts;
	}

	/** All entries, as their author made them; given to `use` before another change is made. */
	list(use: (entries: Entry[]) => void): Promise<void> {
		return this.#alone(async () => {
			const entries = await this.#list();
			const draft = await this.draft();
			// Whoever made an entry of it died before the draft was deleted.
			if (draft && entries.some(({ draftId }) => draftId === draft.id)) await this.keepDraft(null);
			use(entries);
		});
	}

	/** Writes a new entry, after all that are there whatever the clock says. */
	create(make: (id: string) => Entry, use: (entry: Entry) => void): Promise<void> {
		return this.#alone(async () => {
			const newest = Number((await this.#ids()).at(-1)?.split("-")[0] ?? 0);
			this.#last = Math.max(this.#parts.now(), newest + 1, this.#last + 1);
			const tail = Math.floor(this.#parts.random() * 36 ** 6).toString(36);
			const entry = make(`${String(this.#last).padStart(15, "0")}-${tail.padStart(6, "0")}`);
			await this.#write(entry);
			use(entry);
			if (entry.draftId !== null) await this.keepDraft(null);
		});
	}

	async draft(): Promise<KeptDraft | null> {
		const text = await this.#parts.storage.get(this.#draftKey);
		return text ? (JSON.parse(text) as KeptDraft) : null;
	}

	keepDraft(draft: KeptDraft | null): Promise<void> {
		if (!draft) return this.#parts.storage.delete(this.#draftKey);
		return this.#parts.storage.set(this.#draftKey, JSON.stringify(draft));
	}

	/**
	 * Reads, changes and writes an entry while nobody else does; one with nothing left to do is deleted.
	 *
	 * @param use is given the entry as it is now, null when it is gone, before another change is made
	 * @returns the entry as it was changed, whether it is kept or not; null when there was none
	 */
	change(
		id: string,
		apply: (entry: Entry) => Entry,
		use: (id: string, entry: Entry | null) => void,
	): Promise<Entry | null> {
		return this.#alone(async () => {
			const before = await this.#read(id);
			const after = before && apply(before);
			const over = !after || nextStep(after, this.#parts.now()).do === "finish";
			if (after && over) await this.#erase(after);
			else if (before && after && after !== before) {
				await this.#write(after);
				const kept = new Set(after.content.media.flatMap(blobsOf));
				for (const key of before.content.media.flatMap(blobsOf)) if (!kept.has(key)) await this.drop(key);
			}
			use(id, over ? null : after);
			return after;
		});
	}

	/** The last posts that are known to be made, each with the entry that has become it. */
	async sent(): Promise<KnownPost[]> {
		const text = await this.#parts.storage.get(this.#sentKey);
		return text ? (JSON.parse(text) as KnownPost[]) : [];
	}

	remember(sent: KnownPost): Promise<void> {
		return this.#alone(async () => {
			const others = (await this.sent()).filter(({ postId }) => postId !== sent.postId);
			await this.#parts.storage.set(this.#sentKey, JSON.stringify([...others, sent].slice(-REMEMBERED)));
		});
	}

	/** Puts a photo or video where it waits. @returns its key */
	async hold(source: Parameters<BlobStore["put"]>[1]): Promise<string> {
		const { blobs, mintKey, now } = this.#parts;
		if (!blobs) throw new Error("Media that are not uploaded want a blob store");
		const key = `${this.account}/${now()}-${mintKey()}`;
		await blobs.put(key, source);
		return key;
	}

	/** Lets go of a photo or video that is in nothing any more. */
	async release(media: EntryMedia): Promise<void> {
		for (const key of blobsOf(media)) await this.drop(key);
	}

	/** Deletes blobs that are a day old and that neither an entry nor the draft needs. */
	async tidy(): Promise<void> {
		const { blobs, now } = this.#parts;
		if (!blobs) return;
		const keys = await blobs.keys();
		const held = new Set((await this.draft())?.media.flatMap(blobsOf));
		await this.list((entries) => {
			for (const { content } of entries) for (const key of content.media.flatMap(blobsOf)) held.add(key);
		});
		for (const key of keys) {
			const [owner, name = ""] = key.split("/");
			const old = Number.parseInt(name, 10) < now() - BLOB_UNUSED;
			if (owner === this.account && old && !held.has(key)) await this.drop(key);
		}
	}

	/** Deletes all that the account has here. */
	clear(): Promise<void> {
		return this.#alone(async () => {
			for (const id of await this.#ids()) await this.#parts.storage.delete(this.#key(id));
			await this.#parts.storage.delete(this.#sentKey);
			await this.keepDraft(null);
			for (const key of (await this.#parts.blobs?.keys()) ?? [])
				if (key.startsWith(`${this.account}/`)) await this.drop(key);
		});
	}

	#alone<T>(run: () => Promise<T>): Promise<T> {
		return this.#parts.locks.request(`edgefeed-outbox-${this.account}-entries`, run);
	}

	async #list(): Promise<Entry[]> {
		const entries = await Promise.all((await this.#ids()).map((id) => this.#read(id)));
		return entries.filter((entry) => entry !== null);
	}

	async #ids(): Promise<string[]> {
		const prefix = this.#key("");
		const keys = await this.#parts.storage.keys();
		return keys.flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : [])).sort();
	}

	async #read(id: string): Promise<Entry | null> {
		const text = await this.#parts.storage.get(this.#key(id));
		return text ? (JSON.parse(text) as Entry) : null;
	}

	#write(entry: Entry): Promise<void> {
		return this.#parts.storage.set(this.#key(entry.id), JSON.stringify(entry));
	}

	/** The entry first: a blob that nobody needs is found later, an entry without its blob could not be sent. */
	async #erase(entry: Entry): Promise<void> {
		await this.#parts.storage.delete(this.#key(entry.id));
		for (const key of entry.content.media.flatMap(blobsOf)) await this.drop(key);
	}

	async drop(key: string): Promise<void> {
		await this.#parts.blobs?.delete(key);
		await this.#parts.forget(key);
	}

	#key(id: string): string {
		return `outbox/${this.account}/entry/${id}`;
	}

	get #draftKey(): string {
		return `outbox/${this.account}/draft`;
	}

	get #sentKey(): string {
		return `outbox/${this.account}/sent`;
	}
}

export function blobsOf({ blob, poster }: EntryMedia): string[] {
	return [blob, poster].filter((key) => key !== null);
}
