import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { reportFailure } from "../src/report.ts";
import type { Id } from "../src/store/ids.ts";
import { eventually, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { collectLines, type Line } from "./lines.ts";
import { databaseOf, obstruct } from "./obstruct.ts";

afterEach(() => vi.restoreAllMocks());

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = `00-${TRACE}-00f067aa0ba902b7-00`;

let ann: Person;
beforeAll(async () => {
	ann = await signUp("Ann");
});

const requests = (lines: readonly Line[]) => lines.filter(({ message }) => message === "request");

/** Nothing that names a person, lets anybody in or was written by somebody. */
function expectNoSecrets(lines: readonly Line[], ...people: Person[]): void {
	const text = JSON.stringify(lines);
	for (const { id, username, email, token, session } of people)
		for (const secret of [id, username, email, token, session]) expect(text).not.toContain(secret);
	expect(text).not.toContain(env.OPERATOR_SECRET);
}

describe("the line of a request", () => {
	it("says what was asked and how it was answered, and never by whom in clear", async () => {
		const isolate = new Isolate({ LOG_REQUESTS: "on" });
		const lines = collectLines();
		const { headers, body } = await isolate.as<{ id: string }>(ann, "POST", "/v1/posts", { text: "no secret of mine" });
		const [line] = requests(lines);
		expect(line).toEqual({
			time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
			level: "info",
			message: "request",
			trace: expect.stringMatching(/^[\da-f]{32}$/),
			span: expect.stringMatching(/^[\da-f]{16}$/),
			requestId: headers.get("x-request-id"),
			method: "POST",
			route: "/v1/posts",
			status: 201,
			ms: expect.any(Number),
			account: expect.stringMatching(/^[\w-]{12}$/),
			weight: 1,
		});
		expect(headers.get("traceresponse")).toBe(`00-${line?.trace}-${line?.span}-01`);

		await isolate.as(ann, "GET", `/v1/posts/${body.id}`);
		await isolate.as(ann, "GET", `/v1/accounts?username=${ann.username}`);
		const [, one, search] = requests(lines);
		expect(one).toMatchObject({ method: "GET", route: "/v1/posts/:id", status: 200, account: line?.account });
		expect(search).toMatchObject({ route: "/v1/accounts", status: 200 });
		expectNoSecrets(lines, ann);
		expect(JSON.stringify(lines)).not.toContain("no secret of mine");
		expect(JSON.stringify(lines)).not.toContain(body.id);
	});

	it("tells a refusal by its code and by the route that it was meant for", async () => {
		const isolate = new Isolate({ LOG_REQUESTS: "on" });
		const lines = collectLines();
		await isolate.call("GET", "/v1/posts/0000000000000");
		await isolate.as(ann, "GET", "/v1/posts/0000000000000");
		await isolate.as(ann, "GET", "/v1/nothing/of-this-name");
		await isolate.call("POST", "/ops/verify", { body: {} });
		await isolate.call("POST", "/auth/sign-in/email", { body: { email: ann.email, password: "wrong wrong" } });
		expect(requests(lines).map(({ route, status, code }) => [route, status, code])).toEqual([
			["/v1/posts/:id", 401, "token_missing"],
			["/v1/posts/:id", 404, "post_not_found"],
			["/v1/*", 404, "not_found"],
			["/ops/verify", 404, "not_found"],
			["/auth/sign-in/email", 401, "invalid_credentials"],
		]);
		expectNoSecrets(lines, ann);
	});

	it("is written of a kept page too, with where it came from", async () => {
		const isolate = new Isolate({ LOG_REQUESTS: "on" });
		await isolate.as(ann, "GET", "/v1/feed");
		const lines = collectLines();
		const { headers } = await isolate.as(ann, "GET", "/v1/feed", undefined, { traceparent: CALLER });
		expect(headers.get("x-cache")).toBe("HIT");
		expect(headers.get("traceresponse")).toMatch(new RegExp(`^00-${TRACE}-[\\da-f]{16}-01$`));
		expect(requests(lines)).toMatchObject([
			{
				trace: TRACE,
				parent: "00f067aa0ba902b7",
				route: "/v1/feed",
				status: 200,
				cache: "HIT",
				account: expect.any(String),
			},
		]);
		await isolate.as(ann, "GET", "/v1/feed", undefined, { "if-none-match": headers.get("etag") ?? "" });
		expect(requests(lines)[1]).toMatchObject({ status: 304, cache: "HIT" });
	});

	it("and its trace cost a kept page nothing when nobody asks for either", async () => {
		const isolate = new Isolate({ LOG_REQUESTS: "errors" });
		await isolate.as(ann, "GET", "/v1/feed");
		const lines = collectLines();
		const plain = await isolate.as(ann, "GET", "/v1/feed");
		expect([plain.headers.get("x-cache"), plain.headers.get("traceresponse")]).toEqual(["HIT", null]);
		const traced = await isolate.as(ann, "GET", "/v1/feed", undefined, { traceparent: CALLER });
		expect(traced.headers.get("x-cache")).toBe("HIT");
		expect(traced.headers.get("traceresponse")).toMatch(new RegExp(`^00-${TRACE}-[\\da-f]{16}-00$`));
		expect(requests(lines)).toEqual([]);
	});

	it("names each account in its own way, the same each time", async () => {
		const [ben, eve] = await signUpMany(2);
		const isolate = new Isolate({ LOG_REQUESTS: "on" });
		const lines = collectLines();
		for (const person of [ben, eve, ben]) await isolate.as(person as Person, "GET", "/v1/accounts/me");
		const [first, second, third] = requests(lines).map(({ account }) => account);
		expect(first).toBe(third);
		expect(first).not.toBe(second);
	});
});

describe("LOG_REQUESTS", () => {
	async function linesWith(setting: string | number) {
		const isolate = new Isolate({ LOG_REQUESTS: setting });
		const lines = collectLines();
		await isolate.as(ann, "GET", "/v1/accounts/me");
		await isolate.as(ann, "PATCH", "/v1/accounts/me", { bio: String(setting) });
		obstruct(databaseOf(ann), "FROM profiles", { before: () => Promise.reject(new Error("secret detail")) });
		const { status } = await isolate.as(ann, "GET", "/v1/accounts/me");
		expect(status).toBe(500);
		vi.restoreAllMocks();
		return requests(lines).map((line) => [line.method, line.status, line.level, line.weight]);
	}

	it("on: every request", async () => {
		expect(await linesWith("on")).toEqual([
			["GET", 200, "info", 1],
			["PATCH", 200, "info", 1],
			["GET", 500, "error", 1],
		]);
	});

	it("errors: what failed on our side", async () => {
		expect(await linesWith("errors")).toEqual([["GET", 500, "error", 1]]);
	});

	it("off: none", async () => {
		expect(await linesWith("off")).toEqual([]);
	});

	it("a share: that much of the reads, every change and every failure; and the trace says so", async () => {
		const random = vi.spyOn(Math, "random");
		const isolate = new Isolate({ LOG_REQUESTS: "0.25" });
		const lines = collectLines();
		const flags = async (method: string, path: string, body?: unknown) =>
			(await isolate.as(ann, method, path, body)).headers.get("traceresponse")?.slice(-2);
		random.mockReturnValue(0.24);
		expect(await flags("GET", "/v1/accounts/me")).toBe("01");
		random.mockReturnValue(0.25);
		expect(await flags("GET", "/v1/accounts/me")).toBe("00");
		expect(await flags("PATCH", "/v1/accounts/me", { bio: "" })).toBe("01");
		expect(requests(lines).map(({ method, weight }) => [method, weight])).toEqual([
			["GET", 4],
			["PATCH", 1],
		]);
	});
});

describe("a trace", () => {
	it("leads from a post to everybody it was brought to", async () => {
		const [author, friend, other] = await signUpMany(3, "author");
		if (!author || !friend || !other) throw new Error("three people");
		await author.befriend(friend);
		await author.befriend(other);
		const isolate = new Isolate({ LOG_REQUESTS: "on" });
		const lines = collectLines();
		const { status, headers } = await isolate.as(
			author,
			"POST",
			"/v1/posts",
			{ text: "followed on its way" },
			{ traceparent: CALLER },
		);
		expect(status).toBe(201);
		await eventually(async () => expect(await friend.texts()).toContain("followed on its way"));
		await eventually(async () =>
			expect(lines.filter(({ trace }) => trace === TRACE).map(({ message }) => message)).toEqual([
				"request",
				"job",
				"chunk",
			]),
		);
		const [request, job, chunk] = lines.filter(({ trace }) => trace === TRACE);
		expect(request).toMatchObject({ parent: "00f067aa0ba902b7", requestId: headers.get("x-request-id") });
		expect(job).toMatchObject({ kind: "add", finished: true, parent: request?.span, age: expect.any(Number) });
		expect(chunk).toMatchObject({ kind: "add", recipients: 2, missed: 0, parent: job?.span });
		expectNoSecrets(lines, author, friend, other);
	});

	it("is with the job when the message is lost, and with what fails on the way", async () => {
		const [author, friend] = await signUpMany(2, "late");
		if (!author || !friend) throw new Error("two people");
		await author.befriend(friend);
		vi.spyOn(env.FANOUT, "sendBatch").mockRejectedValue(new Error("the queue is gone"));
		const isolate = new Isolate({ LOG_REQUESTS: "errors" });
		const lines = collectLines();
		const { body } = await isolate.as<{ id: string }>(
			author,
			"POST",
			"/v1/posts",
			{ text: "late" },
			{ traceparent: CALLER },
		);
		expect(lines).toMatchObject([{ level: "error", message: "jobs are left to the sweeper", trace: TRACE }]);
		const task = await databaseOf(author)
			.prepare("SELECT task FROM outbox WHERE id = ?")
			.bind(body.id)
			.first<string>("task");
		// What a caller's flag says is not asked: this request was not to be logged.
		expect(JSON.parse(task ?? "{}").trace).toMatch(new RegExp(`^00-${TRACE}-[\\da-f]{16}-00$`));
		expectNoSecrets(lines, author, friend);
	});

	it("reaches the timeline object: what fails in it is written under the trace", async () => {
		const [owner] = await signUpMany(1, "cold");
		if (!owner) throw new Error("somebody");
		const lines = collectLines();
		// The pauses between tries are at their shortest.
		vi.spyOn(Math, "random").mockReturnValue(0);
		obstruct(databaseOf(owner), "FROM relations", { before: () => Promise.reject(new Error("secret detail")) });
		await env.TIMELINE.getByName(owner.id)
			.page({ limit: 5 }, CALLER)
			.catch(() => undefined);
		await eventually(
			async () =>
				expect(lines).toContainEqual(
					expect.objectContaining({ message: "a timeline was not built", trace: TRACE, account: expect.any(String) }),
				),
			25_000,
		);
		expectNoSecrets(lines, owner);
	});
});

it("a failure is told without what a statement was given", async () => {
	const lines = collectLines();
	const error = new Error("Failed query: insert into posts values (?)\nparams: dear diary\n  at once");
	reportFailure("a test", error, { account: "x" as Id });
	expect(JSON.stringify(lines)).toContain("insert into posts");
	expect(JSON.stringify(lines)).not.toContain("diary");

	const isolate = new Isolate({ LOG_REQUESTS: "off" });
	obstruct(databaseOf(ann), "FROM profiles", { before: () => Promise.reject(error) });
	const { headers } = await isolate.as(ann, "GET", "/v1/accounts/me");
	const failure = lines.find(({ message }) => message === "request failed");
	expect(failure).toMatchObject({
		level: "error",
		requestId: headers.get("x-request-id"),
		trace: headers.get("traceresponse")?.split("-")[1],
		route: "/v1/accounts/me",
		at: expect.arrayContaining([expect.stringMatching(/^at /)]),
	});
	expect(JSON.stringify(lines)).not.toContain("diary");
});
