import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AccountView } from "../src/accounts/account.ts";
import type { Id } from "../src/store/ids.ts";
import { call, signUp } from "./api.ts";
import { env } from "./env.ts";
import { aheadBy, Isolate } from "./isolate.ts";

const ISSUER = "https://id.partner.test";
const JWKS = `${ISSUER}/keys`;
const settings = {
	TRUSTED_ISSUERS: [
		{ issuer: ISSUER, jwks: JWKS, audience: "feed", region: "weur" },
		{
			issuer: "https://staff.partner.test",
			jwks: "https://staff.partner.test/keys",
			audience: "feed",
			claims: { subject: "uid", name: "full_name", username: "login", email: "mail", role: "feed_role" },
		},
	],
};

/** The issuers' server, which can be down. */
class Issuers {
	readonly keys: Record<string, unknown>[] = [];
	fetched = 0;
	down = false;

	constructor() {
		const real = globalThis.fetch;
		vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
			const address = String(input instanceof Request ? input.url : input);
			if (!address.includes("partner.test")) return real(input, init);
			this.fetched++;
			if (this.down) throw new TypeError("Network connection lost");
			return Response.json({ keys: this.keys });
		});
	}

	/** Makes a key, publishes it, and signs with it. */
	async key(kid: string, alg = "ES256") {
		const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
		this.keys.push({ ...(await exportJWK(publicKey)), kid, alg });
		return (claims: Record<string, unknown> = {}) => {
			const now = Math.floor(Date.now() / 1000);
			const all = { iss: ISSUER, aud: "feed", sub: "person", iat: now, exp: now + 3600, ...claims };
			return new SignJWT(Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)))
				.setProtectedHeader({ alg, kid })
				.sign(privateKey);
		};
	}
}

let issuers: Issuers;
beforeEach(() => {
	issuers = new Issuers();
});
afterEach(() => vi.restoreAllMocks());

const INVALID = { status: 401, body: { code: "token_invalid" } };
const me = (isolate: Isolate, token: string) => isolate.call<AccountView>("GET", "/v1/accounts/me", { token });
let people = 0;
const someone = () => `subject ${++people}`;

