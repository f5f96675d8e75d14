import type { ProblemCode } from "../gateway/problem.ts";

/**
 * What two accounts are to each other, and how it changes: pure.
 *
 * A tie is seen from one side, its owner's; {@link flip} shows the other. Times are Unix
 * milliseconds, null for "not so".
 */
export interface Tie {
	/** Grows with every change; both shards hold the tie, and the higher version is right. */
	version: number;
	friendAt: number | null;
	/** The owner asked the other. */
	requestedAt: number | null;
	/** The other asked the owner. */
	requestedByAt: number | null;
	/** The owner follows the other. */
	followingAt: number | null;
	/** The other follows the owner. */
	followerAt: number | null;
	/** The owner blocks the other. */
	blockingAt: number | null;
	/** The other blocks the owner. */
	blockedByAt: number | null;
}

/** An account follows at most so many: each of its cold builds and deep pages reads from all of them. */
export const FOLLOW_LIMIT = 5000;
/** At most so many friends on either side. */
export const FRIEND_LIMIT = 5000;

export const STRANGERS: Tie = {
	version: 0,
	friendAt: null,
	requestedAt: null,
	requestedByAt: null,
	followingAt: null,
	followerAt: null,
	blockingAt: null,
	blockedByAt: null,
};

/** The same tie from the other's side. */
export function flip(tie: Tie): Tie {
	return {
		version: tie.version,
		friendAt: tie.friendAt,
		requestedAt: tie.requestedByAt,
		requestedByAt: tie.requestedAt,
		followingAt: tie.followerAt,
		followerAt: tie.followingAt,
		blockingAt: tie.blockedByAt,
		blockedByAt: tie.blockingAt,
	};
}

/**
 * How much of the other's posts the owner sees: everyone sees `public` ones, followers more, friends more
 * still; where one blocks the other, neither sees anything.
 */
export const LEVELS = { blocked: -1, none: 0, follow: 1, friend: 2, self: 3 } as const;
export type Level = (typeof LEVELS)[keyof typeof LEVELS];

export function levelOf(tie: Omit<Tie, "version">): Level {
	if (isBlocked(tie)) return LEVELS.blocked;
	if (tie.friendAt !== null) return LEVELS.friend;
	return tie.followingAt !== null ? LEVELS.follow : LEVELS.none;
}

/** Whether one of the two blocks the other. */
export function isBlocked({ blockingAt, blockedByAt }: Pick<Tie, "blockingAt" | "blockedByAt">): boolean {
	return blockingAt !== null || blockedByAt !== null;
}

/** What an act makes of a tie: a new one, the same one, or nothing because it may not be. */
export type Outcome = { tie: Tie } | { refused: ProblemCode };
/** An act of the owner's at a moment, in Unix milliseconds. */
export type Act = (tie: Tie, now: number) => Outcome;

/** Asks to be friends; when the other has asked already, that is a yes. */
export const request: Act = (tie, now) => {
	if (isBlocked(tie)) return { refused: "account_not_found" };
	if (tie.friendAt !== null) return { refused: "already_friends" };
	if (tie.requestedByAt !== null) return accept(tie, now);
	return tie.requestedAt !== null ? { tie } : { tie: { ...tie, requestedAt: now } };
};

/** Says yes to the other's request. */
export const accept: Act = (tie, now) => {
	if (tie.friendAt !== null) return { tie };
	if (tie.requestedByAt === null) return { refused: "friend_request_not_found" };
	return { tie: { ...tie, friendAt: now, requestedAt: null, requestedByAt: null } };
};

/** Takes one's own request back, or says no to the other's. */
export const withdraw: Act = (tie) => {
	if (tie.requestedAt === null && tie.requestedByAt === null) return { refused: "friend_request_not_found" };
	return { tie: { ...tie, requestedAt: null, requestedByAt: null } };
};

/** Ends a friendship; a follow that was made apart from it stays. */
export const unfriend: Act = (tie) => (tie.friendAt === null ? { tie } : { tie: { ...tie, friendAt: null } });

/** Follows, when the owner follows `count` accounts so far. */
export function follow(count: number): Act {
	return (tie, now) => {
		if (isBlocked(tie)) return { refused: "account_not_found" };
		if (tie.followingAt !== null) return { tie };
		return count < FOLLOW_LIMIT ? { tie: { ...tie, followingAt: now } } : { refused: "follow_limit_reached" };
	};
}

export const unfollow: Act = (tie) => (tie.followingAt === null ? { tie } : { tie: { ...tie, followingAt: null } });

/** Ends everything between the two, both ways, and keeps it so. */
export const block: Act = (tie, now) => {
	if (tie.blockingAt !== null) return { tie };
	const { version, blockedByAt } = tie;
	return { tie: { ...STRANGERS, version, blockingAt: now, blockedByAt } };
};

/** Takes a block back; what it ended stays ended. */
export const unblock: Act = (tie) => (tie.blockingAt === null ? { tie } : { tie: { ...tie, blockingAt: null } });

/** Leaves nothing between the two, whoever made it: one of them is being erased. */
export const sever: Act = (tie) => {
	const { version, ...between } = tie;
	return Object.values(between).every((at) => at === null) ? { tie } : { tie: { ...STRANGERS, version } };
};

/** A mute of the owner's: hers alone, the other never learns of it. */
export interface Mute {
	mutingAt: number | null;
	/** Null when it has no end. */
	mutingUntil: number | null;
}

export function isMuted({ mutingAt, mutingUntil }: Mute, now: number): boolean {
	return mutingAt !== null && (mutingUntil === null || mutingUntil > now);
}
