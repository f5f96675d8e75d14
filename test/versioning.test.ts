import { createRoute, z } from "@hono/zod-openapi";
import { describe, expect, it } from "vitest";
import { deprecated } from "../src/gateway/deprecation.ts";
import { createRouter, json } from "../src/gateway/openapi.ts";
import { respondWithProblem } from "../src/gateway/problem.ts";
import { call } from "./api.ts";

const GOING = { since: "2026-12-01", sunset: "2027-06-01", link: "/docs/old" };

const old = createRoute({
	method: "get",
	path: "/old",
	...deprecated(GOING),
	request: { query: z.object({ limit: z.coerce.number().int().default(5) }) },
	responses: { 200: json(z.object({ limit: z.int() }), "As ever") },
});
const current = createRoute({ method: "get", path: "/new", responses: { 200: json(z.object({}), "Better") } });

const app = createRouter();
app.onError(respondWithProblem);
app.openapi(old, (c) => c.json({ limit: c.req.valid("query").limit }, 200));
app.openapi(current, (c) => c.json({}, 200));
app.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "test", version: "1" } });

describe("a route that is deprecated", () => {
	it("answers as ever, and says since when and until when (RFC 9745, RFC 8594)", async () => {
		const response = await app.request("/old?limit=7");
		expect(await response.json()).toEqual({ limit: 7 });
		expect(response.headers.get("deprecation")).toBe("@1796083200");
		expect(response.headers.get("sunset")).toBe("Tue, 01 Jun 2027 00:00:00 GMT");
		expect(response.headers.get("link")).toBe('</docs/old>; rel="deprecation"');
	});

	it("says so in a refusal too", async () => {
		const response = await app.request("/old?limit=x");
		expect(response.status).toBe(400);
		expect(response.headers.get("deprecation")).toBe("@1796083200");
	});

	it("is marked in the API's description, and others are not", async () => {
		const document = await (await app.request("/openapi.json")).json<{ paths: Record<string, { get: object }> }>();
		expect(document.paths["/old"]?.get).toMatchObject({ deprecated: true });
		expect(document.paths["/new"]?.get).not.toHaveProperty("deprecated");
		expect((await app.request("/new")).headers.get("deprecation")).toBeNull();
	});
});

it("nothing of /v1 says one thing in its answers and another in its description", async () => {
	const { body } = await call<{ paths: Record<string, Record<string, { deprecated?: boolean }>> }>(
		"GET",
		"/openapi.json",
	);
	const going = Object.values(body.paths).flatMap((methods) =>
		Object.values(methods).filter((route) => route.deprecated),
	);
	// Until something is: then it is listed in docs/versioning.md.
	expect(going).toEqual([]);
});
