import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { RevocationTable, SharedRevocations } from "../src/accounts/revocation-log.ts";
import { Sessions } from "../src/accounts/sessions.ts";
import { Memory } from "../src/cache/memory.ts";
import { OLDEST, OUTAGE } from "../src/gateway/live-copy.ts";
import { type Revocation, type RevocationLog, Revocations } from "../src/gateway/revocations.ts";
import { Tally } from "../src/metrics.ts";
import { encodeId, type Id } from "../src/store/ids.ts";
import { accessToken, call, eventually, ORIGIN, PASSWORD, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { obstruct } from "./obstruct.ts";

/** Within so many milliseconds a revoked token is refused everywhere. */
const BOUND = 5_000;
const REVOKED = { status: 401, body: { code: "token_revoked" } };

afterEach(() => {
	vi.restoreAllMocks();
});

/** What an isolate has, with a clock of its own and a count of what it did after its answers. */
class Isolate {
	readonly list: Revocations;
	readonly sessions: Sessions;
	readonly stale: number[] = [];
	#work: Promise<unknown>[] = [];

	constructor(now: () => number, log: RevocationLog = new RevocationTable(env.IDENTITY, now)) {
		const metrics = { add: (_: unknown, value: number) => void this.stale.push(value) };
		this.list = new Revocations({ log, defer: this.defer, metrics, now });
		this.sessions = new Sessions({ database: env.IDENTITY, revocations: this.list, now, ended: async () => {} });
	}

	readonly defer = (work: Promise<unknown>): void => void this.#work.push(work);

	/** Whether a request with a token of the session is let in. */
	async admits(session: string, viewer = "nobody", issuedAt = 0): Promise<boolean> {
		await this.list.fresh();
		return !this.list.has({ session, viewer, issuedAt });
	}

	async settle(): Promise<number> {
		const work = this.#work.splice(0);
		await Promise.all(work);
		return work.length;
	}
}

const sessionIds = async (who: Person): Promise<string[]> => {
	const { results } = await env.IDENTITY.prepare("SELECT id FROM session WHERE userId = ? ORDER BY id")
		.bind(who.id)
		.all<{ id: string }>();
	return results.map(({ id }) => id);
};
const signIn = async (who: Person): Promise<string> => {
	const body = { email: who.email, password: PASSWORD };
	return (await call<{ token: string }>("POST", "/auth/sign-in/email", { body })).body.token;
};
const signOut = (session: string) => call("POST", "/auth/sign-out", { token: session });

describe("signing out", () => {
	it("ends the access tokens of the session at once, and of no other", async () => {
		const ann = await signUp("Ann");
		const second = await signIn(ann);
		const [token, other] = [await accessToken(ann.session), await accessToken(second)];
		expect((await call("GET", "/v1/accounts/me", { token })).status).toBe(200);
		expect(await signOut(ann.session)).toMatchObject({ status: 200, body: { success: true } });
		for (const each of [token, ann.token]) {
			const answer = await call("GET", "/v1/accounts/me", { token: each });
			expect(answer).toMatchObject(REVOKED);
			expect(answer.headers.get("www-authenticate")).toBe("Bearer");
		}
		expect((await call("GET", "/v1/accounts/me", { token: other })).status).toBe(200);
		expect(await sessionIds(ann)).toHaveLength(1);
		expect((await signOut(ann.session)).status).toBe(200);
		expect((await signOut("nonsense")).status).toBe(200);
		expect((await call("GET", "/v1/accounts/me", { token: other })).status).toBe(200);
	});

	it("keeps streams and tickets from being opened", async () => {
		const ann = await signUp("Ann");
		const { ticket } = await ann.ok<{ ticket: string }>("POST", "/v1/feed/tickets");
		await signOut(ann.session);
		const upgrade = { upgrade: "websocket" };
		const bearer = { authorization: `Bearer ${ann.token}` };
		const opened = await Promise.all(
			(
				[
					["/v1/feed/stream", { ...upgrade, ...bearer }],
					["/v1/feed/stream", { ...upgrade, "sec-websocket-protocol": `bearer, ${ann.token}` }],
					["/v1/feed/events", bearer],
					[`/v1/feed/stream?ticket=${ticket}`, upgrade],
					[`/v1/feed/events?ticket=${ticket}`, {}],
				] as [string, Record<string, string>][]
			).map(([path, headers]) => worker.fetch(`${ORIGIN}${path}`, { headers })),
		);
		for (const response of opened) {
			expect(response.status).toBe(401);
			expect(await response.json()).toMatchObject({ code: "token_revoked" });
		}
		expect(await ann.call("POST", "/v1/feed/tickets")).toMatchObject(REVOKED);
	});

	it("is not answered before the revocation is written, and ends nothing when that fails", async () => {
		const ann = await signUp("Ann");
		const batch = vi.spyOn(env.IDENTITY, "batch").mockRejectedValue(new Error("D1_ERROR: Network connection lost."));
		expect(await signOut(ann.session)).toMatchObject({ status: 503, body: { code: "unavailable" } });
		expect(batch).toHaveBeenCalledTimes(1);
		vi.restoreAllMocks();
		expect((await ann.call("GET", "/v1/accounts/me")).status).toBe(200);
		expect(await accessToken(ann.session)).toBeTruthy();
		expect((await signOut(ann.session)).status).toBe(200);
		expect(await ann.call("GET", "/v1/accounts/me")).toMatchObject(REVOKED);
	});

	it("elsewhere reaches this Worker within the bound", async () => {
		const ann = await signUp("Ann");
		expect((await ann.call("GET", "/v1/accounts/me")).status).toBe(200);
		const [session = ""] = await sessionIds(ann);
		await new Isolate(Date.now).sessions.end(session);
		const answered = Date.now();
		await eventually(async () => expect(await ann.call("GET", "/v1/accounts/me")).toMatchObject(REVOKED), BOUND);
		expect(Date.now() - answered).toBeLessThan(BOUND);
		expect((await call("GET", "/auth/token", { token: ann.session })).status).toBe(401);
	}, 20_000);
});

describe("ending all of an account's sessions", () => {
	it("ends every token from before, those of sessions that are gone too, and none of a later sign-in", async () => {
		const [ann, ben] = [await signUp("Ann"), await signUp("Ben")];
		await signIn(ann);
		const ids = await sessionIds(ann);
		expect(ids).toHaveLength(2);
		const now = Date.now();
		const second = Math.floor(now / 1000);
		const [here, there] = [new Isolate(() => now), new Isolate(() => now)];
		await here.sessions.endAll(ann.id as Id);
		expect(await sessionIds(ann)).toEqual([]);
		expect(await sessionIds(ben)).toHaveLength(1);
		for (const isolate of [here, there]) {
			for (const id of ids) expect(await isolate.admits(id, ann.id, second + 1)).toBe(false);
			expect(await isolate.admits("long gone", ann.id, second - 1)).toBe(false);
			expect(await isolate.admits("new", ann.id, second)).toBe(true);
			expect(await isolate.admits("other", ben.id, second - 1)).toBe(true);
		}
		// An earlier one does not take a later one back, in whatever order they are heard of.
		const until = now + 1e6;
		here.list.add([{ subject: ann.id, issuedBefore: second - 50, until }]);
		expect(await here.admits("long gone", ann.id, second - 1)).toBe(false);
		here.list.add([{ subject: ann.id, issuedBefore: second + 50, until }]);
		expect(await here.admits("new", ann.id, second)).toBe(false);
		const token = await accessToken(await signIn(ann));
		expect((await call("GET", "/v1/accounts/me", { token })).status).toBe(200);
	});
});

describe("the list of an isolate", () => {
	it("has what was revoked elsewhere before it is as old as the bound, asking once in two seconds", async () => {
		let now = Date.now();
		const [here, there] = [new Isolate(() => now), new Isolate(() => now)];
		const id = encodeId({ time: now, shard: 1, tail: 77 });
		expect(await there.admits(id)).toBe(true);
		await here.sessions.end(id);
		expect(await here.admits(id)).toBe(false);
		now += 1_999;
		expect(await there.admits(id)).toBe(true);
		expect(await there.settle()).toBe(0);
		now += 1;
		for (let n = 0; n < 5; n++) expect(await there.admits(id)).toBe(true);
		expect(await there.settle()).toBe(1);
		expect(await there.admits(id)).toBe(false);
		// Nobody came meanwhile: the first one waits.
		const next = encodeId({ time: now, shard: 1, tail: 78 });
		await here.sessions.end(next);
		now += OLDEST;
		expect(await there.admits(next)).toBe(false);
	});

	it("is as old as the store's answer was when it was given, however long that took to come", async () => {
		let now = 1_000_000;
		const revoked = { subject: "gone", issuedBefore: null, until: now + 960_000 };
		let arrive = () => {};
		const held = new Promise<void>((done) => {
			arrive = done;
		});
		const reads: (readonly Revocation[])[] = [[], [], [revoked]];
		const log = {
			since: async () => {
				const answer = { asOf: now, value: { last: 1, revocations: reads.shift() ?? [] } };
				if (reads.length === 1) await held;
				return answer;
			},
		};
		const isolate = new Isolate(() => now, log);
		expect(await isolate.admits("gone")).toBe(true);
		now += 3_000;
		expect(await isolate.admits("gone")).toBe(true);
		now += 3_000;
		arrive();
		await isolate.settle();
		now += 1_000;
		expect(await isolate.admits("gone")).toBe(false);
	});

	it("is shared by the isolates of a data centre, and none is late for it", async () => {
		let now = Date.now();
		const clock = () => now;
		const table = new RevocationTable(env.IDENTITY, clock);
		const reads = vi.spyOn(table, "since");
		const put: Promise<unknown>[] = [];
		// What the edge cache is, by the clock of the test: the real one counts its second in real time.
		const edge = new Memory(1_000_000, clock);
		const isolates = Array.from({ length: 20 }, () => {
			const log = new SharedRevocations(table, {
				memory: new Memory(1_000_000, clock),
				beyond: [edge],
				defer: (work) => void put.push(work),
				tally: new Tally({ add: () => {} }, clock),
				now: clock,
			});
			return new Isolate(clock, log);
		});
		const each = async (id: string) => {
			const admitted: boolean[] = [];
			for (const isolate of isolates) {
				admitted.push(await isolate.admits(id));
				await isolate.settle();
				await Promise.all(put);
			}
			return new Set(admitted);
		};
		for (let round = 0; round < 3; round++) {
			const id = encodeId({ time: now, shard: 4, tail: round });
			reads.mockClear();
			expect(await each(id)).toEqual(new Set([true]));
			expect(reads).toHaveBeenCalledTimes(1);
			await new Isolate(clock).sessions.end(id);
			now += OLDEST;
			reads.mockClear();
			expect(await each(id)).toEqual(new Set([false]));
			expect(reads).toHaveBeenCalledTimes(1);
			now += 2_500;
		}
	});

	it("and the table forget what is of no interest any more, and never use a number twice", async () => {
		let now = Date.now();
		const [here, there] = [new Isolate(() => now), new Isolate(() => now)];
		const id = (tail: number) => encodeId({ time: now, shard: 2, tail });
		const [first, second, third] = [id(1), id(2), id(3)];
		const rows = async () => {
			const { results } = await env.IDENTITY.prepare("SELECT seq, subject FROM revocations ORDER BY seq").all<{
				seq: number;
				subject: string;
			}>();
			return results;
		};
		await here.sessions.end(first);
		now += 10_000;
		await here.sessions.end(second);
		expect(await there.admits(second)).toBe(false);
		const size = there.list.size;
		const { seq = 0 } = (await rows()).at(-1) ?? {};
		now += 960_000 - 10_000;
		expect(await there.admits(third)).toBe(true);
		expect(there.list.size).toBeLessThan(size);
		expect(await there.admits(second)).toBe(false);
		now += 10_000;
		await here.sessions.end(third);
		const left = await rows();
		for (const subject of [first, second]) expect(left).not.toContainEqual(expect.objectContaining({ subject }));
		expect(left.at(-1)).toEqual({ seq: seq + 1, subject: third });
		expect(await there.admits(third)).toBe(false);
		await env.IDENTITY.exec("DELETE FROM revocations");
		await here.sessions.end(first);
		expect((await rows())[0]?.seq).toBe(seq + 2);
	});

	it("stays in force while the store is down, which is counted, and is read again when it is back", async () => {
		let now = Date.now();
		const quiet = vi.spyOn(console, "error").mockImplementation(() => {});
		const [here, there] = [new Isolate(() => now), new Isolate(() => now)];
		const id = (tail: number) => encodeId({ time: now, shard: 3, tail });
		const [before, lost] = [id(1), id(2)];
		await here.sessions.end(before);
		expect(await there.admits(before)).toBe(false);
		await here.sessions.end(lost);
		obstruct(env.IDENTITY, "FROM revocations", { before: () => Promise.reject(new Error("D1_ERROR: overloaded")) });
		now += OLDEST + 500;
		expect(await there.admits(before)).toBe(false);
		expect(await there.admits(lost)).toBe(true);
		expect(there.stale).toEqual([4.5]);
		// Nobody waits any more, and one try a second is made.
		for (let n = 0; n < 20; n++) {
			now += 100;
			expect(there.list.current()).toBe(true);
		}
		expect(await there.settle()).toBe(2);
		expect(there.stale).toHaveLength(3);
		expect(quiet).toHaveBeenCalledTimes(3);
		vi.restoreAllMocks();
		now += OUTAGE - 1;
		expect(await there.admits(lost)).toBe(true);
		expect(await there.settle()).toBe(1);
		expect(await there.admits(lost)).toBe(false);
	});

	it("was never there: nobody is let in, and that is no fault of the token", async () => {
		vi.spyOn(console, "error").mockImplementation(() => {});
		const now = Date.now();
		obstruct(env.IDENTITY, "FROM revocations", { before: () => Promise.reject(new Error("D1_ERROR: overloaded")) });
		const isolate = new Isolate(() => now);
		for (let n = 0; n < 2; n++) await expect(isolate.admits("x")).rejects.toMatchObject({ code: "unavailable" });
		expect(isolate.stale).toEqual([]);
		vi.restoreAllMocks();
		expect(await isolate.admits("x")).toBe(true);
	});

	it("that cannot be read for ten seconds keeps no read of the Worker from being answered", async () => {
		const ann = await signUp("Ann");
		await ann.ok("GET", "/v1/accounts/me");
		vi.spyOn(console, "error").mockImplementation(() => {});
		obstruct(env.IDENTITY, "FROM revocations", { before: () => Promise.reject(new Error("D1_ERROR: overloaded")) });
		for (const end = Date.now() + 10_000; Date.now() < end; ) {
			await ann.ok("GET", "/v1/accounts/me");
			await new Promise((done) => setTimeout(done, 100));
		}
	}, 30_000);
});

describe("property", () => {
	/** A store that can be down, or answer late with what it had when it was asked. */
	class Store {
		readonly rows: Revocation[] = [];
		readonly #held: (() => void)[] = [];
		state: "up" | "down" | "late" = "up";

		logFor(isolate: { now: () => number; failed: () => void }): RevocationLog {
			return {
				since: async (after) => {
					const asOf = isolate.now();
					const answer = { asOf, value: { last: this.rows.length, revocations: this.rows.slice(after) } };
					if (this.state === "late") await new Promise<void>((done) => this.#held.push(done));
					if (this.state !== "down") return answer;
					isolate.failed();
					throw new Error("down");
				},
			};
		}
		release(): void {
			for (const done of this.#held.splice(0)) done();
		}
	}

	const SESSIONS = 4;
	const ISOLATES = 3;
	const step = fc.oneof(
		{ weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), for: fc.nat({ max: 3_000 }) }) },
		{
			weight: 6,
			arbitrary: fc.record({
				do: fc.constant("ask" as const),
				isolate: fc.nat({ max: ISOLATES - 1 }),
				session: fc.nat({ max: SESSIONS - 1 }),
			}),
		},
		{
			weight: 1,
			arbitrary: fc.record({
				do: fc.constant("revoke" as const),
				isolate: fc.nat({ max: ISOLATES - 1 }),
				session: fc.nat({ max: SESSIONS - 1 }),
			}),
		},
		{
			weight: 2,
			arbitrary: fc.record({ do: fc.constant("turn" as const), state: fc.constantFrom("up", "down", "late") }),
		},
	);

	it("a token revoked more than five seconds ago is refused by whoever could ask", async () => {
		vi.spyOn(console, "error").mockImplementation(() => {});
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
				let now = 1_000_000;
				const clock = () => now;
				const store = new Store();
				const isolates = Array.from({ length: ISOLATES }, () => {
					const state = { failedAt: Number.NEGATIVE_INFINITY };
					const log = store.logFor({ now: clock, failed: () => (state.failedAt = now) });
					return { state, isolate: new Isolate(clock, log) };
				});
				for (const { isolate } of isolates) await isolate.admits("warm");
				const ended = new Map<string, { at: number; by: number }>();
				const asked: Promise<void>[] = [];
				const ask = async (number: number, session: string) => {
					const { state, isolate } = isolates[number] ?? expect.unreachable();
					const revoked = ended.get(session);
					const began = now;
					const admitted = await isolate.admits(session);
					if (!admitted) expect(ended.has(session)).toBe(true);
					if (!admitted || revoked === undefined) return;
					expect(revoked.by).not.toBe(number);
					const failing = now - state.failedAt < OUTAGE;
					if (!failing) expect(began - revoked.at).toBeLessThan(BOUND);
				};
				for (const each of steps) {
					if (each.do === "wait") now += each.for;
					if (each.do === "ask") asked.push(ask(each.isolate, `s${each.session}`));
					if (each.do === "turn") store.state = each.state as Store["state"];
					if (each.do === "turn" && each.state !== "late") store.release();
					if (each.do === "revoke" && store.state !== "down" && !ended.has(`s${each.session}`)) {
						const revocation = { subject: `s${each.session}`, issuedBefore: null, until: now + 960_000 };
						store.rows.push(revocation);
						isolates[each.isolate]?.isolate.list.add([revocation]);
						ended.set(revocation.subject, { at: now, by: each.isolate });
					}
					// Lets what can go on go on.
					for (let n = 0; n < 8; n++) await Promise.resolve();
				}
				store.state = "up";
				store.release();
				await Promise.all(asked);
				// Back, and asked again: everyone knows everything.
				now += OUTAGE + OLDEST;
				for (const session of ended.keys()) {
					for (const { isolate } of isolates) expect(await isolate.admits(session)).toBe(false);
				}
			}),
			{ numRuns: (env.HISTORIES ?? 0) || 500 },
		);
	}, 120_000);
});