describe("a token of a trusted issuer", () => {
	it("makes an account with a profile at first sight, and is that account's from then on", async () => {
		const isolate = new Isolate(settings);
		const sub = someone();
		for (const [n, alg] of ["ES256", "RS256", "EdDSA"].entries()) {
			const sign = await issuers.key(`key ${n}`, alg);
			const names = { name: "Kim Lee", preferred_username: "Kim.Lee", email: "kim@partner.test" };
			const first = await me(n === 0 ? isolate : new Isolate(settings), await sign({ sub, ...names }));
			expect(first.status, JSON.stringify(first.body)).toBe(200);
			expect(first.body).toMatchObject({ username: "kim.lee", displayName: "Kim Lee", region: "weur" });
		}
		const sign = await issuers.key("another");
		const token = await sign({ sub });
		const fresh = new Isolate(settings);
		const posted = await fresh.call("POST", "/v1/posts", { token, body: { text: "hello" } });
		expect(posted.status).toBe(201);
		expect((await fresh.call<{ items: unknown[] }>("GET", "/v1/feed", { token })).body.items).toHaveLength(1);
		// Somebody else's is somebody else's.
		const other = await me(fresh, await sign({ sub: someone() }));
		expect(other.body.id).not.toBe((await me(fresh, token)).body.id);
	});

	it("is one account also when a hundred requests bring it at once", async () => {
		const sign = await issuers.key("k");
		const token = await sign({ sub: someone(), preferred_username: "stampede" });
		const isolates = Array.from({ length: 4 }, () => new Isolate(settings));
		const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => me(isolates[n % 4] as Isolate, token)));
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
		expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
		const { results } = await env.IDENTITY.prepare("SELECT id FROM user WHERE username LIKE 'stampede%'").all();
		expect(results).toHaveLength(1);
	}, 60_000);

	it("gets another name where its own is taken, and never somebody's account by an address", async () => {
		const ann = await signUp("Ann");
		const sign = await issuers.key("k");
		const isolate = new Isolate(settings);
		const claims = { sub: someone(), preferred_username: ann.username, email: ann.email, email_verified: true };
		const { status, body } = await me(isolate, await sign(claims));
		expect(status).toBe(200);
		expect(body.id).not.toBe(ann.id);
		expect(body.username).toMatch(/^user_/);
		for (const odd of ["", "  ", "한국어", "x", "a b@c", "x".repeat(100), 5, null]) {
			const made = await me(isolate, await sign({ sub: someone(), preferred_username: odd, name: odd, email: odd }));
			expect(made.status, String(odd)).toBe(200);
			expect(made.body.username).toMatch(/^[a-z0-9_.]{3,30}$/);
		}
	});

	it("is refused when anything about it is wrong", async () => {
		const isolate = new Isolate(settings);
		const sign = await issuers.key("k");
		const now = Math.floor(Date.now() / 1000);
		const sub = someone();
		for (const claims of [
			{ aud: "other" },
			{ aud: undefined },
			{ iss: "https://id.partner.test/" },
			{ iss: "edgefeed" },
			{ iss: "https://staff.partner.test", uid: undefined },
			{ sub: undefined },
			{ sub: "" },
			{ sub: 5 },
			{ sub: "x".repeat(256) },
			{ exp: undefined },
			{ iat: undefined },
			{ iat: now + 600 },
			{ nbf: now + 600 },
		]) {
			expect(await me(isolate, await sign({ sub, ...claims })), JSON.stringify(claims)).toMatchObject(INVALID);
		}
		expect(await me(isolate, await sign({ sub, exp: now - 10 }))).toMatchObject({
			status: 401,
			body: { code: "token_expired" },
		});
		const { results } = await env.IDENTITY.prepare("SELECT * FROM external_identities WHERE subject = ?")
			.bind(sub)
			.all();
		expect(results).toEqual([]);
	});

	it("is refused when it is signed by another, with a secret, or by nobody", async () => {
		const isolate = new Isolate(settings);
		const sign = await issuers.key("k");
		const good = await sign({ sub: someone() });
		expect((await me(isolate, good)).status).toBe(200);
		const [, payload = "", signature = ""] = good.split(".");
		const head = (header: unknown) => btoa(JSON.stringify(header)).replaceAll("=", "");
		const { privateKey } = await generateKeyPair("ES256");
		const text = JSON.stringify(issuers.keys[0]);
		const forged = [
			`${head({ alg: "none" })}.${payload}.`,
			`${head({ alg: "none", kid: "k" })}.${payload}.${signature}`,
			await new SignJWT({ iss: ISSUER, aud: "feed", sub: "x", iat: 1, exp: 9_999_999_999 })
				.setProtectedHeader({ alg: "HS256", kid: "k" })
				.sign(new TextEncoder().encode(text)),
			await new SignJWT({ iss: ISSUER, aud: "feed", sub: "x", iat: 1, exp: 9_999_999_999 })
				.setProtectedHeader({ alg: "ES256", kid: "k" })
				.sign(privateKey),
			good.replace(/.(?=.{9}$)/, (letter) => (letter === "A" ? "B" : "A")),
		];
		for (const token of forged) expect(await me(isolate, token)).toMatchObject(INVALID);
		// Whom nobody trusts.
		expect(await me(new Isolate(), good)).toMatchObject(INVALID);
	});

	it("brings a role only where that is agreed", async () => {
		const isolate = new Isolate(settings);
		const sign = await issuers.key("k");
		const letters = (token: string) => isolate.call("GET", "/ops/dead-letters", { token });
		expect((await letters(await sign({ sub: someone(), role: "operator", feed_role: "operator" }))).status).toBe(404);
		const staff = { iss: "https://staff.partner.test", uid: someone(), login: "staff.one", full_name: "Staff One" };
		expect((await letters(await sign({ ...staff, feed_role: "operator" }))).status).toBe(200);
		expect((await letters(await sign({ ...staff, feed_role: "king" }))).status).toBe(404);
		expect((await me(isolate, await sign(staff))).body).toMatchObject({
			username: "staff.one",
			displayName: "Staff One",
		});
	});
});

