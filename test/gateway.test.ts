import { createExecutionContext } from "cloudflare:test";
import fc from "fast-check";
import { Hono } from "hono";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { parseSettings } from "../src/env.ts";
import { faultOf } from "../src/gateway/body.ts";
import { respondWithProblem } from "../src/gateway/problem.ts";
import { limitTime } from "../src/gateway/timeout.ts";
import { call, eventually, ORIGIN, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { collectLines } from "./lines.ts";
import { databaseOf, obstruct } from "./obstruct.ts";

afterEach(() => vi.restoreAllMocks());

let ann: Person;
let post: string;
beforeAll(async () => {
	ann = await signUp("Ann");
	post = (await ann.post("mine")).id;
});

describe("security headers", () => {
	const expected = {
		"content-security-policy": "default-src 'none'; frame-ancestors 'none'",
		"referrer-policy": "no-referrer",
		"strict-transport-security": "max-age=31536000",
		"x-content-type-options": "nosniff",
	};
	const securityOf = (headers: Headers) =>
		Object.fromEntries(Object.keys(expected).map((name) => [name, headers.get(name)]));

	it("are in every kind of answer: made, kept, public, empty, refused, unknown", async () => {
		const isolate = new Isolate();
		const answers = [
			await isolate.as(ann, "GET", "/v1/accounts/me"),
			await isolate.as(ann, "GET", "/v1/feed"),
			await isolate.as(ann, "GET", "/v1/feed"),
			await isolate.call("GET", `/v1/accounts/${ann.id}/posts`),
			await isolate.as(ann, "DELETE", `/v1/posts/${(await ann.post("short")).id}`),
			await isolate.call("GET", "/v1/feed"),
			await isolate.call("GET", "/nothing"),
			await isolate.call("GET", "/healthz"),
			await isolate.call("GET", "/openapi.json"),
			await isolate.call("POST", "/auth/sign-in/email", { body: {} }),
		];
		expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 204, 401, 404, 200, 200, 400]);
		expect(answers[2]?.headers.get("x-cache")).toBe("HIT");
		for (const [n, { headers }] of answers.entries()) {
			// Pages are JSON and nothing else, and are many.
			if ([1, 2, 3].includes(n)) expect(headers.get("x-content-type-options")).toBe("nosniff");
			else expect(securityOf(headers), String(n)).toEqual(expected);
		}
	});
});

