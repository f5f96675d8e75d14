import { Hono } from "hono";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Gateway } from "../src/gateway/openapi.ts";
import { respondWithProblem } from "../src/gateway/problem.ts";
import { AccessTokens, requireToken, type TokenRules } from "../src/gateway/tokens.ts";
import { EPOCH, encodeId } from "../src/store/ids.ts";
import { accessToken, call, signUp } from "./api.ts";
import { env } from "./env.ts";

const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
const rsa = await generateKeyPair("RS256");
const subject = encodeId({ time: EPOCH + 1, shard: 3, tail: 9 });
const now = () => Math.floor(Date.now() / 1000);

/** Nothing is revoked. */
const nothing = { current: () => true, fresh: async () => {}, has: () => false };
function tokens(more: Partial<TokenRules> = {}): AccessTokens {
	const keys = async () => publicKey;
	return new AccessTokens({
		keys,
		issuer: "edgefeed",
		audience: "edgefeed",
		revocations: nothing,
		now: Date.now,
		...more,
	});
}
function appWith(access: AccessTokens) {
	const app = new Hono<Gateway>();
	app.onError(respondWithProblem);
	app.use(requireToken(access));
	app.get("/", (c) => c.text(c.var.viewer));
	return app;
}
const app = appWith(tokens());

const claims = (more: Record<string, unknown> = {}) =>
	Object.fromEntries(
		Object.entries({
			sub: subject,
			sid: "a session",
			iss: "edgefeed",
			aud: "edgefeed",
			iat: now(),
			exp: now() + 900,
			...more,
		}).filter(([, value]) => value !== undefined),
	);
const sign = (more?: Record<string, unknown>) =>
	new SignJWT(claims(more)).setProtectedHeader({ alg: "ES256" }).sign(privateKey);

async function ask(authorization: string | undefined, of = app) {
	const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
	const response = await of.request("/", { headers });
	const text = await response.text();
	return response.status === 200
		? { status: 200, code: text }
		: { status: response.status, code: JSON.parse(text).code };
}

it("a good token tells who is asking", async () => {
	expect(await ask(`Bearer ${await sign()}`)).toEqual({ status: 200, code: subject });
	expect(await ask(`bearer ${await sign()}`)).toEqual({ status: 200, code: subject });
});

describe("a token is refused", () => {
	it("when it is over, and says so", async () => {
		expect(await ask(`Bearer ${await sign({ exp: now() - 1 })}`)).toEqual({ status: 401, code: "token_expired" });
	});

	it("when a claim is missing or another's", async () => {
		for (const more of [
			{ iss: "other" },
			{ iss: undefined },
			{ aud: "other" },
			{ aud: undefined },
			{ exp: undefined },
			{ iat: undefined },
			{ sub: undefined },
			{ sub: "" },
			{ sub: "not an id" },
			{ sub: subject.toLowerCase() },
			{ sid: undefined },
			{ sid: "" },
			{ sid: 5 },
			{ nbf: now() + 600 },
		]) {
			expect(await ask(`Bearer ${await sign(more)}`), JSON.stringify(more)).toEqual({
				status: 401,
				code: "token_invalid",
			});
		}
	});

	it("when its signature is of another kind, or none", async () => {
		const { x = "" } = await exportJWK(publicKey);
		const confused = await new SignJWT(claims())
			.setProtectedHeader({ alg: "HS256" })
			.sign(new TextEncoder().encode(x.padEnd(32, "x")));
		const other = await new SignJWT(claims()).setProtectedHeader({ alg: "RS256" }).sign(rsa.privateKey);
		const [, payload] = (await sign()).split(".");
		const none = `${btoa('{"alg":"none"}').replaceAll("=", "")}.${payload}.`;
		for (const token of [confused, other, none]) {
			expect(await ask(`Bearer ${token}`)).toEqual({ status: 401, code: "token_invalid" });
		}
	});

	it("when it is not there, or not alone", async () => {
		for (const header of [undefined, "", "Bearer", "Bearer ", `Basic ${await sign()}`, `Bearer ${await sign()} x`]) {
			expect(await ask(header), header).toEqual({ status: 401, code: "token_missing" });
		}
	});
});

it("a fault in finding the key is no fault of the token", async () => {
	const down = new Hono<Gateway>();
	down.onError((error, c) => c.text(error.message, 500));
	down.use(requireToken(tokens({ keys: async () => Promise.reject(new Error("database is down")) })));
	expect((await down.request("/", { headers: { authorization: `Bearer ${await sign()}` } })).status).toBe(500);
});

