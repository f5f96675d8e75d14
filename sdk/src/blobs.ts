import { createStore, del, get, keys, set } from "idb-keyval";

/**
 * The bytes of a photo or video: a Blob or File, a buffer, or whatever can give a part of itself. In React Native that
 * is a file by its address, opened again by the {@link BlobStore} of the app.
 */
export type MediaSource = Blob | ArrayBuffer | Uint8Array<ArrayBuffer> | SlicedSource;

export interface SlicedSource {
	/** Bytes. */
	size: number;
	/** From `from` up to and without `to`. */
	slice(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Where media wait that are not uploaded yet. Outlives a reload as the storage beside it does. */
export interface BlobStore {
	put(key: string, source: MediaSource): Promise<void>;
	get(key: string): Promise<MediaSource | undefined | null>;
	delete(key: string): Promise<void>;
	keys(): Promise<string[]>;
}

/** Keeps everything until the process or the page ends. */
export function memoryBlobs(): BlobStore {
	const kept = new Map<string, MediaSource>();
	return {
		put: async (key, source) => {
			kept.set(key, source);
		},
		get: async (key) => kept.get(key),
		delete: async (key) => {
			kept.delete(key);
		},
		keys: async () => [...kept.keys()],
	};
}

/** Keeps everything in the browser's IndexedDB: files as they are, on the disk. */
export function indexedDbBlobs(name = "edgefeed-blobs"): BlobStore {
	let opened: ReturnType<typeof createStore> | undefined;
	const store = () => {
		opened ??= createStore(name, "blobs");
		return opened;
	};
	return {
		put: async (key, source) => set(key, await plain(source), store()),
		get: (key) => get<MediaSource>(key, store()),
		delete: (key) => del(key, store()),
		keys: () => keys<string>(store()),
	};
}

/** What has methods of its own cannot be kept: its bytes can. */
async function plain(source: MediaSource): Promise<MediaSource> {
	return source instanceof Blob || !("slice" in source) || isBuffer(source) ? source : source.slice(0, source.size);
}

export function isBuffer(source: MediaSource): source is ArrayBuffer | Uint8Array<ArrayBuffer> {
	return source instanceof ArrayBuffer || ArrayBuffer.isView(source);
}

/** @returns bytes */
export function sizeOf(source: MediaSource): number {
	return isBuffer(source) ? source.byteLength : source.size;
}

/** What a request can send of it: from `from` up to and without `to`. */
export async function partOf(source: MediaSource, from: number, to: number): Promise<Blob | ArrayBuffer> {
	if (source instanceof ArrayBuffer) return source.slice(from, to);
	if (ArrayBuffer.isView(source)) return source.slice(from, to).buffer;
	if (isBlob(source)) return source.slice(from, to);
	return (await source.slice(from, to)).slice().buffer;
}

function isBlob(source: MediaSource): source is Blob {
	return typeof Blob !== "undefined" && source instanceof Blob;
}