describe("requests from pages of other origins", () => {
	const APP = "https://app.example.com";
	const allowed = new Isolate({ CORS_ORIGINS: [APP, "http://localhost:3000"] });
	const preflight = {
		"access-control-request-method": "PUT",
		"access-control-request-headers": "authorization,content-type",
	};
	const corsOf = (headers: Headers) => [...headers.keys()].filter((name) => name.startsWith("access-control-"));

	it("are allowed from nowhere by default", async () => {
		for (const method of ["GET", "OPTIONS"]) {
			const { headers } = await call(method, "/v1/feed", { token: ann.token, headers: { origin: APP, ...preflight } });
			expect(corsOf(headers)).toEqual([]);
		}
	});

	it("are allowed from the origins that are listed, by a preflight that is remembered", async () => {
		const { status, headers } = await allowed.call("OPTIONS", "/v1/feed/marker", {
			headers: { origin: APP, ...preflight },
		});
		expect(status).toBe(204);
		expect(headers.get("access-control-allow-origin")).toBe(APP);
		expect(headers.get("access-control-allow-methods")?.split(",")).toContain("PUT");
		expect(headers.get("access-control-allow-headers")?.toLowerCase().split(",")).toEqual(
			expect.arrayContaining(["authorization", "content-type", "idempotency-key", "x-feed-bookmark"]),
		);
		expect(headers.get("access-control-max-age")).toBe("7200");
		expect(headers.get("access-control-allow-credentials")).toBeNull();
		expect(headers.get("vary")).toMatch(/origin/i);
	});

	it("may read the answers and their headers: made, kept and refused", async () => {
		const from = (origin: string) => ({ origin });
		const answers = [
			await allowed.as(ann, "GET", "/v1/feed", undefined, from(APP)),
			await allowed.as(ann, "GET", "/v1/feed", undefined, from(APP)),
			await allowed.call("GET", "/v1/feed", { headers: from(APP) }),
			await allowed.call("POST", "/auth/sign-in/email", { body: {}, headers: from("http://localhost:3000") }),
		];
		expect(answers.map(({ status }) => status)).toEqual([200, 200, 401, 400]);
		expect(answers[1]?.headers.get("x-cache")).toBe("HIT");
		for (const { headers } of answers) {
			expect(headers.get("access-control-allow-origin")).toMatch(/^https:\/\/app|^http:\/\/localhost/);
			expect(headers.get("access-control-expose-headers")?.split(",")).toEqual(
				expect.arrayContaining(["ETag", "Retry-After", "X-Cache", "X-Feed-Seq", "X-Feed-Bookmark", "X-Request-Id"]),
			);
			expect(headers.get("vary")).toMatch(/origin/i);
		}
	});

	it("are not allowed from others, whatever they look like, nor for operators' routes", async () => {
		for (const origin of [
			"https://evil.example.com",
			`${APP}.evil.com`,
			"null",
			"http://app.example.com",
			`${APP}:8443`,
		]) {
			for (const method of ["GET", "OPTIONS"]) {
				const { headers } = await allowed.call(method, "/v1/feed", {
					token: ann.token,
					headers: { origin, ...preflight },
				});
				expect(headers.get("access-control-allow-origin"), origin).toBeNull();
			}
		}
		const { headers } = await allowed.call("OPTIONS", "/ops/shards", { headers: { origin: APP, ...preflight } });
		expect(corsOf(headers)).toEqual([]);
	});

	it("may open a stream", async () => {
		const request = new Request(`${ORIGIN}/v1/feed/stream`, {
			headers: { authorization: `Bearer ${ann.token}`, upgrade: "websocket", origin: APP },
		});
		const response = await allowed.app.fetch(request, env, createExecutionContext());
		expect(response.status).toBe(101);
		response.webSocket?.accept();
		response.webSocket?.close();
	});

	it("are configured by whole origins only", () => {
		for (const origin of ["*", "app.example.com", `${APP}/`, `${APP}/path`, "", "https://*.example.com/"])
			expect(() => parseSettings({ ...env, CORS_ORIGINS: [origin] }), origin).toThrow("CORS_ORIGINS");
	});
});

describe("methods", () => {
	it("that a path does not know are 405, with those that it knows", async () => {
		const cases: [method: string, path: string, allow: string][] = [
			["DELETE", "/v1/feed", "HEAD, GET"],
			["PUT", `/v1/posts/${post}`, "HEAD, GET, PATCH, DELETE"],
			["GET", `/v1/posts/${post}/like`, "PUT, DELETE"],
			["OPTIONS", "/v1/feed", "HEAD, GET"],
			["POST", "/auth/token", "HEAD, GET"],
			["PROPFIND", "/v1/posts", "POST"],
			["POST", "/healthz", "HEAD, GET"],
		];
		for (const [method, path, allow] of cases) {
			const { status, body, headers } = await call(method, path, { token: ann.token });
			expect([status, body.code, headers.get("allow")], `${method} ${path}`).toEqual([
				405,
				"method_not_allowed",
				allow,
			]);
		}
	});

	it("tell nobody of a route that is not for her", async () => {
		expect((await call("PUT", "/v1/feed")).status).toBe(401);
		expect((await call("DELETE", "/ops/shards", { token: ann.token })).status).toBe(404);
		expect(
			(await call("DELETE", "/ops/shards", { headers: { "x-operator-secret": env.OPERATOR_SECRET } })).status,
		).toBe(405);
		const { status, headers } = await call("PATCH", "/v1/nothing", { token: ann.token });
		expect([status, headers.get("allow")]).toEqual([404, null]);
	});

	const headOf = (path: string) =>
		worker.fetch(`${ORIGIN}${path}`, { method: "HEAD", headers: { authorization: `Bearer ${ann.token}` } });

	it("HEAD is GET without the content", async () => {
		for (const path of ["/v1/feed", "/v1/accounts/me", "/healthz"]) {
			const [get, head] = [await ann.call("GET", path), await headOf(path)];
			expect([head.status, await head.text()]).toEqual([200, ""]);
			expect(head.headers.get("etag")).toBe(get.headers.get("etag"));
			expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
		}
		const nobody = await worker.fetch(`${ORIGIN}/v1/feed`, { method: "HEAD" });
		expect([nobody.status, await nobody.text()]).toEqual([401, ""]);
	});

	it("HEAD opens no stream", async () => {
		for (const path of ["/v1/feed/events", "/v1/feed/stream"]) {
			const { status, headers } = await headOf(path);
			expect([status, headers.get("allow")], path).toEqual([405, "GET"]);
		}
	});
});

