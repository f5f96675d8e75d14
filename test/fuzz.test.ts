import fc from "fast-check";
import { base64url } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { PROBLEMS, type ProblemCode } from "../src/gateway/problem.ts";
import { call, ORIGIN, PASSWORD, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { type Document, type Operation, operationsOf, Requests, type Sent } from "./requests.ts";
import { settled } from "./settled.ts";

/** Random requests for everything that `openapi.json` describes: `npm run fuzz` sends 20,000. */

const { body: document } = await call<Document>("GET", "/openapi.json");
const operations = operationsOf(document);
const RUNS = Math.ceil((env.HISTORIES ?? 700) / 2 / operations.length);
const TIMEOUT = 300_000;

/** Operators' calls that leave the ground on which everything else stands. */
const SAFE = new Set([
	"POST /ops/audit",
	"POST /ops/verify",
	"POST /ops/shards/verify",
	"POST /ops/dead-letters/redrive-all",
]);
const isSafe = ({ name, method, credentials }: Operation) =>
	method === "GET" || (credentials.includes("operator") ? SAFE.has(name) : name !== "POST /auth/sign-out");
/** Passwords are hashed slowly on purpose. */
const isSlow = ({ method, path }: Operation) => method === "POST" && path.startsWith("/auth/sign-");

/** Tables that note what was asked, also when it was refused. */
const NOTES = /^(audit_log|rate)/;
/** Nothing of this is for clients: how we store, where, and in which code. */
const INTERNAL =
	/D1_|SQLITE|sqlite|\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM) \w|no such (?:table|column)|constraint|IDENTITY|TIMELINE|\.[tj]s\b|\n\s+at |node_modules|workerd|drizzle|better-auth|zod|[a-z]Error\b|\[object/;

let people: Person[];
let requests: Requests;
const posts: string[] = [];
const uploads: string[] = [];
/** What pages have given out. */
const cursors: string[] = [];
const emails = /[\w.+-]+@feed\.test/g;

beforeAll(async () => {
	const [ann, ben, cho] = await Promise.all([signUp("Ann"), signUp("Ben"), signUp("Cho")]);
	people = [ann, ben, cho];
	await ann.befriend(ben);
	await cho.ok("PUT", `/v1/following/${ann.id}`);
	await cho.ok("PUT", `/v1/blocks/${ben.id}`);
	const accounts = people.map(({ id }) => id);
	for (const person of people) {
		for (const audience of ["public", "followers", "friends", "me"]) {
			posts.push((await person.post(`of ${person.username}`, { audience })).id);
		}
		const [open = ""] = posts.slice(-4);
		posts.push((await person.ok<{ id: string }>("POST", `/v1/posts/${open}/comments`, { text: "mine" })).id);
		await person.ok("PUT", `/v1/posts/${open}/like`);
		const upload = { type: "image/png", size: 3 };
		uploads.push((await person.ok<{ id: string }>("POST", "/v1/media", upload)).id);
	}
	const names = people.flatMap(({ username, email }) => [username, email]);
	requests = new Requests((name, path) => {
		if (name === "cursor" || name === "before" || name === "after") return cursors;
		if (name === "since" || name === "minSeq" || name === "last-event-id") return ["0", "1", "5", "9"];
		if (name === "email" || name === "username")
			return names.filter((each) => each.includes("@") === (name === "email"));
		if (name === "password") return path.endsWith("sign-up/email") ? [] : [PASSWORD];
		if (name === "limit" && path.startsWith("/v1/")) return ["1", "2", "100"];
		if (name === "fields") return ["id", "id,text,author"];
		if (path.startsWith("/v1/media/") && name === "id") return uploads;
		if (name === "id") return /posts|entries/.test(path.split("/{")[0] ?? "") ? posts : accounts;
		return name === "postId" ? posts : name === "accountId" ? accounts : [];
	});
	await settled();
});

/** Everything that is stored, and what everybody sees of it. */
async function state(): Promise<Record<string, unknown>> {
	const all: Record<string, unknown> = {};
	for (const name of ["IDENTITY", "SHARD_0", "SHARD_1", "SHARD_2"] as const) {
		const database = env[name] as D1Database;
		const { results } = await database
			.prepare(
				"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_*' AND name NOT GLOB 'd1_*' AND name NOT GLOB 'sqlite_*'",
			)
			.all<{ name: string }>();
		const tables = results.map((table) => table.name).filter((table) => !NOTES.test(table));
		const rows = await database.batch(tables.map((table) => database.prepare(`SELECT * FROM "${table}"`)));
		for (const [n, table] of tables.entries())
			all[`${name}.${table}`] = rows[n]?.results.map((row) => JSON.stringify(row)).sort();
	}
	for (const person of people) {
		all[`${person.username}'s feed`] = await person.feed("?limit=100");
		all[`${person.username}'s marker`] = await person.ok("GET", "/v1/feed/marker");
	}
	return all;
}

interface Got {
	status: number;
	type: string;
	text: string;
}

async function send({ method, credentials, isOpen }: Operation, sent: Sent, person: Person): Promise<Got> {
	const headers: Record<string, string> = { ...sent.headers };
	if (credentials.includes("operator")) headers["x-operator-secret"] = env.OPERATOR_SECRET;
	const good = credentials.includes("session") ? person.session : credentials.includes("bearer") ? person.token : "";
	// What is open to everybody is asked for both ways.
	const token = sent.token ?? (isOpen && person === people[2] ? "" : good);
	if (token !== "") headers.authorization = `Bearer ${token}`;
	const body = sent.text === undefined || method === "GET" ? {} : { body: sent.text };
	const response = await worker.fetch(`${ORIGIN}${sent.path}`, { method, headers, redirect: "manual", ...body });
	const type = response.headers.get("content-type") ?? "";
	if (type.startsWith("text/event-stream")) {
		await response.body?.cancel();
		return { status: response.status, type, text: "" };
	}
	return { status: response.status, type, text: await response.text() };
}

/** What holds of every answer. */
function check({ name, statuses }: Operation, { status, type, text }: Got, person: Person): void {
	const what = `${name} answered ${status}: ${text.slice(0, 400)}`;
	expect(status, what).toBeLessThan(500);
	expect(statuses, `${what}, which is not in openapi.json`).toContain(String(status));
	if (status >= 400) {
		expect(type, what).toBe("application/problem+json");
		const problem = JSON.parse(text) as { code: ProblemCode; status: number };
		expect([problem.code, problem.status, PROBLEMS[problem.code]?.[0]], what).toEqual([problem.code, status, status]);
		expect(text, what).not.toMatch(INTERNAL);
	}
	if (name === "POST /v1/posts" && status === 201) posts.push(JSON.parse(text).id);
	for (const [, cursor = ""] of text.matchAll(/"(?:next|prev)":"([\w-]+)"/g)) {
		if (cursors.length < 100) cursors.push(cursor);
	}
	// To whom mail was sent is what operators ask there.
	if (name.startsWith("POST /auth/sign-") || name === "GET /ops/outbox") return;
	for (const [address] of text.matchAll(emails)) expect(address, what).toBe(person.email);
}

const anybody = fc.nat(2);
const named = operations.map((operation) => [operation.name, operation] as const);

describe("a request that is wrong in one thing is refused, and changes nothing", () => {
	let before: Record<string, unknown>;
	beforeAll(async () => {
		before = await state();
		// Else it would be easy to find it unchanged.
		expect(Object.values(before).filter((rows) => !Array.isArray(rows) || rows.length > 0).length).toBeGreaterThan(12);
	});

	it.each(named)("%s", { timeout: TIMEOUT }, async (_, operation) => {
		// Ends a session, or none.
		const broken = operation.name === "POST /auth/sign-out" ? undefined : requests.broken(operation);
		if (!broken) return;
		await fc.assert(
			fc.asyncProperty(broken, anybody, async (sent, who) => {
				const person = people[who] as Person;
				const got = await send(operation, sent, person);
				expect(
					got.status,
					`${sent.fault}: ${JSON.stringify(sent)} was taken: ${got.text.slice(0, 300)}`,
				).toBeGreaterThanOrEqual(400);
				check(operation, got, person);
			}),
			{ numRuns: RUNS },
		);
		expect(await state()).toEqual(before);
	});
});

/** Headers that something reads, here or on the way. */
const HEADERS = [
	"accept",
	"accept-language",
	"authorization",
	"cf-connecting-ip",
	"content-type",
	"cookie",
	"idempotency-key",
	"if-modified-since",
	"if-none-match",
	"last-event-id",
	"origin",
	"range",
	"sec-websocket-protocol",
	"traceparent",
	"tracestate",
	"user-agent",
	"x-act-as",
	"x-device-id",
	"x-feed-bookmark",
	"x-forwarded-for",
	"x-forwarded-host",
	"x-operator-secret",
	"x-request-id",
];
const bookmark = (value: unknown) => base64url.encode(JSON.stringify(value));
const headerText = fc.oneof(
	fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 60 }),
	fc.constantFrom(
		'"',
		'W/"x", *',
		"*",
		"bytes=0-",
		"bearer, x",
		"Bearer ",
		"x".repeat(9000),
		"en;q=9, *;q=x",
		"__proto__",
	),
	fc.constantFrom(...[[], {}, null, { __proto__: 1 }, 5, "x"].map(bookmark)),
	fc
		.tuple(
			fc.constantFrom("SHARD_0", "SHARD_1", "__proto__", "IDENTITY"),
			fc.constantFrom("0", "ffffffff-ffffffff", "-", "zz", ""),
			fc.integer(),
		)
		.map(([database, at, time]) => bookmark({ [database]: [at, time] })),
);

