import type { Audience } from "@edgefeed/sdk";

export const AUDIENCES = ["public", "followers", "friends", "me"] as const satisfies readonly Audience[];

const KEPT = "edgefeed.audience";

/** Who could see the last post: the next one is for the same. */
export function keptAudience(): Audience {
	const kept = localStorage.getItem(KEPT);
	return AUDIENCES.find((each) => each === kept) ?? "friends";
}

export function keepAudience(audience: Audience): void {
	localStorage.setItem(KEPT, audience);
}

export function forgetAudience(): void {
	localStorage.removeItem(KEPT);
}
