import { describe, expect, it } from "vitest";
import type { AuthorView } from "../src/accounts/account.ts";
import type { PostView } from "../src/posts/post.ts";
import { call, eventually, type List, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";

const names = (list: List<AuthorView>) => list.items.map((item) => item.username);
const status = async (who: Person, method: string, path: string, body?: unknown) =>
	(await who.call(method, path, body)).status;

describe("a block", () => {
	it("hides each from the other, everywhere, and ends what was between them", async () => {
		const [ann, ben, cho] = await Promise.all([signUp("Ann"), signUp("Ben"), signUp("Cho")]);
		for (const [a, b] of [
			[ann, ben],
			[ann, cho],
			[ben, cho],
		] as const)
			await a.befriend(b);
		await ben.ok("PUT", `/v1/following/${ann.id}`);
		const posts = {
			ann: await ann.post("ann's", { audience: "public" }),
			ben: await ben.post("ben's", { audience: "public" }),
			cho: await cho.post("cho's"),
		};
		const comment = await ben.ok<PostView>("POST", `/v1/posts/${posts.cho.id}/comments`, { text: "from ben" });
		await ben.ok("PUT", `/v1/posts/${posts.cho.id}/like`);
		await eventually(async () => expect(await ann.texts()).toEqual(["cho's", "ben's", "ann's"]));
		await eventually(async () => expect(await ben.texts()).toEqual(["cho's", "ben's", "ann's"]));

		expect(await status(ann, "PUT", `/v1/blocks/${ben.id}`)).toBe(204);
		for (const [who, other, own, theirs] of [
			[ann, ben, "ann's", posts.ben],
			[ben, ann, "ben's", posts.ann],
		] as const) {
			expect(await who.texts()).toEqual(own === "ann's" ? ["cho's", own] : ["cho's", own]);
			for (const path of ["", "/posts", "/friends", "/followers", "/following"]) {
				expect(await status(who, "GET", `/v1/accounts/${other.id}${path}`), path).toBe(404);
			}
			expect(await status(who, "GET", `/v1/accounts?username=${other.username}`)).toBe(404);
			for (const [method, path, body] of [
				["GET", ""],
				["GET", "/comments"],
				["POST", "/comments", { text: "x" }],
				["PUT", "/like"],
			] as const) {
				expect(await status(who, method, `/v1/posts/${theirs.id}${path}`, body), path).toBe(404);
			}
			expect(await status(who, "POST", "/v1/friend-requests", { accountId: other.id })).toBe(404);
			expect(await status(who, "PUT", `/v1/following/${other.id}`)).toBe(404);
			expect(names(await who.ok("GET", `/v1/accounts/${cho.id}/friends`))).not.toContain(other.username);
			expect(await who.account()).toMatchObject({ friendCount: 1, followerCount: 0, followingCount: 0 });
		}
		// What Ben left at Cho's is there for Cho and not for Ann.
		expect((await ann.ok<List<PostView>>("GET", `/v1/posts/${posts.cho.id}/comments`)).items).toEqual([]);
		expect(names(await ann.ok("GET", `/v1/posts/${posts.cho.id}/likes`))).toEqual([]);
		expect(await status(ann, "GET", `/v1/posts/${comment.id}`)).toBe(404);
		expect((await cho.ok<List<PostView>>("GET", `/v1/posts/${posts.cho.id}/comments`)).items).toMatchObject([
			{ id: comment.id },
		]);

		// New posts do not come through either.
		await ann.post("after", { audience: "public" });
		await eventually(async () => expect((await cho.texts())[0]).toBe("after"));
		expect(await ben.texts()).toEqual(["cho's", "ben's"]);
		expect(names(await ann.ok("GET", "/v1/blocks"))).toEqual([ben.username]);
		expect(names(await ben.ok("GET", "/v1/blocks"))).toEqual([]);
	});

	it("is its maker's to take back, and brings nothing back", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		await ann.ok("PUT", `/v1/blocks/${ben.id}`);
		await ann.ok("PUT", `/v1/blocks/${ben.id}`);
		await ben.ok("DELETE", `/v1/blocks/${ann.id}`);
		expect(await status(ben, "GET", `/v1/accounts/${ann.id}`)).toBe(404);
		await ben.ok("PUT", `/v1/blocks/${ann.id}`);
		await ann.ok("DELETE", `/v1/blocks/${ben.id}`);
		expect(await status(ann, "GET", `/v1/accounts/${ben.id}`)).toBe(404);
		await ben.ok("DELETE", `/v1/blocks/${ann.id}`);
		expect((await ann.account(ben.id)).relation).toMatchObject({ friend: false, requested: false, blocking: false });
		await ann.befriend(ben);
		expect((await ben.account(ann.id)).relation).toMatchObject({ friend: true });
	});
});

describe("a mute", () => {
	it("keeps posts out of the feed, and out of nothing else, until it ends", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		const post = await ben.post("loud");
		await eventually(async () => expect(await ann.texts()).toEqual(["loud"]));
		const { seq } = await ann.feed();
		expect(await status(ann, "PUT", `/v1/mutes/${ben.id}`)).toBe(204);
		expect(await ann.texts()).toEqual([]);
		expect(await ann.call("GET", `/v1/feed/changes?since=${seq}`)).toMatchObject({ status: 410 });
		expect((await ann.call("GET", `/v1/feed/entries/${post.id}`)).body).toMatchObject({
			present: false,
			filteredBy: "mute",
		});
		expect((await ann.account(ben.id)).relation).toMatchObject({ friend: true, muting: true });
		expect((await ben.account(ann.id)).relation).toMatchObject({ friend: true, muting: false });
		expect(await status(ann, "GET", `/v1/posts/${post.id}`)).toBe(200);
		expect(names(await ann.ok("GET", "/v1/mutes"))).toEqual([ben.username]);
		await ben.post("louder");
		// A timeline that is built meanwhile must have them all the same.
		await call("POST", "/ops/import", {
			headers: { "x-operator-secret": env.OPERATOR_SECRET },
			body: { rebuild: [ann.id] },
		});
		expect(await ann.texts()).toEqual([]);

		await ann.ok("DELETE", `/v1/mutes/${ben.id}`);
		await eventually(async () => expect(await ann.texts()).toEqual(["louder", "loud"]));
		await ann.ok("PUT", `/v1/mutes/${ben.id}`, { expiresAt: new Date(Date.now() + 2500).toISOString() });
		expect(await ann.texts()).toEqual([]);
		await eventually(async () => expect(await ann.texts()).toEqual(["louder", "loud"]));
	});
});