describe("a token that was seen before", () => {
	afterEach(() => {
		vi.restoreAllMocks();
	});

	it("costs no signature check", async () => {
		const checks = vi.spyOn(crypto.subtle, "verify");
		const [access, token] = [tokens(), await sign()];
		const of = appWith(access);
		for (let n = 0; n < 3; n++) expect((await ask(`Bearer ${token}`, of)).status).toBe(200);
		expect((await access.verify(`Bearer ${token}`)).viewer).toBe(subject);
		expect(checks).toHaveBeenCalledTimes(1);
		expect((await ask(`Bearer ${await sign({ sid: "another" })}`, of)).status).toBe(200);
		expect(checks).toHaveBeenCalledTimes(2);
	});

	it("is refused from the second on at which it expires, and then forgotten", async () => {
		let time = now() * 1000;
		const exp = time / 1000 + 900;
		const [known, fresh] = [tokens({ now: () => time }), tokens({ now: () => time })];
		const header = `Bearer ${await sign({ exp })}`;
		const both = async () => [await ask(header, appWith(known)), await ask(header, appWith(fresh))];
		expect((await ask(header, appWith(known))).status).toBe(200);
		time = exp * 1000 - 1;
		expect((await both()).map(({ status }) => status)).toEqual([200, 200]);
		expect(known.remembered).toBe(1);
		time = exp * 1000;
		const expired = { status: 401, code: "token_expired" };
		expect(await both()).toEqual([expired, expired]);
		expect([known.remembered, fresh.remembered]).toEqual([0, 0]);
		expect(await both()).toEqual([expired, expired]);
	});

	it("lends nothing to one that differs in a character", async () => {
		const of = appWith(tokens());
		const token = await sign();
		const [head = "", payload = "", signature = ""] = token.split(".");
		expect((await ask(`Bearer ${token}`, of)).status).toBe(200);
		const other = (await sign({ sid: "another" })).split(".")[2] ?? "";
		const flipped = (text: string) =>
			text.replace(/[a-z]/i, (letter) => (letter < "a" ? letter.toLowerCase() : letter.toUpperCase()));
		const forged = [
			`${head}.${payload}.${other}`,
			`${head}.${payload}.`,
			`${head}.${payload}`,
			token.slice(0, -1),
			token.slice(1),
			`${token}A`,
			`${token}.`,
			flipped(token),
			`${head}.${flipped(payload)}.${signature}`,
			`${head}.${payload}.${flipped(signature)}`,
			token.toLowerCase(),
		];
		for (const each of forged) {
			expect(await ask(`Bearer ${each}`, of), each).toEqual({ status: 401, code: "token_invalid" });
		}
	});

	it("is one of a bounded number, and only good ones are kept", async () => {
		const access = tokens({ memory: 5 });
		const of = appWith(access);
		const many = await Promise.all(Array.from({ length: 12 }, (_, n) => sign({ sid: `${n}` })));
		for (const token of many) expect((await ask(`Bearer ${token}`, of)).status).toBe(200);
		expect(access.remembered).toBe(5);
		const checks = vi.spyOn(crypto.subtle, "verify");
		for (const token of many.slice(-5)) expect((await ask(`Bearer ${token}`, of)).status).toBe(200);
		expect(checks).toHaveBeenCalledTimes(0);
		const empty = tokens();
		for (const bad of [
			"x",
			await sign({ aud: "other" }),
			await sign({ exp: now() - 1 }),
			`${many[0]?.slice(0, -9)}AAAAAAAAA`,
		]) {
			expect((await ask(`Bearer ${bad}`, appWith(empty))).status).toBe(401);
		}
		expect(empty.remembered).toBe(0);
	});

	it("is looked up among the revocations each time", async () => {
		const revoked = new Set<string>();
		const of = appWith(tokens({ revocations: { ...nothing, has: ({ session }) => revoked.has(session) } }));
		const [one, two] = [await sign({ sid: "one" }), await sign({ sid: "two" })];
		for (const token of [one, two]) expect((await ask(`Bearer ${token}`, of)).status).toBe(200);
		revoked.add("one");
		expect(await ask(`Bearer ${one}`, of)).toEqual({ status: 401, code: "token_revoked" });
		expect(await ask(`Bearer ${await sign({ sid: "one", iat: now() - 1 })}`, of)).toEqual({
			status: 401,
			code: "token_revoked",
		});
		expect((await ask(`Bearer ${two}`, of)).status).toBe(200);
	});

	it("keeps the role it was made with: another one needs another token", async () => {
		const access = tokens();
		const role = async (header: string) => (await access.verify(header)).role;
		const header = `Bearer ${await sign({ role: "operator" })}`;
		for (let n = 0; n < 2; n++) expect(await role(header)).toBe("operator");
		expect(await role(`Bearer ${await sign({ role: "user" })}`)).toBe("user");
		expect(await role(`Bearer ${await sign({ role: "king" })}`)).toBe("user");
	});
});

it("an operator by her token is let in where others find nothing, until her role ends", async () => {
	const ann = await signUp("Ann");
	const headers = { "x-operator-secret": env.OPERATOR_SECRET };
	const role = (accountId: string, role: string) => call("PUT", "/ops/roles", { headers, body: { accountId, role } });
	const letters = (token: string) => call("GET", "/ops/dead-letters", { token });
	expect(await letters(ann.token)).toMatchObject({ status: 404, body: { code: "not_found" } });
	expect((await role(ann.id, "operator")).status).toBe(204);
	const token = await accessToken(ann.session);
	expect((await letters(token)).status).toBe(200);
	expect((await letters(`${token}x`)).status).toBe(404);
	expect((await role(ann.id, "user")).status).toBe(204);
	expect((await letters(await accessToken(ann.session))).status).toBe(404);
	expect(await role(subject, "operator")).toMatchObject({ status: 404, body: { code: "account_not_found" } });
	expect(await role(ann.id, "king")).toMatchObject({ status: 400 });
});

it("nobody signs up with a role", async () => {
	const answer = await call("POST", "/auth/sign-up/email", {
		body: { email: "king@feed.test", password: "long enough", name: "King", username: "kingking", role: "operator" },
	});
	expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
});
