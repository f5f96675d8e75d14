/** What must always hold of a shard, or soon after a change. */
export const CHECKS = ["ties", "profiles", "posts", "outbox", "orphans"] as const;
export type Check = (typeof CHECKS)[number];

/** What one call of a check found. */
export interface Finding {
	checked: number;
	/** What does not hold, in words for an operator. */
	faults: string[];
	repaired: number;
	/** Where to go on; null at the end. */
	next: string | null;
}
