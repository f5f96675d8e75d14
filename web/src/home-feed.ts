import type { LiveFeed } from "@edgefeed/sdk";
import { edgefeed } from "./session.ts";

let feed: LiveFeed | undefined;

/** The home feed of who is signed in: one for all screens, so that it goes on while another one is shown. */
export function homeFeed(): LiveFeed {
	feed ??= edgefeed.feed.live();
	return feed;
}

export function closeHomeFeed(): void {
	feed?.close();
	feed = undefined;
}

/** Has the home feed look for changes now: after one has done what changes it. */
export function refreshHomeFeed(): void {
	// What fails is tried again by itself.
	void feed?.refresh().catch(() => undefined);
}

const wanters = new Set<() => void>();

/** Has the feed show what is newest, from its top: after one has posted something. */
export function showNewest(): void {
	if (wanters.size === 0) feed?.show();
	for (const show of wanters) show();
}

/** @returns what ends it */
export function onNewestWanted(show: () => void): () => void {
	wanters.add(show);
	return () => void wanters.delete(show);
}
