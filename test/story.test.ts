import { expect, it } from "vitest";
import type { AuthorView } from "../src/accounts/account.ts";
import type { PostView } from "../src/posts/post.ts";
import { eventually, type List, signUp } from "./api.ts";

it("a story posted by one person reaches the feeds of her friends, is liked, answered, edited and deleted", async () => {
	const [ann, ben, cho] = await Promise.all([signUp("Ann"), signUp("Ben"), signUp("Cho")]);
	await ann.befriend(ben);
	await cho.ok("PUT", `/v1/following/${ann.id}`);
	expect(await ann.account()).toMatchObject({ friendCount: 1, followerCount: 1, postCount: 0, displayName: "Ann" });

	// Timelines are warm before, so that what comes in is pushed and not built.
	expect((await ben.feed()).items).toEqual([]);
	expect((await cho.feed()).items).toEqual([]);

	const story = await ann.post("안녕하세요, 서울!", { link: "https://example.com/seoul" });
	expect(story).toMatchObject({
		author: { id: ann.id },
		audience: "friends",
		link: "https://example.com/seoul",
		media: [],
		likeCount: 0,
	});
	const notice = await ann.post("for everyone", { audience: "public" });
	expect(await ann.texts()).toEqual(["for everyone", "안녕하세요, 서울!"]);

	await eventually(async () => expect(await ben.texts()).toEqual(["for everyone", "안녕하세요, 서울!"]));
	await eventually(async () => expect(await cho.texts()).toEqual(["for everyone"]));

	expect(await ben.ok("PUT", `/v1/posts/${story.id}/like`)).toEqual({ liked: true, likeCount: 1 });
	const comment = await ben.ok<PostView>("POST", `/v1/posts/${story.id}/comments`, { text: "환영해요" });
	expect(comment).toMatchObject({ parentId: story.id, author: { id: ben.id } });
	const seen = (await ann.feed()).items.find((post) => post.id === story.id);
	expect(seen).toMatchObject({ likeCount: 1, commentCount: 1, viewer: { liked: false } });
	expect((await ann.ok<List<PostView>>("GET", `/v1/posts/${story.id}/comments`)).items).toMatchObject([
		{ id: comment.id, text: "환영해요" },
	]);
	expect((await ann.ok<List<AuthorView>>("GET", `/v1/posts/${story.id}/likes`)).items).toMatchObject([{ id: ben.id }]);

	const edited = await ann.ok<PostView>("PATCH", `/v1/posts/${story.id}`, { text: "안녕, 서울!" });
	expect(edited.editedAt).not.toBeNull();
	expect((await ben.feed()).items[1]).toMatchObject({ text: "안녕, 서울!", viewer: { liked: true } });

	await ann.ok("DELETE", `/v1/posts/${story.id}`);
	expect(await ben.texts()).toEqual(["for everyone"]);
	expect((await ben.call("GET", `/v1/posts/${comment.id}`)).status).toBe(404);
	expect(await ann.account()).toMatchObject({ postCount: 1 });
	expect(notice.id > story.id).toBe(true);
});
