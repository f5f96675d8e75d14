import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
	createEdgefeed,
	EdgefeedError,
	type EdgefeedStorage,
	memoryStorage,
	type Platform,
} from "../../sdk/src/index.ts";
import { oneAtATime } from "../../sdk/src/platform.ts";
import { FAULTLESS, ModelNetwork } from "./model-network.ts";
import { OWNER } from "./model-service.ts";
import { VirtualClock } from "./virtual-clock.ts";

const clock = new VirtualClock();
beforeAll(() => clock.install());
afterAll(() => clock.uninstall());

/** What time must pass for. */
async function within<T>(promise: Promise<T>, milliseconds = 120_000): Promise<T> {
	const settled = promise.then(
		(value) => ({ value }),
		(error) => ({ error }),
	);
	await clock.pass(milliseconds);
	const result = await settled;
	if ("error" in result) throw result.error;
	return result.value;
}

interface Asked {
	method: string;
	path: string;
	headers: Headers;
	body: unknown;
}

/** A service that answers what it is told to, and remembers what it was asked. */
function scripted(answers: (asked: Asked, nth: number) => Response | Error | undefined) {
	const asked: Asked[] = [];
	const fetch: Platform["fetch"] = async (url, init) => {
		const { pathname, search } = new URL(url);
		const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
		const each = { method: String(init.method), path: pathname + search, headers: new Headers(init.headers), body };
		asked.push(each);
		const answer = answers(each, asked.length);
		if (answer instanceof Error) throw answer;
		// Never answered.
		if (answer) return answer;
		return new Promise<Response>((_, reject) =>
			init.signal?.addEventListener("abort", () => reject(new Error("aborted"))),
		);
	};
	return { asked, edgefeed: createEdgefeed({ baseUrl: "https://feed.test/", fetch, now: () => clock.now }) };
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
	new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
const problem = (status: number, code: string, more = {}, headers: Record<string, string> = {}) =>
	json({ code, status, title: `title of ${code}`, requestId: "r1", ...more }, status, headers);
const lost = new TypeError("no network");

describe("a call", () => {
	it("that only reads is tried again, each time later, and then fails as what it was", async () => {
		const { asked, edgefeed } = scripted((_, nth) => (nth < 3 ? lost : json({ id: "x" })));
		expect(await within(edgefeed.posts.get("x"))).toEqual({ id: "x" });
		expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(Array(3).fill("GET /v1/posts/x"));
		const never = scripted(() => lost);
		const error = await within(never.edgefeed.posts.get("x")).catch((reason) => reason);
		expect(error).toBeInstanceOf(EdgefeedError);
		expect(error).toMatchObject({ code: "network_error", status: 0, retryable: true, offline: true });
		expect(never.asked).toHaveLength(4);
	});

	it("that makes something is repeated with its key, and one without a key is not repeated", async () => {
		const { asked, edgefeed } = scripted((_, nth) => (nth === 1 ? lost : json({ id: "x" }, 201)));
		await within(edgefeed.posts.create({ text: "once" }));
		const keys = asked.map(({ headers }) => headers.get("idempotency-key"));
		expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
		expect(keys).toEqual([keys[0], keys[0]]);
		expect(asked[1]?.body).toEqual({ text: "once" });
		const other = scripted(() => lost);
		await expect(within(other.edgefeed.friends.requests.send("y"))).rejects.toMatchObject({ code: "network_error" });
		expect(other.asked).toHaveLength(1);
	});

	it("waits as long as it is told to, and not for what is not worth it", async () => {
		const busy = problem(429, "too_many_requests", {}, { "retry-after": "20" });
		const { asked, edgefeed } = scripted((_, nth) => (nth === 1 ? busy.clone() : json({ id: "x" })));
		const call = edgefeed.posts.get("x");
		await clock.pass(19_000);
		expect(asked).toHaveLength(1);
		await within(call);
		expect(asked).toHaveLength(2);
		const refusals: [Response, number][] = [
			[problem(503, "feature_disabled"), 1],
			[problem(429, "too_many_requests", {}, { "retry-after": "900" }), 1],
			[problem(404, "post_not_found"), 1],
			[problem(503, "unavailable"), 4],
		];
		for (const [refusal, times] of refusals) {
			const each = scripted(() => refusal.clone());
			await expect(within(each.edgefeed.posts.get("x"))).rejects.toBeInstanceOf(EdgefeedError);
			expect(each.asked).toHaveLength(times);
		}
	});

	it("that is never answered is given up, and one that is aborted ends at once", async () => {
		const { asked, edgefeed } = scripted(() => undefined);
		await expect(within(edgefeed.posts.get("x"))).rejects.toMatchObject({ code: "request_timed_out", offline: true });
		expect(asked).toHaveLength(4);
		const controller = new AbortController();
		const call = within(edgefeed.posts.get("x", { signal: controller.signal }), 1000);
		controller.abort(new Error("not wanted any more"));
		await expect(call).rejects.toThrow("not wanted any more");
	});

	it("that is refused rejects with the problem: its code, its title and the fields at fault", async () => {
		const errors = [{ path: "text", message: "must not be blank" }];
		const { edgefeed } = scripted(() => problem(400, "invalid_request", { errors, detail: "look at text" }));
		await expect(within(edgefeed.posts.edit("x", { text: "" }))).rejects.toMatchObject({
			...{ code: "invalid_request", status: 400, title: "title of invalid_request", errors, requestId: "r1" },
			...{ message: "look at text", retryable: false, offline: false },
		});
		const proxy = scripted(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
		const answer = within(proxy.edgefeed.posts.edit("x", { text: "" }));
		await expect(answer).rejects.toMatchObject({ code: "unexpected_answer", status: 502, retryable: true });
	});

	it("carries what makes it read what was written, and the language", async () => {
		const fetch = scripted(({ method }) =>
			method === "PUT"
				? json({ liked: true, likeCount: 1 }, 200, { "x-feed-seq": "7", "x-feed-bookmark": "b" })
				: json({}),
		);
		await within(fetch.edgefeed.likes.like("x"));
		await within(fetch.edgefeed.feed.page({ limit: 3 }));
		expect(fetch.asked[1]?.path).toBe("/v1/feed?limit=3&minSeq=7");
		expect(fetch.asked[1]?.headers.get("x-feed-bookmark")).toBe("b");
		const korean = createEdgefeed({
			baseUrl: "https://feed.test",
			language: () => "ko",
			fetch: async (_, init) => json({ language: new Headers(init.headers).get("accept-language") }),
		});
		expect(await within(korean.posts.get("x"))).toEqual({ language: "ko" });
	});

	it("forgets what a service that was set back does not know", async () => {
		const { asked, edgefeed } = scripted(({ method, path, headers }) => {
			if (method === "PUT") return json({}, 200, { "x-feed-seq": "70", "x-feed-bookmark": "old" });
			if (headers.has("x-feed-bookmark")) return problem(400, "invalid_bookmark");
			return path.includes("minSeq") ? problem(400, "seq_in_future") : json({ items: [] });
		});
		await within(edgefeed.likes.like("x"));
		expect(await within(edgefeed.feed.page())).toEqual({ items: [] });
		expect(asked.at(-1)?.path).toBe("/v1/feed");
	});
});

describe("a list", () => {
	it("is read page by page, or to its end", async () => {
		const { asked, edgefeed } = scripted(({ path }) => {
			const cursor = new URL(path, "https://feed.test").searchParams.get("cursor");
			const from = Number(cursor ?? 0);
			return json({ items: [{ id: `${from}` }, { id: `${from + 1}` }], next: from < 4 ? String(from + 2) : null });
		});
		const ids: string[] = [];
		const read = async () => {
			for await (const { id } of edgefeed.friends.all("me", { pageSize: 2 })) ids.push(id);
		};
		await within(read());
		expect(ids).toEqual(["0", "1", "2", "3", "4", "5"]);
		expect(asked.map(({ path }) => path)).toEqual([
			"/v1/accounts/me/friends?limit=2",
			"/v1/accounts/me/friends?limit=2&cursor=2",
			"/v1/accounts/me/friends?limit=2&cursor=4",
		]);
		expect((await within(edgefeed.blocks.page({ cursor: "2", limit: 2 }))).next).toBe("4");
		expect((await within(edgefeed.accounts.search.page("김 & co"))).items).toHaveLength(2);
		expect(asked.at(-1)?.path).toBe("/v1/search/accounts?q=%EA%B9%80%20%26%20co");
	});
});

describe("a session", () => {
	const credentials = { username: "me", password: "x" };
	function open(network: ModelNetwork, storage: EdgefeedStorage, more: Partial<Platform> = {}) {
		const { way, fetch } = network.device();
		const client = createEdgefeed({
			baseUrl: "https://feed.test",
			storage,
			fetch,
			WebSocket: null,
			now: () => clock.now,
			...more,
		});
		return { way, client };
	}

	it("goes on for as long as it is used, over restarts of the app", async () => {
		const network = new ModelNetwork(1, () => clock.now);
		const storage = memoryStorage();
		const first = open(network, storage).client;
		expect(await within(first.session.signIn(credentials))).toEqual({ state: "signed-in", accountId: OWNER });
		for (let hours = 0; hours < 3; hours++) {
			const { client } = open(network, storage);
			await within(client.session.ready);
			expect(client.session.current).toEqual({ accountId: OWNER });
			expect((await within(client.feed.page(), 3_600_000)).seq).toBe(0);
		}
		expect(network.signedOut).toBe(0);
	});

	it("is refreshed by one tab at a time, and the others use what it got", async () => {
		const network = new ModelNetwork(2, () => clock.now);
		const storage = memoryStorage();
		const locks = oneAtATime();
		const tabs = Array.from({ length: 5 }, () => open(network, storage, { locks }).client);
		await within((tabs[0] as (typeof tabs)[number]).session.signIn(credentials));
		for (let round = 1; round <= 3; round++) {
			const reads = tabs.flatMap(({ feed, session }) =>
				[0, 1].map(async () => {
					await session.ready;
					return feed.page();
				}),
			);
			await within(Promise.all(reads), 1_000_000);
			expect(network.asked.get("/auth/refresh")).toBe(round);
		}
		expect(network.signedOut).toBe(0);
	});

	it("survives answers that are lost, for however long, also when the app dies over it", async () => {
		for (let seed = 0; seed < 30; seed++) {
			const network = new ModelNetwork(seed, () => clock.now);
			const storage = memoryStorage();
			await within(open(network, storage).client.session.signIn(credentials));
			for (let lives = 0; lives < 4; lives++) {
				network.faults = { ...FAULTLESS, unanswered: 1 };
				const { client } = open(network, storage);
				void client.feed.page().catch(() => undefined);
				// Long after the half minute that the service is patient with everybody.
				await clock.pass(2000 * (seed % 5) + (lives % 2) * 3_600_000);
			}
			network.faults = FAULTLESS;
			const { client } = open(network, storage);
			expect((await within(client.feed.page(), 3_600_000)).items).toEqual([]);
			expect(network.signedOut).toBe(0);
		}
	});

	it("that has ended says so, and keeps what was not sent; signing out keeps nothing", async () => {
		const network = new ModelNetwork(3, () => clock.now);
		const storage = memoryStorage();
		const { client } = open(network, storage);
		const heard: unknown[] = [];
		client.session.subscribe((current) => heard.push(current?.accountId ?? null));
		await within(client.session.signIn(credentials));
		const live = client.feed.live();
		await clock.pass(10_000);
		await storage.set(`outbox/${OWNER}/entry/1`, "unsent");
		expect((await storage.keys()).sort()).toEqual([`feed/${OWNER}`, `outbox/${OWNER}/entry/1`, "session"]);
		network.endSessions();
		await expect(within(client.posts.get("x"))).rejects.toMatchObject({ code: "not_signed_in" });
		expect(client.session.current).toBeNull();
		expect(live.state).toMatchObject({ status: "offline", items: [], seq: null });
		expect(await storage.keys()).toEqual([`outbox/${OWNER}/entry/1`]);
		await within(client.session.signIn(credentials));
		await clock.pass(10_000);
		expect(live.state.status).toBe("live");
		await within(client.session.signOut());
		expect(await storage.keys()).toEqual([]);
		expect(heard).toEqual([OWNER, null, OWNER, null]);
		live.close();
	});
});

describe("another service", () => {
	const code = "the-code";

	it("is gone to with a challenge, and come back from with what was kept for it", async () => {
		const { asked, edgefeed } = scripted(({ path }) =>
			path === "/auth/sign-in/social"
				? json({ url: "https://village.test/" })
				: json({ token: "s", user: { id: OWNER } }),
		);
		const redirectTo = "https://app.test/in";
		expect(await within(edgefeed.providers.begin("village", { redirectTo }))).toBe("https://village.test/");
		expect(await within(edgefeed.providers.finish(code))).toEqual({ state: "signed-in", accountId: OWNER });
		const [going, back] = asked.map(({ body }) => body) as Record<string, string>[];
		expect(going).toEqual({ provider: "village", redirectTo, codeChallenge: expect.any(String) });
		// RFC 7636, section 4.6.
		const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(back?.codeVerifier));
		expect(going?.codeChallenge).toBe(Buffer.from(digest).toString("base64url"));
		expect(back).toEqual({ code, codeVerifier: expect.stringMatching(/^[\w-]{43}$/) });
		// It is good once.
		await expect(within(edgefeed.providers.finish(code))).rejects.toMatchObject({
			code: "not_begun",
			retryable: false,
		});
	});

	it("is not come back from on a device that has not gone, and can be tried again after a failure", async () => {
		const { asked, edgefeed } = scripted(({ path }, nth) => {
			if (path === "/auth/sign-in/social") return json({ url: "https://village.test/" });
			return nth < 3 ? problem(503, "unavailable") : json({ token: "s", user: { id: OWNER } });
		});
		await expect(within(edgefeed.providers.finish(code))).rejects.toMatchObject({ code: "not_begun" });
		expect(asked).toEqual([]);
		await within(edgefeed.providers.begin("village", { redirectTo: "https://app.test/in" }));
		await expect(within(edgefeed.providers.finish(code))).rejects.toMatchObject({ code: "unavailable" });
		expect(await within(edgefeed.providers.finish(code))).toMatchObject({ state: "signed-in" });
	});
});

it("says where there are no passkeys, and asks the service for nothing then", async () => {
	const { asked, edgefeed } = scripted(() => json({ ceremony: "c", options: { challenge: "AAAA" } }));
	expect(await edgefeed.passkeys.supported()).toBe(false);
	await expect(edgefeed.passkeys.signIn()).rejects.toMatchObject({ code: "not_supported", retryable: false });
	expect(asked).toEqual([]);
});

it("is small: below 22 KB gzipped with the libraries that it brings, save what only passkeys want", async () => {
	clock.uninstall();
	const { outputFiles, metafile } = await build({
		entryPoints: ["sdk/src/index.ts"],
		bundle: true,
		splitting: true,
		minify: true,
		format: "esm",
		write: false,
		metafile: true,
		outdir: "/",
	});
	const first = new Set<string>();
	const load = (name: string) => {
		first.add(name);
		for (const { path, kind } of metafile.outputs[name]?.imports ?? []) if (kind === "import-statement") load(path);
	};
	load(Object.keys(metafile.outputs).find((name) => name.endsWith("index.js")) ?? "");
	const names = [...first].map((name) => name.split("/").at(-1) as string);
	const texts = outputFiles.filter(({ path }) => names.some((name) => path.endsWith(`/${name}`)));
	expect(texts.length).toBe(names.length);
	const bytes = texts.reduce((sum, { contents }) => sum + gzipSync(contents).byteLength, 0);
	clock.install();
	expect(bytes).toBeGreaterThan(4000);
	expect(bytes, `${bytes} bytes`).toBeLessThan(22_000);
});

it("wants nothing of a browser to be loaded and used", () => {
	const here = globalThis as Record<string, unknown>;
	for (const name of ["window", "document", "indexedDB", "localStorage"]) expect(here[name]).toBeUndefined();
});
