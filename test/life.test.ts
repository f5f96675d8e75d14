import { afterEach, describe, expect, it, vi } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import { servicesOf } from "../src/services.ts";
import { accessToken, call, type List, ORIGIN, PASSWORD, Person, signUpMany, worker } from "./api.ts";
import { env } from "./env.ts";
import { databaseOf, obstruct } from "./obstruct.ts";
import { settled } from "./settled.ts";

afterEach(() => vi.restoreAllMocks());

const NOT_FOUND = { status: 404 };
const people = async () => (await signUpMany(3)) as [Person, Person, Person];

/** Someone in a new session of hers. */
async function signIn(who: Person): Promise<Person> {
	const { body, status } = await call<{ token: string }>("POST", "/auth/sign-in/email", {
		body: { email: who.email, password: PASSWORD },
	});
	expect(status).toBe(200);
	return new Person({ ...who, session: body.token, token: await accessToken(body.token) });
}

/** Ann has a public post, and has commented on and liked one of Ben's; Ben is her friend, Cho follows her. */
async function network() {
	const [ann, ben, cho] = await people();
	await ann.befriend(ben);
	await cho.ok("PUT", `/v1/following/${ann.id}`);
	const post = await ann.post("ann's", { audience: "public" });
	const other = await ben.post("ben's", { audience: "public" });
	const comment = await ann.ok<PostView>("POST", `/v1/posts/${other.id}/comments`, { text: "hi" });
	await ann.ok("PUT", `/v1/posts/${other.id}/like`);
	await settled();
	await Promise.all([ben.feed(), cho.feed()]);
	return { ann, ben, cho, post, other, comment };
}
type Network = Awaited<ReturnType<typeof network>>;

const ids = async (who: Person, path: string) =>
	(await who.ok<List<{ id: string }>>("GET", path)).items.map(({ id }) => id);

async function expectShown({ ann, ben, cho, post, other, comment }: Network): Promise<void> {
	expect(await cho.texts()).toContain("ann's");
	expect((await ben.account(ann.id)).relation).toMatchObject({ friend: true });
	expect(await ids(ben, `/v1/accounts/${ben.id}/friends`)).toEqual([ann.id]);
	expect(await ids(cho, `/v1/accounts/${ann.id}/posts`)).toEqual([post.id]);
	expect(await ids(ben, `/v1/posts/${other.id}/comments`)).toEqual([comment.id]);
	expect(await ids(ben, `/v1/posts/${other.id}/likes`)).toEqual([ann.id]);
}

async function expectHidden({ ann, ben, cho, post, other, comment }: Network): Promise<void> {
	for (const path of [
		`/v1/accounts/${ann.id}`,
		`/v1/accounts?username=${ann.username}`,
		...["posts", "friends", "followers", "following"].map((list) => `/v1/accounts/${ann.id}/${list}`),
		...["", "/comments", "/likes", "/edits"].map((part) => `/v1/posts/${post.id}${part}`),
		`/v1/posts/${comment.id}`,
	]) {
		expect(await ben.call("GET", path), path).toMatchObject(NOT_FOUND);
	}
	expect((await call("GET", `/v1/accounts/${ann.id}/posts`)).status).toBe(404);
	for (const [method, path, body] of [
		["PUT", `/v1/posts/${post.id}/like`],
		["PUT", `/v1/posts/${comment.id}/like`],
		["POST", `/v1/posts/${post.id}/comments`, { text: "where are you?" }],
		["POST", `/v1/posts/${comment.id}/comments`, { text: "where are you?" }],
		["POST", "/v1/friend-requests", { accountId: ann.id }],
		["PUT", `/v1/following/${ann.id}`],
	] as const) {
		expect(await cho.call(method, path, body), path).toMatchObject(NOT_FOUND);
	}
	expect(await cho.texts()).toEqual([]);
	expect(await ben.texts()).toEqual(["ben's"]);
	expect(await ids(ben, `/v1/accounts/${ben.id}/friends`)).toEqual([]);
	expect(await ids(cho, `/v1/accounts/${cho.id}/following`)).toEqual([]);
	expect(await ids(ben, `/v1/posts/${other.id}/comments`)).toEqual([]);
	expect(await ids(ben, `/v1/posts/${other.id}/likes`)).toEqual([]);
}

