import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { parseSettings } from "../src/env.ts";
import { networkOfAddress } from "../src/gateway/address.ts";
import { type Answer, PASSWORD, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { aheadBy, Isolate } from "./isolate.ts";

afterEach(() => {
	vi.restoreAllMocks();
});

let turn = 0;
/** A network that no other test comes from. */
const network = () => `198.51.${Math.floor(++turn / 250)}.${turn % 250}`;
const from = (address: string) => ({ "cf-connecting-ip": address });
const isolate = (limits: Record<string, unknown>, more: Record<string, unknown> = {}) =>
	new Isolate({ RATE_LIMITS: limits, ...more });
const signIn = (at: Isolate, username: string, password: string, address = network()) =>
	at.call("POST", "/auth/sign-in/username", { body: { username, password }, headers: from(address) });
const REFUSED = { status: 429, body: { code: "too_many_requests" } };

function expectRefusal(answer: Answer, name?: string): void {
	expect(answer).toMatchObject(REFUSED);
	expect(answer.headers.get("content-type")).toBe("application/problem+json");
	expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
	if (name === undefined) return;
	expect(answer.headers.get("ratelimit")).toMatch(new RegExp(`^"${name}";r=0;t=[1-9]\\d*$`));
	expect(answer.headers.get("ratelimit-policy")).toMatch(new RegExp(`^"${name}";q=\\d+;w=\\d+$`));
}

describe("a network", () => {
	it("tries to sign in so often, whatever isolate answers, and its successes count too", async () => {
		const ann = await signUp("Ann");
		const isolates = [1, 2, 3].map(() => isolate({ "sign-in": { limit: 4, seconds: 600 } }));
		const here = network();
		for (let time = 0; time < 4; time++) {
			const at = isolates[time % 3] as Isolate;
			const answer = await signIn(at, ann.username, time % 2 ? PASSWORD : "wrong wrong", here);
			expect(answer.status).toBe(time % 2 ? 200 : 401);
			expect(answer.headers.get("ratelimit-policy")).toBe('"sign-in";q=4;w=600');
			expect(answer.headers.get("ratelimit")).toMatch(new RegExp(`^"sign-in";r=${3 - time};t=(600|59\\d)$`));
		}
		for (const at of isolates) expectRefusal(await signIn(at, ann.username, PASSWORD, here), "sign-in");
		expect((await signIn(isolates[0] as Isolate, ann.username, PASSWORD)).status).toBe(200);
	});

	it("is let through exactly so often when all requests come at once", async () => {
		const isolates = [1, 2, 3].map(() => isolate({ "sign-in": { limit: 5 }, failures: { free: 100 } }));
		const here = network();
		const answers = await Promise.all(
			Array.from({ length: 18 }, (_, n) => signIn(isolates[n % 3] as Isolate, `nobody_${n}`, "wrong wrong", here)),
		);
		expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
		expect(answers.filter(({ status }) => status === 429)).toHaveLength(13);
	});

	it("is the first half of an IPv6 address, however that is written", async () => {
		const at = isolate({ "sign-in": { limit: 2 } });
		const half = `2001:db8:${++turn}:a`;
		for (const end of ["::1", ":0:0:0:2"])
			expect((await signIn(at, "nobody_6", "wrong wrong", half + end)).status).toBe(401);
		expectRefusal(await signIn(at, "nobody_6", "wrong wrong", `${half}:ffff::9`), "sign-in");
		expect((await signIn(at, "nobody_6", "wrong wrong", `2001:db8:${turn}:b::1`)).status).toBe(401);
		expect(networkOfAddress("2001:DB8::1")).toBe("2001:0db8:0000:0000:0000:0000:0000:0000");
		expect(networkOfAddress("::ffff:192.0.2.1")).toBe("192.0.2.1");
		expect(networkOfAddress("192.0.2.1")).toBe("192.0.2.1");
	});

	it("guesses the password that deletes an account as often as one to sign in", async () => {
		const ann = await signUp("Ann");
		const at = isolate({ "sign-in": { limit: 2, seconds: 60 } });
		const here = network();
		const guess = () =>
			at.call("DELETE", "/v1/accounts/me", {
				token: ann.token,
				body: { password: "wrong wrong" },
				headers: from(here),
			});
		for (let time = 0; time < 2; time++) expect((await guess()).status).toBe(401);
		expectRefusal(await guess(), "sign-in");
		expect((await at.call("GET", "/v1/accounts/me", { token: ann.token, headers: from(here) })).status).toBe(200);
	});

	it("makes so many accounts", async () => {
		const at = isolate({ "sign-up": { limit: 2, seconds: 60 } });
		const here = network();
		const signUpAs = (name: string) =>
			at.call("POST", "/auth/sign-up/email", {
				body: { email: `${name}@feed.test`, password: PASSWORD, name, username: name },
				headers: from(here),
			});
		expect((await signUpAs("limited_1")).status).toBe(200);
		expect((await signUpAs("limited_2")).status).toBe(200);
		expectRefusal(await signUpAs("limited_3"), "sign-up");
	});

	it("asks for so many mails, and everybody together for so many to one address", async () => {
		const at = isolate({ reset: { limit: 5, seconds: 60 }, "reset-name": { limit: 2, seconds: 60 } });
		const ask = async (email: string, address: string) => {
			const body = { email };
			const answer = await at.call("POST", "/auth/request-password-reset", { body, headers: from(address) });
			return [answer.status === 429, /^"([\w-]+)"/.exec(answer.headers.get("ratelimit-policy") ?? "")?.[1]];
		};
		for (let time = 0; time < 2; time++) expect(await ask("mailed@feed.test", network())).toEqual([false, "reset"]);
		expect(await ask("Mailed@feed.test", network())).toEqual([true, "reset-name"]);
		const here = network();
		for (let time = 0; time < 5; time++) expect(await ask(`mailed_${time}@feed.test`, here)).toEqual([false, "reset"]);
		expect(await ask("mailed_5@feed.test", here)).toEqual([true, "reset"]);
	});

	it("that shows no token is counted, and no account with it", async () => {
		const ann = await signUp("Ann");
		const at = isolate({ open: { limit: 4, seconds: 3600 } });
		const here = network();
		const read = (token?: string) => at.call("GET", `/v1/accounts/${ann.id}/posts`, { token, headers: from(here) });
		const statuses = [];
		for (let time = 0; time < 6; time++) statuses.push((await read()).status);
		expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
		expectRefusal(await read(), "open");
		expect((await read(ann.token)).status).toBe(200);
		expect((await at.call("GET", "/auth/jwks", { headers: from(here) })).status).toBe(429);
	});
});

describe("guessing passwords from everywhere", () => {
	const failures = { free: 3, firstSeconds: 60, longestSeconds: 600 };

	it("slows down for the name, and an unknown one is the same", async () => {
		const ann = await signUp("Ann");
		const isolates = [isolate({ failures }), isolate({ failures })];
		const tell = async (username: string) => {
			const answers = [];
			for (let time = 0; time < 6; time++)
				answers.push(await signIn(isolates[time % 2] as Isolate, username, "wrong wrong"));
			return answers.map(({ status, headers, body: { requestId: _, ...body } }) => ({
				status,
				body,
				headers: [...headers.keys()].filter((name) => name !== "x-request-id"),
			}));
		};
		const told = await tell(ann.username);
		expect(told.map(({ status }) => status)).toEqual([401, 401, 401, 429, 429, 429]);
		expect(await tell("nobody_at_all")).toEqual(told);
		// In whatever case it is written; and the right password does not help either, before it is time.
		expectRefusal(await signIn(isolates[0] as Isolate, ann.username.toUpperCase(), "wrong wrong"));
		expectRefusal(await signIn(isolates[1] as Isolate, ann.username, PASSWORD));
	});

	it("lets exactly the free tries through when all come at once", async () => {
		const ann = await signUp("Ann");
		const isolates = [1, 2, 3].map(() => isolate({ failures }));
		const answers = await Promise.all(
			Array.from({ length: 15 }, (_, n) => signIn(isolates[n % 3] as Isolate, ann.username, "wrong wrong")),
		);
		expect(answers.filter(({ status }) => status === 401)).toHaveLength(3);
	});

	it("lets the owner in when it is time, and then all is forgotten", async () => {
		const ann = await signUp("Ann");
		const at = isolate({ failures });
		const ahead = aheadBy();
		for (let time = 0; time < 3; time++) await signIn(at, ann.username, "wrong wrong");
		const refused = await signIn(at, ann.username, PASSWORD);
		expectRefusal(refused);
		expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(60);
		ahead.ms += 60_000;
		expect((await signIn(at, ann.username, PASSWORD)).status).toBe(200);
		for (let time = 0; time < 3; time++) expect((await signIn(at, ann.username, "wrong wrong")).status).toBe(401);
	});

	it("does not keep the owner out where she is signed in, while others go on, nor may anybody guess from there", async () => {
		const ann = await signUp("Ann");
		const at = isolate({ failures });
		for (const home of ["203.0.113.7", "2001:db8:1:2::77"]) {
			expect((await signIn(at, ann.username, PASSWORD, home)).status).toBe(200);
			for (let time = 0; time < 4; time++) await signIn(at, ann.username, "wrong wrong");
			expectRefusal(await signIn(at, ann.username, PASSWORD));
			expect((await signIn(at, ann.username, PASSWORD, home)).status).toBe(200);
			expect((await signIn(at, ann.username, PASSWORD, home)).status).toBe(200);
			const guesses = [];
			for (let time = 0; time < 4; time++) guesses.push((await signIn(at, ann.username, "wrong wrong", home)).status);
			expect(guesses).toEqual([401, 401, 401, 429]);
			await forget(at, ann);
		}
	});

	it("is limited by each isolate for itself while the grid is away, and nobody is kept out by that", async () => {
		vi.spyOn(console, "error").mockImplementation(() => {});
		const ann = await signUp("Ann");
		const GRID = {
			getByName: () => {
				throw new Error("Network connection lost.");
			},
		};
		const at = isolate({ failures, "sign-in": { limit: 3 } }, { GRID });
		const here = network();
		for (let time = 0; time < 3; time++) expect((await signIn(at, ann.username, PASSWORD, here)).status).toBe(200);
		expectRefusal(await signIn(at, ann.username, PASSWORD, here), "sign-in");
	});
});

/** The same as a day without a try. */
async function forget(at: Isolate, { username }: Person): Promise<void> {
	const ahead = aheadBy();
	ahead.ms += 600_000;
	expect((await signIn(at, username, PASSWORD)).status).toBe(200);
	vi.restoreAllMocks();
}

describe("an account", () => {
	let ann: Person;
	let ben: Person;
	beforeAll(async () => {
		[ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	});

	it("reads so often in an isolate, is told when half is used up, and does not slow others down", async () => {
		const at = isolate({ read: { limit: 6, seconds: 3600 } });
		const answers = [];
		for (let time = 0; time < 8; time++) answers.push(await at.as(ann, "GET", "/v1/accounts/me"));
		expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
		const left = answers.map(({ headers }) => /r=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1]);
		expect(left).toEqual([undefined, undefined, undefined, "2", "1", "0", "0", "0"]);
		expectRefusal(answers[7] as Answer, "read");
		expect((await at.as(ben, "GET", "/v1/accounts/me")).status).toBe(200);
		expect((await at.as(ann, "POST", "/v1/posts", { text: "writing is another thing" })).status).toBe(201);
	});

	it("asks for its configuration so often", async () => {
		const at = isolate({ read: { limit: 2, seconds: 3600 } });
		for (const status of [200, 200, 429]) expect((await at.as(ann, "GET", "/v1/config")).status).toBe(status);
		expect((await at.call("GET", "/v1/config?deviceId=somebodys-phone")).status).toBe(200);
	});

	it("is refused pages that are kept, too", async () => {
		const at = isolate({ read: { limit: 6, seconds: 3600 } });
		const statuses = [];
		const kept = [];
		for (let time = 0; time < 8; time++) {
			const { status, headers } = await at.as(ann, "GET", "/v1/feed");
			statuses.push(status);
			kept.push(headers.get("x-cache"));
		}
		expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
		expect(kept.slice(1, 3)).toEqual(["HIT", "HIT"]);
	});

	it("writes and looks for names so often, and a refusal changes nothing", async () => {
		const at = isolate({ write: { limit: 2, seconds: 3600 }, search: { limit: 2, seconds: 3600 } });
		const text = "only so often";
		for (const status of [201, 201, 429]) expect((await at.as(ben, "POST", "/v1/posts", { text })).status).toBe(status);
		expect((await ben.texts()).filter((each) => each === text)).toHaveLength(2);
		for (const status of [200, 200, 429])
			expect((await at.as(ben, "GET", `/v1/accounts?username=${ann.username}`)).status).toBe(status);
	});

	it("has its tokens back after a while", async () => {
		const at = isolate({ read: { limit: 2, seconds: 60 } });
		const ahead = aheadBy();
		const read = async () => (await at.as(ann, "GET", "/v1/accounts/me")).status;
		expect([await read(), await read(), await read()]).toEqual([200, 200, 429]);
		ahead.ms += 30_000;
		expect([await read(), await read()]).toEqual([200, 429]);
	});

	it("that is fast is counted over the isolates of a location", async () => {
		// Each isolate alone would let two hundred more through; the binding has sixty for a minute.
		const isolates = [1, 2].map(() => isolate({ search: { limit: 400, seconds: 1_000_000 } }));
		let counted = 0;
		for (let time = 0; time < 530; time++) {
			const answer = await (isolates[time % 2] as Isolate).as(ann, "GET", "/v1/accounts?username=nobody_at_all");
			if (answer.status === 429) {
				expectRefusal(answer, "search");
				break;
			}
			if (answer.headers.has("ratelimit")) counted++;
		}
		expect(counted).toBeGreaterThanOrEqual(60);
		// A minute may have ended meanwhile.
		expect(counted).toBeLessThanOrEqual(120);
	}, 60_000);
});

describe("the setting", () => {
	it("leaves what it does not name as it is, and can be JSON", () => {
		const limits = (RATE_LIMITS: unknown) => parseSettings({ ...env, RATE_LIMITS }).RATE_LIMITS;
		expect(limits({ read: { limit: 7 } })).toMatchObject({ read: { limit: 7, seconds: 10 }, write: { limit: 120 } });
		expect(limits('{"read":{"limit":7}}')).toEqual(limits({ read: { limit: 7 } }));
		expect(limits("off")).toBe("off");
		for (const wrong of ["on", "{", { read: { limit: 0 } }, { reed: {} }, { read: 5 }])
			expect(() => limits(wrong)).toThrow("RATE_LIMITS");
	});

	it("off is off", async () => {
		const at = new Isolate({ RATE_LIMITS: "off" });
		const answer = await signIn(at, "nobody_at_all", "wrong wrong", network());
		expect(answer.status).toBe(401);
		expect(answer.headers.has("ratelimit")).toBe(false);
	});
});