describe("headers of any kind", () => {
	const isolate = new Isolate({ READ_REPLICAS: "on" });
	const some = operations.filter(({ method, path }) => method === "GET" && path !== "/v1/feed/events");

	it("break nothing, also where replicas are read and pages are kept", { timeout: TIMEOUT }, async () => {
		const sent = fc
			.constantFrom(...some)
			.chain((operation) => fc.tuple(fc.constant(operation), requests.fitting(operation)));
		const headers = fc.dictionary(fc.constantFrom(...HEADERS), headerText, { maxKeys: 4 });
		await fc.assert(
			fc.asyncProperty(sent, headers, fc.boolean(), async ([operation, { path }], more, isKnown) => {
				const token = isKnown && more.authorization === undefined ? people[0]?.token : undefined;
				const { status, body, headers } = await isolate.call("GET", path, { token, headers: more });
				const what = `${operation.name} answered ${status} to ${JSON.stringify(more)}: ${JSON.stringify(body).slice(0, 300)}`;
				expect(status, what).toBeLessThan(500);
				if (status >= 400)
					expect([headers.get("content-type"), PROBLEMS[body.code as ProblemCode]?.[0]], what).toEqual([
						"application/problem+json",
						status,
					]);
			}),
			{ numRuns: RUNS * 10 },
		);
	});
});

describe("a request that fits is answered as openapi.json says", () => {
	it.each(named.filter(([, operation]) => isSafe(operation)))("%s", { timeout: TIMEOUT }, async (_, operation) => {
		await fc.assert(
			fc.asyncProperty(requests.fitting(operation), anybody, async (sent, who) => {
				const person = people[who] as Person;
				const got = await send(operation, sent, person);
				check(operation, got, person);
				// Some end the caller's own session.
				if (operation.credentials.length > 0 && got.status === 401) people[who] = await signUp("Again");
			}),
			{ numRuns: isSlow(operation) ? Math.ceil(RUNS / 4) : RUNS },
		);
	});

	it("and afterwards all can still be read", async () => {
		await settled();
		for (const person of people) expect((await person.call("GET", "/v1/feed?limit=100")).status).toBe(200);
	});
});
