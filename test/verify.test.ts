import { expect, it } from "vitest";
import { CHECKS, type Finding } from "../src/ops/checks.ts";
import type { PostView } from "../src/posts/post.ts";
import { servicesOf } from "../src/services.ts";
import { call, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { mp4, png } from "./media-files.ts";
import { databaseOf } from "./obstruct.ts";
import { settled } from "./settled.ts";
import { uploaded } from "./uploading.ts";

async function verify(repair = false): Promise<string[]> {
	const faults: string[] = [];
	for (const check of CHECKS) {
		for (let cursor: string | null = ""; cursor !== null; ) {
			const found: Finding = (
				await call<Finding>("POST", "/ops/verify", {
					headers: { "x-operator-secret": env.OPERATOR_SECRET },
					body: { check, repair, limit: 2, ...(cursor ? { cursor } : {}) },
				})
			).body;
			faults.push(...found.faults);
			cursor = found.next;
		}
	}
	return faults;
}

it("a store that is as it should be passes; what is not is named, and mended", async () => {
	const [ann, ben, cho] = await signUpMany(3);
	if (!ann || !ben || !cho) throw new Error("nobody signed up");
	await ann.befriend(ben);
	await cho.ok("PUT", `/v1/following/${ann.id}`);
	await ben.ok("PUT", `/v1/mutes/${cho.id}`);
	const post = await ann.post("hello", { audience: "public" });
	await ben.ok("PUT", `/v1/posts/${post.id}/like`);
	const comment = await ben.ok<PostView>("POST", `/v1/posts/${post.id}/comments`, { text: "hi" });
	const answer = await cho.ok<PostView>("POST", `/v1/posts/${comment.id}/comments`, { text: "ho" });
	await ann.ok("POST", `/v1/posts/${answer.id}/comments`, { text: "hm" });
	await ann.ok("PUT", `/v1/posts/${comment.id}/like`);
	const other = await ann.post("nobody answers");
	await settled();
	expect(await verify()).toEqual([]);

	const change = (who: { id: string }, statement: string, ...values: unknown[]) =>
		databaseOf(who)
			.prepare(statement)
			.bind(...values)
			.run();
	const [low, high] = [ann, ben].sort((a, b) => (a.id < b.id ? -1 : 1)) as [typeof ann, typeof ben];
	await change(
		high,
		"UPDATE relations SET friend_at = NULL, version = 1 WHERE owner = ? AND other = ?",
		high.id,
		low.id,
	);
	await change(ann, "UPDATE profiles SET post_count = 7 WHERE id = ?", ann.id);
	await change(ann, "UPDATE posts SET like_count = 5 WHERE id = ?", post.id);
	await change(ann, "UPDATE posts SET like_count = -3, comment_count = -1 WHERE id = ?", comment.id);
	await change(ann, "UPDATE posts SET comment_count = 0 WHERE id = ?", answer.id);
	await change(ann, "UPDATE posts SET comment_count = 9 WHERE id = ?", other.id);
	await change(ann, "INSERT INTO post_versions (post_id, written_at, text) VALUES (?, 1, 'x')", cho.id);
	const faults = await verify();
	expect(faults).toEqual(
		expect.arrayContaining([
			`${high.id} and ${low.id} do not agree about each other`,
			`post_count of ${ann.id} is 7 and not 2`,
			`like_count of ${post.id} is 5 and not 1`,
			`like_count of ${comment.id} is -3 and not 1`,
			`comment_count of ${comment.id} is -1 and not 1`,
			`comment_count of ${answer.id} is 0 and not 1`,
			`comment_count of ${other.id} is 9 and not 0`,
			"1 versions of posts that are gone",
		]),
	);
	await verify(true);
	expect(await verify()).toEqual([]);
	expect((await high.account(low.id)).relation).toMatchObject({ friend: true });
	expect((await ann.account()).postCount).toBe(2);
	expect(await ann.ok("GET", `/v1/posts/${post.id}`)).toMatchObject({ likeCount: 1, commentCount: 1 });
	expect(await ann.ok("GET", `/v1/posts/${comment.id}`)).toMatchObject({ likeCount: 1, commentCount: 1 });
});

it("what says that it is shown and is not goes; what shows nothing any more says so", async () => {
	const [ann] = await signUpMany(1);
	if (!ann) throw new Error("nobody signed up");
	const photo = () => uploaded(ann, "image/png", png(8, 8));
	const [shown, lost] = [await photo(), await photo()];
	const avatar = await uploaded(ann, "image/png", png(8, 8), { purpose: "avatar" });
	const still = await uploaded(ann, "image/png", png(8, 8), { purpose: "poster" });
	const video = await uploaded(ann, "video/mp4", mp4(), { poster: still.id });
	const post = await ann.post("", { media: [shown.id, video.id] });
	const other = await ann.post("words", { media: [lost.id] });
	await ann.ok("PATCH", "/v1/accounts/me", { avatar: avatar.id });
	await settled();
	expect(await verify()).toEqual([]);
	const database = databaseOf(ann);
	await database.prepare("UPDATE posts SET media = NULL WHERE id = ?").bind(post.id).run();
	await database.prepare("UPDATE profiles SET avatar_url = NULL WHERE id = ?").bind(ann.id).run();
	await database.prepare("DELETE FROM media WHERE id = ?").bind(lost.id).run();
	expect(await verify(true)).toEqual([
		"2 or more photos and videos that nothing shows",
		expect.stringContaining("1 posts whose"),
	]);
	while ((await verify(true)).length > 0);
	for (let round = 0; round < 2; round++) await servicesOf(env).media.sweep(Date.now() + 1000);
	for (const { id } of [shown, avatar, video, still])
		expect((await ann.call("GET", `/v1/media/${id}`)).status).toBe(404);
	expect((await ann.ok<PostView>("GET", `/v1/posts/${other.id}`)).media).toEqual([]);
});
