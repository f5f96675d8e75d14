import { afterEach, describe, expect, it, vi } from "vitest";
import { type Part, Readiness } from "../src/gateway/readiness.ts";
import { call } from "./api.ts";
import { env } from "./env.ts";
import { aheadBy, Isolate } from "./isolate.ts";
import { collectLines } from "./lines.ts";

afterEach(() => vi.restoreAllMocks());

interface Ready extends Record<string, unknown> {
	status: string;
	parts: { name: string; status: string }[];
}

const PARTS = ["identity", "shard 0", "shard 1", "timelines", "queues", "grid"];

describe("GET /readyz", () => {
	it("lists the parts of a service that is there, to anybody", async () => {
		const { status, body, headers } = await call<Ready>("GET", "/readyz");
		expect(status).toBe(200);
		expect(body).toEqual({ status: "ready", parts: PARTS.map((name) => ({ name, status: "up" })) });
		expect(headers.get("cache-control")).toBe("no-store");
		expect((await call("GET", "/healthz")).body).toEqual({ status: "ok" });
	});

	it("is 503 without a part that is needed, names it and nothing else, and tells the log why", async () => {
		const lines = collectLines();
		vi.spyOn(env.SHARD_1, "prepare").mockImplementation(() => {
			throw new Error("secret detail of SHARD_1");
		});
		const { status, body } = await new Isolate().call<Ready>("GET", "/readyz");
		expect(status).toBe(503);
		expect(body.status).toBe("unavailable");
		expect(body.parts.filter((part) => part.status === "down")).toEqual([{ name: "shard 1", status: "down" }]);
		expect(JSON.stringify(body)).not.toContain("secret");
		expect(lines).toContainEqual(
			expect.objectContaining({ level: "error", message: "a part is not there", part: "shard 1" }),
		);
	});

	it("is 503 without identity", async () => {
		collectLines();
		vi.spyOn(env.IDENTITY, "prepare").mockImplementation(() => {
			throw new Error("gone");
		});
		const { status, body } = await new Isolate().call<Ready>("GET", "/readyz");
		expect(status).toBe(503);
		expect(body.parts[0]).toEqual({ name: "identity", status: "down" });
	});

	it("is degraded, and 200, without the grid", async () => {
		collectLines();
		vi.spyOn(env.GRID, "getByName").mockImplementation(() => {
			throw new Error("gone");
		});
		const { status, body } = await new Isolate().call<Ready>("GET", "/readyz");
		expect(status).toBe(200);
		expect(body.status).toBe("degraded");
		expect(body.parts.at(-1)).toEqual({ name: "grid", status: "down" });
	});
});

describe("readiness", () => {
	const part = (check: () => Promise<unknown>, needed = true): Part => ({ name: "part", needed, check });

	it("looks once in a second, however many ask", async () => {
		const ahead = aheadBy();
		let looks = 0;
		const readiness = new Readiness(
			() => [
				part(async () => {
					looks++;
					await new Promise((resolve) => setTimeout(resolve, 100));
				}),
			],
			() => Date.now(),
		);
		const first = await Promise.all(Array.from({ length: 20 }, () => readiness.report()));
		expect(looks).toBe(1);
		for (const report of first) expect(report.status).toBe("ready");
		await readiness.report();
		expect(looks).toBe(1);
		ahead.ms += 1000;
		await Promise.all(Array.from({ length: 20 }, () => readiness.report()));
		expect(looks).toBe(2);
	});

	it("gives up a part that does not answer, and a look that never came back", async () => {
		collectLines();
		const ahead = aheadBy();
		let hangs = true;
		const readiness = new Readiness(
			() => [part(() => (hangs ? new Promise(() => {}) : Promise.resolve()))],
			() => Date.now(),
		);
		expect((await readiness.report()).status).toBe("unavailable");
		hangs = false;
		ahead.ms += 1000;
		expect((await readiness.report()).status).toBe("ready");

		ahead.ms += 1000;
		vi.spyOn(globalThis, "setTimeout").mockImplementationOnce(() => 0 as never);
		hangs = true;
		// Its timer never comes, as in a request that was cancelled.
		void readiness.report();
		hangs = false;
		ahead.ms += 4001;
		expect((await readiness.report()).status).toBe("ready");
	});
});
