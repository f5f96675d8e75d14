import { decodeJwt } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { deviceOf } from "../src/accounts/device.ts";
import { REFRESH_GRACE } from "../src/accounts/refresh.ts";
import { Sessions } from "../src/accounts/sessions.ts";
import { servicesOf } from "../src/services.ts";
import type { Id } from "../src/store/ids.ts";
import { CLOSE_CODES } from "../src/timeline/sockets.ts";
import { accessToken, call, eventually, ORIGIN, PASSWORD, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { aheadBy } from "./isolate.ts";
import { obstruct } from "./obstruct.ts";

afterEach(() => vi.restoreAllMocks());

interface Pair {
	token: string;
	refreshToken: string;
	expiresAt: string;
}
const ENDED = { status: 401, body: { code: "session_invalid" } };
const REVOKED = { status: 401, body: { code: "token_revoked" } };
const refresh = (refreshToken: string) => call<Pair>("POST", "/auth/refresh", { body: { refreshToken } });
const next = async (refreshToken: string): Promise<Pair> => {
	const answer = await refresh(refreshToken);
	expect(answer.status, JSON.stringify(answer.body)).toBe(200);
	return answer.body;
};
const me = (token: string) => call("GET", "/v1/accounts/me", { token });
const signIn = async (who: Person, agent = ""): Promise<string> => {
	const headers: Record<string, string> = agent ? { "user-agent": agent } : {};
	const body = { email: who.email, password: PASSWORD };
	return (await call<{ token: string }>("POST", "/auth/sign-in/email", { body, headers })).body.token;
};
const rows = async (who: Person) => {
	const { results } = await env.IDENTITY.prepare("SELECT * FROM session WHERE userId = ?").bind(who.id).all();
	return results;
};

describe("a refresh token", () => {
	it("brings an access token and its successor, and is good once", async () => {
		const ann = await signUp("Ann");
		const answer = await refresh(ann.session);
		expect(answer.headers.get("cache-control")).toBe("no-store");
		const first = answer.body;
		expect((await me(first.token)).body).toMatchObject({ id: ann.id });
		expect(Date.parse(first.expiresAt) - Date.now()).toBeGreaterThan(29 * 86_400_000);
		// The same session, by another name.
		expect(decodeJwt(first.token).sid).toBe(decodeJwt(ann.token).sid);
		expect(await call("GET", "/auth/token", { token: ann.session })).toMatchObject(ENDED);
		const second = await next(first.refreshToken);
		const third = await next(second.refreshToken);
		expect(new Set([first, second, third].map((pair) => pair.refreshToken)).size).toBe(3);
		expect((await me(third.token)).status).toBe(200);
		// Access tokens are made by refreshing only, but what a session token opens is open.
		expect(await call("GET", "/auth/token", { token: third.refreshToken })).toMatchObject(ENDED);
		expect((await call("POST", "/auth/sign-out", { token: third.refreshToken })).status).toBe(200);
		expect(await me(third.token)).toMatchObject(REVOKED);
		expect(await refresh(third.refreshToken)).toMatchObject(ENDED);
		expect(await rows(ann)).toEqual([]);
	});

	it("brings many who come at once the same successor", async () => {
		const ann = await signUp("Ann");
		for (let round = 0, token = ann.session; round < 2; round++) {
			const answers = await Promise.all(Array.from({ length: 40 }, () => refresh(token)));
			expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
			const successors = new Set(answers.map(({ body }) => body.refreshToken));
			expect(successors.size).toBe(1);
			for (const { body } of answers.slice(0, 3)) expect((await me(body.token)).status).toBe(200);
			token = [...successors][0] ?? "";
		}
		expect(await rows(ann)).toMatchObject([{ generation: 2 }]);
	});

	it("brings the same successor to who lost the answer, for half a minute, and ends the session after that", async () => {
		const ahead = aheadBy();
		const [ann, ben] = [await signUp("Ann"), await signUp("Ann")];
		const first = await next(ann.session);
		const bens = await next(ben.session);
		ahead.ms = REFRESH_GRACE - 5_000;
		expect((await next(ann.session)).refreshToken).toBe(first.refreshToken);
		expect((await me(first.token)).status).toBe(200);
		ahead.ms = REFRESH_GRACE + 5_000;
		expect(await refresh(ann.session)).toMatchObject(ENDED);
		for (const token of [first.token, ann.token]) expect(await me(token)).toMatchObject(REVOKED);
		expect(await refresh(first.refreshToken)).toMatchObject(ENDED);
		expect(await rows(ann)).toEqual([]);
		// Others' sessions go on.
		expect((await next(bens.refreshToken)).token).toBeTruthy();
	});

	it("brings the same successor however late to who comes with the key of the refresh, and to nobody else", async () => {
		const ahead = aheadBy();
		const withKey = (refreshToken: string, key: string) =>
			call<Pair>("POST", "/auth/refresh", { body: { refreshToken }, headers: { "idempotency-key": key } });
		const [ann, ben] = [await signUp("Ann"), await signUp("Ben")];
		const key = "0123456789abcdef";
		const first = (await withKey(ann.session, key)).body;
		const bens = (await withKey(ben.session, key)).body;
		ahead.ms = 100 * REFRESH_GRACE;
		expect((await withKey(ann.session, key)).body.refreshToken).toBe(first.refreshToken);
		// Once the successor was used, the answer has come, and the key is as old as the token.
		await next(first.refreshToken);
		expect(await withKey(ann.session, key)).toMatchObject(ENDED);
		expect(await rows(ann)).toEqual([]);
		expect(await withKey(ben.session, `${key}0`)).toMatchObject(ENDED);
		expect(await refresh(bens.refreshToken)).toMatchObject(ENDED);
	});

	it("ends the session when it is older than the one before the last, grace or not", async () => {
		const ann = await signUp("Ann");
		const other = await signIn(ann);
		const first = await next(ann.session);
		const second = await next(first.refreshToken);
		const third = await next(second.refreshToken);
		expect(await refresh(first.refreshToken)).toMatchObject(ENDED);
		for (const { token } of [first, second, third]) expect(await me(token)).toMatchObject(REVOKED);
		expect(await refresh(third.refreshToken)).toMatchObject(ENDED);
		expect((await me(await accessToken(other))).status).toBe(200);
	});

	it("cannot be made up, nor does a made up one harm the session", async () => {
		const [ann, ben] = [await signUp("Ann"), await signUp("Ben")];
		const [anns, bens] = [await next(ann.session), await next(ben.session)];
		const [id = "", , code = ""] = anns.refreshToken.slice(4).split(".");
		const [otherId = ""] = bens.refreshToken.slice(4).split(".");
		const flipped = `${code.startsWith("A") ? "B" : "A"}${code.slice(1)}`;
		const forged = [
			`efr_${id}.1.${flipped}`,
			`efr_${id}.2.${code}`,
			`efr_${id}.0.${code}`,
			`efr_${id}.01.${code}`,
			`efr_${otherId}.1.${code}`,
			`efr_0000000000000.1.${code}`,
			`efr_${id}.1.`,
			`${anns.refreshToken}A`,
			anns.token,
			"x",
			"%00",
		];
		for (const token of forged) expect(await refresh(token), token).toMatchObject(ENDED);
		expect((await me(anns.token)).status).toBe(200);
		expect((await me((await next(anns.refreshToken)).token)).status).toBe(200);
		expect((await me((await next(bens.refreshToken)).token)).status).toBe(200);
	});

	it("is not in the database, nor is anything that could stand for it", async () => {
		const ann = await signUp("Ann");
		const { refreshToken } = await next(ann.session);
		const kept = await rows(ann);
		const text = JSON.stringify(kept);
		for (const secret of [ann.session, refreshToken, refreshToken.split(".")[2] ?? ""])
			expect(text).not.toContain(secret);
		for (const value of [String(kept[0]?.token), String(kept[0]?.firstToken)]) {
			expect(await refresh(value)).toMatchObject(ENDED);
			for (const sent of [value, encodeURIComponent(value), `%${value.charCodeAt(0).toString(16)}${value.slice(1)}`]) {
				expect(await call("GET", "/auth/token", { token: sent })).toMatchObject(ENDED);
			}
		}
		expect((await next(refreshToken)).token).toBeTruthy();
	});

	it("that is overtaken on its way changes nothing, and is not taken for a copy", async () => {
		const ann = await signUp("Ann");
		const first = await next(ann.session);
		let held = true;
		let writes = 0;
		obstruct(env.IDENTITY, "UPDATE session SET generation", {
			// Asked again and again: a request cannot wait for a promise of another one's.
			before: async () => {
				for (const first = ++writes === 1; first && held; ) await new Promise((done) => setTimeout(done, 10));
			},
		});
		const slow = refresh(first.refreshToken);
		await eventually(async () => expect(writes).toBe(1));
		const second = await next(first.refreshToken);
		const third = await next(second.refreshToken);
		held = false;
		expect(await slow).toMatchObject(ENDED);
		expect(await rows(ann)).toMatchObject([{ generation: 3 }]);
		expect((await me((await next(third.refreshToken)).token)).status).toBe(200);
	});

	it("is as good as before when the refresh failed", async () => {
		const ann = await signUp("Ann");
		const down = { before: () => Promise.reject(new Error("D1_ERROR: Network connection lost.")) };
		vi.spyOn(console, "error").mockImplementation(() => {});
		obstruct(env.IDENTITY, "UPDATE session SET generation", down);
		expect(await refresh(ann.session)).toMatchObject({ status: 503 });
		vi.restoreAllMocks();
		const { refreshToken } = await next(ann.session);
		expect((await next(refreshToken)).token).toBeTruthy();
	});

	it("ends with its session", async () => {
		const ahead = aheadBy();
		const [ann, ben] = [await signUp("Ann"), await signUp("Ben")];
		const [anns, bens] = [await next(ann.session), await next(ben.session)];
		await ann.ok("DELETE", `/v1/sessions/${decodeJwt(anns.token).sid}`);
		expect(await refresh(anns.refreshToken)).toMatchObject(ENDED);
		expect(await refresh(ann.session)).toMatchObject(ENDED);
		ahead.ms = 30 * 86_400_000 + 1_000;
		expect(await refresh(bens.refreshToken)).toMatchObject(ENDED);
	});
});

interface Listed {
	items: { id: string; device: string | null; current: boolean; createdAt: string; lastSeenAt: string }[];
}

describe("the sessions of an account", () => {
	const PHONE =
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

	it("are listed with their devices, and which is this one", async () => {
		const [ann, ben] = [await signUp("Ann"), await signUp("Ben")];
		const phone = await accessToken(await signIn(ann, PHONE));
		const { items } = await ann.ok<Listed>("GET", "/v1/sessions");
		expect(items).toHaveLength(2);
		expect(items.filter(({ current }) => current)).toMatchObject([{ id: decodeJwt(ann.token).sid }]);
		expect(items.find(({ current }) => !current)).toMatchObject({ device: "Safari on iPhone" });
		const text = JSON.stringify(items);
		expect(text).not.toContain(ann.session);
		expect(text).not.toMatch(/ipAddress|token/);
		const ofPhone = (await call<Listed>("GET", "/v1/sessions", { token: phone })).body;
		expect(ofPhone.items.find(({ current }) => current)?.id).toBe(decodeJwt(phone).sid);
		expect((await ben.ok<Listed>("GET", "/v1/sessions")).items).toHaveLength(1);
	});

	it("end one by one, by their owner only", async () => {
		const [ann, eve] = [await signUp("Ann"), await signUp("Eve")];
		const session = await signIn(ann);
		const token = await accessToken(session);
		const id = decodeJwt(token).sid as string;
		expect(await eve.call("DELETE", `/v1/sessions/${id}`)).toMatchObject({
			status: 404,
			body: { code: "session_not_found" },
		});
		expect((await me(token)).status).toBe(200);
		expect((await ann.call("DELETE", `/v1/sessions/${id}`)).status).toBe(204);
		expect(await me(token)).toMatchObject(REVOKED);
		expect(await call("GET", "/auth/token", { token: session })).toMatchObject(ENDED);
		expect((await ann.call("DELETE", `/v1/sessions/${id}`)).status).toBe(404);
		expect((await me(ann.token)).status).toBe(200);
	});

	it("end all but this one", async () => {
		const ann = await signUp("Ann");
		const others = await Promise.all([1, 2, 3].map(async () => accessToken(await signIn(ann))));
		expect((await ann.call("DELETE", "/v1/sessions")).status).toBe(204);
		for (const token of others) expect(await me(token)).toMatchObject(REVOKED);
		expect((await ann.ok<Listed>("GET", "/v1/sessions")).items).toMatchObject([{ current: true }]);
		expect((await ann.call("DELETE", "/v1/sessions")).status).toBe(204);
		expect((await me(ann.token)).status).toBe(200);
	});

	it("are named by what people call their devices", () => {
		const desktop = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
		expect(deviceOf(PHONE)).toBe("Safari on iPhone");
		expect(deviceOf(`${desktop} Chrome/130.0.0.0 Safari/537.36`)).toBe("Chrome on Windows");
		expect(deviceOf(`${desktop} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0`)).toBe("Edge on Windows");
		expect(deviceOf("Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0")).toBe("Firefox on Android");
		expect(deviceOf("Feedly Mobile/2.1 (com.example; iPhone)")).toBe("Feedly Mobile on iPhone");
		expect(deviceOf("curl/8.5.0")).toBe("curl");
		for (const nothing of [undefined, null, "", "Mozilla/5.0", "<script>"]) expect(deviceOf(nothing)).toBeNull();
	});
});

describe("the streams of a session that ended", () => {
	class Device {
		closed: { code: number; reason: string } | undefined;
		readonly frames: string[] = [];
		constructor(socket: WebSocket) {
			socket.addEventListener("message", ({ data }) => void this.frames.push(String(data)));
			socket.addEventListener("close", ({ code, reason }) => {
				this.closed = { code, reason };
			});
			socket.accept();
		}
	}
	const open = async (token: string) => {
		const headers = { upgrade: "websocket", authorization: `Bearer ${token}` };
		const { webSocket } = await worker.fetch(`${ORIGIN}/v1/feed/stream`, { headers });
		const device = new Device(webSocket ?? expect.unreachable());
		await eventually(async () => expect(device.frames).toHaveLength(1));
		return device;
	};
	const closed = { code: CLOSE_CODES.token_revoked, reason: "token_revoked" };

	it("are closed at once, and no others", async () => {
		const ann = await signUp("Ann");
		const token = await accessToken(await signIn(ann));
		const [lost, kept] = [await open(token), await open(ann.token)];
		const { ticket } = (await call<{ ticket: string }>("POST", "/v1/feed/tickets", { token })).body;
		const events = await worker.fetch(`${ORIGIN}/v1/feed/events?ticket=${ticket}`);
		const text = events.text();
		await ann.ok("DELETE", `/v1/sessions/${decodeJwt(token).sid}`);
		await eventually(async () => expect(lost.closed).toEqual(closed));
		expect(await text).toContain('event: close\ndata: {"reason":"token_revoked"}');
		await ann.post("still here");
		await eventually(async () => expect(kept.frames).toHaveLength(2));
		expect(kept.closed).toBeUndefined();
		expect(lost.frames).toHaveLength(1);
		await call("POST", "/auth/sign-out", { token: ann.session });
		await eventually(async () => expect(kept.closed).toEqual(closed));
	});

	it("are sent nothing once the revocation is known, also when nobody told them", async () => {
		const ahead = aheadBy();
		const [ann, ben] = [await signUp("Ann"), await signUp("Ben")];
		await ann.befriend(ben);
		const token = await accessToken(await signIn(ben));
		const [lost, kept] = [await open(token), await open(ben.token)];
		// As if the process had died after the revocation was written.
		const sessions = new Sessions({
			database: env.IDENTITY,
			revocations: { add: () => {} },
			now: Date.now,
			ended: async () => {},
		});
		expect(await sessions.endOne(ben.id as Id, decodeJwt(token).sid as string)).toBe(true);
		expect(lost.closed).toBeUndefined();
		ahead.ms = 5_000;
		await ann.post("not for thieves");
		await eventually(async () => expect(lost.closed).toEqual(closed));
		await eventually(async () => expect(kept.frames).toHaveLength(2));
		expect(lost.frames).toHaveLength(1);
	});

	it("are closed with all sessions of the account", async () => {
		const ann = await signUp("Ann");
		const devices = [await open(ann.token), await open(await accessToken(await signIn(ann)))];
		await servicesOf(env).sessions.endAll(ann.id as Id);
		for (const device of devices) await eventually(async () => expect(device.closed).toEqual(closed));
	});
});
