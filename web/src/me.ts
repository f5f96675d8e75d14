import type { Account } from "@edgefeed/sdk";
import { edgefeed } from "./session.ts";
import { createStore, useWatched } from "./store.ts";

const KEPT = "edgefeed.me";
const me = createStore<Account | null>(null);

/** The own account as it was last seen, or null before it was read. Kept, so that it is there offline. */
export function useMe(): Account | null {
	return useWatched(me);
}

/** After the own profile was changed, or read anew. */
export function setMe(account: Account): void {
	localStorage.setItem(KEPT, JSON.stringify(account));
	me.set(account);
}

/** Shows what is kept, then asks. */
export async function loadMe(accountId: string): Promise<void> {
	const kept = read();
	if (kept?.id === accountId) me.set(kept);
	try {
		setMe(await edgefeed.accounts.me());
	} catch {
		// What is kept is shown until it can be read.
	}
}

export function forgetMe(): void {
	localStorage.removeItem(KEPT);
	me.set(null);
}

function read(): Account | null {
	try {
		return JSON.parse(localStorage.getItem(KEPT) ?? "null") as Account | null;
	} catch {
		return null;
	}
}
