import { afterEach, describe, expect, it, vi } from "vitest";
import { nameInLog } from "../src/log.ts";
import { servicesOf } from "../src/services.ts";
import type { Id } from "../src/store/ids.ts";
import { type Answer, accessToken, call, eventually, ORIGIN, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { aheadBy, Isolate } from "./isolate.ts";

afterEach(() => vi.restoreAllMocks());

interface Key {
	id: string;
	secret: string;
	scopes: string[];
	lastUsedDay: string | null;
}
interface Provisioned {
	items: { externalId: string; accountId: string | null; created: boolean; refused: string | null }[];
}

const operator = { "x-operator-secret": env.OPERATOR_SECRET };
const makeKey = async (scopes: string[], more: Record<string, unknown> = {}): Promise<Key> => {
	const body = { name: "a server", scopes, ...more };
	const answer = await call<Key>("POST", "/ops/server-keys", { headers: operator, body });
	expect(answer.status, JSON.stringify(answer.body)).toBe(201);
	return answer.body;
};
/** What of a key is secret. It may itself have a "_". */
const codeOf = (secret: string) => secret.slice("efk_0000000000000_".length);
const as = (key: Key, account: string | undefined, method: string, path: string, body?: unknown) =>
	call(method, path, {
		token: key.secret,
		body,
		headers: account === undefined ? {} : { "x-act-as": account },
	});
const problem = (status: number, code: string) => ({ status, body: { code } });
const listed = async (id: string) => {
	const { body } = await call<{ items: Key[] }>("GET", "/ops/server-keys", { headers: operator });
	return body.items.find((key) => key.id === id);
};

describe("the key of a server", () => {
	it("does what an account may do, as far as its scopes go", async () => {
		const [ann, eve] = [await signUp("Ann"), await signUp("Eve")];
		const [reads, writes, both] = [await makeKey(["read"]), await makeKey(["write"]), await makeKey(["read", "write"])];
		expect((await as(reads, ann.id, "GET", "/v1/accounts/me")).body).toMatchObject({ id: ann.id });
		expect((await as(reads, eve.id, "GET", "/v1/accounts/me")).body).toMatchObject({ id: eve.id });
		const posted = await as(both, ann.id, "POST", "/v1/posts", { text: "by her server" });
		expect(posted).toMatchObject({ status: 201, body: { author: { id: ann.id } } });
		expect(await ann.texts()).toEqual(["by her server"]);
		expect((await as(reads, ann.id, "GET", "/v1/feed")).body.items).toHaveLength(1);
		expect((await as(writes, ann.id, "DELETE", `/v1/posts/${posted.body.id}`)).status).toBe(204);
		// Not more than the account may, and not more than the key.
		const hers = await ann.post("mine", { audience: "me" });
		expect(await as(both, eve.id, "GET", `/v1/posts/${hers.id}`)).toMatchObject(problem(404, "post_not_found"));
		for (const method of ["POST", "PATCH", "PUT", "DELETE"]) {
			expect(await as(reads, ann.id, method, `/v1/posts/${hers.id}`)).toMatchObject(problem(403, "scope_missing"));
		}
		expect(await as(writes, ann.id, "GET", "/v1/feed")).toMatchObject(problem(403, "scope_missing"));
		expect(await as(writes, ann.id, "GET", `/v1/accounts/${eve.id}/posts`)).toMatchObject(
			problem(403, "scope_missing"),
		);
	});

	it("opens streams", async () => {
		const ann = await signUp("Ann");
		const key = await makeKey(["read", "write"]);
		const response = await worker.fetch(`${ORIGIN}/v1/feed/stream`, {
			headers: { upgrade: "websocket", authorization: `Bearer ${key.secret}`, "x-act-as": ann.id },
		});
		expect(response.status).toBe(101);
		expect((await as(key, ann.id, "POST", "/v1/feed/tickets")).status).toBe(201);
	});

	it("is for nobody without an account that there is", async () => {
		const key = await makeKey(["read", "write", "provision", "admin"]);
		for (const account of [undefined, "", "me", "x".repeat(13), "*"]) {
			for (const path of ["/v1/feed", "/v1/accounts/me", "/v1/feed/events"]) {
				expect(await as(key, account, "GET", path), `${account} ${path}`).toMatchObject(problem(400, "act_as_missing"));
			}
		}
		expect(await as(key, "0000000000000", "GET", "/v1/feed")).toMatchObject(problem(404, "account_not_found"));
	});

	it("is no way to an account's role, and X-Act-As does nothing for people", async () => {
		const [ann, eve] = [await signUp("Ann"), await signUp("Eve")];
		await call("PUT", "/ops/roles", { headers: operator, body: { accountId: ann.id, role: "operator" } });
		const key = await makeKey(["read", "write"]);
		expect(await as(key, ann.id, "GET", "/ops/dead-letters")).toMatchObject(problem(404, "not_found"));
		const hers = await call("GET", "/v1/accounts/me", { token: eve.token, headers: { "x-act-as": ann.id } });
		expect(hers.body).toMatchObject({ id: eve.id });
	});

	it("is told once, and kept as a hash", async () => {
		const key = await makeKey(["read"]);
		expect(key.secret).toMatch(/^efk_[0-9A-Z]{13}_[\w-]{43}$/);
		const { results } = await env.IDENTITY.prepare("SELECT * FROM server_keys WHERE id = ?").bind(key.id).all();
		const text = JSON.stringify([results, await listed(key.id)]);
		expect(text).toContain(key.id);
		expect(text).not.toContain(codeOf(key.secret));
	});

	it("is refused when it is made up, over or revoked, and another one is not", async () => {
		const ahead = aheadBy();
		const ann = await signUp("Ann");
		const expiresAt = new Date(Date.now() + 60_000).toISOString();
		const [key, other] = [await makeKey(["read"], { expiresAt }), await makeKey(["read"])];
		const read = (secret: string) => call("GET", "/v1/accounts/me", { token: secret, headers: { "x-act-as": ann.id } });
		expect((await read(key.secret)).status).toBe(200);
		const code = codeOf(key.secret);
		for (const secret of [
			`${key.secret.slice(0, -1)}${code.endsWith("A") ? "B" : "A"}`,
			`efk_${other.id}_${code}`,
			`efk_0000000000000_${code}`,
			`${key.secret}A`,
			key.secret.slice(0, -1),
			"efk_",
		]) {
			expect(await read(secret), secret).toMatchObject(problem(401, "token_invalid"));
		}
		ahead.ms = 61_000;
		expect(await read(key.secret)).toMatchObject(problem(401, "token_expired"));
		expect((await read(other.secret)).status).toBe(200);
		const end = (id: string) => call("DELETE", `/ops/server-keys/${id}`, { headers: operator });
		expect((await end(other.id)).status).toBe(204);
		expect(await read(other.secret)).toMatchObject(problem(401, "token_revoked"));
		expect((await end(other.id)).status).toBe(204);
	});

	it("revoked elsewhere is refused within the bound, and after the revocation is forgotten", async () => {
		const ahead = aheadBy();
		const ann = await signUp("Ann");
		const [here, there] = [new Isolate(), new Isolate()];
		const key = await makeKey(["read"]);
		const read = (isolate: Isolate) =>
			isolate.call("GET", "/v1/accounts/me", { token: key.secret, headers: { "x-act-as": ann.id } });
		for (const isolate of [here, there]) expect((await read(isolate)).status).toBe(200);
		await here.call("DELETE", `/ops/server-keys/${key.id}`, { headers: operator });
		expect(await read(here)).toMatchObject(problem(401, "token_revoked"));
		ahead.ms = 5_000;
		expect(await read(there)).toMatchObject(problem(401, "token_revoked"));
		ahead.ms = 3_600_000;
		for (const isolate of [here, there, new Isolate()]) {
			expect(await read(isolate)).toMatchObject(problem(401, "token_revoked"));
		}
	});

	it("does not act for an account that is gone meanwhile, as soon as that is known", async () => {
		const ahead = aheadBy();
		const ann = await signUp("Ann");
		const key = await makeKey(["read"]);
		expect((await as(key, ann.id, "GET", "/v1/accounts/me")).status).toBe(200);
		ahead.ms = 2_000;
		await servicesOf(env).sessions.endAll(ann.id as Id);
		// The account is still there: only its sessions ended.
		ahead.ms = 10_000;
		expect((await as(key, ann.id, "GET", "/v1/accounts/me")).status).toBe(200);
		await servicesOf(env).sessions.endAll(ann.id as Id);
		for (const shard of [env.SHARD_0, env.SHARD_1]) {
			await shard.prepare("DELETE FROM profiles WHERE id = ?").bind(ann.id).run();
		}
		ahead.ms = 20_000;
		expect(await as(key, ann.id, "GET", "/v1/accounts/me")).toMatchObject(problem(404, "account_not_found"));
	});

	it("leaves a trace: the day it was last used, a count and a line of the log for each request", async () => {
		const ann = await signUp("Ann");
		const key = await makeKey(["read"]);
		expect((await listed(key.id))?.lastUsedDay).toBeNull();
		const log = vi.spyOn(console, "log").mockImplementation(() => {});
		await as(key, ann.id, "GET", "/v1/accounts/me");
		await as(key, ann.id, "GET", "/v1/feed?limit=3");
		const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)));
		const acts = lines.filter((line) => line.key === key.id);
		expect(acts).toMatchObject([
			{ account: nameInLog(ann.id as Id), method: "GET", route: "/v1/accounts/me" },
			{ account: nameInLog(ann.id as Id), method: "GET", route: "/v1/feed" },
		]);
		expect(JSON.stringify(lines)).not.toContain(ann.id);
		expect(JSON.stringify(lines)).not.toContain(key.secret);
		await eventually(async () =>
			expect((await listed(key.id))?.lastUsedDay).toBe(new Date().toISOString().slice(0, 10)),
		);
	});

	it("opens what is for operators with the scope admin only, and provisioning with provision", async () => {
		const ann = await signUp("Ann");
		const [reads, provisions, admin] = [
			await makeKey(["read", "write"]),
			await makeKey(["provision"]),
			await makeKey(["admin"]),
		];
		const letters = (key: Key) => as(key, undefined, "GET", "/ops/dead-letters");
		for (const key of [reads, provisions]) expect(await letters(key)).toMatchObject(problem(404, "not_found"));
		expect((await letters(admin)).status).toBe(200);
		const body = { accounts: [{ externalId: "scopes" }] };
		const make = (key: Key) => as(key, undefined, "POST", "/ops/provision", body);
		expect(await make(reads)).toMatchObject(problem(404, "not_found"));
		for (const key of [provisions, admin]) expect((await make(key)).status).toBe(200);
		expect(await as(provisions, ann.id, "GET", "/v1/accounts/me")).toMatchObject(problem(403, "scope_missing"));
		await call("DELETE", `/ops/server-keys/${admin.id}`, { headers: operator });
		expect(await letters(admin)).toMatchObject(problem(404, "not_found"));
	});
});

