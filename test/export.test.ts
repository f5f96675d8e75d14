import { expect, it, vi } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import { servicesOf } from "../src/services.ts";
import type { Id } from "../src/store/ids.ts";
import { call, eventually, type Person, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

interface Archive {
	format: number;
	account: Record<string, unknown>;
	profile: Record<string, unknown>;
	posts: { text: string; versions: { text: string }[] }[];
	comments: Record<string, unknown>[];
	likes: { postId: string }[];
	relations: Record<string, unknown>[];
	marker: { postId: string } | null;
	sessions: Record<string, unknown>[];
}
interface Answer {
	id: string;
	state: string;
	expiresAt: string | null;
	archive: Archive | null;
}

const people = async () => (await signUpMany(3)) as [Person, Person, Person];

async function exported(who: Person): Promise<Archive> {
	const answer = await who.call<Answer>("POST", "/v1/accounts/me/export");
	expect(answer.status).toBe(202);
	await settled();
	const { state, archive } = await who.ok<Answer>("GET", `/v1/accounts/me/export/${answer.body.id}`);
	expect(state).toBe("ready");
	if (!archive) throw new Error("no archive");
	return archive;
}

it("has everything that an account has made, and nothing of who blocks it", async () => {
	const [ann, ben, cho] = await people();
	await ann.befriend(ben);
	await cho.ok("PUT", `/v1/blocks/${ann.id}`);
	await ann.ok("PUT", `/v1/mutes/${ben.id}`);
	const post = await ann.post("first", { audience: "public" });
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { text: "second" });
	await ann.post("for me", { audience: "me" });
	const bens = await ben.post("ben's");
	const comment = await ann.ok<PostView>("POST", `/v1/posts/${bens.id}/comments`, { text: "hi" });
	await ann.ok("PUT", `/v1/posts/${bens.id}/like`);
	await ann.ok("PUT", "/v1/feed/marker", { postId: post.id });
	await ann.ok("PATCH", "/v1/accounts/me", { bio: "서울" });

	const archive = await exported(ann);
	expect(Object.keys(archive)).toEqual([
		"format",
		"account",
		"profile",
		"posts",
		"media",
		"comments",
		"likes",
		"relations",
		"marker",
		"sessions",
	]);
	expect(archive.account).toMatchObject({ id: ann.id, email: ann.email, username: ann.username, role: "user" });
	expect(archive.profile).toMatchObject({ bio: "서울", postCount: 1, friendCount: 1 });
	expect(archive.posts).toMatchObject([
		{ text: "for me", audience: "me", versions: [] },
		{ id: post.id, text: "second", audience: "public", versions: [{ text: "first" }] },
	]);
	expect(archive.comments).toMatchObject([{ id: comment.id, postId: bens.id, parentId: bens.id, text: "hi" }]);
	expect(archive.likes).toMatchObject([{ postId: bens.id }]);
	expect(archive.relations).toMatchObject([{ accountId: ben.id }]);
	expect(Object.keys(archive.relations[0] ?? {}).sort()).toEqual(["accountId", "friendSince", "mutingSince"]);
	expect(archive.marker).toEqual({ postId: post.id });
	expect(archive.sessions).toHaveLength(1);
	const text = JSON.stringify(archive);
	for (const secret of [ann.session, ann.token, cho.id]) expect(text).not.toContain(secret);
});

it("of somebody who has made nothing is empty", async () => {
	const [ann] = await people();
	expect(await exported(ann)).toMatchObject({ posts: [], comments: [], likes: [], relations: [], marker: null });
});

it("is one at a time, one's own, and gone after seven days", async () => {
	const [ann, ben] = await people();
	const { exports } = servicesOf(env);
	const both = await Promise.all([1, 2].map(() => ann.ok<Answer>("POST", "/v1/accounts/me/export")));
	const [id] = both.map((each) => each.id);
	expect(new Set(both.map((each) => each.id)).size).toBe(1);
	await settled();
	const path = `/v1/accounts/me/export/${id}`;
	expect(await ben.call("GET", path)).toMatchObject({ status: 404, body: { code: "export_not_found" } });
	expect((await ann.ok<Answer>("GET", path)).state).toBe("ready");
	expect((await ann.ok<Answer>("POST", "/v1/accounts/me/export")).id).not.toBe(id);
	await settled();
	expect(await exports.count(ann.id as Id)).toBeGreaterThan(0);
	await exports.sweep(Date.now() + 8 * 86_400_000);
	expect(await ann.call("GET", path)).toMatchObject({ status: 404, body: { code: "export_not_found" } });
	expect(await exports.count(ann.id as Id)).toBe(0);
});

it("that died while it was made is gone on with, and no item is there twice or missing", async () => {
	const [ann] = await people();
	const texts = Array.from({ length: 12 }, (_, n) => `${n}`);
	for (const text of texts) await ann.post(text);
	await settled();
	const { exports, fanout } = servicesOf(env);
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	let died = 0;
	const put = exports.put.bind(exports);
	vi.spyOn(exports, "put").mockImplementation(async (...given) => {
		if (died++ % 3 === 0) throw new Error("died before");
		await put(...given);
		if (died % 3 === 2) throw new Error("died after");
	});
	vi.spyOn(fanout.doorbell, "ring").mockResolvedValue();
	const { id } = await ann.ok<Answer>("POST", "/v1/accounts/me/export");
	vi.mocked(fanout.doorbell.ring).mockRestore();
	await settled();
	vi.restoreAllMocks();
	const archive = await eventually(async () => {
		const { archive } = await ann.ok<Answer>("GET", `/v1/accounts/me/export/${id}`);
		if (!archive) throw new Error("not yet");
		return archive;
	});
	expect(died).toBeGreaterThan(4);
	expect(archive.posts.map(({ text }) => text)).toEqual(texts.toReversed());
	expect(archive.sessions).toHaveLength(1);
});

it("answers with its state while it is made", async () => {
	const [ann] = await people();
	const { fanout } = servicesOf(env);
	vi.spyOn(fanout.doorbell, "ring").mockResolvedValue();
	const { id } = await ann.ok<Answer>("POST", "/v1/accounts/me/export");
	vi.restoreAllMocks();
	expect(await ann.ok("GET", `/v1/accounts/me/export/${id}`)).toMatchObject({
		state: "making",
		expiresAt: null,
		archive: null,
	});
	await settled();
	const headers = { authorization: `Bearer ${ann.token}` };
	expect((await call("GET", `/v1/accounts/me/export/${id}`, { headers })).headers.get("cache-control")).toContain(
		"no-store",
	);
});
