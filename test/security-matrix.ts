import { beforeAll, describe, expect, it } from "vitest";
import { PROBLEMS, type ProblemCode } from "../src/gateway/problem.ts";
import { ROLES } from "../src/gateway/tokens.ts";
import { type Answer, accessToken, call, eventually, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { claimsOf, confused, Keys, seconds, TRUSTED, unsigned } from "./forge.ts";

/**
 * Every route against every bad credential, by rule: what a route answers follows from what its entry in the table
 * says of it, and only exceptions are named there. A route that names somebody's thing and leaves open what others get
 * fails the suite.
 */

/** Whose things routes are asked for. */
interface Things {
	ann: Person;
	eve: Person;
	/** Ann's, for friends only, and her comment on it. */
	post: string;
	comment: string;
}

/** What the table says of a route; {@link securityMatrix} derives the rest. */
export interface Refusals<World> {
	path: (world: World) => string;
	body?: (world: World) => Record<string, unknown>;
	/** What a stranger gets who asks for Ann's. */
	stranger?: [status: number, code: string];
	/** The code for an id that names nothing. */
	missing?: string;
	/** What somebody gets whom the owner of the thing blocks, when it is not what `missing` says. */
	blocked?: [status: number, code?: string];
	/** Roles that may do more here than with their owner's own things. */
	roles?: string[];
	/** Good also with the token of an account that is deactivated. */
	sleeping?: boolean;
	open?: boolean;
	anonymous?: boolean;
	session?: boolean;
	upgrade?: boolean;
	operator?: boolean;
}

interface Forger {
	trusted: Keys;
	/** Another key under the same name. */
	twin: Keys;
	/** The service does not know it. */
	unknown: Keys;
	viewer: Person;
	/** Whose session has ended. */
	gone: Person;
	/** A ticket of the viewer's to her stream. */
	ticket: string;
}

type Attack = readonly [code: ProblemCode, forge: (forger: Forger) => string | undefined | Promise<string>];

const wrong = (claims: () => Record<string, unknown>, header?: (forger: Forger) => Record<string, unknown>): Attack => [
	"token_invalid",
	(forger) => forger.trusted.sign(claimsOf(forger.viewer.id, claims()), header?.(forger)),
];
/** Signed by a key that the header brings along. */
const brought = (header: (keys: Keys) => Record<string, unknown>): Attack => [
	"token_invalid",
	({ unknown, viewer }) => unknown.sign(claimsOf(viewer.id), header(unknown)),
];

/** The one that is right where a session is asked for. */
const SESSION = "a session token";

const ATTACKS: Readonly<Record<string, Attack>> = {
	"no token": ["token_missing", () => undefined],
	"a word": ["token_invalid", () => "x"],
	"three words": ["token_invalid", () => "a.b.c"],
	"nothing between the dots": ["token_invalid", () => ".."],
	"a bit of the signature changed": [
		"token_invalid",
		({ viewer: { token } }) => token.replace(/.(?=.{9}$)/, (letter) => (letter === "A" ? "B" : "A")),
	],
	"the signature of another token": [
		"token_invalid",
		async ({ viewer, trusted }) => {
			const other = await trusted.sign(claimsOf(viewer.id));
			return `${viewer.token.split(".", 2).join(".")}.${other.split(".")[2]}`;
		},
	],
	expired: ["token_expired", ({ trusted, viewer }) => trusted.sign(claimsOf(viewer.id, { exp: seconds() - 1 }))],
	"not yet valid": wrong(() => ({ nbf: seconds() + 600 })),
	"issued in the future": wrong(() => ({ iat: seconds() + 600 })),
	"without an end": wrong(() => ({ exp: undefined })),
	"of another issuer": wrong(() => ({ iss: "somebody" })),
	"for another audience": wrong(() => ({ aud: "somebody" })),
	"for another audience, among others": wrong(() => ({ aud: ["somebody", "feed-stream"] })),
	"of nobody": wrong(() => ({ sub: undefined })),
	"without a session": wrong(() => ({ sid: undefined })),
	"alg: none": ["token_invalid", ({ viewer }) => unsigned({ alg: "none" }, claimsOf(viewer.id))],
	"alg: None, with the name of a good key": [
		"token_invalid",
		({ viewer, trusted }) => unsigned({ alg: "None", kid: trusted.kid }, claimsOf(viewer.id), "AA"),
	],
	"HS256 by the public key's PEM": [
		"token_invalid",
		({ trusted, viewer }) => confused(trusted.header, claimsOf(viewer.id), trusted.texts[0] ?? ""),
	],
	"HS256 by the public key's JWK": [
		"token_invalid",
		({ trusted, viewer }) => confused(trusted.header, claimsOf(viewer.id), trusted.texts[2] ?? ""),
	],
	"another key of the same name": ["token_invalid", ({ twin, viewer }) => twin.sign(claimsOf(viewer.id))],
	"an unknown key": ["token_invalid", ({ unknown, viewer }) => unknown.sign(claimsOf(viewer.id))],
	"a jwk in the header": brought(({ jwk }) => ({ jwk })),
	"a jwk in the header, under a good name": brought(({ jwk }) => ({ jwk, kid: TRUSTED })),
	"a jku in the header": brought(() => ({ jku: "https://evil.test/jwks.json" })),
	"an x5u in the header": brought(() => ({ x5u: "https://evil.test/cert.pem", x5c: ["MIIB"] })),
	"a crit that nobody knows": wrong(
		() => ({}),
		() => ({ crit: ["https://evil.test/"], "https://evil.test/": true }),
	),
	"b64: false": wrong(
		() => ({}),
		() => ({ crit: ["b64"], b64: false }),
	),
	"of a session that ended": ["token_revoked", ({ gone }) => gone.token],
	"the session token of a session that ended": ["token_invalid", ({ gone }) => gone.session],
	[SESSION]: ["token_invalid", ({ viewer }) => viewer.session],
	"a ticket of the stream": ["token_invalid", ({ ticket }) => ticket],
};

/** What a route answers to an attack, by what its entry says of it. */
function expected(test: Omit<Refusals<never>, "path">, attack: string): [status: number, code?: string] {
	if (test.operator) return [404, "not_found"];
	if (test.session) return [401, "session_invalid"];
	if (test.anonymous && attack === "no token") return [200];
	return [401, (ATTACKS[attack] as Attack)[0]];
}

function expectAnswer({ status, body }: Answer, [wanted, code]: readonly [number, string?], what: string): void {
	expect([what, status, status < 400 ? undefined : body.code]).toEqual([what, wanted, code]);
}

const operate = (method: string, path: string, body?: unknown) =>
	call(method, path, { headers: { "x-operator-secret": env.OPERATOR_SECRET }, body });

/** @param worldOf gives what there is once `beforeAll` has run. */
export function securityMatrix<World extends Things>(
	cases: Readonly<Record<string, Refusals<World>>>,
	worldOf: () => World,
): void {
	const routes = Object.entries(cases).map(([name, test]) => {
		const [method = ""] = name.split(" ");
		const headers: Record<string, string> = test.upgrade ? { upgrade: "websocket" } : {};
		const ask = (world: World, token: string | undefined, more: Record<string, string> = {}) =>
			call(method, test.path(world), { token, body: test.body?.(world), headers: { ...headers, ...more } });
		return { name, method, test, ask };
	});
	const guarded = routes.filter(({ test }) => !test.open);
	const theirs = routes.filter(({ test }) => !test.open && !test.operator);

	describe("the security matrix", () => {
		const tokens = new Map<string, string | undefined>();
		let trusted: Keys;
		/** Somebody who blocks the victim, and what is hers; all of it would else be for everybody. */
		let walled: World;
		let victim: Person;

		beforeAll(async () => {
			trusted = await Keys.trusted();
			const [wall, gone] = await Promise.all([signUp("Wall"), signUp("Gone")]);
			victim = await signUp("Victim");
			expect((await call("POST", "/auth/sign-out", { token: gone.session })).status).toBe(200);
			const post = await wall.post("for everybody else", { audience: "public" });
			const comment = await wall.ok<{ id: string }>("POST", `/v1/posts/${post.id}/comments`, { text: "and this" });
			await wall.ok("PUT", `/v1/blocks/${victim.id}`);
			walled = { ...worldOf(), ann: wall, eve: wall, post: post.id, comment: comment.id };
			const { ann: viewer } = worldOf();
			const { ticket } = await viewer.ok<{ ticket: string }>("POST", "/v1/feed/tickets");
			const forger: Forger = {
				trusted,
				twin: await Keys.make(trusted.kid),
				unknown: await Keys.make("unknown"),
				viewer,
				gone,
				ticket,
			};
			for (const [name, [, forge]] of Object.entries(ATTACKS)) tokens.set(name, await forge(forger));
			// A key that this isolate has not seen is looked for every five seconds at most.
			const good = await trusted.sign(claimsOf(viewer.id));
			const mine = () => call("GET", "/v1/accounts/me", { token: good });
			await eventually(async () => expect((await mine()).status).toBe(200));
		});

		it("is about tokens that are good but for one thing", async () => {
			const { ann } = worldOf();
			for (const claims of [{}, { aud: ["somebody", "edgefeed"] }, { exp: seconds() + 30.5 }, { role: "king" }]) {
				const token = await trusted.sign(claimsOf(ann.id, claims));
				expect((await call("GET", "/v1/accounts/me", { token })).body).toMatchObject({ id: ann.id });
			}
		});

		it.each(guarded)("$name refuses every bad token", async ({ test, ask }) => {
			for (const [attack, token] of tokens) {
				if (test.session && attack === SESSION) continue;
				const wanted = expected(test, attack);
				expectAnswer(await ask(worldOf(), token), wanted, attack);
				if (!test.upgrade || token === undefined) continue;
				const protocol = { "sec-websocket-protocol": `bearer, ${token}` };
				expectAnswer(await ask(worldOf(), undefined, protocol), wanted, `${attack}, as a subprotocol`);
				const [path, query] = test.path(worldOf()).split("?");
				if (attack === "a ticket of the stream") continue;
				const ticketed = await call("GET", `${path}?${query ?? ""}&ticket=${token}`, {
					headers: { upgrade: "websocket" },
				});
				expectAnswer(ticketed, [401, "ticket_invalid"], `${attack}, as a ticket`);
			}
		});

		it("knows what others get wherever a route names somebody's thing", () => {
			const open = theirs.flatMap(({ name, test }) => {
				const path = test.path(worldOf());
				const names = path !== test.path(walled) || differs(test.body, worldOf(), walled);
				const isPrivate = path.includes(worldOf().post) || path.includes(worldOf().comment);
				return [
					...(names && !blockedBy(test) ? [`${name}: \`missing\` or \`blocked\``] : []),
					...(isPrivate && !test.stranger ? [`${name}: \`stranger\``] : []),
				];
			});
			expect(open).toEqual([]);
		});

		it.each(theirs)("$name tells whom its owner blocks nothing", async ({ name, test, ask }) => {
			if (test.path(worldOf()) === test.path(walled) && !differs(test.body, worldOf(), walled)) return;
			expectAnswer(await ask(walled, victim.token), blockedBy(test) ?? [0], name);
		});

		it.each(ROLES.filter((role) => role !== "user"))("the role %s lets nobody at what is another's", async (role) => {
			const person = await signUp(role);
			expect((await operate("PUT", "/ops/roles", { accountId: person.id, role })).status).toBe(204);
			const token = await accessToken(person.session);
			for (const { name, test, ask } of theirs) {
				if (test.stranger && !test.roles?.includes(role))
					expectAnswer(await ask(worldOf(), token), test.stranger, name);
			}
		});

		it.each(ROLES)("of the roles, %s finds the operators' routes or not", async (role) => {
			const person = await signUp(role);
			expect((await operate("PUT", "/ops/roles", { accountId: person.id, role })).status).toBe(204);
			const token = await accessToken(person.session);
			for (const { name, method, test } of routes) {
				if (!test.operator) continue;
				// What is no JSON is found to be none by whoever is let in, and changes nothing.
				const letIn = role === "operator" || test.roles?.includes(role);
				const more = test.body || method !== "GET" ? { raw: "{", headers: { "content-type": "text/plain" } } : {};
				const answer = await call(method, test.path(worldOf()), { token, ...more });
				const found: [number, string?] = method === "GET" ? [200] : [415, "unsupported_media_type"];
				const absent = method === "GET" ? test.missing : undefined;
				expectAnswer(answer, letIn && !absent ? found : [404, absent ?? "not_found"], name);
			}
		});

		it.runIf("POST /v1/accounts/me/deactivate" in cases)(
			"a deactivated account's token is good for nothing",
			async () => {
				const person = await signUp("Sleeper");
				await person.ok("POST", "/v1/accounts/me/deactivate");
				for (const { name, test, ask } of theirs) {
					if (test.session || test.sleeping) continue;
					const { status, body } = await ask(worldOf(), person.token);
					expect([name, [401, 403].includes(status), Object.hasOwn(PROBLEMS, String(body.code))]).toEqual([
						name,
						true,
						true,
					]);
				}
			},
		);
	});
}

/** What somebody gets whom the owner blocks: the same as where there is nothing, unless the entry says otherwise. */
function blockedBy({
	blocked,
	missing,
}: Pick<Refusals<never>, "blocked" | "missing">): readonly [number, string?] | undefined {
	return blocked ?? (missing === undefined ? undefined : [404, missing]);
}

function differs<World>(body: Refusals<World>["body"], a: World, b: World): boolean {
	return JSON.stringify(body?.(a)) !== JSON.stringify(body?.(b));
}
