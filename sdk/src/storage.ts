import { clear, createStore, del, get, keys, set } from "idb-keyval";

/**
 * Where the SDK keeps what must outlive a reload: the session, the newest posts of the feed, what waits to be sent.
 * Keys and values are texts. A failing call is survived: then what it should have kept is only in memory.
 */
export interface EdgefeedStorage {
	get(key: string): Promise<string | undefined | null>;
	set(key: string, value: string): Promise<void>;
	delete(key: string): Promise<void>;
	keys(): Promise<string[]>;
}

/** Keeps everything until the process or the page ends. */
export function memoryStorage(): EdgefeedStorage {
	const kept = new Map<string, string>();
	return {
		get: async (key) => kept.get(key),
		set: async (key, value) => {
			kept.set(key, value);
		},
		delete: async (key) => {
			kept.delete(key);
		},
		keys: async () => [...kept.keys()],
	};
}

/** Keeps everything in the browser's IndexedDB, which tabs of the same origin share. */
export function indexedDbStorage(name = "edgefeed"): EdgefeedStorage & { clear(): Promise<void> } {
	// Opened at the first use, so that a page without IndexedDB can still be rendered elsewhere.
	let opened: ReturnType<typeof createStore> | undefined;
	const store = () => {
		opened ??= createStore(name, "kept");
		return opened;
	};
	return {
		get: (key) => get<string>(key, store()),
		set: (key, value) => set(key, value, store()),
		delete: (key) => del(key, store()),
		keys: () => keys<string>(store()),
		clear: () => clear(store()),
	};
}
