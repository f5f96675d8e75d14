import { describe, expect, it } from "vitest";
import type { AuthorView } from "../src/accounts/account.ts";
import { all, eventually, type List, type Person, signUp, signUpMany } from "./api.ts";

const usernames = (list: List<AuthorView>) => list.items.map((item) => item.username);

async function pair(): Promise<[Person, Person]> {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	return [ann, ben];
}

const relation = async (of: Person, to: Person) => (await of.account(to.id)).relation;

describe("friend requests", () => {
	it("are seen on both sides until they are answered", async () => {
		const [ann, ben] = await pair();
		const made = await ann.call("POST", "/v1/friend-requests", { accountId: ben.id });
		expect(made).toMatchObject({
			status: 201,
			body: { accountId: ben.id, relation: { requested: true, friend: false } },
		});
		expect((await ann.ok<List<unknown>>("GET", "/v1/friend-requests?direction=outgoing")).items).toMatchObject([
			{ accountId: ben.id, direction: "outgoing", account: { username: ben.username } },
		]);
		expect((await ben.ok<List<unknown>>("GET", "/v1/friend-requests")).items).toMatchObject([
			{ accountId: ann.id, direction: "incoming" },
		]);
		expect(await relation(ben, ann)).toMatchObject({ requestedBy: true, requested: false });
		// Asking again changes nothing.
		expect((await ann.call("POST", "/v1/friend-requests", { accountId: ben.id })).status).toBe(201);
		// The one who asked cannot accept.
		expect(await ann.call("POST", `/v1/friend-requests/${ben.id}/accept`)).toMatchObject({
			status: 404,
			body: { code: "friend_request_not_found" },
		});

		expect(await ben.ok("POST", `/v1/friend-requests/${ann.id}/accept`)).toMatchObject({
			relation: { friend: true, requestedBy: false },
		});
		expect(await relation(ann, ben)).toMatchObject({ friend: true, requested: false });
		expect((await ben.ok<List<unknown>>("GET", "/v1/friend-requests")).items).toEqual([]);
		expect(usernames(await ann.ok("GET", `/v1/accounts/${ann.id}/friends`))).toEqual([ben.username]);
		expect(usernames(await ann.ok("GET", `/v1/accounts/${ben.id}/friends`))).toEqual([ann.username]);
		expect([(await ann.account()).friendCount, (await ben.account()).friendCount]).toEqual([1, 1]);
		expect(await ann.call("POST", "/v1/friend-requests", { accountId: ben.id })).toMatchObject({
			status: 409,
			body: { code: "already_friends" },
		});
		// Accepting again changes nothing.
		expect((await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`)).status).toBe(200);
	});

	it("that cross make friends", async () => {
		const [ann, ben] = await pair();
		await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
		expect(await ben.ok("POST", "/v1/friend-requests", { accountId: ann.id })).toMatchObject({
			relation: { friend: true },
		});
	});

	it("are taken back by the one side and declined by the other", async () => {
		const [ann, ben] = await pair();
		for (const [who, other] of [
			[ann, ben],
			[ben, ann],
		] as const) {
			await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
			expect((await who.call("DELETE", `/v1/friend-requests/${other.id}`)).status).toBe(204);
			expect(await relation(ann, ben)).toMatchObject({ requested: false, friend: false });
			expect(await relation(ben, ann)).toMatchObject({ requestedBy: false, friend: false });
			expect((await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`)).status).toBe(404);
		}
	});
});

describe("ending a friendship", () => {
	it("takes the posts of each out of the other's feed, at once, and leaves a follow that was made apart from it", async () => {
		const [ann, ben] = await pair();
		await ann.ok("PUT", `/v1/following/${ben.id}`);
		await ann.befriend(ben);
		await ben.post("for friends");
		await ben.post("for followers", { audience: "followers" });
		await ann.post("from ann", { audience: "public" });
		await eventually(async () => expect(await ann.texts()).toEqual(["from ann", "for followers", "for friends"]));
		await eventually(async () => expect(await ben.texts()).toEqual(["from ann", "for followers", "for friends"]));

		expect((await ann.call("DELETE", `/v1/friends/${ben.id}`)).status).toBe(204);
		expect(await ann.texts()).toEqual(["from ann", "for followers"]);
		expect(await ben.texts()).toEqual(["for followers", "for friends"]);
		expect(await relation(ann, ben)).toMatchObject({ friend: false, following: true });
		expect(await relation(ben, ann)).toMatchObject({ friend: false, followedBy: true });
		expect([(await ann.account()).friendCount, (await ben.account()).friendCount]).toEqual([0, 0]);
		// Ending it again changes nothing.
		expect((await ann.call("DELETE", `/v1/friends/${ben.id}`)).status).toBe(204);

		await ann.befriend(ben);
		expect(await ann.texts()).toEqual(["from ann", "for followers", "for friends"]);
	});
});

describe("following", () => {
	it("brings the newest hundred posts at once and the older ones below them, and takes them away again", async () => {
		const [ann, ben] = await pair();
		const texts = Array.from({ length: 130 }, (_, i) => `story ${i}`);
		for (const text of texts) await ben.post(text, { audience: "public" });
		await ann.post("my own");
		expect(await ann.texts()).toEqual(["my own"]);

		expect(await ann.ok("PUT", `/v1/following/${ben.id}`)).toMatchObject({ relation: { following: true } });
		expect(await relation(ben, ann)).toMatchObject({ followedBy: true, following: false });
		const feed = (await ann.wholeFeed(30)).map((post) => post.text);
		expect(feed).toEqual(["my own", ...texts.toReversed()]);
		expect([(await ann.account()).followingCount, (await ben.account()).followerCount]).toEqual([1, 1]);

		expect((await ann.call("DELETE", `/v1/following/${ben.id}`)).status).toBe(204);
		expect((await ann.wholeFeed()).map((post) => post.text)).toEqual(["my own"]);
		expect([(await ann.account()).followingCount, (await ben.account()).followerCount]).toEqual([0, 0]);
	});
});

it("lists are newest first, in pages, each person once", async () => {
	const star = await signUp("Star");
	const fans = await signUpMany(7, "Fan");
	for (const fan of fans) await fan.ok("PUT", `/v1/following/${star.id}`);
	const listed = await all<AuthorView>(star, `/v1/accounts/${star.id}/followers?limit=3`);
	expect(listed.map((fan) => fan.id)).toEqual(fans.map((fan) => fan.id).reverse());
	expect(usernames(await star.ok("GET", `/v1/accounts/${fans[0]?.id}/following`))).toEqual([star.username]);
});
