import { expect, it } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import type { Id } from "../src/store/ids.ts";
import { type Person, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

/** A post that was hidden while it stayed in the timeline: when it is to be seen again, a device must hear of it. */

const two = async () => (await signUpMany(2)) as [Person, Person];

/** What happens to the feed is told to a device that read it just before, or it is told to read anew. */
async function expectTold(reader: Person, post: PostView, act: () => Promise<unknown>): Promise<void> {
	await settled();
	const { seq, items } = await reader.feed();
	expect(items).toEqual([]);
	await act();
	await settled();
	expect((await reader.feed()).items.map(({ id }) => id)).toEqual([post.id]);
	const answer = await reader.call<{ changes?: { post?: PostView }[] }>("GET", `/v1/feed/changes?since=${seq}`);
	if (answer.status !== 410) expect(answer.body.changes?.map((change) => change.post?.id)).toEqual([post.id]);
}

it("an audience that was narrowed and is widened again, to a follower", async () => {
	const [ann, ben] = await two();
	await ben.ok("PUT", `/v1/following/${ann.id}`);
	await ben.feed();
	const post = await ann.post("x", { audience: "public" });
	await settled();
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "friends" });
	await expectTold(ben, post, () => ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "public" }));
});

it("an audience that was narrowed and is widened again, to a friend", async () => {
	const [ann, ben] = await two();
	await ann.befriend(ben);
	await ben.feed();
	const post = await ann.post("x");
	await settled();
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "me" });
	await expectTold(ben, post, () => ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "friends" }));
});

it("a friend who was only followed for a while", async () => {
	const [ann, ben] = await two();
	await ann.befriend(ben);
	await ben.ok("PUT", `/v1/following/${ann.id}`);
	await ben.feed();
	const post = await ann.post("x");
	await settled();
	await ben.ok("DELETE", `/v1/friends/${ann.id}`);
	await expectTold(ben, post, () => ann.befriend(ben));
});

it("a former friend's old post that is opened to followers", async () => {
	const [ann, ben] = await two();
	await ann.befriend(ben);
	await ben.ok("PUT", `/v1/following/${ann.id}`);
	await ben.feed();
	const post = await ann.post("x");
	await settled();
	await ben.ok("DELETE", `/v1/friends/${ann.id}`);
	await expectTold(ben, post, () => ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "public" }));
});

it("a delivery that arrived after the tie had ended, when there is a tie again", async () => {
	const [ann, ben] = await two();
	await ann.befriend(ben);
	await ben.feed();
	const post = await ann.post("x");
	await settled();
	await ben.ok("DELETE", `/v1/friends/${ann.id}`);
	const late = { kind: "add", postId: post.id as Id, authorId: ann.id as Id, reason: "friend", via: "push" } as const;
	await env.TIMELINE.getByName(ben.id).apply([late]);
	await expectTold(ben, post, () => ann.befriend(ben));
});
