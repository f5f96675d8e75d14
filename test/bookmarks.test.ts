import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { base64url } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { createApp } from "../src/app.ts";
import type { Env } from "../src/env.ts";
import { BOOKMARK_HEADER, decodeBookmarks, encodeBookmarks } from "../src/gateway/bookmarks.ts";
import { servicesOf } from "../src/services.ts";
import { type Id, logicalShardOf } from "../src/store/ids.ts";
import { call, type Feed, type List, ORIGIN, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { LaggingD1 } from "./lagging.ts";

const databases = {
	SHARD_0: new LaggingD1(env.SHARD_0, env.REPLICA_0),
	SHARD_1: new LaggingD1(env.SHARD_1, env.REPLICA_1),
};
const both = Object.values(databases);
const bindings = Object.fromEntries(Object.entries(databases).map(([name, { binding }]) => [name, binding]));
const deployment = { ...(bound as unknown as Env), ...bindings, READ_REPLICAS: "on" } as Env;
const app = createApp(servicesOf(deployment));
const catchUp = () => Promise.all(both.map((each) => each.catchUp()));
const replicaReads = () => both.flatMap((each) => each.of("replica")).length;

/** A device: it keeps the last bookmark that it got, or does not know of bookmarks. */
class Device {
	readonly #person: Person;
	bookmark: string | undefined;

	constructor(person: Person) {
		this.#person = person;
	}

	async call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
		const ctx = createExecutionContext();
		const request = new Request(`${ORIGIN}${path}`, {
			method,
			headers: {
				authorization: `Bearer ${this.#person.token}`,
				...(body === undefined ? {} : { "content-type": "application/json" }),
				...(this.bookmark === undefined ? {} : { [BOOKMARK_HEADER]: this.bookmark }),
				...headers,
			},
			...(body === undefined ? {} : { body: JSON.stringify(body) }),
		});
		const response = await app.fetch(request, deployment, ctx);
		await waitOnExecutionContext(ctx);
		this.bookmark = response.headers.get(BOOKMARK_HEADER) ?? this.bookmark;
		const text = await response.text();
		return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : {}) as T };
	}
}

/** Has the anchors of this isolate made: it lives on one database and reads of both. */
let ann: Person;
let ben: Person;
const warm = async () => {
	for (const person of [ann, ben]) for (let i = 0; i < 2; i++) await new Device(person).call("GET", "/v1/accounts/me");
	for (const each of both) each.forget();
};

beforeAll(async () => {
	const on = async (low: boolean): Promise<Person> => {
		for (;;) {
			const person = await signUp("Reader", { region: "apac" });
			if (logicalShardOf(person.id as Id) < 320 === low) return person;
		}
	};
	[ann, ben] = await Promise.all([on(true), on(false)]);
	await ann.befriend(ben);
	await catchUp();
});

