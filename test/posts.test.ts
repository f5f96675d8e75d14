import { describe, expect, it } from "vitest";
import type { AuthorView } from "../src/accounts/account.ts";
import type { PostView } from "../src/posts/post.ts";
import { all, eventually, type List, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";

describe("audience", () => {
	it("decides who sees a post, and nobody else learns that it exists", async () => {
		const [author, friend, follower, stranger] = await Promise.all([
			signUp("Author"),
			signUp("Friend"),
			signUp("Follower"),
			signUp("Stranger"),
		]);
		await author.befriend(friend);
		await follower.ok("PUT", `/v1/following/${author.id}`);
		const posts = {
			public: await author.post("public", { audience: "public" }),
			followers: await author.post("followers", { audience: "followers" }),
			friends: await author.post("friends", { audience: "friends" }),
			me: await author.post("me", { audience: "me" }),
		};
		const sees = {
			author: ["me", "friends", "followers", "public"],
			friend: ["friends", "followers", "public"],
			follower: ["followers", "public"],
			stranger: ["public"],
		};
		for (const [name, viewer] of Object.entries({ author, friend, follower, stranger })) {
			const visible = sees[name as keyof typeof sees];
			for (const [audience, post] of Object.entries(posts)) {
				const expected = visible.includes(audience) ? 200 : 404;
				for (const path of ["", "/comments", "/likes"])
					expect((await viewer.call("GET", `/v1/posts/${post.id}${path}`)).status, `${name} ${audience}`).toBe(
						expected,
					);
				expect((await viewer.call("PUT", `/v1/posts/${post.id}/like`)).status).toBe(expected);
				expect((await viewer.call("POST", `/v1/posts/${post.id}/comments`, { text: "x" })).status).toBe(
					expected === 200 ? 201 : 404,
				);
			}
			const listed = await viewer.ok<List<PostView>>("GET", `/v1/accounts/${author.id}/posts`);
			expect(listed.items.map((post) => post.text)).toEqual(visible);
			if (name !== "stranger") await eventually(async () => expect(await viewer.texts()).toEqual(visible));
			else expect(await viewer.texts()).toEqual([]);
		}
	});

	it("can be widened and narrowed afterwards", async () => {
		const [author, follower] = await Promise.all([signUp("Author"), signUp("Follower")]);
		await follower.ok("PUT", `/v1/following/${author.id}`);
		await follower.feed();
		const post = await author.post("a secret");
		await author.ok("PATCH", `/v1/posts/${post.id}`, { audience: "public" });
		await eventually(async () => expect(await follower.texts()).toEqual(["a secret"]));
		await author.ok("PATCH", `/v1/posts/${post.id}`, { audience: "me" });
		expect(await follower.texts()).toEqual([]);
		expect((await follower.call("GET", `/v1/posts/${post.id}`)).status).toBe(404);
		expect(await author.texts()).toEqual(["a secret"]);
	});
});

it("what a post said before can be read by who reads the post, in pages, until it is deleted", async () => {
	const [ann, ben, eve] = await Promise.all([signUp("Ann"), signUp("Ben"), signUp("Eve")]);
	await ann.befriend(ben);
	const post = await ann.post("one", { link: "https://example.com/1" });
	const path = `/v1/posts/${post.id}/edits`;
	expect((await ben.ok<List<unknown>>("GET", path)).items).toEqual([]);
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { text: "two" });
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { text: "three", link: null });
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { text: "three", audience: "public" });
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "friends" });
	const versions = await all<{ text: string; link: string | null; writtenAt: string }>(ben, `${path}?limit=1`);
	expect(versions.map(({ text, link }) => [text, link])).toEqual([
		["two", "https://example.com/1"],
		["one", "https://example.com/1"],
	]);
	expect(versions[1]?.writtenAt).toBe(post.createdAt);
	expect((await eve.call("GET", path)).status).toBe(404);
	await ann.ok("DELETE", `/v1/posts/${post.id}`);
	for (const shard of [env.SHARD_0, env.SHARD_1]) {
		expect(
			await shard.prepare("SELECT count(*) AS n FROM post_versions WHERE post_id = ?").bind(post.id).first("n"),
		).toBe(0);
	}
});

it("a text of 5,000 characters is taken whole, whatever they are", async () => {
	const ann = await signUp("Ann");
	for (const character of ["a", "가", "🧋"]) {
		const text = character.repeat(5000);
		expect((await ann.post(text)).text).toBe(text);
		expect((await ann.call("POST", "/v1/posts", { text: text + character })).status).toBe(400);
	}
});

it("markup and odd characters come back as they were", async () => {
	const ann = await signUp("Ann");
	const text = `<script>alert("x")</script> ' " \\ \u0000 \u202e 👩‍👩‍👧 %s {{x}}`;
	expect((await ann.ok<PostView>("GET", `/v1/posts/${(await ann.post(text)).id}`)).text).toBe(text);
});

it("a post for nobody else shows in no count that others see", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	const post = await ann.post("secret", { audience: "me" });
	expect((await ben.account(ann.id)).postCount).toBe(0);
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "public" });
	expect((await ben.account(ann.id)).postCount).toBe(1);
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "me" });
	await ann.ok("DELETE", `/v1/posts/${post.id}`);
	expect((await ben.account(ann.id)).postCount).toBe(0);
});

