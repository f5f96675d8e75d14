import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, call, type Person, signUp } from "./api.ts";

/** What cannot be seen is answered for as what is not there: in the same words, and after the same work. */

const NOTHING = "0000000000000";

interface Told {
	status: number;
	headers: Record<string, string>;
	body: Record<string, unknown>;
}

/** An answer but for what names the request. */
function told({ status, headers, body }: Answer): Told {
	const { "x-request-id": _, date: __, traceparent: ___, traceresponse: ____, ...rest } = Object.fromEntries(headers);
	return { status, headers: rest, body: { ...body, requestId: "" } };
}

let wall: Person;
let victim: Person;
let stranger: Person;
let hidden: string;
let open: string;

beforeAll(async () => {
	[wall, victim, stranger] = await Promise.all([signUp("Wall"), signUp("Victim"), signUp("Stranger")]);
	hidden = (await wall.post("for friends")).id;
	open = (await wall.post("for all but one", { audience: "public" })).id;
	await wall.ok("PUT", `/v1/blocks/${victim.id}`);
});

describe("signing in", () => {
	const byEmail = (email: string) =>
		call("POST", "/auth/sign-in/email", { body: { email, password: "wrong password" } });
	const byName = (username: string) =>
		call("POST", "/auth/sign-in/username", { body: { username, password: "wrong password" } });
	const someone = { email: () => wall.email, name: () => wall.username };

	it("tells in no way whether there is such an account", async () => {
		const { status, body } = await byEmail(wall.email);
		expect([status, body.code]).toEqual([401, "invalid_credentials"]);
		const first = told(await byEmail(wall.email));
		for (const answer of [
			await byEmail("nobody@feed.test"),
			await byEmail(`x${wall.email}`),
			await byEmail(wall.email.toUpperCase()),
			await byName(wall.username),
			await byName("nobody_here"),
			await byName(wall.username.toUpperCase()),
		]) {
			expect(told(answer)).toEqual(first);
		}
	});

	it("works as hard for an account that is not there", async () => {
		const least = async (ask: () => Promise<unknown>) => {
			const times: number[] = [];
			for (let n = 0; n < 5; n++) {
				const start = performance.now();
				await ask();
				times.push(performance.now() - start);
			}
			return Math.min(...times);
		};
		for (const [known, unknown] of [
			[() => byEmail(someone.email()), () => byEmail("nobody@feed.test")],
			[() => byName(someone.name()), () => byName("nobody_here")],
		] as const) {
			const [there, nowhere] = [await least(known), await least(unknown)];
			// A password is hashed in tens of milliseconds; all the rest takes a few.
			expect(Math.min(there, nowhere) * 3, `${there} and ${nowhere} ms`).toBeGreaterThan(Math.max(there, nowhere));
			expect(nowhere).toBeGreaterThan(10);
		}
	});
});

describe("an account that blocks one", () => {
	const calls: [method: string, path: (id: string) => string, body?: (id: string) => unknown][] = [
		["GET", (id) => `/v1/accounts/${id}`],
		["GET", (id) => `/v1/accounts/${id}/posts`],
		["GET", (id) => `/v1/accounts/${id}/friends`],
		["GET", (id) => `/v1/accounts/${id}/followers`],
		["GET", (id) => `/v1/accounts/${id}/following`],
		["GET", (id) => `/v1/accounts/${id}/posts?limit=5&fields=id`],
		["POST", () => "/v1/friend-requests", (accountId) => ({ accountId })],
		["POST", (id) => `/v1/friend-requests/${id}/accept`],
		["DELETE", (id) => `/v1/friend-requests/${id}`],
		["DELETE", (id) => `/v1/friends/${id}`],
		["PUT", (id) => `/v1/following/${id}`],
		["DELETE", (id) => `/v1/following/${id}`],
	];

	it.each(calls)("is answered for as one that is not there: %s %s", async (method, path, body) => {
		const [blocked, nobody] = await Promise.all(
			[wall.id, NOTHING].map(async (id) => told(await victim.call(method, path(id), body?.(id)))),
		);
		expect(blocked).toMatchObject({ status: 404, body: { code: "account_not_found" } });
		expect(blocked).toEqual(nobody);
	});

	it("is not found by her name either", async () => {
		const find = async (name: string) => told(await victim.call("GET", `/v1/accounts?username=${name}`));
		expect(await find(wall.username)).toEqual(await find("nobody_here"));
		expect((await find(stranger.username)).status).toBe(200);
	});
});

describe("a post that one may not see", () => {
	const calls: [method: string, path: (id: string) => string, body?: unknown, headers?: Record<string, string>][] = [
		["GET", (id) => `/v1/posts/${id}`],
		["PATCH", (id) => `/v1/posts/${id}`, { text: "mine now" }],
		["PATCH", (id) => `/v1/posts/${id}`, {}],
		["DELETE", (id) => `/v1/posts/${id}`],
		["GET", (id) => `/v1/posts/${id}/edits`],
		["GET", (id) => `/v1/posts/${id}/delivery`],
		["GET", (id) => `/v1/posts/${id}/comments`],
		["POST", (id) => `/v1/posts/${id}/comments`, { text: "hello" }],
		["POST", (id) => `/v1/posts/${id}/comments`, { text: "hello" }, { "idempotency-key": "once" }],
		["PUT", (id) => `/v1/posts/${id}/like`],
		["DELETE", (id) => `/v1/posts/${id}/like`],
		["GET", (id) => `/v1/posts/${id}/likes`],
		["GET", (id) => `/v1/feed/entries/${id}`],
	];

	it.each(calls)("is answered for as one that is not there: %s %s", async (method, path, body, headers = {}) => {
		const ask = async (who: Person, id: string, n: number) => {
			const key = headers["idempotency-key"];
			return told(await who.call(method, path(id), body, key ? { "idempotency-key": `${key}${n}` } : headers));
		};
		const nothing = await ask(stranger, NOTHING, 0);
		expect(nothing).toMatchObject({ status: 404, body: { code: "post_not_found" } });
		expect(await ask(stranger, hidden, 1)).toEqual(nothing);
		expect(await ask(victim, hidden, 2)).toEqual(nothing);
		expect(await ask(victim, open, 3)).toEqual(nothing);
	});
});

it("lists without what is hidden tell of nobody", async () => {
	await stranger.ok("PUT", `/v1/posts/${open}/like`);
	await stranger.ok("PUT", `/v1/following/${wall.id}`);
	await wall.ok("PUT", `/v1/following/${stranger.id}`);
	for (const list of ["friends", "followers", "following"]) {
		const text = JSON.stringify((await victim.call("GET", `/v1/accounts/${stranger.id}/${list}`)).body);
		expect(text).not.toContain(wall.id);
		expect(text).not.toContain(wall.username);
	}
});

it("no answer to others has an address", async () => {
	const answers = await Promise.all([
		stranger.call("GET", `/v1/accounts/${wall.id}`),
		stranger.call("GET", `/v1/accounts?username=${wall.username}`),
		stranger.call("GET", `/v1/accounts/${wall.id}/posts`),
		stranger.call("GET", `/v1/posts/${open}`),
		call("GET", `/v1/accounts/${wall.id}/posts`),
	]);
	for (const { status, body } of answers) {
		expect(status).toBe(200);
		expect(JSON.stringify(body)).not.toContain("@feed.test");
	}
});