describe("a deactivated account", () => {
	it("is hidden from everybody and signed out, and is back when its owner signs in", async () => {
		const all = await network();
		const { ann, other, ben } = all;
		await expectShown(all);
		const answer = await ann.ok("POST", "/v1/accounts/me/deactivate");
		expect(answer).toMatchObject({ state: "deactivated", eraseAt: null, comeBack: "sign in" });
		await expectHidden(all);
		expect(await ann.call("GET", "/v1/accounts/me")).toMatchObject({ status: 401, body: { code: "token_revoked" } });
		expect((await call("GET", "/auth/token", { token: ann.session })).status).toBe(401);
		// What was counted stays counted.
		expect(await ben.ok("GET", `/v1/posts/${other.id}`)).toMatchObject({ likeCount: 1, commentCount: 1 });
		expect((await ben.account()).friendCount).toBe(1);

		const again = await signIn(ann);
		await expectShown(all);
		expect((await again.texts()).toSorted()).toEqual(["ann's", "ben's"]);
		expect(await again.ok("POST", "/v1/accounts/me/reactivate")).toMatchObject({ state: "active", comeBack: null });
		await again.ok("POST", "/v1/accounts/me/deactivate");
		await expectHidden(all);
	});

	it("whose shard could not be told is settled by the sweeper, whichever way it was", async () => {
		const all = await network();
		const { ann } = all;
		const { lives } = servicesOf(env);
		vi.spyOn(console, "error").mockImplementation(() => undefined);
		const failing = async () => {
			throw new Error("D1_ERROR: Network connection lost.");
		};
		obstruct(databaseOf(ann), "UPDATE profiles SET hidden", { before: failing });
		expect((await ann.call("POST", "/v1/accounts/me/deactivate")).status).toBe(503);
		vi.restoreAllMocks();
		await expectShown(all);
		await lives.sweep(Date.now() + 61_000);
		await expectHidden(all);

		vi.spyOn(console, "error").mockImplementation(() => undefined);
		obstruct(databaseOf(ann), "UPDATE profiles SET hidden", { before: failing });
		const body = { email: ann.email, password: PASSWORD };
		expect((await call("POST", "/auth/sign-in/email", { body })).status).toBeGreaterThanOrEqual(500);
		vi.restoreAllMocks();
		await lives.sweep(Date.now() + 61_000);
		await expectShown(all);
	});
});

