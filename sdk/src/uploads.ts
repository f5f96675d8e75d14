import { type BlobStore, type MediaSource, sizeOf } from "./blobs.ts";
import type { Core } from "./core.ts";
import { EdgefeedError, localError } from "./errors.ts";
import { mintKey } from "./keys.ts";
import { pause } from "./retry.ts";
import type { Media } from "./types.ts";
import { failure } from "./upload-failures.ts";
import { sendParts } from "./upload-parts.ts";

export interface UploadProgress {
	/** Bytes that the service has, or that are on their way. */
	loaded: number;
	total: number;
}

export interface UploadOptions {
	/** Like `image/jpeg`; a Blob says its own. */
	type?: string;
	purpose?: "post" | "avatar" | "poster";
	/** What it shows, for who does not see it. */
	alt?: string | null;
	/** A still of a video: an image, uploaded before it. */
	poster?: MediaSource | null;
	posterType?: string;
	/**
	 * Names what is uploaded, so that a later call goes on where this one ended, also after a crash. A File is known by
	 * its name, size and date. What is kept under a key of yours stays until `forget`: a later call gets the same media.
	 */
	key?: string;
	onProgress?: (progress: UploadProgress) => void;
	signal?: AbortSignal;
}

/** What the service says of an upload. */
export interface MediaUpload {
	id: string;
	alt: string | null;
	status: "uploading" | "processing" | "ready" | "failed";
	error: string | null;
	/** The parts that have come. */
	parts: number[];
	media: Media | null;
	upload: { method: string; headers: Record<string, string>; partSize: number; parts: number; urls: string[] } | null;
}

/** What is kept of an upload that has begun. */
interface Begun {
	id: string;
	size: number;
	type: string;
}

/** Milliseconds between two looks at what is being processed: the first and the longest; and how long in all. */
const LOOK = { first: 500, longest: 5000, growth: 1.5, all: 300_000 };

export class Uploads {
	readonly #core: Core;
	/** Who wants to know how an upload goes, by the key under which it is kept: several calls may wait for one. */
	readonly #watchers = new Map<string, Set<(progress: UploadProgress) => void>>();

	/** @internal */
	constructor(core: Core) {
		this.#core = core;
	}

	/**
	 * Uploads a photo or a video, in parts, and resolves when it can be put into a post. Goes on where an earlier call
	 * for the same file ended.
	 *
	 * @throws EdgefeedError the service's problem, or one of `type_mismatch`, `unreadable`, `too_many_pixels`,
	 * `too_long`, `incomplete`, `not_processed`; what the signal was aborted with
	 */
	async upload(source: MediaSource, options: UploadOptions = {}): Promise<Media> {
		const { media } = await this.start(source, options);
		if (!media) throw failure("not_processed");
		return media;
	}

	/** As `upload`, and says what else the service says of it. */
	async start(source: MediaSource, options: UploadOptions = {}): Promise<MediaUpload> {
		const { platform, session } = this.#core;
		await session.ready;
		const account = session.current?.accountId;
		if (account === undefined) throw localError("not_signed_in");
		const name = options.key ?? fingerprint(source, options);
		if (name === undefined) return this.#whole(source, options, undefined);
		const key = `upload/${account}/${name}`;
		const end = this.#watch(key, options.onProgress);
		const onProgress = (progress: UploadProgress) => {
			for (const tell of this.#watchers.get(key) ?? []) tell(progress);
		};
		try {
			return await platform.locks.request(`edgefeed ${key}`, async () => {
				options.signal?.throwIfAborted();
				const found = await this.#whole(source, { ...options, onProgress }, key);
				if (options.key === undefined) await this.#core.storage.delete(key).catch(() => undefined);
				return found;
			});
		} finally {
			end();
		}
	}

	#watch(key: string, tell: UploadOptions["onProgress"]): () => void {
		if (!tell) return () => undefined;
		const watchers = this.#watchers.get(key) ?? new Set();
		this.#watchers.set(key, watchers.add(tell));
		return () => {
			watchers.delete(tell);
			if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
		};
	}

	/** Changes the text for who does not see it. */
	async describe(id: string, alt: string | null, options: { signal?: AbortSignal } = {}): Promise<void> {
		await this.#call("PATCH", `/v1/media/${id}`, { alt }, options.signal);
	}

	/** Deletes what was uploaded and is in no post. */
	async delete(id: string): Promise<void> {
		await this.#call("DELETE", `/v1/media/${id}`);
	}

	/** What was kept under a key of `upload` is not needed any more. */
	async forget(key: string): Promise<void> {
		const account = this.#core.session.current?.accountId;
		if (account !== undefined) await this.#core.storage.delete(`upload/${account}/${key}`).catch(() => undefined);
	}