describe("paths", () => {
	it("that are encoded in another way lead past no check", async () => {
		for (const path of [
			"/%761/feed",
			"/v1/%66eed",
			"/v1%2Ffeed",
			"/v1/./feed",
			"/x/../v1/feed",
			"/v1//feed",
			"//v1/feed",
		]) {
			const { status } = await call("GET", path);
			expect([401, 404], `${path}: ${status}`).toContain(status);
		}
		for (const path of [
			"/ops/shards",
			"/%6fps/shards",
			"/ops%2Fshards",
			"/ops/%73hards",
			"/v1/../ops/shards",
			"/OPS/shards",
		])
			expect((await call("GET", path, { token: ann.token })).status, path).toBe(404);
	});

	it("with an id that is encoded twice name nothing", async () => {
		const encoded = [...post].map((letter) => `%${letter.charCodeAt(0).toString(16)}`).join("");
		expect((await ann.call("GET", `/v1/posts/${encoded}`)).status).toBe(200);
		for (const id of [encoded.replaceAll("%", "%25"), `${post}%00`, `${post}%2F..`, "%", "%E0%A4%A", `${post}%20`]) {
			const { status, body } = await ann.call("GET", `/v1/posts/${id}`);
			expect([status, body.code], id).toEqual([404, "not_found"]);
		}
	});

	it("with an id of another kind name nothing", async () => {
		expect((await ann.call("GET", `/v1/posts/${ann.id}`)).body.code).toBe("post_not_found");
		expect((await ann.call("GET", `/v1/accounts/${post}`)).body.code).toBe("account_not_found");
		expect((await ann.call("PUT", `/v1/following/${post}`)).body.code).toBe("account_not_found");
		expect((await ann.call("PUT", `/v1/posts/${ann.id}/like`)).body.code).toBe("post_not_found");
	});
});

describe("queries", () => {
	it("in which a parameter comes twice are refused", async () => {
		for (const [path, field] of [
			["/v1/feed?limit=5&limit=6", "limit"],
			["/v1/feed?minSeq=0&minSeq=1", "minSeq"],
			["/v1/feed/changes?since=0&since=1", "since"],
			[`/v1/accounts?username=${ann.username}&username=other`, "username"],
			["/v1/friend-requests?direction=incoming&direction=outgoing", "direction"],
		] as const) {
			const { status, body } = await ann.call("GET", path);
			expect([status, body.code], path).toEqual([400, "invalid_request"]);
			expect(body.errors, path).toContainEqual(expect.objectContaining({ path: field }));
		}
		const open = await call("GET", `/v1/accounts/${ann.id}/posts?limit=5&limit=6`);
		expect([open.status, open.body.code]).toEqual([400, "invalid_request"]);
	});

	it("with a cursor that was changed are refused, or go on at another place of the same list", async () => {
		for (let n = 0; n < 6; n++) await ann.post(`page ${n}`);
		const mine = new Set(
			(await ann.ok<{ items: { id: string }[] }>("GET", `/v1/accounts/${ann.id}/posts?limit=100`)).items.map(
				({ id }) => id,
			),
		);
		const { next } = await ann.ok<{ next: string }>("GET", `/v1/accounts/${ann.id}/posts?limit=2`);
		await fc.assert(
			fc.asyncProperty(fc.nat(next.length - 1), fc.constantFrom(..."ABCXYZabcxyz0189-_."), async (at, letter) => {
				const cursor = next.slice(0, at) + letter + next.slice(at + 1);
				for (const path of [`/v1/accounts/${ann.id}/posts`, "/v1/feed"]) {
					const { status, body } = await ann.call<{ code: string; items: { id: string }[] }>(
						"GET",
						`${path}?limit=2&cursor=${cursor}`,
					);
					if (status === 200) for (const { id } of body.items) expect(mine).toContain(id);
					else expect([status, body.code]).toEqual([400, "invalid_cursor"]);
				}
			}),
			{ numRuns: 40 },
		);
	});
});