describe("a deleted account", () => {
	it("wants the password, or a session that has just begun", async () => {
		const [ann] = await people();
		await env.IDENTITY.prepare("UPDATE session SET createdAt = ? WHERE userId = ?")
			.bind(new Date(Date.now() - 600_000).toISOString(), ann.id)
			.run();
		expect(await ann.call("DELETE", "/v1/accounts/me")).toMatchObject({
			status: 403,
			body: { code: "reauthentication_required" },
		});
		expect(await ann.call("DELETE", "/v1/accounts/me", { password: "not hers at all" })).toMatchObject({
			status: 401,
			body: { code: "invalid_credentials" },
		});
		const recorded = env.IDENTITY.prepare("SELECT act FROM audit_log WHERE subject = ? ORDER BY seq DESC").bind(ann.id);
		expect(await recorded.first("act")).toBe("confirmation_refused");
		expect((await ann.account()).id).toBe(ann.id);
		expect((await ann.call("DELETE", "/v1/accounts/me", { password: PASSWORD })).status).toBe(202);
		const [, ben] = await people();
		expect((await ben.call("DELETE", "/v1/accounts/me")).status).toBe(202);
	});

	it("is hidden; its owner may sign in and do nothing but take that back, or her things along", async () => {
		const all = await network();
		const { ann } = all;
		const { eraseAt } = await ann.ok<{ eraseAt: string }>("DELETE", "/v1/accounts/me", { password: PASSWORD });
		expect(Date.parse(eraseAt) - Date.now()).toBeGreaterThan(29.9 * 86_400_000);
		await expectHidden(all);

		const guest = await signIn(ann);
		await expectHidden(all);
		expect((await guest.account()).id).toBe(ann.id);
		const refused = { status: 403, body: { code: "account_deactivated" } };
		for (const [method, path, body] of [
			["GET", "/v1/feed"],
			["POST", "/v1/posts", { text: "still here" }],
			["PATCH", "/v1/accounts/me", { bio: "still here" }],
			["GET", `/v1/accounts/${all.ben.id}`],
			["POST", "/v1/accounts/me/deactivate"],
			["POST", "/v1/feed/tickets"],
			["GET", "/v1/feed/events"],
		] as const) {
			expect(await guest.call(method, path, body), path).toMatchObject(refused);
		}
		// Also where the token has been seen before.
		expect(await guest.call("GET", "/v1/feed")).toMatchObject(refused);
		const upgrade = { upgrade: "websocket", authorization: `Bearer ${guest.token}` };
		expect((await worker.fetch(`${ORIGIN}/v1/feed/stream`, { headers: upgrade })).status).toBe(403);
		// Once more changes nothing.
		const again = await guest.ok<{ eraseAt: string }>("DELETE", "/v1/accounts/me", { password: PASSWORD });
		expect(again.eraseAt).toBe(eraseAt);

		expect(await guest.ok("POST", "/v1/accounts/me/reactivate")).toMatchObject({ state: "active", eraseAt: null });
		await expectShown(all);
		expect(await guest.call("GET", "/v1/feed")).toMatchObject(refused);
		expect((await call("GET", "/v1/feed", { token: await accessToken(guest.session) })).status).toBe(200);
		const { lives } = servicesOf(env);
		await lives.sweep(Date.now() + 40 * 86_400_000);
		await lives.sweep(Date.now() + 41 * 86_400_000);
		await settled();
		await expectShown(all);
	});

	it("that is being erased can neither be signed in to nor be taken back", async () => {
		const [ann, ben] = await people();
		await ann.ok("DELETE", "/v1/accounts/me", { password: PASSWORD });
		const guest = await signIn(ann);
		await servicesOf(env).lives.sweep(Date.now() + 31 * 86_400_000);
		expect(await guest.call("POST", "/v1/accounts/me/reactivate")).toMatchObject({
			body: { code: "account_not_found" },
		});
		expect(await guest.call("DELETE", "/v1/accounts/me", { password: PASSWORD })).toMatchObject(NOT_FOUND);
		const body = { email: ann.email, password: PASSWORD };
		expect(await call("POST", "/auth/sign-in/email", { body })).toMatchObject({
			status: 401,
			body: { code: "invalid_credentials" },
		});
		expect(await ben.call("GET", `/v1/accounts/${ann.id}`)).toMatchObject(NOT_FOUND);
	});
});

it("what becomes of an account is in the audit log", async () => {
	const [ann] = await people();
	await ann.ok("POST", "/v1/accounts/me/deactivate");
	const again = await signIn(ann);
	await again.ok("POST", "/v1/accounts/me/export");
	await again.ok("DELETE", "/v1/accounts/me", { password: PASSWORD });
	const { body } = await call<List<{ act: string }>>("GET", `/ops/audit-log?subject=${ann.id}`, {
		headers: { "x-operator-secret": env.OPERATOR_SECRET },
	});
	expect(body.items.map(({ act }) => act)).toEqual([
		"account_deleted",
		"account_export",
		"sign_in",
		"account_reactivated",
		"account_deactivated",
		"sign_in",
	]);
	await settled();
});
