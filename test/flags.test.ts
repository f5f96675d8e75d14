import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Flag } from "../src/config/flag.ts";
import { FEATURES, ROUTE_FEATURES } from "../src/gateway/features.ts";
import { type Answer, accessToken, call, eventually, type List, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { obstruct } from "./obstruct.ts";

const operator = { "x-operator-secret": env.OPERATOR_SECRET };
const ops = <T = Record<string, unknown>>(method: string, path: string, body?: unknown) =>
	call<T>(method, `/ops/flags${path}`, { body, headers: operator });
const put = async (name: string, flag: unknown) => {
	const answer = await ops<{ version: number }>("PUT", `/${name}`, flag);
	expect(answer.status, JSON.stringify(answer.body)).toBe(200);
	return answer.body.version;
};
const flags = async () => (await ops<{ version: number; flags: Record<string, Flag> }>("GET", "")).body;
const turn = (on: boolean): Flag => ({ type: "switch", on });
const DISABLED = { status: 503, body: { code: "feature_disabled" } };

interface Change {
	version: number;
	name: string;
	before: Flag | null;
	after: Flag | null;
	actor: string;
	at: string;
}

let ann: Person;
beforeAll(async () => {
	ann = await signUp("Ann");
});
beforeEach(async () => {
	for (const name of Object.keys((await flags()).flags)) await ops("DELETE", `/${name}`);
});
afterEach(() => {
	vi.restoreAllMocks();
});

describe("operators", () => {
	it("make, change, list and take away flags, each change with a number, and the same again is none", async () => {
		const { version } = await flags();
		const flag: Flag = { type: "value", value: 3, otherwise: 1, audience: { platforms: ["ios"], countries: ["KR"] } };
		expect(await put("b-flag", flag)).toBe(version + 1);
		expect(await put("a-flag", turn(true))).toBe(version + 2);
		expect(await put("a-flag", turn(true))).toBe(version + 2);
		const listed = await flags();
		expect(listed).toEqual({ version: version + 2, flags: { "a-flag": turn(true), "b-flag": flag } });
		expect(Object.keys(listed.flags)).toEqual(["a-flag", "b-flag"]);
		expect(await ops("DELETE", "/b-flag")).toMatchObject({ status: 200, body: { version: version + 3 } });
		expect(await ops("DELETE", "/b-flag")).toMatchObject({ status: 404, body: { code: "not_found" } });
		for (const name of ["Upper", "with%20space", "x".repeat(65), "-x"])
			expect((await ops("PUT", `/${name}`, turn(true))).status).toBe(404);
		// A word that every object knows is a name like any other.
		expect((await ops("DELETE", "/constructor")).status).toBe(404);
		await put("constructor", turn(false));
		expect((await flags()).flags.constructor).toEqual(turn(false));
	});

	it("cannot make a flag that makes no sense", async () => {
		const arms = [{ name: "a", weight: 5_000 }];
		for (const [name, flag, path] of [
			["posting", { type: "value", value: 1 }, "type"],
			["posting", { type: "switch", on: false, audience: { share: 1 } }, "audience"],
			["minimum-version", { type: "switch", on: true }, "type"],
			["minimum-version-ios", { type: "value", value: "soon" }, "value"],
			["x", { type: "experiment", arms: [...arms, ...arms] }, "arms"],
			["x", { type: "experiment", arms: [...arms, { name: "b", weight: 5_001 }] }, "arms"],
			["x", { type: "experiment", arms, overrides: [{ arm: "c", ids: [] }] }, "overrides.0.arm"],
			["x", { type: "switch", on: true, audience: { share: 10_001 } }, "audience.share"],
			["x", { type: "switch", on: true, audience: { age: 5 } }, "audience.age"],
			["x", { type: "switch", on: true, audience: { countries: ["korea"] } }, "audience.countries.0"],
		] as const) {
			const answer = await ops("PUT", `/${name}`, flag);
			expect(answer, `${name} ${JSON.stringify(flag)}`).toMatchObject({ status: 400, body: { errors: [{ path }] } });
		}
		expect((await flags()).flags).toEqual({});
	});

	it("see who changed what when, page by page, and undo the last change, and that again, or one by its number", async () => {
		const boss = await signUp("Boss");
		await call("PUT", "/ops/roles", { headers: operator, body: { accountId: boss.id, role: "operator" } });
		const token = await accessToken(boss.session);
		const first = await put("x", turn(true));
		await call("PUT", "/ops/flags/x", { token, body: turn(false) });
		const { body } = await ops<List<Change>>("GET", "/history?limit=2");
		expect(body.items).toMatchObject([
			{ version: first + 1, name: "x", before: turn(true), after: turn(false), actor: boss.id },
			{ version: first, name: "x", before: null, after: turn(true), actor: "operator" },
		]);
		expect(Date.now() - Date.parse(body.items[0]?.at ?? "")).toBeLessThan(60_000);
		if (first > 1) {
			const next = await ops<List<Change>>("GET", `/history?limit=2&cursor=${body.next}`);
			expect(next.body.items[0]?.version).toBe(first - 1);
		}
		expect(await ops("POST", "/undo", {})).toMatchObject({ status: 200, body: { version: first + 2 } });
		expect((await flags()).flags.x).toEqual(turn(true));
		await ops("POST", "/undo", {});
		expect((await flags()).flags.x).toEqual(turn(false));
		await ops("POST", "/undo", { version: first });
		expect((await flags()).flags).toEqual({});
		await ops("POST", "/undo", {});
		expect((await flags()).flags.x).toEqual(turn(false));
		expect(await ops("POST", "/undo", { version: 1_000_000 })).toMatchObject({ status: 404 });
	});

	it("who change flags at the same time lose nothing", async () => {
		const { version } = await flags();
		const names = ["a", "b", "c", "d", "e", "f"];
		await Promise.all(names.map((name) => put(name, turn(true))));
		expect(await flags()).toMatchObject({
			version: version + 6,
			flags: Object.fromEntries(names.map((n) => [n, turn(true)])),
		});
	});

	it("can have so many flags", async () => {
		const document = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`flag-${n}`, turn(true)]));
		const { version } = await flags();
		await env.IDENTITY.prepare(
			"INSERT INTO flag_versions (version, document, name, actor, at) VALUES (?, ?, 'x', 'x', 0)",
		)
			.bind(version + 1, JSON.stringify(document))
			.run();
		expect(await ops("PUT", "/one-more", turn(true))).toMatchObject({ status: 400, body: { code: "invalid_request" } });
		expect((await ops("PUT", "/flag-7", turn(false))).status).toBe(200);
		await env.IDENTITY.prepare(
			"INSERT INTO flag_versions (version, document, name, actor, at) VALUES (?, '{}', 'x', 'x', 0)",
		)
			.bind(version + 3)
			.run();
	});
});