describe("an idempotency key", () => {
	const post = (who: Awaited<ReturnType<typeof signUp>>, key: string, text = "once") =>
		who.call<PostView>("POST", "/v1/posts", { text }, { "idempotency-key": key });

	it("gives a repeat the first answer", async () => {
		const ann = await signUp("Ann");
		const first = await post(ann, "k1");
		await ann.ok("PATCH", `/v1/posts/${first.body.id}`, { text: "edited" });
		const repeat = await post(ann, "k1");
		expect(repeat).toMatchObject({ status: 201, body: first.body });
		expect(repeat.headers.get("x-feed-seq")).toBe(first.headers.get("x-feed-seq"));
		expect((await ann.wholeFeed()).length).toBe(1);
		await ann.ok("DELETE", `/v1/posts/${first.body.id}`);
		expect((await post(ann, "k1")).body.id).toBe(first.body.id);
		expect((await ann.wholeFeed()).length).toBe(0);
	});

	it("is refused with another request", async () => {
		const ann = await signUp("Ann");
		await post(ann, "k1");
		expect(await post(ann, "k1", "twice")).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
		const own = await ann.post("commented");
		expect(
			await ann.call("POST", `/v1/posts/${own.id}/comments`, { text: "once" }, { "idempotency-key": "k1" }),
		).toMatchObject({ status: 422 });
	});

	it("means nothing for another account", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		const [first, second] = [await post(ann, "k1"), await post(ben, "k1")];
		expect(second.body.id).not.toBe(first.body.id);
		expect(second.body.author.id).toBe(ben.id);
	});

	it("works for comments too", async () => {
		const ann = await signUp("Ann");
		const own = await ann.post("to comment");
		const comment = () =>
			ann.call<PostView>("POST", `/v1/posts/${own.id}/comments`, { text: "hi" }, { "idempotency-key": "c1" });
		const [first, second] = [await comment(), await comment()];
		expect(second.body).toEqual(first.body);
		expect((await ann.ok<PostView>("GET", `/v1/posts/${own.id}`)).commentCount).toBe(1);
	});
});

describe("comments", () => {
	it("are posts with a parent: liked, answered, edited and deleted, and in no feed", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		const post = await ann.post("root");
		const comment = await ben.ok<PostView>("POST", `/v1/posts/${post.id}/comments`, { text: "first" });
		const answer = await ann.ok<PostView>("POST", `/v1/posts/${comment.id}/comments`, { text: "an answer" });
		expect(answer).toMatchObject({ parentId: comment.id, audience: "friends" });
		expect(await ann.ok("PUT", `/v1/posts/${comment.id}/like`)).toEqual({ liked: true, likeCount: 1 });
		expect(await ben.ok("PATCH", `/v1/posts/${comment.id}`, { text: "first!" })).toMatchObject({ text: "first!" });
		expect(await ben.call("PATCH", `/v1/posts/${comment.id}`, { audience: "public" })).toMatchObject({ status: 400 });
		expect(await ann.ok("GET", `/v1/posts/${post.id}`)).toMatchObject({ commentCount: 1 });
		expect(await ann.ok("GET", `/v1/posts/${comment.id}`)).toMatchObject({ commentCount: 1, likeCount: 1 });
		expect((await ann.account()).postCount).toBe(1);
		expect((await ann.wholeFeed()).map((each) => each.text)).toEqual(["root"]);

		// The author of the post may clear up below it; a thread goes as a whole.
		expect((await ann.call("DELETE", `/v1/posts/${comment.id}`)).status).toBe(204);
		expect((await ann.call("GET", `/v1/posts/${answer.id}`)).status).toBe(404);
		expect(await ann.ok("GET", `/v1/posts/${post.id}`)).toMatchObject({ commentCount: 0 });
	});

	it("and likes are listed newest first, in pages", async () => {
		const star = await signUp("Star");
		const fans = await signUpMany(5, "Fan");
		const post = await star.post("look", { audience: "public" });
		for (const fan of fans) {
			await fan.ok("POST", `/v1/posts/${post.id}/comments`, { text: fan.username });
			await fan.ok("PUT", `/v1/posts/${post.id}/like`);
		}
		const expected = fans.map((fan) => fan.username).reverse();
		const comments = await all<PostView>(star, `/v1/posts/${post.id}/comments?limit=2`);
		expect(comments.map((comment) => comment.text)).toEqual(expected);
		const likes = await all<AuthorView>(star, `/v1/posts/${post.id}/likes?limit=2`);
		expect(likes.map((like) => like.username)).toEqual(expected);
	});
});

it("likes are counted once a person, and taken back once", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	const post = await ann.post("x", { audience: "public" });
	const like = `/v1/posts/${post.id}/like`;
	expect(await ben.ok("PUT", like)).toEqual({ liked: true, likeCount: 1 });
	expect(await ben.ok("PUT", like)).toEqual({ liked: true, likeCount: 1 });
	expect(await ann.ok("PUT", like)).toEqual({ liked: true, likeCount: 2 });
	expect(await ben.ok("DELETE", like)).toEqual({ liked: false, likeCount: 1 });
	expect(await ben.ok("DELETE", like)).toEqual({ liked: false, likeCount: 1 });
});

it("an account's posts are listed in pages", async () => {
	const ann = await signUp("Ann");
	const texts = Array.from({ length: 9 }, (_, i) => `post ${i}`);
	for (const text of texts) await ann.post(text);
	expect((await all<PostView>(ann, `/v1/accounts/${ann.id}/posts?limit=4`)).map((post) => post.text)).toEqual(
		texts.toReversed(),
	);
	expect((await ann.account()).postCount).toBe(9);
});
