import { decodeProtectedHeader } from "jose";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { call, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { aheadBy, Isolate } from "./isolate.ts";

// Each begins without keys, as a key's times are those of the test's clock.
beforeEach(async () => {
	await env.IDENTITY.exec("DELETE FROM jwks");
});
afterEach(() => vi.restoreAllMocks());

interface Keys {
	items: { id: string; state: string; publishedUntil: string | null }[];
}
const operator = { "x-operator-secret": env.OPERATOR_SECRET };
const rotate = (on: Isolate) => on.call<Keys>("POST", "/ops/keys/rotate", { headers: operator, body: { signsIn: 60 } });
const tokenOf = async (on: Isolate, { session }: Person) =>
	(await on.call<{ token: string }>("GET", "/auth/token", { token: session })).body.token;
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const published = async (on: Isolate) =>
	(await on.call<{ keys: { kid: string }[] }>("GET", "/auth/jwks")).body.keys.map(({ kid }) => kid);
const status = async (on: Isolate, token: string) => (await on.call("GET", "/v1/accounts/me", { token })).status;

it("a new key is published before it signs, the old one until its tokens are over, and every token verifies all the time", async () => {
	const ahead = aheadBy();
	const [ann, here, there] = [await signUp("Ann"), new Isolate(), new Isolate()];
	const old = await tokenOf(here, ann);
	for (const isolate of [here, there]) expect(await status(isolate, old)).toBe(200);
	const { body } = await rotate(here);
	expect(body.items.map(({ state }) => state)).toEqual(["next", "signing"]);
	const [fresh, before] = body.items.map(({ id }) => id);
	expect(kidOf(old)).toBe(before);
	expect((await published(there)).toSorted()).toEqual([before, fresh].toSorted());

	// Published, and not used yet.
	ahead.ms = 55_000;
	const still = await tokenOf(there, ann);
	expect(kidOf(still)).toBe(before);
	ahead.ms = 61_000;
	const tokens = [old, still];
	for (const isolate of [here, there]) {
		const token = await tokenOf(isolate, ann);
		expect(kidOf(token)).toBe(fresh);
		tokens.push(token);
	}
	for (const isolate of [here, there, new Isolate()]) {
		for (const token of tokens) expect(await status(isolate, token)).toBe(200);
	}
	// The last tokens of the old key.
	ahead.ms = 60_000 + 890_000;
	expect(await published(there)).toContain(before);
	for (const isolate of [here, there, new Isolate()]) expect(await status(isolate, still)).toBe(200);
	ahead.ms = 60_000 + 961_000;
	expect(await published(there)).toEqual([fresh]);
	const list = await here.call<Keys>("GET", "/ops/keys", { headers: operator });
	expect(list.body.items).toMatchObject([{ id: fresh, state: "signing", publishedUntil: null }]);
});

it("rotating twice, and by many at once, makes one next key", async () => {
	const ahead = aheadBy();
	const isolates = [new Isolate(), new Isolate(), new Isolate()];
	await published(isolates[0] as Isolate);
	const answers = await Promise.all([...isolates, ...isolates].map(rotate));
	for (const { status, body } of answers) {
		expect(status).toBe(200);
		expect(body.items.map(({ state }) => state)).toEqual(["next", "signing"]);
	}
	expect(new Set(answers.map(({ body }) => body.items[0]?.id)).size).toBe(1);
	ahead.ms = 61_000;
	const again = await rotate(isolates[0] as Isolate);
	expect(again.body.items.map(({ state }) => state)).toEqual(["next", "signing", "retired"]);
});

it("isolates that start at the same time make one first key", async () => {
	const isolates = Array.from({ length: 5 }, () => new Isolate());
	const sets = await Promise.all(isolates.map(published));
	expect(new Set(sets.flat()).size).toBe(1);
});

it("the first key signs at once, whoever asks for it", async () => {
	expect((await rotate(new Isolate())).body.items).toMatchObject([{ state: "signing", publishedUntil: null }]);
});

it("a private key is nowhere to be seen", async () => {
	const isolate = new Isolate();
	const answers = [
		await isolate.call("GET", "/ops/keys", { headers: operator }),
		await call("GET", "/auth/jwks"),
		await rotate(isolate),
	];
	for (const { body } of answers) expect(JSON.stringify(body)).not.toMatch(/private|"d"/i);
	const { results } = await env.IDENTITY.prepare("SELECT privateKey FROM jwks").all<{ privateKey: string }>();
	for (const { privateKey } of results) expect(privateKey).not.toContain("kty");
});