describe("switching off", () => {
	it("refuses what the feature does and nothing else, and says when to ask again", async () => {
		const post = await ann.post("before");
		await put("posting", turn(false));
		const refused = await ann.call("POST", "/v1/posts", { text: "not now" });
		expect(refused).toMatchObject(DISABLED);
		expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
		expect(refused.headers.get("content-type")).toBe("application/problem+json");
		expect(await ann.call("PATCH", `/v1/posts/${post.id}`, { text: "not now" })).toMatchObject(DISABLED);
		expect(await ann.texts()).toEqual(["before"]);
		expect((await ann.call("POST", `/v1/posts/${post.id}/comments`, { text: "hello" })).status).toBe(201);
		await put("posting", turn(true));
		await ann.post("after");
		await put("posting", turn(false));
		expect((await ann.call("DELETE", `/v1/posts/${post.id}`)).status).toBe(204);
		await ops("DELETE", "/posting");
		await ann.post("again");
	});

	it("is felt by every route of a feature, and by no other", async () => {
		// Without a token: it is looked at later.
		const request = (route: string) => {
			const [method = "", path = ""] = route.split(" ");
			return call(method, path.replace("{id}", ann.id), method === "GET" ? {} : { body: {} });
		};
		for (const feature of FEATURES) {
			await put(feature, turn(false));
			const answers = await Promise.all(
				Object.keys(ROUTE_FEATURES).map(async (route): Promise<[string, Answer]> => [route, await request(route)]),
			);
			for (const [route, { body }] of answers)
				expect(body.code === "feature_disabled", `${feature}: ${route}`).toBe(ROUTE_FEATURES[route] === feature);
			await ops("DELETE", `/${feature}`);
			expect(answers.some(([, { body }]) => body.code === "feature_disabled")).toBe(true);
		}
	}, 60_000);

	it("has every route in its table that changes something, and no route that is not there", async () => {
		const { body } = await call<{ paths: Record<string, Record<string, unknown>> }>("GET", "/openapi.json");
		const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
			Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
		);
		const changing = routes.filter((route) => !/^(GET|HEAD) /.test(route) && !/^\w+ \/ops\//.test(route));
		for (const route of changing) expect(Object.keys(ROUTE_FEATURES)).toContain(route);
		for (const route of Object.keys(ROUTE_FEATURES)) expect(routes).toContain(route);
		for (const feature of FEATURES) expect(Object.values(ROUTE_FEATURES)).toContain(feature);
		// Reads are looked up by their path alone.
		for (const route of Object.keys(ROUTE_FEATURES)) if (route.startsWith("GET ")) expect(route).not.toContain("{");
	});

	it("is known elsewhere within five seconds, and so is switching on again", async () => {
		const elsewhere = new Isolate();
		const write = () => elsewhere.as(ann, "PUT", "/v1/feed/marker", {});
		// What was so before this test may be shared for a moment yet.
		await eventually(async () => expect((await write()).status).toBe(400), 6_000);
		for (const on of [false, true]) {
			await put("markers", turn(on));
			const answered = Date.now();
			await eventually(async () => expect((await write()).status).toBe(on ? 400 : 503), 6_000);
			expect(Date.now() - answered).toBeLessThan(5_000);
		}
	}, 20_000);

	it("stays as it was last known while the flags cannot be read; whoever never knew them does everything", async () => {
		const errors = vi.spyOn(console, "error").mockImplementation(() => {});
		let now = Date.now();
		vi.spyOn(Date, "now").mockImplementation(() => now);
		await put("markers", turn(false));
		const write = async (at: Isolate) => (await at.as(ann, "PUT", "/v1/feed/marker", {})).status;
		const knowing = new Isolate();
		// What others have read is shared for a second.
		now += 1_500;
		expect(await write(knowing)).toBe(503);
		obstruct(env.IDENTITY, "FROM flag_versions", { before: () => Promise.reject(new Error("D1_ERROR: overloaded")) });
		for (let time = 0; time < 5; time++) {
			now += 4_500;
			expect(await write(knowing)).toBe(503);
		}
		expect(errors).toHaveBeenCalled();
		expect(await write(new Isolate())).toBe(400);
	});
});
