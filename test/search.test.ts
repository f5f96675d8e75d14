import { afterEach, describe, expect, it, vi } from "vitest";
import type { AccountView } from "../src/accounts/account.ts";
import { servicesOf } from "../src/services.ts";
import { all, call, type List, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { databaseOf } from "./obstruct.ts";

afterEach(() => vi.restoreAllMocks());

const search = (who: Person, q: string, more = "") =>
	who.ok<List<AccountView>>("GET", `/v1/search/accounts?q=${encodeURIComponent(q)}${more}`);
const names = async (who: Person, q: string) =>
	(await search(who, q, "&limit=100")).items.map((each) => each.displayName);
const SHARDS = [env.SHARD_0, env.SHARD_1];
const wordsOf = async ({ id }: Person) => {
	const found = await Promise.all(
		SHARDS.map((shard) =>
			shard.prepare("SELECT word FROM account_names WHERE account_id = ?").bind(id).all<{ word: string }>(),
		),
	);
	return found.flatMap(({ results }) => results.map(({ word }) => word)).sort();
};
const joins = (name: string, more: Record<string, unknown> = {}) => signUp("seeker", { name, ...more });
const OPERATOR = { "x-operator-secret": env.OPERATOR_SECRET };
/** Names that no other test has. */
let tag = 0;
const fresh = () => `Zq${String.fromCharCode(97 + (tag++ % 26))}x`;

describe("people are found", () => {
	it("by the beginning of their names and usernames, friends first", async () => {
		const own = fresh();
		const [ann, ben, cho, dan] = await Promise.all([
			joins(`${own} Ann`),
			joins(`${own} Zoe`, { username: `${own.toLowerCase()}_friend` }),
			joins(`${own} Bea`),
			joins("Dan", { username: `${own.toLowerCase()}.dan` }),
		]);
		await ann.befriend(ben);
		const { items, next } = await search(ann, own.toUpperCase());
		expect(next).toBeNull();
		expect(items.map(({ displayName }) => displayName)).toEqual([`${own} Zoe`, `${own} Bea`, "Dan"]);
		expect(items[0]).toEqual(await ann.account(ben.id));
		expect(items[0]?.relation).toMatchObject({ friend: true });
		expect(await names(ben, `${own} b`)).toEqual([`${own} Bea`]);
		expect(await names(cho, `@${own}.d`)).toEqual(["Dan"]);
		// A part of a name, and not of a word.
		expect(await names(dan, "bea")).toContain(`${own} Bea`);
		expect(await names(dan, own.slice(1))).not.toContain(`${own} Bea`);
	});

	it("in Korean, Japanese and Chinese by any part", async () => {
		const viewer = await joins("Viewer");
		await Promise.all([joins("갉민춘"), joins("龘山さくや"), joins("龘小明")]);
		for (const part of ["갉민춘", "갉미", "민춘", "갉 민"]) expect(await names(viewer, part)).toContain("갉민춘");
		expect(await names(viewer, "龘")).toEqual(["龘小明", "龘山さくや"]);
		expect(await names(viewer, "さくや")).toContain("龘山さくや");
		expect(await names(viewer, "小明")).toContain("龘小明");
	});

	it("by their names of today", async () => {
		const own = fresh();
		const [viewer, ann] = await Promise.all([joins("Viewer"), joins(`${own} Before`)]);
		await ann.ok("PATCH", "/v1/accounts/me", { displayName: `After ${own}` });
		expect(await names(viewer, `${own} bef`)).toEqual([]);
		expect(await names(viewer, own)).toEqual([`After ${own}`]);
		await ann.ok("PATCH", "/v1/accounts/me", { bio: "the same name" });
		expect(await names(viewer, `after ${own}`)).toEqual([`After ${own}`]);
		expect(await wordsOf(ann)).toEqual([`after ${own}`.toLowerCase(), ann.username, own.toLowerCase()].sort());
	});

	it("page by page, each once, whatever their words", async () => {
		const own = fresh();
		const viewer = await joins("Viewer");
		const accounts = Array.from({ length: 22 }, (_, n) => ({
			id: servicesOf(env).minter.mint(29 * n),
			username: `${own.toLowerCase()}${n}`,
			email: `${own}${n}@feed.test`,
			displayName: `${own}${"abc"[n % 3]} ${own} ${n}`,
			bio: "",
		}));
		const wanted = accounts.map(({ id }) => id).sort();
		const friendships = accounts.slice(0, 5).map(({ id }) => [id, viewer.id, 1_700_000_000_000]);
		const imported = await call("POST", "/ops/import", { headers: OPERATOR, body: { accounts, friendships } });
		expect(imported.body).toMatchObject({ accounts: 22, friendships: 5 });
		for (const limit of [1, 3, 5, 7, 100]) {
			const found = await all<AccountView>(viewer, `/v1/search/accounts?q=${own}&limit=${limit}`);
			expect(found.map(({ id }) => id).sort()).toEqual(wanted);
			expect(found.slice(0, 5).every(({ relation }) => relation?.friend)).toBe(true);
		}
	});

	it("by guests as well, and nobody by nothing", async () => {
		const own = fresh();
		await joins(`${own} Found`);
		const { body } = await call<{ token: string }>("POST", "/auth/sign-in/anonymous", { body: { name: "Guest" } });
		const token = (await call<{ token: string }>("GET", "/auth/token", { token: body.token })).body.token;
		const found = await call<List<AccountView>>("GET", `/v1/search/accounts?q=${own}`, { token });
		expect(found.body.items.map(({ displayName }) => displayName)).toEqual([`${own} Found`]);
		const nothing = await call<List<AccountView>>("GET", `/v1/search/accounts?q=${encodeURIComponent("🦊%_")}`, {
			token,
		});
		expect([nothing.status, nothing.body.next]).toEqual([200, null]);
	});
});

describe("nobody is found", () => {
	it("who is hidden, or where one blocks the other", async () => {
		const own = fresh();
		const [viewer, hidden, blocked, blocking] = await Promise.all([
			joins("Viewer"),
			joins(`${own} Hidden`),
			joins(`${own} Blocked`),
			joins(`${own} Blocking`),
		]);
		await viewer.befriend(hidden);
		expect((await names(viewer, own)).length).toBe(3);
		await hidden.ok("POST", "/v1/accounts/me/deactivate");
		await viewer.ok("PUT", `/v1/blocks/${blocked.id}`);
		await blocking.ok("PUT", `/v1/blocks/${viewer.id}`);
		expect(await names(viewer, own)).toEqual([]);
		expect(await wordsOf(hidden)).toEqual([]);
		const again = { email: hidden.email, password: "correct horse battery" };
		expect((await call("POST", "/auth/sign-in/email", { body: again })).status).toBe(200);
		expect(await names(viewer, own)).toEqual([`${own} Hidden`]);
	});

	it("by a cursor that is another search's, or made up", async () => {
		const own = fresh();
		const [viewer] = await Promise.all([joins("Viewer"), joins(`${own} a`), joins(`${own} b`)]);
		const { next } = await search(viewer, own, "&limit=1");
		expect(next).not.toBeNull();
		const forged = (word: string) =>
			btoa(`search.others.${word}.0C1RZ5A8W3K0T`).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
		const bad = [
			"nonsense",
			forged("A"),
			forged(btoa("\0")),
			forged(btoa("\xff\xfe").replaceAll(/[=+/]/g, "")),
			"x".repeat(1201),
		];
		for (const [q, cursor] of [...bad.map((each) => [own, each]), ["other", next ?? ""]]) {
			const answer = await viewer.call("GET", `/v1/search/accounts?q=${q}&cursor=${cursor}`);
			expect([cursor, answer.status]).toEqual([cursor, 400]);
		}
	});
});

it("accounts that were made before there were names get theirs, and one that changes its name meanwhile has the new one", async () => {
	const own = fresh();
	const [viewer, ann, ben] = await Promise.all([joins("Viewer"), joins(`${own} Ann`), joins(`${own} Ben`)]);
	const forget = (person: Person) => {
		const database = databaseOf(person);
		return database.batch([
			database.prepare("UPDATE profiles SET words = NULL WHERE id = ?").bind(person.id),
			database.prepare("DELETE FROM account_names WHERE account_id = ?").bind(person.id),
		]);
	};
	await Promise.all([forget(ann), forget(ben)]);
	expect(await names(viewer, own)).toEqual([]);
	const { names: store } = servicesOf(env);
	expect(await store.backfill()).toBe(2);
	expect(await store.backfill()).toBe(0);
	expect(await names(viewer, own)).toEqual([`${own} Ann`, `${own} Ben`]);
});

it("accounts that are brought in or erased have their names, or none", async () => {
	const own = fresh().toLowerCase();
	const viewer = await joins("Viewer");
	const id = servicesOf(env).minter.mint(7);
	const account = { id, username: `${own}_imported`, email: `${own}@feed.test`, displayName: `${own} 갉민춘`, bio: "" };
	expect((await call("POST", "/ops/import", { headers: OPERATOR, body: { accounts: [account] } })).body).toMatchObject({
		accounts: 1,
	});
	expect(await names(viewer, own)).toEqual([account.displayName]);
	await servicesOf(env).accounts.remove(id);
	expect(await names(viewer, own)).toEqual([]);
});