describe("provisioning", () => {
	const provision = (accounts: unknown[], more: Record<string, unknown> = {}): Promise<Answer<Provisioned>> =>
		call<Provisioned>("POST", "/ops/provision", { headers: operator, body: { accounts, ...more } });

	it("makes accounts that a server acts for, and finds them again", async () => {
		const key = await makeKey(["read", "write"]);
		const accounts = Array.from({ length: 100 }, (_, n) => ({ externalId: `person-${n}`, username: `person.${n}` }));
		const first = await provision(accounts);
		expect(first.status).toBe(200);
		expect(first.body.items).toHaveLength(100);
		expect(new Set(first.body.items.map(({ accountId }) => accountId)).size).toBe(100);
		expect(first.body.items.every(({ created }) => created)).toBe(true);
		const second = await provision(accounts.toReversed());
		expect(second.body.items.toReversed()).toEqual(first.body.items.map((item) => ({ ...item, created: false })));
		const [{ accountId } = { accountId: null }] = first.body.items;
		const account = await as(key, accountId ?? "", "GET", "/v1/accounts/me");
		expect(account.body).toMatchObject({ id: accountId, username: "person.0", displayName: "person.0" });
		expect((await as(key, accountId ?? "", "POST", "/v1/posts", { text: "hello" })).status).toBe(201);
	}, 60_000);

	it("makes one account of many calls at once", async () => {
		const answers = await Promise.all(
			Array.from({ length: 30 }, () => provision([{ externalId: "raced", displayName: "Raced" }])),
		);
		const items = answers.flatMap(({ body }) => body.items);
		expect(new Set(items.map(({ accountId }) => accountId)).size).toBe(1);
		expect(items.filter(({ created }) => created)).toHaveLength(1);
		const { results } = await env.IDENTITY.prepare("SELECT id FROM user WHERE name = 'Raced'").all();
		expect(results).toHaveLength(1);
	});

	it("refuses names that are taken, one by one, and never gives somebody's account away", async () => {
		const ann = await signUp("Ann");
		const { body } = await provision([
			{ externalId: "a", username: ann.username.toUpperCase() },
			{ externalId: "b", email: ann.email.toUpperCase() },
			{ externalId: "c", username: "fine.name", email: "fine@feed.test", displayName: "Fine", region: "weur" },
		]);
		expect(body.items).toMatchObject([
			{ externalId: "a", accountId: null, created: false, refused: "username_taken" },
			{ externalId: "b", accountId: null, created: false, refused: "email_taken" },
			{ externalId: "c", created: true, refused: null },
		]);
		const { results } = await env.IDENTITY.prepare("SELECT * FROM external_identities WHERE account_id = ?")
			.bind(ann.id)
			.all();
		expect(results).toEqual([]);
	});

	it("keeps its names from a sign-up, however long nobody signs in", async () => {
		await provision([{ externalId: "kept", username: "kept.name", email: "kept@feed.test" }]);
		await env.IDENTITY.prepare(
			"UPDATE user SET createdAt = '2020-01-01T00:00:00.000Z' WHERE username = 'kept.name'",
		).run();
		const body = { email: "thief@feed.test", password: "long enough", name: "Thief", username: "kept.name" };
		expect(await call("POST", "/auth/sign-up/email", { body })).toMatchObject(problem(409, "username_taken"));
	});

	it("makes the profile when the process died before it", async () => {
		const key = await makeKey(["read"]);
		const [item] = (await provision([{ externalId: "half", username: "half.made" }])).body.items;
		const id = item?.accountId ?? "";
		for (const shard of [env.SHARD_0, env.SHARD_1]) {
			await shard.prepare("DELETE FROM profiles WHERE id = ?").bind(id).run();
		}
		await env.IDENTITY.prepare("UPDATE external_identities SET profiled = 0 WHERE account_id = ?").bind(id).run();
		expect(await as(key, id, "GET", "/v1/accounts/me")).toMatchObject(problem(404, "account_not_found"));
		expect((await provision([{ externalId: "half" }])).body.items).toMatchObject([{ accountId: id, created: false }]);
		expect((await as(key, id, "GET", "/v1/accounts/me")).body).toMatchObject({ username: "half.made" });
	});

	it("names the field of the account that is at fault, and makes none", async () => {
		const answer = await provision([{ externalId: "good" }, { externalId: "", username: "x" }]);
		expect(answer).toMatchObject(problem(400, "invalid_request"));
		const paths = (answer.body as unknown as { errors: { path: string }[] }).errors.map(({ path }) => path);
		expect(paths).toEqual(expect.arrayContaining(["accounts.1.externalId", "accounts.1.username"]));
		const { results } = await env.IDENTITY.prepare("SELECT * FROM external_identities WHERE subject = 'good'").all();
		expect(results).toEqual([]);
	});
});

it("an account can be a moderator, which opens nothing of the operators'", async () => {
	const ann: Person = await signUp("Ann");
	const body = { accountId: ann.id, role: "moderator" };
	expect((await call("PUT", "/ops/roles", { headers: operator, body })).status).toBe(204);
	const token = await accessToken(ann.session);
	expect((await servicesOf(env).tokens.verify(`Bearer ${token}`)).role).toBe("moderator");
	expect(await call("GET", "/ops/dead-letters", { token })).toMatchObject(problem(404, "not_found"));
});
