import { Hono } from "hono";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import type { Gateway } from "../src/gateway/openapi.ts";
import { respondWithProblem } from "../src/gateway/problem.ts";
import { requireToken } from "../src/gateway/tokens.ts";
import { EPOCH, encodeId } from "../src/store/ids.ts";
import { accessToken, call, signUp } from "./api.ts";
import { env } from "./env.ts";

const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
const rsa = await generateKeyPair("RS256");
const subject = encodeId({ time: EPOCH + 1, shard: 3, tail: 9 });
const now = () => Math.floor(Date.now() / 1000);

const app = new Hono<Gateway>();
app.onError(respondWithProblem);
app.use(requireToken({ keys: async () => publicKey, issuer: "edgefeed", audience: "edgefeed" }));
app.get("/", (c) => c.text(c.var.viewer));

const claims = (more: Record<string, unknown> = {}) =>
	Object.fromEntries(
		Object.entries({ sub: subject, iss: "edgefeed", aud: "edgefeed", iat: now(), exp: now() + 900, ...more }).filter(
			([, value]) => value !== undefined,
		),
	);
const sign = (more?: Record<string, unknown>) =>
	new SignJWT(claims(more)).setProtectedHeader({ alg: "ES256" }).sign(privateKey);

async function ask(authorization: string | undefined) {
	const response = await app.request("/", { headers: authorization === undefined ? {} : { authorization } });
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
	down.use(
		requireToken({
			keys: async () => Promise.reject(new Error("database is down")),
			issuer: "edgefeed",
			audience: "edgefeed",
		}),
	);
	expect((await down.request("/", { headers: { authorization: `Bearer ${await sign()}` } })).status).toBe(500);
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
