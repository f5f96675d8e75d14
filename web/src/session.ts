import { createEdgefeed, indexedDbBlobs, indexedDbStorage } from "@edgefeed/sdk";
import { API_BASE } from "./api-base.ts";
import { useWatched, type Watched } from "./store.ts";
import { keptLanguage, language } from "./texts/texts.ts";

/** What is kept on this device; a key with an account's id between slashes goes when that account signs out. */
export const storage = indexedDbStorage("edgefeed");

/** The one client of the API: everything that the app reads and writes goes through it. */
export const edgefeed = createEdgefeed({
	baseUrl: API_BASE,
	storage,
	blobs: indexedDbBlobs("edgefeed-blobs"),
	// Problems are told in the language that the reader chose.
	language: () => keptLanguage() ?? language(),
});

export type Session = { accountId: string } | null;

const session: Watched<Session> = {
	get: () => edgefeed.session.current,
	subscribe: (listener) => edgefeed.session.subscribe(listener),
};

/** Who is signed in; null when nobody is. */
export function useSession(): Session {
	return useWatched(session);
}

/** The id of who is signed in, for screens that only they see. */
export function useAccountId(): string {
	return useSession()?.accountId ?? "";
}