describe("over HTTP", () => {
	it("a mutation has a bookmark, a read has none", async () => {
		const phone = new Device(ann);
		const changed = await phone.call("PATCH", "/v1/accounts/me", { bio: "new" });
		expect(changed.headers.get(BOOKMARK_HEADER)).toMatch(/^[\w-]+$/);
		const own = await phone.call<{ bio: string }>("GET", "/v1/accounts/me");
		expect([own.body.bio, own.headers.get(BOOKMARK_HEADER)]).toEqual(["new", null]);
	});

	it("reads come from replicas, and what another isolate writes is seen by whoever knows of it", async () => {
		await catchUp();
		await warm();
		const [phone, stranger] = [new Device(ann), new Device(ben)];
		// By way of another isolate: this one's anchor stays where it is.
		const isolate = createApp(servicesOf({ ...deployment }));
		const ctx = createExecutionContext();
		const response = await isolate.fetch(
			new Request(`${ORIGIN}/v1/accounts/me`, {
				method: "PATCH",
				headers: { authorization: `Bearer ${ann.token}`, "content-type": "application/json" },
				body: JSON.stringify({ bio: "newest" }),
			}),
			{ ...deployment },
			ctx,
		);
		await waitOnExecutionContext(ctx);
		const bookmark = response.headers.get(BOOKMARK_HEADER) ?? "";
		const bioOf = async (device: Device, id: string) =>
			(await device.call<{ bio: string }>("GET", `/v1/accounts/${id}`)).body.bio;
		expect(await bioOf(stranger, ann.id)).toBe("new");
		expect(replicaReads()).toBeGreaterThan(0);
		// Somebody else's bookmark only makes her read what is newer.
		stranger.bookmark = bookmark;
		expect(await bioOf(stranger, ann.id)).toBe("newest");
		phone.bookmark = bookmark;
		expect((await phone.call<{ bio: string }>("GET", "/v1/accounts/me")).body.bio).toBe("newest");
	});

	it("a page of the feed has every post that its number knows, from replicas only when they have them", async () => {
		await catchUp();
		const phone = new Device(ann);
		await phone.call<Feed>("GET", "/v1/feed");
		const { body: post } = await new Device(ann).call<{ id: string }>("POST", "/v1/posts", { text: "at once" });
		await warm();
		const page = await phone.call<Feed>("GET", "/v1/feed");
		expect(page.body.items[0]).toMatchObject({ id: post.id, text: "at once" });
		await new Device(ann).call("PATCH", `/v1/posts/${post.id}`, { text: "edited" });
		await warm();
		expect((await phone.call<Feed>("GET", "/v1/feed")).body.items[0]).toMatchObject({ text: "edited" });
		const since = page.body.seq;
		await warm();
		const changes = await phone.call<{ changes: { post: { text: string } }[] }>(
			"GET",
			`/v1/feed/changes?since=${since}`,
		);
		expect(changes.body.changes[0]?.post.text).toBe("edited");
		expect(replicaReads()).toBe(0);
		// Later, when nothing has changed for a while, the same page is the replicas'.
		await catchUp();
		await new Promise((resolve) => setTimeout(resolve, 1500));
		await warm();
		expect((await phone.call<Feed>("GET", "/v1/feed")).body.items[0]).toMatchObject({ text: "edited" });
		expect(replicaReads()).toBeGreaterThan(0);
	});

	it("a bookmark grows with what the client does, and can simply be kept", async () => {
		const phone = new Device(ann);
		const { body: post } = await phone.call<{ id: string }>("POST", "/v1/posts", { text: "one" });
		const first = decodeBookmarks(phone.bookmark ?? "");
		expect(first.has("SHARD_0")).toBe(true);
		await phone.call("PUT", `/v1/posts/${post.id}/like`);
		await phone.call("PUT", `/v1/following/${ben.id}`);
		const last = decodeBookmarks(phone.bookmark ?? "");
		expect([...last.keys()].sort()).toEqual(["SHARD_0", "SHARD_1"]);
		expect((last.get("SHARD_0")?.state ?? "") > (first.get("SHARD_0")?.state ?? "")).toBe(true);
		// Also of a request that failed, as it may have got somewhere.
		const failed = await phone.call("PATCH", `/v1/posts/${"0".repeat(13)}`, { text: "x" });
		expect([failed.status, failed.headers.has(BOOKMARK_HEADER)]).toEqual([404, true]);
	});

	it("signing up gives one too, so that the new account is there", async () => {
		const ctx = createExecutionContext();
		const body = { email: "fresh@feed.test", password: "long enough", name: "Fresh", username: "fresh_one" };
		const response = await app.fetch(
			new Request(`${ORIGIN}/auth/sign-up/email`, {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify({ ...body, region: "apac" }),
			}),
			deployment,
			ctx,
		);
		expect([response.status, response.headers.has(BOOKMARK_HEADER)]).toEqual([200, true]);
	});

	it("a bookmark that is none is refused, with replicas or without, and one of a database that is gone is not", async () => {
		const encode = (value: unknown) => base64url.encode(typeof value === "string" ? value : JSON.stringify(value));
		const bad = [
			"not base64!",
			encode("{"),
			encode([]),
			encode({ SHARD_0: "00" }),
			encode({ SHARD_0: ["first-unconstrained", 0] }),
			encode({ SHARD_0: ["00", -1] }),
			encode({ SHARD_0: ["00", "x"] }),
			encode({ "": ["00", 0] }),
			encode({ SHARD_0: ["0".repeat(129), 0] }),
			encode(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`SHARD_${i}`, ["00".repeat(8), 0]]))),
		];
		for (const bookmark of bad) {
			const headers = { [BOOKMARK_HEADER]: bookmark };
			const problem = { status: 400, body: { code: "invalid_bookmark" } };
			expect(await new Device(ann).call("GET", "/v1/accounts/me", undefined, headers), bookmark).toMatchObject(problem);
			expect(await call("GET", "/v1/accounts/me", { token: ann.token, headers })).toMatchObject(problem);
			expect(await new Device(ann).call("POST", "/v1/posts", { text: "never" }, headers)).toMatchObject(problem);
		}
		for (const document of [{}, { SHARD_9: ["ff", 0] }, { __proto__: ["ff", 0] }, { SHARD_0: ["ff", Date.now()] }]) {
			const headers = { [BOOKMARK_HEADER]: encode(document) };
			expect((await new Device(ann).call("GET", "/v1/accounts/me", undefined, headers)).status).toBe(200);
		}
		expect((await ann.ok<List<{ text: string }>>("GET", `/v1/accounts/${ann.id}/posts`)).items).not.toContainEqual(
			expect.objectContaining({ text: "never" }),
		);
	});

	it("without replicas there is no bookmark, and one is of no consequence", async () => {
		const answer = await ann.call("PATCH", "/v1/accounts/me", { bio: "plain" });
		expect([answer.status, answer.headers.has(BOOKMARK_HEADER)]).toEqual([200, false]);
	});
});

describe("the text of a bookmark", () => {
	const at = 1_800_000_000_000;
	it("keeps the newer state of each database, for a minute", () => {
		const had = new Map([
			["A", { state: "02", at: at - 50_000 }],
			["B", { state: "02", at: at - 50_000 }],
			["C", { state: "02", at: at - 60_000 }],
			["D", { state: "02", at: at + 1e9 }],
		]);
		const seen = new Map([
			["A", "01"],
			["B", "03"],
		]);
		const text = encodeBookmarks(had, seen, at) ?? "";
		expect(Object.fromEntries(decodeBookmarks(text))).toEqual({
			A: { state: "02", at: at - 50_000 },
			B: { state: "03", at },
			D: { state: "02", at },
		});
		expect(encodeBookmarks(new Map(), new Map(), at)).toBeUndefined();
	});

	it("stays short, and can be sent back, however many databases there are", () => {
		const seen = new Map(Array.from({ length: 1000 }, (_, i) => [`DATABASE_${i}`, "f".repeat(59)]));
		const text = encodeBookmarks(new Map([["OLD", { state: "00", at: at - 1 }]]), seen, at) ?? "";
		expect(text.length).toBeLessThan(8192);
		expect(decodeBookmarks(text).size).toBe(32);
		expect(decodeBookmarks(text).has("OLD")).toBe(false);
	});
});