describe("the keys of an issuer", () => {
	it("are fetched once, and again for a new one, after a pause", async () => {
		const ahead = aheadBy();
		const isolate = new Isolate(settings);
		const sign = await issuers.key("first");
		for (let n = 0; n < 5; n++) expect((await me(isolate, await sign({ sub: someone() }))).status).toBe(200);
		expect(issuers.fetched).toBe(1);
		const later = await issuers.key("second");
		expect(await me(isolate, await later({ sub: someone() }))).toMatchObject(INVALID);
		expect(issuers.fetched).toBe(1);
		ahead.ms = 31_000;
		expect((await me(isolate, await later({ sub: someone() }))).status).toBe(200);
		expect(issuers.fetched).toBe(2);
	});

	it("are kept while the issuer is down; an unknown one is then no fault of the token", async () => {
		vi.spyOn(console, "error").mockImplementation(() => {});
		const ahead = aheadBy();
		const isolate = new Isolate(settings);
		const sign = await issuers.key("first");
		expect((await me(isolate, await sign({ sub: someone() }))).status).toBe(200);
		issuers.down = true;
		const later = await issuers.key("second");
		for (const ms of [31_000, 700_000, 7_200_000]) {
			ahead.ms = ms;
			expect((await me(isolate, await sign({ sub: someone() }))).status).toBe(200);
			expect(await me(isolate, await later({ sub: someone() }))).toMatchObject({ status: 503 });
		}
		expect(issuers.fetched).toBeLessThanOrEqual(4);
		issuers.down = false;
		ahead.ms += 31_000;
		expect((await me(isolate, await later({ sub: someone() }))).status).toBe(200);
	});

	it("are found by isolates that start while the issuer is down, for a day", async () => {
		vi.spyOn(console, "error").mockImplementation(() => {});
		const ahead = aheadBy();
		const sign = await issuers.key("first");
		const before = await sign({ sub: someone(), exp: Math.floor(Date.now() / 1000) + 200_000 });
		expect((await me(new Isolate(settings), before)).status).toBe(200);
		await vi.waitFor(async () => {
			const { results } = await env.IDENTITY.prepare(
				"SELECT key_set FROM issuer_keys WHERE key_set LIKE '%first%'",
			).all();
			expect(results).toHaveLength(1);
		});
		issuers.down = true;
		const later = await issuers.key("second");
		ahead.ms = 60_000;
		const isolate = new Isolate(settings);
		expect((await me(isolate, await sign({ sub: someone() }))).status).toBe(200);
		expect(await me(isolate, await later({ sub: someone() }))).toMatchObject({ status: 503 });
		issuers.down = false;
		ahead.ms += 31_000;
		expect((await me(isolate, await later({ sub: someone() }))).status).toBe(200);
		issuers.down = true;
		ahead.ms += 86_400_000;
		expect(await me(new Isolate(settings), before)).toMatchObject({ status: 503 });
	});

	it("that make no sense are as good as none", async () => {
		vi.spyOn(console, "error").mockImplementation(() => {});
		const sign = await issuers.key("odd");
		issuers.keys.push({ kid: "no key at all" });
		await env.IDENTITY.exec("DELETE FROM issuer_keys");
		expect(await me(new Isolate(settings), await sign({ sub: someone() }))).toMatchObject({ status: 503 });
	});

	it("that are not published any more end", async () => {
		const ahead = aheadBy();
		const isolate = new Isolate(settings);
		const sign = await issuers.key("stolen");
		await issuers.key("good");
		expect((await me(isolate, await sign({ sub: someone() }))).status).toBe(200);
		issuers.keys.shift();
		ahead.ms = 601_000;
		expect(await me(isolate, await sign({ sub: someone() }))).toMatchObject(INVALID);
	});
});

it("ending all sessions of an account ends its tokens from elsewhere, for as long as they would be good", async () => {
	const ahead = aheadBy();
	const isolate = new Isolate(settings);
	const sign = await issuers.key("k");
	const sub = someone();
	const long = { sub, exp: Math.floor(Date.now() / 1000) + 86_400 };
	const token = await sign(long);
	const { id } = (await me(isolate, token)).body;
	ahead.ms = 2_000;
	await isolate.services.sessions.endAll(id as Id);
	const refused = { status: 401, body: { code: "token_revoked" } };
	expect(await me(isolate, token)).toMatchObject(refused);
	for (const ms of [5_000, 1_000_000, 3_600_000]) {
		ahead.ms = ms;
		for (const each of [isolate, new Isolate(settings)]) expect(await me(each, token)).toMatchObject(refused);
	}
	expect((await me(isolate, await sign({ ...long, iat: Math.floor(Date.now() / 1000) }))).status).toBe(200);
});

it("a token that is good for long is looked at again now and then, and its streams with it", async () => {
	const ahead = aheadBy();
	const isolate = new Isolate(settings);
	const sign = await issuers.key("k");
	const token = await sign({ sub: someone(), exp: Math.floor(Date.now() / 1000) + 86_400 });
	const first = await isolate.services.tokens.verify(`Bearer ${token}`);
	expect(first.expiresAt - Date.now()).toBeLessThanOrEqual(900_000);
	expect(isolate.services.tokens.recall(`Bearer ${token}`)).toMatchObject({ viewer: first.viewer });
	ahead.ms = 901_000;
	expect((await me(isolate, token)).status).toBe(200);
});

it("an operator's provisioning and the issuer's token meet in one account", async () => {
	const isolate = new Isolate(settings);
	const sign = await issuers.key("k");
	const sub = someone();
	const made = await isolate.call<{ items: { accountId: string }[] }>("POST", "/ops/provision", {
		headers: { "x-operator-secret": env.OPERATOR_SECRET },
		body: { issuer: ISSUER, accounts: [{ externalId: sub, username: "met.before" }] },
	});
	expect((await me(isolate, await sign({ sub }))).body).toMatchObject({
		id: made.body.items[0]?.accountId,
		username: "met.before",
	});
	expect((await call("GET", "/v1/accounts/me", { token: await sign({ sub }) })).status).toBe(401);
});

it("no issuer is trusted twice, and none under a name of ours", () => {
	const [first] = settings.TRUSTED_ISSUERS;
	for (const issuers of [[first, first], [{ ...first, issuer: "edgefeed" }], [{ ...first, issuer: "provisioned" }]]) {
		expect(() => new Isolate({ TRUSTED_ISSUERS: issuers })).toThrow(/TRUSTED_ISSUERS/);
	}
	for (const jwks of ["http://id.partner.test/keys", "ftp://id.partner.test/keys", "keys"]) {
		expect(() => new Isolate({ TRUSTED_ISSUERS: [{ ...first, jwks }] })).toThrow(/TRUSTED_ISSUERS/);
	}
	new Isolate({ TRUSTED_ISSUERS: [{ ...first, jwks: "http://localhost:9000/keys" }] });
});
