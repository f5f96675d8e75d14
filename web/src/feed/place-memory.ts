import type { Place } from "./reading.ts";

const KEY = "edgefeed.place";

/** Where this tab is in the home feed of an account: it outlives a reload, not the tab. */
export function rememberPlace(accountId: string, place: Place | null): void {
	if (place) sessionStorage.setItem(KEY, JSON.stringify({ accountId, ...place }));
	else sessionStorage.removeItem(KEY);
}

export function rememberedPlace(accountId: string): Place | null {
	try {
		const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as (Place & { accountId: string }) | null;
		return kept?.accountId === accountId ? { postId: kept.postId, offset: kept.offset } : null;
	} catch {
		return null;
	}
}
