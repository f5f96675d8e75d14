import { EdgefeedError, type EntryMedia, type Media } from "@edgefeed/sdk";
import { apiAddress } from "../api-base.ts";
import { problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { createStore, type Watched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { type Prepared, prepare, UnusableFile } from "./prepare.ts";

/** What a post shows at most. */
export const MOST = 10;

/** A photo or video of a post that is being written. */
export interface Attachment {
	key: number;
	kind: "photo" | "video";
	/** What is kept of it on this device; null while it is being prepared. */
	held: EntryMedia | null;
	/** Where it can be seen; null when it cannot. */
	address: string | null;
	alt: string;
	/** `waiting`: it is uploaded when there is a network, at the latest with the post. */
	status: "preparing" | "uploading" | "waiting" | "ready" | "failed";
	/** Of the upload, 0 to 1. */
	progress: number;
	problem: string | null;
}

/** The photos and videos of one composer: prepared and uploaded while the text is being written. */
export class Attachments implements Watched<readonly Attachment[]> {
	readonly #list = createStore<readonly Attachment[]>([]);
	readonly #stop = new Map<number, AbortController>();
	readonly #made: string[] = [];
	readonly #work = new Map<number, Promise<void>>();
	#last = 0;
	#closed = false;

	get(): readonly Attachment[] {
		return this.#list.get();
	}

	subscribe(listener: () => void): () => void {
		return this.#list.subscribe(listener);
	}

	/** Takes files in. @returns how many there was no place for */
	add(files: Iterable<File>): number {
		let left = 0;
		for (const file of files) {
			if (this.get().length >= MOST) {
				left++;
				continue;
			}
			const kind = file.type.startsWith("video/") ? "video" : "photo";
			this.#begin({ kind, held: null, address: this.#addressOf(file), status: "preparing" }, (key) =>
				this.#prepare(key, file),
			);
		}
		return left;
	}

	/** Takes up what a draft, or a post that waits, has kept on this device. */
	resume(media: readonly EntryMedia[]): void {
		for (const held of media) {
			const kind = held.type.startsWith("video/") ? "video" : "photo";
			const status = held.id === null ? "waiting" : "ready";
			this.#begin({ kind, held, address: null, alt: held.alt ?? "", status }, (key) => this.#read(key, held));
		}
	}

	/** Takes up what a post shows. */
	show(media: readonly Media[]): void {
		for (const { alt, height, id, kind, poster, url, width } of media) {
			const type = kind === "video" ? "video/mp4" : "image/webp";
			const held: EntryMedia = { blob: null, id, type, alt, altThere: alt, width, height, poster: null };
			const still = kind === "video" ? poster : url;
			const address = still === null ? null : apiAddress(still);
			this.#begin({ kind, held, address, alt: alt ?? "", status: "ready" }, () => Promise.resolve());
		}
	}

	describe(key: number, alt: string): void {
		this.#change(key, ({ held }) => ({ alt, held: held && { ...held, alt: alt.trim() || null } }));
	}

	/** @param by -1: one place earlier; 1: one later */
	move(key: number, by: -1 | 1): void {
		const list = [...this.get()];
		const at = list.findIndex((each) => each.key === key);
		const [moved] = at < 0 ? [] : list.splice(at, 1);
		if (!moved) return;
		list.splice(Math.max(0, at + by), 0, moved);
		this.#list.set(list);
	}

	/** @param forget whether what is kept on this device goes too */
	remove(key: number, forget: boolean): void {
		this.#stop.get(key)?.abort();
		const { held } = this.get().find((each) => each.key === key) ?? {};
		this.#list.set(this.get().filter((each) => each.key !== key));
		if (held && forget) void edgefeed.outbox.release(held).catch(() => undefined);
	}

	retry(key: number): void {
		const { held } = this.get().find((each) => each.key === key) ?? {};
		if (held) this.#work.set(key, this.#read(key, held));
	}

	/** Resolves when all are prepared, so that they can be kept; with `uploaded`, when all uploads have ended as well. */
	async settled(uploaded: boolean): Promise<void> {
		if (uploaded) await Promise.all(this.#work.values());
		while (this.get().some(({ status }) => status === "preparing"))
			await new Promise<void>((resolve) => {
				const end = this.subscribe(() => {
					end();
					resolve();
				});
			});
	}

	/** Lets uploads go on that somebody else waits for, and forgets the rest. */
	close(): void {
		this.#closed = true;
		for (const address of this.#made) URL.revokeObjectURL(address);
	}

	#addressOf(source: Blob): string | null {
		if (this.#closed) return null;
		const address = URL.createObjectURL(source);
		this.#made.push(address);
		return address;
	}

	#begin(
		given: Pick<Attachment, "kind" | "held" | "address" | "status"> & { alt?: string },
		work: (key: number) => Promise<void>,
	) {
		const key = ++this.#last;
		this.#list.set([...this.get(), { alt: "", progress: 0, problem: null, ...given, key }]);
		this.#work.set(key, work(key));
	}

	/** Reads what is kept, to show it and to go on with its upload. */
	async #read(key: number, held: EntryMedia): Promise<void> {
		if (held.blob === null) return;
		const source = await edgefeed.outbox.source(held.blob).catch(() => null);
		if (source instanceof Blob) {
			this.#change(key, () => ({ address: this.#addressOf(source) }));
			if (held.id === null) await this.#upload(key, held, source);
		} else if (held.id === null) this.#change(key, () => ({ status: "failed", problem: t("compose.lost") }));
	}

	async #prepare(key: number, file: File): Promise<void> {
		let prepared: Prepared;
		let held: EntryMedia;
		try {
			prepared = await prepare(file);
			const { source, type, width, height, poster } = prepared;
			held = await edgefeed.outbox.hold({ source, type, width, height, poster });
		} catch (error) {
			const problem = error instanceof UnusableFile ? t("compose.unusable", { name: file.name }) : problemText(error);
			this.#change(key, () => ({ status: "failed", address: null, problem }));
			return;
		}
		// Removed while it was prepared.
		if (!this.get().some((each) => each.key === key)) {
			await edgefeed.outbox.release(held);
			return;
		}
		this.#change(key, ({ alt }) => ({ held: { ...held, alt: alt.trim() || null } }));
		await this.#upload(key, held, prepared.source, prepared.poster);
	}

	async #upload(key: number, held: EntryMedia, source: Blob, poster?: Blob | null): Promise<void> {
		if (held.blob === null) return;
		const controller = new AbortController();
		this.#stop.set(key, controller);
		this.#change(key, () => ({ status: "uploading", problem: null }));
		try {
			const { id, alt } = await edgefeed.media.start(source, {
				key: held.blob,
				type: held.type,
				signal: controller.signal,
				...(poster ? { poster, posterType: poster.type } : {}),
				onProgress: ({ loaded, total }) => this.#change(key, () => ({ progress: total === 0 ? 1 : loaded / total })),
			});
			this.#change(key, (now) => ({
				status: "ready",
				progress: 1,
				held: now.held && { ...now.held, id, altThere: alt },
			}));
		} catch (error) {
			if (controller.signal.aborted) return;
			const passes = error instanceof EdgefeedError && (error.retryable || error.status === 401);
			this.#change(key, () =>
				passes ? { status: "waiting", problem: null } : { status: "failed", problem: problemText(error) },
			);
		}
	}

	#change(key: number, change: (now: Attachment) => Partial<Attachment>): void {
		this.#list.set(this.get().map((each) => (each.key === key ? { ...each, ...change(each) } : each)));
	}
}
