import { evictDurableObject } from "cloudflare:test";
import { expect, it, vi } from "vitest";
import { LikeStore } from "../src/posts/likes.ts";
import { servicesOf } from "../src/services.ts";
import type { Id } from "../src/store/ids.ts";
import { call, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

const timelines = () => servicesOf(env).timelines;
interface Audit {
	likes: number;
	differing: string[];
	next: string | null;
}

const liked = async (person: Person) => (await person.feed()).items.map((post) => post.viewer.liked);

it("a timeline knows what its owner likes, after sleeping, after being built anew, of new friends' posts too", async () => {
	const [ann, ben, cho] = [await signUp("Ann"), await signUp("Ben"), await signUp("Cho")];
	await ann.befriend(ben);
	const posts = [
		await ben.post("one"),
		await ben.post("two"),
		await cho.post("of somebody else", { audience: "public" }),
	];
	await settled();
	await ann.feed();
	for (const post of [posts[0], posts[2]]) await ann.ok("PUT", `/v1/posts/${post?.id}/like`);
	expect(await liked(ann)).toEqual([false, true]);

	await evictDurableObject(env.TIMELINE.getByName(ann.id));
	expect(await liked(ann)).toEqual([false, true]);
	await timelines()
		.of(ann.id as Id)
		.drop();
	expect(await liked(ann)).toEqual([false, true]);
	await ann.befriend(cho);
	expect(await liked(ann)).toEqual([true, false, true]);

	// While it is cold.
	await timelines()
		.of(ann.id as Id)
		.drop();
	await ann.ok("DELETE", `/v1/posts/${posts[0]?.id}/like`);
	expect(await liked(ann)).toEqual([true, false, false]);
});

it("another device hears of a like as of an edit", async () => {
	const ann = await signUp("Ann");
	const { id } = await ann.post("one");
	const { seq } = await ann.feed();
	await ann.ok("PUT", `/v1/posts/${id}/like`);
	const { changes } = await ann.ok<{ changes: unknown[] }>("GET", `/v1/feed/changes?since=${seq}`);
	expect(changes).toMatchObject([
		{ seq: seq + 1, kind: "edit", postId: id, post: { likeCount: 1, viewer: { liked: true } } },
	]);
	await ann.ok("PUT", `/v1/posts/${id}/like`);
	expect((await ann.feed()).seq).toBe(seq + 1);
});

it("likes that arrive in another order than they were committed end as the last one", async () => {
	const ann = await signUp("Ann");
	const { id } = await ann.post("one");
	await ann.feed();
	const timeline = timelines().of(ann.id as Id);
	const now = Date.now();
	await timeline.like(id, false, now + 2);
	await timeline.like(id, true, now + 1);
	expect(await liked(ann)).toEqual([false]);
});

it("a like of which the timeline was never told is found and mended", async () => {
	const ann = await signUp("Ann");
	const { id } = await ann.post("one");
	await ann.feed();
	const { shards, now } = servicesOf(env);
	// What a request leaves behind that dies between the two.
	await new LikeStore(shards, now).react([{ postId: id, accountId: ann.id as Id, liked: true }]);
	vi.setSystemTime(Date.now() + 180_000);
	expect(await liked(ann)).toEqual([false]);
	const headers = { "x-operator-secret": env.OPERATOR_SECRET };
	const audit = async (repair: boolean) => {
		const total = { likes: 0, differing: [] as string[] };
		for (let cursor: string | null = ""; cursor !== null; ) {
			const body = { repair, ...(cursor ? { cursor } : {}) };
			const page: Audit = (await call<Audit>("POST", "/ops/audit", { headers, body })).body;
			total.likes += page.likes;
			total.differing.push(...page.differing);
			cursor = page.next;
		}
		return total;
	};
	expect(await audit(true)).toMatchObject({ likes: 1, differing: [ann.id] });
	expect(await liked(ann)).toEqual([true]);
	expect(await audit(false)).toMatchObject({ likes: 0, differing: [] });
	vi.useRealTimers();
});