	async #whole(source: MediaSource, options: UploadOptions, key: string | undefined): Promise<MediaUpload> {
		const { signal } = options;
		const total = sizeOf(source);
		const begun = (await this.#begun(key, source, options)) ?? (await this.#begin(key, source, options));
		let state = begun;
		if (state.status === "uploading") {
			const look = (stop: AbortSignal) => this.#call("GET", `/v1/media/${begun.id}`, undefined, stop);
			await sendParts(this.#core, state, source, look, options);
			state = await this.#call("POST", `/v1/media/${state.id}/complete`, undefined, signal, mintKey());
		}
		options.onProgress?.({ loaded: total, total });
		for (let wait: number = LOOK.first, all = 0; state.status === "processing"; ) {
			if (all > LOOK.all) throw localError("request_timed_out");
			await pause(wait, signal);
			signal?.throwIfAborted();
			all += wait;
			wait = Math.min(wait * LOOK.growth, LOOK.longest);
			state = await this.#call("GET", `/v1/media/${state.id}`, undefined, signal);
		}
		if (state.status === "ready") return state;
		if (key !== undefined) await this.#core.storage.delete(key).catch(() => undefined);
		throw failure(state.error ?? "not_processed");
	}

	/** What an earlier call began, if the service still has it. */
	async #begun(key: string | undefined, source: MediaSource, options: UploadOptions): Promise<MediaUpload | undefined> {
		const { storage } = this.#core;
		const text = key === undefined ? undefined : await storage.get(key).catch(() => undefined);
		if (!text || key === undefined) return undefined;
		const { id, size, type } = JSON.parse(text) as Begun;
		if (size === sizeOf(source) && type === typeOf(source, options)) {
			try {
				const state = await this.#call<MediaUpload>("GET", `/v1/media/${id}`, undefined, options.signal);
				if (state.status !== "failed") return state;
			} catch (error) {
				if (!(error instanceof EdgefeedError && (error.status === 404 || error.status === 410))) throw error;
			}
		}
		await storage.delete(key).catch(() => undefined);
		return undefined;
	}

	async #begin(key: string | undefined, source: MediaSource, options: UploadOptions): Promise<MediaUpload> {
		const { alt = null, poster, posterType, purpose = "post", signal } = options;
		const size = sizeOf(source);
		const type = typeOf(source, options);
		const still = poster
			? await this.upload(poster, {
					purpose: "poster",
					...(posterType === undefined ? {} : { type: posterType }),
					...(signal ? { signal } : {}),
				}).catch((error: unknown) => {
					// A video is worth more than its still.
					if (signal?.aborted || !(error instanceof EdgefeedError) || error.retryable) throw error;
					return undefined;
				})
			: undefined;
		const body = { type, size, purpose, ...(alt === null ? {} : { alt }), ...(still ? { poster: still.id } : {}) };
		const state = await this.#call<MediaUpload>("POST", "/v1/media", body, signal, mintKey());
		if (key !== undefined) {
			const begun: Begun = { id: state.id, size, type };
			await this.#core.storage.set(key, JSON.stringify(begun)).catch(() => undefined);
		}
		return state;
	}

	async #call<T = MediaUpload>(
		method: string,
		path: string,
		body?: unknown,
		signal?: AbortSignal,
		idempotencyKey?: string,
	): Promise<T> {
		const headers = new Headers(body === undefined ? {} : { "content-type": "application/json" });
		if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
		const text = body === undefined ? undefined : JSON.stringify(body);
		const url = this.#core.baseUrl + path;
		const response = await this.#core.send({ method, url, headers, body: text, signal });
		const answer = await response.text();
		return (answer === "" ? undefined : JSON.parse(answer)) as T;
	}
}

/** What is held in a blob store, uploaded under its key there. */
export async function uploadHeld(
	uploads: Uploads,
	blobs: BlobStore,
	{ type, alt, poster }: { type: string; alt: string | null; poster: string | null },
	key: string,
	onProgress: (share: number) => void,
	signal: AbortSignal,
): Promise<{ id: string; alt: string | null }> {
	const source = await blobs.get(key);
	if (!source) throw failure("media_lost");
	const still = poster === null ? undefined : await blobs.get(poster);
	const { id, alt: there } = await uploads.start(source, {
		type,
		alt,
		key,
		signal,
		...(still ? { poster: still, posterType: "image/jpeg" } : {}),
		onProgress: ({ loaded, total }) => onProgress(total === 0 ? 1 : loaded / total),
	});
	return { id, alt: there };
}

function typeOf(source: MediaSource, { type }: UploadOptions): string {
	return type ?? ("type" in source ? source.type : "") ?? "";
}

/** What tells one file from another, for who chooses the same one again. */
function fingerprint(source: MediaSource, options: UploadOptions): string | undefined {
	const { name, lastModified } = source as Partial<File>;
	if (name === undefined || lastModified === undefined) return undefined;
	const { purpose = "post" } = options;
	return encodeURIComponent([purpose, typeOf(source, options), sizeOf(source), lastModified, name].join("|"));
}
