import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import { type List, type Person, signUp } from "./api.ts";
import { aheadBy, Isolate } from "./isolate.ts";

let isolate: Isolate;
let author: Person;
let clock: { ms: number };

beforeEach(async () => {
	isolate = new Isolate();
	author = await signUp("Author");
	for (const audience of ["public", "followers", "friends", "me"]) await author.post(audience, { audience });
	clock = aheadBy();
});
afterEach(() => {
	vi.restoreAllMocks();
});

const read = (query = "", headers?: Record<string, string>) =>
	isolate.call<List<PostView>>("GET", `/v1/accounts/${author.id}/posts${query}`, headers ? { headers } : {});
const texts = ({ body }: { body: List<PostView> }) => body.items.map((post) => post.text);

it("whoever has no token sees the public posts, which shared caches may keep for some seconds", async () => {
	const first = await read();
	expect(first.status).toBe(200);
	expect(texts(first)).toEqual(["public"]);
	expect(first.body.items[0]).toMatchObject({ author: { id: author.id }, viewer: { liked: false } });
	expect(first.headers.get("cache-control")).toBe("public, max-age=0, s-maxage=3, stale-while-revalidate=1");
	expect(first.headers.get("vary")).toBe("Authorization");
	expect(first.headers.get("x-cache")).toBe("MISS");
	expect(Number(first.headers.get("age"))).toBeLessThanOrEqual(1);

	clock.ms = 1000;
	const again = await read();
	expect(again.headers.get("x-cache")).toBe("HIT");
	expect(again.headers.get("age")).toMatch(/^[12]$/);
	expect(again.body).toEqual(first.body);
	const unchanged = await read("", { "if-none-match": first.headers.get("etag") ?? "" });
	expect([unchanged.status, unchanged.body]).toEqual([304, ""]);
});

it("with a token it is the page of its owner, and nobody else's", async () => {
	await read();
	const own = await isolate.as<List<PostView>>(author, "GET", `/v1/accounts/${author.id}/posts`);
	expect(texts(own)).toEqual(["me", "friends", "followers", "public"]);
	expect(own.headers.get("cache-control")).toBe("private, no-cache");
	expect(own.headers.get("vary")).toBe("Authorization");
	expect(texts(await read())).toEqual(["public"]);
	for (const authorization of [`Bearer ${author.token}x`, "Bearer", "Basic x", ""]) {
		expect((await read("", { authorization })).status, authorization).toBe(401);
	}
});

it("an edit, a deletion and a narrower audience are seen within four seconds, also from the edge", async () => {
	const other = new Isolate();
	const [post] = (await read()).body.items;
	await other.call("GET", `/v1/accounts/${author.id}/posts`);
	await author.ok("PATCH", `/v1/posts/${post?.id}`, { text: "edited" });
	clock.ms = 4001;
	expect(texts(await read())).toEqual(["edited"]);
	await author.ok("PATCH", `/v1/posts/${post?.id}`, { audience: "followers" });
	clock.ms = 8100;
	expect(texts(await read())).toEqual([]);
	expect(texts((await new Isolate().call<List<PostView>>("GET", `/v1/accounts/${author.id}/posts`)) as never)).toEqual(
		[],
	);
});

it("pages go on to the end, with fields", async () => {
	for (let n = 0; n < 5; n++) await author.post(String(n), { audience: "public" });
	const seen: string[] = [];
	for (let cursor: string | null = ""; cursor !== null; ) {
		const { body, status } = await read(`?limit=2&fields=text${cursor && `&cursor=${cursor}`}`);
		expect(status).toBe(200);
		expect(Object.keys(body.items[0] ?? {})).toEqual(["text"]);
		seen.push(...body.items.map((item) => item.text));
		cursor = body.next;
	}
	expect(seen).toEqual(["4", "3", "2", "1", "0", "public"]);
});

it("what is not there, malformed or too large is refused, and not remembered", async () => {
	for (const [path, status, code] of [
		["/v1/accounts/0000000000000/posts", 404, "account_not_found"],
		["/v1/accounts/nobody/posts", 404, "not_found"],
		[`/v1/accounts/${author.id}/posts?limit=0`, 400, "invalid_request"],
		[`/v1/accounts/${author.id}/posts?limit=101`, 400, "invalid_request"],
		[`/v1/accounts/${author.id}/posts?cursor=x`, 400, "invalid_cursor"],
		[`/v1/accounts/${author.id}/posts?cursor=${"x".repeat(300)}`, 400, "invalid_request"],
		[`/v1/accounts/${author.id}/posts?fields=secret`, 400, "invalid_request"],
	] as const) {
		for (let again = 0; again < 2; again++) {
			const answer = await isolate.call("GET", path);
			expect([answer.status, answer.body], path).toMatchObject([status, { code }]);
			expect(answer.headers.get("cache-control") ?? "no-store", path).not.toContain("public");
		}
	}
});