describe("bodies", () => {
	const send = (raw: string, type = "application/json") =>
		call("POST", "/v1/posts", { token: ann.token, raw, headers: { "content-type": type } });

	it("are JSON in UTF-8 by their type, or refused", async () => {
		for (const type of ["application/json; charset=utf-8", 'application/json;charset="UTF-8"', "Application/JSON"])
			expect((await send('{"text":"typed"}', type)).status, type).toBe(201);
		for (const type of [
			"application/json; charset=utf-16",
			"application/json; charset=utf-8; charset=iso-8859-1",
			"application/json, text/plain",
			"application/json text/plain",
			"application/jsonp",
			"application/a+b+json",
			"application/v2+json",
			"application/json;",
			"text/json",
			"json",
		]) {
			const { status, body } = await send('{"text":"typed"}', type);
			expect([status, body.code], type).toEqual([415, "unsupported_media_type"]);
		}
	});

	it("are not nested deeper than 20 levels, and have no names longer than 128 characters", async () => {
		const nested = (depth: number) => `{"text":"x","more":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
		expect((await send(nested(20))).body.errors).toEqual([{ path: "more", message: "unknown field" }]);
		expect((await send(nested(21))).body.errors).toEqual([{ path: "", message: expect.stringContaining("20 levels") }]);
		expect((await send("[".repeat(60_000))).body.code).toBe("invalid_request");
		expect((await send(`{"${"x".repeat(128)}":1}`)).body.errors).toContainEqual({
			path: "x".repeat(128),
			message: "unknown field",
		});
		expect((await send(`{"${"x".repeat(129)}" :1}`)).body.errors).toEqual([
			{ path: "", message: expect.stringContaining("128") },
		]);
		expect((await send(JSON.stringify({ text: `{[{[${'"\\'.repeat(100)}` }))).status).toBe(201);
	});

	it("have as many faults named as help", async () => {
		const fields = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`field${n}`, n]));
		const { body } = await send(JSON.stringify({ text: "x", ...fields }));
		expect(body.errors).toHaveLength(20);
	});

	it("are measured as they are parsed", () => {
		const { node: nestedJson } = fc.letrec<{ node: unknown }>((tie) => ({
			node: fc.oneof(
				{ maxDepth: 30, depthSize: "large", withCrossShrink: true },
				{ arbitrary: fc.oneof(fc.string({ maxLength: 200 }), fc.integer(), fc.constant(null)), weight: 1 },
				{ arbitrary: fc.array(tie("node"), { minLength: 1, maxLength: 1 }), weight: 8 },
				{ arbitrary: fc.dictionary(fc.string({ maxLength: 140 }), tie("node"), { maxKeys: 2 }), weight: 4 },
			),
		}));
		const depthOf = (value: unknown): number =>
			value !== null && typeof value === "object" ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
		fc.assert(
			fc.property(nestedJson, (value) => {
				const names: string[] = [];
				JSON.stringify(value, (name, each) => {
					names.push(name);
					return each;
				});
				const good = depthOf(value) <= 20 && names.every((name) => JSON.stringify(name).length - 2 <= 128);
				expect(faultOf(JSON.stringify(value)) === undefined).toBe(good);
				expect(faultOf(JSON.stringify(value, null, 2)) === undefined).toBe(good);
			}),
		);
		fc.assert(fc.property(fc.string(), (text) => void faultOf(text)));
	});
});

describe("time", () => {
	it("is limited: who waits too long is told so, and what was begun is done", async () => {
		collectLines();
		const isolate = new Isolate({ REQUEST_TIMEOUT_SECONDS: 0.3 });
		const before = (await ann.account()).bio;
		obstruct(databaseOf(ann), "UPDATE profiles", { before: () => new Promise((resolve) => setTimeout(resolve, 900)) });
		const { status, body } = await isolate.as(ann, "PATCH", "/v1/accounts/me", { bio: "took its time" });
		expect([status, body.code]).toEqual([503, "timed_out"]);
		expect(before).not.toBe("took its time");
		await eventually(async () => expect((await ann.account()).bio).toBe("took its time"));
	});

	it("is not limited for streams", async () => {
		const isolate = new Isolate({ REQUEST_TIMEOUT_SECONDS: 0.2 });
		const request = new Request(`${ORIGIN}/v1/feed/events?since=0`, {
			headers: { authorization: `Bearer ${ann.token}` },
		});
		const response = await isolate.app.fetch(request, env, createExecutionContext());
		await new Promise((resolve) => setTimeout(resolve, 400));
		const reader = response.body?.getReader();
		expect((await reader?.read())?.done).toBe(false);
		await reader?.cancel();
	});

	it("an answer that comes in time is the answer, and so is a failure", async () => {
		const deferred: Promise<unknown>[] = [];
		const app = new Hono();
		app.onError(respondWithProblem);
		app.use(limitTime(200, (work) => deferred.push(work)));
		app.get("/quick", (c) => c.text("here"));
		app.get("/broken", () => {
			throw new Error("secret detail");
		});
		collectLines();
		expect(await (await app.request("/quick")).text()).toBe("here");
		expect((await app.request("/broken")).status).toBe(500);
		expect(deferred).toEqual([]);
	});
});

it("the API reference has headers of its own, and works under them", async () => {
	const response = await env.ASSETS.fetch(`${ORIGIN}/docs`);
	expect(response.status).toBe(200);
	expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
	expect(response.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
	expect(response.headers.get("x-content-type-options")).toBe("nosniff");
	expect(await response.text()).not.toMatch(/<script>|<style|style=|onload=|https?:\/\//);
});

it("the web app answers at each of its addresses, with nothing inline and a policy that allows nothing inline", async () => {
	for (const path of ["/", "/sign-in", "/posts/0000000000000", "/@demo"]) {
		const response = await worker.fetch(`${ORIGIN}${path}`, { headers: { "sec-fetch-mode": "navigate" } });
		expect(response.status, path).toBe(200);
		const policy = response.headers.get("content-security-policy") ?? "";
		expect(policy, path).toContain("default-src 'none'");
		expect(policy, path).toContain("require-trusted-types-for 'script'");
		expect(policy, path).not.toMatch(/unsafe|\*[ ;]/);
		expect(response.headers.get("cache-control"), path).toBe("no-cache");
		const page = await response.text();
		expect(page, path).toContain('<div id="app">');
		expect(page, path).not.toMatch(/<script(?![^>]* src=)|<style|\s(?:style|on\w+)=|(src|href)="https?:/);
		const [script = ""] = page.match(/\/assets\/[^"]+\.js/) ?? [];
		const code = await env.ASSETS.fetch(`${ORIGIN}${script}`);
		expect(code.headers.get("cache-control"), script).toContain("immutable");
	}
});

it("what is loaded for a page and is not there is not answered with a page", async () => {
	for (const [path, headers] of [
		["/assets/index-gone.js", { "sec-fetch-mode": "navigate" }],
		["/posts/0000000000000", { "sec-fetch-mode": "cors" }],
		["/favicon.ico", { accept: "text/html" }],
		["/v1/nothing", { "sec-fetch-mode": "navigate" }],
		["/nothing", { accept: "application/json" }],
	] as const) {
		const response = await worker.fetch(`${ORIGIN}${path}`, { headers });
		expect(response.headers.get("content-type"), path).toBe("application/problem+json");
		expect(response.headers.get("cache-control"), path).toBe("no-store");
	}
	expect((await worker.fetch(`${ORIGIN}/@some.one`, { headers: { accept: "text/html" } })).status).toBe(200);
});
