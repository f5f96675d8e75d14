import { Hono } from "hono";
import { afterEach, expect, it, vi } from "vitest";
import { Problem, respondWithProblem } from "../src/gateway/problem.ts";
import { ShardUnavailable } from "../src/store/database.ts";

afterEach(() => vi.restoreAllMocks());

async function answerTo(error: unknown) {
	vi.spyOn(console, "error").mockImplementation(() => {});
	const app = new Hono();
	app.onError(respondWithProblem);
	app.get("/", () => {
		throw error;
	});
	const response = await app.request("/");
	return { status: response.status, text: await response.text() };
}

it("a fault that passes is 503, any other 500, and neither tells what it was", async () => {
	const passing = [
		Object.assign(new Error("secret detail"), { retryable: true }),
		Object.assign(new Error("secret detail"), { overloaded: true }),
		new Error("Failed query: select secret detail", {
			cause: new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long."),
		}),
		new Error("D1_ERROR: Network connection lost. secret detail"),
		new ShardUnavailable(new Error("secret detail")),
		// As it comes out of a Durable Object.
		new Error(new ShardUnavailable(undefined).message),
	];
	for (const error of passing) {
		const { status, text } = await answerTo(error);
		expect([status, JSON.parse(text).code]).toEqual([503, "unavailable"]);
		expect(text).not.toContain("secret");
	}
	for (const error of [
		new Error("secret detail"),
		new TypeError("reset of secret detail"),
		new Error("D1_ERROR: no such table: secret"),
	]) {
		const { status, text } = await answerTo(error);
		expect([status, JSON.parse(text).code]).toEqual([500, "internal_error"]);
		expect(text).not.toContain("secret");
	}
});

it("a 401 says which scheme is wanted", async () => {
	const app = new Hono();
	app.onError(respondWithProblem);
	app.get("/", () => {
		throw new Problem("token_missing");
	});
	expect((await app.request("/")).headers.get("www-authenticate")).toBe("Bearer");
});
