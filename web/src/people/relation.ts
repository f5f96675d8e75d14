import type { Account, Relation } from "@edgefeed/sdk";

/** What the viewer can do about another account: pure. */
export type Act =
	| "addFriend"
	| "cancelRequest"
	| "accept"
	| "decline"
	| "unfriend"
	| "follow"
	| "unfollow"
	| "mute"
	| "unmute"
	| "block"
	| "unblock";

export interface Offer {
	/** Shown, the one most wanted first. */
	buttons: readonly Act[];
	/** In the menu. */
	menu: readonly Act[];
}

/** Of a stranger, and of whoever was just unblocked: a block has ended all the rest. */
export const STRANGER: Relation = {
	friend: false,
	following: false,
	followedBy: false,
	requested: false,
	requestedBy: false,
	blocking: false,
	muting: false,
};

/** What cannot be taken back by one more press asks first. */
export const ASKS_FIRST: ReadonlySet<Act> = new Set(["unfriend", "block"]);

export function offerOf(relation: Relation): Offer {
	if (relation.blocking) return { buttons: ["unblock"], menu: [] };
	const menu: Act[] = [relation.muting ? "unmute" : "mute", "block"];
	// Friends follow each other anyway: a follow apart from it matters only once the friendship has ended.
	if (relation.friend) return { buttons: ["unfriend"], menu: relation.following ? ["unfollow", ...menu] : menu };
	const follow: Act = relation.following ? "unfollow" : "follow";
	if (relation.requestedBy) return { buttons: ["accept", "decline"], menu: [follow, ...menu] };
	return { buttons: [relation.requested ? "cancelRequest" : "addFriend", follow], menu };
}

/** What the two are to each other once it is done. */
export function relationAfter(relation: Relation, act: Act): Relation {
	switch (act) {
		case "addFriend":
			return relation.requestedBy ? relationAfter(relation, "accept") : { ...relation, requested: true };
		case "accept":
			return { ...relation, friend: true, requested: false, requestedBy: false };
		case "cancelRequest":
		case "decline":
			return { ...relation, requested: false, requestedBy: false };
		case "unfriend":
			return { ...relation, friend: false };
		case "follow":
			return { ...relation, following: true };
		case "unfollow":
			return { ...relation, following: false };
		case "mute":
			return { ...relation, muting: true };
		case "unmute":
			return { ...relation, muting: false };
		case "block":
			return { ...STRANGER, muting: relation.muting, blocking: true };
		case "unblock":
			return { ...relation, blocking: false };
	}
}

/** The account as the viewer sees it then, with its counts. */
export function accountAfter(account: Account, act: Act): Account {
	const before = account.relation;
	if (!before) return account;
	const relation = relationAfter(before, act);
	const step = (was: boolean, is: boolean) => Number(is) - Number(was);
	const count = (number: number, difference: number) => Math.max(0, number + difference);
	return {
		...account,
		relation,
		friendCount: count(account.friendCount, step(before.friend, relation.friend)),
		followerCount: count(account.followerCount, step(before.following, relation.following)),
		followingCount: count(account.followingCount, step(before.followedBy, relation.followedBy)),
	};
}
