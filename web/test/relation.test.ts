import type { Account, Relation } from "@edgefeed/sdk";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withRecent } from "../src/people/recent.ts";
import { type Act, accountAfter, offerOf, relationAfter, STRANGER } from "../src/people/relation.ts";

const relation = (part: Partial<Relation>): Relation => ({ ...STRANGER, ...part });

const account = (part: Partial<Relation>): Account & { relation: Relation } => ({
	id: "A",
	username: "mina",
	displayName: "Mina",
	avatarUrl: null,
	bio: "",
	createdAt: "2026-11-21T10:00:00.000Z",
	friendCount: 3,
	followerCount: 5,
	followingCount: 2,
	postCount: 0,
	relation: relation(part),
});

describe("what one can do about somebody", () => {
	it.each<[Partial<Relation>, Act[]]>([
		[{}, ["addFriend", "follow"]],
		[{ following: true }, ["addFriend", "unfollow"]],
		[{ requested: true }, ["cancelRequest", "follow"]],
		[{ requestedBy: true }, ["accept", "decline"]],
		[{ friend: true }, ["unfriend"]],
		[{ friend: true, following: true }, ["unfriend"]],
		[{ blocking: true }, ["unblock"]],
	])("%o offers %o", (part, buttons) => {
		expect(offerOf(relation(part)).buttons).toEqual(buttons);
	});

	it("mutes and blocks in the menu, and ends a follow that outlives a friendship there", () => {
		expect(offerOf(relation({})).menu).toEqual(["mute", "block"]);
		expect(offerOf(relation({ muting: true, requestedBy: true })).menu).toEqual(["follow", "unmute", "block"]);
		expect(offerOf(relation({ friend: true, following: true })).menu).toEqual(["unfollow", "mute", "block"]);
		expect(offerOf(relation({ blocking: true })).menu).toEqual([]);
	});

	it("who asks somebody that has asked already has a friend", () => {
		expect(relationAfter(relation({ requestedBy: true }), "addFriend")).toEqual(relation({ friend: true }));
	});

	it("counts as the server does", () => {
		expect(accountAfter(account({ requestedBy: true }), "accept")).toMatchObject({ friendCount: 4, followerCount: 5 });
		expect(accountAfter(account({ friend: true }), "unfriend")).toMatchObject({ friendCount: 2 });
		expect(accountAfter(account({}), "follow")).toMatchObject({ followerCount: 6 });
		const tied = account({ friend: true, following: true, followedBy: true });
		expect(accountAfter(tied, "block")).toMatchObject({ friendCount: 2, followerCount: 4, followingCount: 1 });
	});

	it("what was done is not offered again, and nothing else than what is offered is needed to come back", () => {
		const any = fc.record({
			friend: fc.boolean(),
			following: fc.boolean(),
			followedBy: fc.boolean(),
			requested: fc.boolean(),
			requestedBy: fc.boolean(),
			blocking: fc.constant(false),
			muting: fc.boolean(),
		});
		fc.assert(
			fc.property(any, (before) => {
				const { buttons, menu } = offerOf(before);
				expect(new Set([...buttons, ...menu]).size).toBe(buttons.length + menu.length);
				for (const act of [...buttons, ...menu]) {
					const then = relationAfter(before, act);
					const offered = offerOf(then);
					expect(then).not.toEqual(before);
					expect([...offered.buttons, ...offered.menu]).not.toContain(act);
				}
			}),
		);
	});
});

it("remembers the last eight people that were looked for, each once", () => {
	const person = (id: string) => ({ id, username: id, displayName: id, avatarUrl: null });
	let people = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].reduce(
		(all, id) => withRecent(all, person(id)),
		[] as ReturnType<typeof withRecent>,
	);
	expect(people.map(({ id }) => id)).toEqual(["9", "8", "7", "6", "5", "4", "3", "2"]);
	people = withRecent(people, account({ friend: true }));
	people = withRecent(people, person("5"));
	expect(people.map(({ id }) => id)).toEqual(["5", "A", "9", "8", "7", "6", "4", "3"]);
	// Only what a row shows is kept.
	expect(Object.keys(people[1] ?? {})).toEqual(["id", "username", "displayName", "avatarUrl"]);
});
