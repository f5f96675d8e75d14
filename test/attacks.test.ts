import { runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import { call, type Feed, type List, ORIGIN, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";

/** Tricks that have worked elsewhere. */

let ann: Person;
let ben: Person;
const operator = { "x-operator-secret": env.OPERATOR_SECRET };

beforeAll(async () => {
	[ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	for (const person of [ann, ben]) await person.post(`of ${person.username}`, { audience: "public" });
});

describe("a cache", () => {
	it("of public pages is asked for what the route was asked for, however the path is written", async () => {
		const isolate = new Isolate();
		const own = `/v1/accounts/${ann.id}/posts`;
		const other = `/v1/accounts/${ben.id}/posts`;
		const escaped = `/v1/accounts/%${ann.id.charCodeAt(0).toString(16)}${ann.id.slice(1)}/posts`;
		for (const path of [
			own,
			escaped,
			`/v1/%61ccounts/${ann.id}/posts`,
			`/%76%31/accounts/${ann.id}/posts`,
			`/v1/%61ccounts/${ann.id}/posts?x=${other}`,
			`/v1/%61ccounts/${ann.id}/posts?x=${other}?limit=1`,
			`/v1/%61ccounts/${ann.id}/%70osts?/v1/accounts/${ben.id}/posts`,
			`${own}?x=${other}`,
			`${own}?${other}`,
		]) {
			const { status, body } = await isolate.call<List<PostView>>("GET", path);
			expect([path, status, body.items?.map((post) => post.author.id)]).toEqual([path, 200, [ann.id]]);
		}
		const { body } = await isolate.call<List<PostView>>("GET", other);
		expect(body.items.map((post) => post.author.id)).toEqual([ben.id]);
	});

	it("of public pages takes a parameter once, as the route with a token does", async () => {
		for (const query of ["limit=1&limit=2", "fields=id&fields=text", "limit=1&limit=1"]) {
			const path = `/v1/accounts/${ann.id}/posts?${query}`;
			for (const answer of [await call("GET", path), await ann.call("GET", path)]) {
				expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
			}
		}
	});

	it("of feeds keeps to who asked, and to all of the question", async () => {
		const isolate = new Isolate();
		await ann.post("a second one");
		const ids = async (person: Person, query: string) => {
			const { body } = await isolate.as<Feed>(person, "GET", `/v1/feed${query}`);
			return body.items?.map(({ id }) => id) ?? body;
		};
		const newest = await ids(ann, "?limit=1");
		expect(newest).toHaveLength(1);
		expect(await ids(ann, "?limit=2")).toHaveLength(2);
		for (const query of ["?limit=1", "?limit=2", "", "?limit=1&minSeq=0", "?minSeq=0&limit=1"]) {
			for (const person of [ann, ben, ann]) {
				const { body } = await isolate.as<Feed>(person, "GET", `/v1/feed${query}`);
				const authors = new Set(body.items.map(({ author }) => author.id));
				expect([query, [...authors]]).toEqual([query, [person.id]]);
				expect(body.items).toHaveLength(person === ann && !query.includes("limit=1") ? 2 : 1);
			}
		}
		for (const query of [
			"?limit=1&limit=2",
			"?minSeq=1&minSeq=999999",
			"?min%53eq=999999",
			"?minSeq=1e9",
			"?minSeq=9999999999999999",
		]) {
			for (let again = 0; again < 2; again++) {
				expect((await isolate.as(ann, "GET", `/v1/feed${query}`)).status, query).toBe(400);
			}
		}
		const { headers } = await isolate.as(ann, "GET", "/v1/feed");
		const etag = headers.get("etag") ?? "";
		expect((await isolate.as(ben, "GET", "/v1/feed", undefined, { "if-none-match": etag })).status).toBe(200);
		expect((await isolate.as(ann, "GET", "/v1/feed", undefined, { "if-none-match": etag })).status).toBe(304);
	});

	it("outside keeps no credential, no operator's answer and no refusal", async () => {
		const answers = {
			session: await call("POST", "/auth/sign-in/email", {
				body: { email: ann.email, password: "correct horse battery" },
			}),
			token: await call("GET", "/auth/token", { token: ann.session }),
			shards: await call("GET", "/ops/shards", { headers: operator }),
			"no token": await call("GET", "/v1/feed"),
			nobody: await call("GET", "/v1/accounts/0000000000000/posts"),
			nowhere: await call("GET", "/v1/nowhere"),
			ticket: await call("GET", "/v1/feed/stream?ticket=x", { headers: { upgrade: "websocket" } }),
		};
		for (const [what, { headers }] of Object.entries(answers)) {
			expect([what, headers.get("cache-control")]).toEqual([what, expect.stringMatching(/no-store|private/)]);
		}
	});
});

describe("what is not meant to be read", () => {
	it("as JSON's members changes no prototype, and is refused", async () => {
		for (const raw of [
			'{"text":"x","__proto__":{"audience":"public"}}',
			'{"__proto__":{"text":"x"}}',
			'{"text":"x","constructor":{"prototype":{"audience":"public"}}}',
			'{"text":"x","prototype":{}}',
		]) {
			const answer = await call("POST", "/v1/posts", { token: ann.token, raw });
			expect([raw, answer.status]).toEqual([raw, 400]);
		}
		for (const query of [
			"__proto__=x",
			"__proto__[limit]=0",
			"constructor.prototype.limit=0",
			"__proto__=x&__proto__=y",
			"toString=x&toString=y",
		]) {
			expect((await ann.call("GET", `/v1/feed?${query}`)).status, query).toBe(200);
		}
		expect(Object.keys(Object.prototype)).toEqual([]);
	});

	it("as a header's line ends no header, and comes back in none", async () => {
		for (const id of ["a b", "a;b", "<script>", 'x"y', "x".repeat(256), "ü"]) {
			const response = await worker
				.fetch(`${ORIGIN}/healthz`, { headers: { "x-request-id": id } })
				.catch(() => undefined);
			expect(response?.headers.get("x-request-id") ?? "").not.toBe(id);
		}
		for (const value of ["bearer, x, y", "bearer", "bearer,", ",", "graphql-ws, bearer", `${"x".repeat(5000)}`]) {
			const headers = { upgrade: "websocket", "sec-websocket-protocol": value };
			expect((await call("GET", "/v1/feed/stream", { headers })).status, value).toBe(401);
		}
	});

	it("as a cursor of an operator's list is refused", async () => {
		const cursor = (text: string) => btoa(text).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");
		for (const [path, texts] of [
			[
				"/ops/shards/verify",
				["shards.0.5.x.x", "shards.9999.0..", "shards.0.9..", "shards.0.4.x.NaN", "shards.0.0.' OR 1.x"],
			],
			["/ops/verify", ["verify.0.' OR 1=1", "verify.x.", "verify.0.x.y"]],
			["/ops/audit", ["accounts.0.'", "accounts.-1.", "accounts.0"]],
		] as const) {
			for (const text of texts) {
				const body = { cursor: cursor(text), ...(path === "/ops/verify" ? { check: "ties" } : {}) };
				const answer = await call("POST", path, { headers: operator, body });
				expect([text, answer.status < 500]).toEqual([text, true]);
			}
		}
		for (let table = 0; table < 9; table++) {
			const body = { cursor: cursor(`shards.0.${table}.a.b`) };
			expect((await call("POST", "/ops/shards/verify", { headers: operator, body })).status).toBeLessThan(500);
		}
	});
});

it("tickets of a stream do not pile up: of more than a hundred the newest are good", async () => {
	const eve = await signUp("Eve");
	const tickets: string[] = [];
	for (let n = 0; n < 120; n++) {
		tickets.push((await eve.ok<{ ticket: string }>("POST", "/v1/feed/tickets")).ticket);
	}
	const rows = await runInDurableObject(env.TIMELINE.getByName(eve.id), (_, { storage }) =>
		storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM tickets").one(),
	);
	expect(rows.n).toBe(100);
	const open = (ticket = "") =>
		worker.fetch(`${ORIGIN}/v1/feed/stream?ticket=${ticket}`, { headers: { upgrade: "websocket" } });
	expect((await open(tickets[0])).status).toBe(401);
	const { status, webSocket } = await open(tickets.at(-1));
	expect(status).toBe(101);
	webSocket?.accept();
	webSocket?.close();
});

it("whoever asks for the head of a stream holds none", async () => {
	const eve = await signUp("Eve");
	const ask = (method: string, token: string) =>
		worker.fetch(`${ORIGIN}/v1/feed/events`, { method, headers: { authorization: `Bearer ${token}` } });
	for (let n = 0; n < 40; n++) {
		expect((await ask("HEAD", eve.token)).status).toBe(405);
	}
	const { status, body } = await ask("GET", eve.token);
	expect(status).toBe(200);
	await body?.cancel();
});

describe("patterns that are checked", () => {
	it("take no longer for a text that is made to be hard for them", async () => {
		const long = 60_000;
		const bodies = [
			{ email: `${"a".repeat(long)}@`, password: "x" },
			{ email: `${"a.".repeat(long / 2)}@b`, password: "x" },
			{ email: `a@${"a-".repeat(long / 2)}`, password: "x" },
			{ email: `a@${"a.".repeat(long / 2)}!`, password: "x" },
			{ email: `${"+".repeat(long)}@${"a.".repeat(10)}`, password: "x" },
		];
		const start = Date.now();
		for (const body of bodies) expect((await call("POST", "/auth/sign-in/email", { body })).status).toBe(400);
		for (const link of [
			`https://${"a.".repeat(long / 2)}`,
			`https://x.test/${"%".repeat(long)}`,
			`https:${"/".repeat(long)}`,
			`https://${"@".repeat(long)}`,
		]) {
			expect((await ann.call("POST", "/v1/posts", { text: "x", link })).status).toBe(400);
		}
		expect(
			(await ann.call("PUT", `/v1/mutes/${ben.id}`, { expiresAt: `2030-01-01T00:00:00.${"0".repeat(long)}` })).status,
		).toBe(400);
		for (const type of [
			`application/${"+".repeat(8000)}`,
			`application/${"a+".repeat(4000)}`,
			`application/json${" ".repeat(8000)}x`,
		]) {
			expect(
				(await call("POST", "/v1/posts", { token: ann.token, raw: "{}", headers: { "content-type": type } })).status,
			).toBe(415);
		}
		for (const query of [
			`minSeq=${"1".repeat(8000)}`,
			`&minSeq=${"&".repeat(8000)}`,
			`fields=${"id,".repeat(2600)}`,
			`cursor=${"A".repeat(8000)}`,
		]) {
			expect((await ann.call("GET", `/v1/feed?${query}`)).status).toBe(400);
		}
		expect(Date.now() - start).toBeLessThan(3000);
	});
});

describe("ids", () => {
	it("of other shards, other kinds and other times find nothing", async () => {
		const { items } = await ann.ok<List<PostView>>("GET", `/v1/accounts/${ann.id}/posts`);
		const own = items[0]?.id ?? "";
		const moved = Array.from("0123456789ABCDEFGHJKMNPQRSTVWXYZ", (letter) => own.slice(0, 9) + letter + own.slice(10));
		for (const id of moved.filter((each) => each !== own)) {
			expect(await ann.call("GET", `/v1/posts/${id}`)).toMatchObject({ status: 404, body: { code: "post_not_found" } });
			expect((await ann.call("PUT", `/v1/posts/${id}/like`)).status).toBe(404);
			expect((await ann.call("POST", `/v1/posts/${id}/comments`, { text: "x" })).status).toBe(404);
		}
		expect((await ann.call("GET", `/v1/accounts/${own}`)).body.code).toBe("account_not_found");
		expect((await ann.call("GET", `/v1/posts/${ann.id}`)).body.code).toBe("post_not_found");
		expect((await ann.call("PUT", `/v1/following/${own}`)).body.code).toBe("account_not_found");
		for (const id of ["7ZZZZZZZZZZZZ", "0000000000000"]) {
			for (const path of ["posts", "accounts"]) expect((await ann.call("GET", `/v1/${path}/${id}`)).status).toBe(404);
		}
	});
});
