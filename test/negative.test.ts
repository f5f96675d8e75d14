import { generateKeyPair, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, call, PASSWORD, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { type Refusals, securityMatrix } from "./security-matrix.ts";

/**
 * What every route must refuse, from one table. A route of `openapi.json` that is not in the table
 * fails the suite.
 */

interface World {
	ann: Person;
	/** A stranger to Ann. */
	eve: Person;
	/** Ann's, for friends only. */
	post: string;
	/** Ann's comment on it. */
	comment: string;
	/** The id of Ann's session. */
	annSession: string;
}

interface Case extends Refusals<World> {
	/** A path whose ids exist; `x` stands for Ann or her post. */
	path: (world: World) => string;
	/** A body that is good. */
	body?: (world: World) => Record<string, unknown>;
	/** Fields with values that are not: each must be named in `errors`. */
	badFields?: Record<string, unknown[]>;
	badQuery?: Record<string, string[]>;
	/** What a stranger gets who asks for Ann's. */
	stranger?: [status: number, code: string];
	/** The code for an id that names nothing. */
	missing?: string;
	open?: boolean;
	/** What the request gets that would be good if its code, link or provider were. */
	refused?: [status: number, code: string];
	/** Whoever has no token gets what everybody may see. */
	anonymous?: boolean;
	/** The credential is a session token, so an access token is refused. */
	session?: boolean;
	/** Asks for a socket. */
	upgrade?: boolean;
	/** Not there without the operator's secret. */
	operator?: boolean;
}

const CREDENTIAL = { id: "x", rawId: "x", type: "public-key", response: { clientDataJSON: "x" } };
const LIMITS = { limit: ["0", "101", "x", "1.5"], cursor: ["nonsense", "", "ZmVlZA", "x".repeat(300)] };
const LONG = "x".repeat(5001);
const NOT_IDS = ["", "x", 5, null, "0000000000000 ", "zzzzzzzzzzzzz"];
const post = (more = "") => ({
	path: (w: World) => `/v1/posts/${w.post}${more}`,
	missing: "post_not_found",
	stranger: [404, "post_not_found"] as [number, string],
});
/** Nobody has one of this id: what others get of one that there is, `media.test.ts` asks. */
const upload = (more = "") => ({
	path: (w: World) => `/v1/media/${w.post}${more}`,
	missing: "media_not_found",
	stranger: [404, "media_not_found"] as [number, string],
});
/** Whoever is blocked may block and mute the other all the same: docs/decisions.md, "What can be found out". */
const BLOCKS_BACK: [number] = [204];
const account = (more = "") => ({
	path: (w: World) => `/v1/accounts/${w.ann.id}${more}`,
	missing: "account_not_found",
});

const CASES: Record<string, Case> = {
	"POST /auth/sign-up/email": {
		path: () => "/auth/sign-up/email",
		body: () => ({ email: "new@feed.test", password: "long enough", name: "New", username: "newcomer" }),
		badFields: {
			email: ["", "x", 5, `${"x".repeat(300)}@feed.test`],
			password: ["short", "x".repeat(129), 5],
			name: ["", "   ", "x".repeat(81)],
			username: ["ab", "x".repeat(31), "has space", "한국어이름", "<b>", 5],
			region: ["moon"],
			role: ["operator"],
			id: ["0000000000000"],
		},
		open: true,
	},
	"POST /auth/sign-in/email": {
		path: () => "/auth/sign-in/email",
		body: (w) => ({ email: w.ann.email, password: "wrong wrong" }),
		badFields: { email: ["x", null], password: ["", 5], extra: [1] },
		open: true,
	},
	"POST /auth/sign-in/username": {
		path: () => "/auth/sign-in/username",
		body: (w) => ({ username: w.ann.username, password: "wrong wrong" }),
		badFields: { username: ["a", null], password: ["", 5] },
		open: true,
	},
	"POST /auth/sign-in/anonymous": {
		path: () => "/auth/sign-in/anonymous",
		body: () => ({}),
		badFields: { name: ["", "x".repeat(81), 5], region: ["moon"], email: ["x@feed.test"] },
		open: true,
	},
	"POST /auth/upgrade": {
		path: () => "/auth/upgrade",
		body: () => ({ email: "upgraded@feed.test", password: PASSWORD }),
		badFields: { email: ["", "x"], password: ["short", 5], username: ["other"] },
		session: true,
	},
	"GET /auth/verify-email": {
		path: () => "/auth/verify-email?token=x",
		badQuery: { token: ["", "x".repeat(3000)] },
		open: true,
		refused: [400, "link_invalid"],
	},
	"POST /auth/send-verification-email": {
		path: () => "/auth/send-verification-email",
		body: () => ({ email: "nobody@feed.test" }),
		badFields: { email: ["", "x", 5], redirectTo: ["x", "https://evil.test/"], more: [1] },
		open: true,
	},
	"POST /auth/request-password-reset": {
		path: () => "/auth/request-password-reset",
		body: () => ({ email: "nobody@feed.test" }),
		badFields: { email: ["", "x", 5], redirectTo: ["x", "https://evil.test/"], more: [1] },
		open: true,
	},
	"POST /auth/reset-password": {
		path: () => "/auth/reset-password",
		body: () => ({ token: "none", newPassword: PASSWORD }),
		badFields: { token: ["", 5], newPassword: ["short", "x".repeat(129), 5], email: ["x@feed.test"] },
		open: true,
		refused: [400, "link_invalid"],
	},
	"POST /auth/change-password": {
		path: () => "/auth/change-password",
		body: () => ({ currentPassword: PASSWORD, newPassword: PASSWORD }),
		badFields: { currentPassword: ["", 5], newPassword: ["short", 5], revokeOtherSessions: [false] },
		session: true,
	},
	"POST /auth/change-email": {
		path: () => "/auth/change-email",
		body: () => ({ newEmail: "changed@feed.test" }),
		badFields: { newEmail: ["", "x", 5], password: ["", 5], redirectTo: ["https://evil.test/"] },
		session: true,
	},
	"POST /auth/sign-in/social": {
		path: () => "/auth/sign-in/social",
		body: () => ({ provider: "google", redirectTo: "https://app.test/", codeChallenge: "x".repeat(43) }),
		badFields: { provider: ["", "Google", 5], redirectTo: ["", "x"], codeChallenge: ["", "short", 5], idToken: [{}] },
		open: true,
		refused: [404, "provider_not_found"],
	},
	"POST /auth/link-social": {
		path: () => "/auth/link-social",
		body: () => ({ provider: "google", redirectTo: "https://app.test/", codeChallenge: "x".repeat(43) }),
		badFields: { provider: ["", "Google", 5], redirectTo: ["", "x"], codeChallenge: ["", "short", 5] },
		session: true,
	},
	"POST /auth/unlink-social": {
		path: () => "/auth/unlink-social",
		body: () => ({ provider: "google" }),
		badFields: { provider: ["", "Google", 5], accountId: ["x"] },
		session: true,
	},
	"POST /auth/sign-in/code": {
		path: () => "/auth/sign-in/code",
		body: () => ({ code: "none", codeVerifier: "x".repeat(43) }),
		badFields: { code: ["", 5], codeVerifier: ["", "short", 5], state: ["x"] },
		open: true,
		refused: [401, "code_invalid"],
	},
	"GET /auth/callback/{provider}": {
		path: () => "/auth/callback/google?state=none",
		badQuery: { state: ["", "x".repeat(300)] },
		open: true,
		refused: [400, "link_invalid"],
	},
	// A form, which no other route takes: `social.test.ts`.
	"POST /auth/callback/{provider}": {
		path: () => "/auth/callback/google",
		open: true,
		refused: [400, "invalid_request"],
	},
	"POST /auth/two-factor/enable": {
		path: () => "/auth/two-factor/enable",
		body: () => ({ password: PASSWORD }),
		badFields: { password: ["", 5], method: ["otp"] },
		session: true,
	},
	"POST /auth/two-factor/verify-totp": {
		path: () => "/auth/two-factor/verify-totp",
		body: () => ({ code: "123456", challenge: "none" }),
		badFields: { code: ["", "12345", "abcdef", 5], challenge: ["", "a; b=c", 5], trustDevice: [true] },
		open: true,
		refused: [401, "code_invalid"],
	},
	"POST /auth/two-factor/verify-backup-code": {
		path: () => "/auth/two-factor/verify-backup-code",
		body: () => ({ code: "none", challenge: "none" }),
		badFields: { code: ["", 5], challenge: ["", "a; b=c", 5] },
		open: true,
		refused: [401, "code_invalid"],
	},
	"POST /auth/two-factor/generate-backup-codes": {
		path: () => "/auth/two-factor/generate-backup-codes",
		body: () => ({ password: PASSWORD }),
		badFields: { password: ["", 5] },
		session: true,
	},
	"POST /auth/two-factor/disable": {
		path: () => "/auth/two-factor/disable",
		body: () => ({ password: PASSWORD }),
		badFields: { password: ["", 5] },
		session: true,
	},
	"GET /auth/passkey/generate-register-options": {
		path: () => "/auth/passkey/generate-register-options",
		session: true,
	},
	"POST /auth/passkey/verify-registration": {
		path: () => "/auth/passkey/verify-registration",
		body: () => ({ ceremony: "none", response: CREDENTIAL }),
		badFields: {
			ceremony: ["", "a; b=c", 5],
			response: ["x", null],
			name: ["", "x".repeat(81)],
			createSession: [true],
		},
		session: true,
	},
	"GET /auth/passkey/generate-authenticate-options": {
		path: () => "/auth/passkey/generate-authenticate-options",
		open: true,
	},
	"POST /auth/passkey/verify-authentication": {
		path: () => "/auth/passkey/verify-authentication",
		body: () => ({ ceremony: "none", response: CREDENTIAL }),
		badFields: { ceremony: ["", "a; b=c", 5], response: ["x", null], more: [1] },
		open: true,
		refused: [401, "passkey_invalid"],
	},
	"GET /auth/passkey/list-user-passkeys": { path: () => "/auth/passkey/list-user-passkeys", session: true },
	"POST /auth/passkey/delete-passkey": {
		path: () => "/auth/passkey/delete-passkey",
		body: () => ({ id: "none" }),
		badFields: { id: ["", 5, "x".repeat(101)], name: ["x"] },
		session: true,
	},
	"GET /auth/token": { path: () => "/auth/token", session: true },
	// Shows public keys to anybody; ends a session, or none.
	"GET /auth/account": { path: () => "/auth/account", session: true },
	"GET /auth/providers": { path: () => "/auth/providers", open: true },
	"GET /auth/jwks": { path: () => "/auth/jwks", open: true },
	"POST /auth/sign-out": { path: () => "/auth/sign-out", open: true },
	"POST /auth/refresh": {
		path: () => "/auth/refresh",
		body: () => ({ refreshToken: "efr_0000000000000.1.nonsense" }),
		badFields: { refreshToken: ["", "x".repeat(1001), 5, null], extra: [1] },
		open: true,
	},
	"GET /v1/sessions": { path: () => "/v1/sessions" },
	"DELETE /v1/sessions": { path: () => "/v1/sessions" },
	"DELETE /v1/sessions/{id}": {
		path: (w) => `/v1/sessions/${w.annSession}`,
		missing: "session_not_found",
		stranger: [404, "session_not_found"],
	},
	"GET /v1/accounts/me": { path: () => "/v1/accounts/me" },
	"PATCH /v1/accounts/me": {
		path: () => "/v1/accounts/me",
		body: () => ({ bio: "hello" }),
		badFields: {
			displayName: ["", "x".repeat(81), 5],
			bio: ["x".repeat(501), 5],
			avatar: ["x", 5],
			avatarUrl: ["javascript:alert(1)", "x", `https://x.test/${"x".repeat(2100)}`, 5],
			region: ["moon"],
			friendCount: [5],
			username: ["ab", "x".repeat(31), "has space", "한국어이름", "<b>", 5, null],
		},
	},
	"DELETE /v1/accounts/me": {
		path: () => "/v1/accounts/me",
		body: () => ({ password: "wrong wrong" }),
		badFields: { password: ["", "x".repeat(129), 5, null], at: ["now"] },
	},
	"POST /v1/accounts/me/deactivate": { path: () => "/v1/accounts/me/deactivate" },
	"POST /v1/accounts/me/reactivate": { path: () => "/v1/accounts/me/reactivate" },
	"POST /v1/accounts/me/export": { path: () => "/v1/accounts/me/export" },
	"GET /v1/accounts/me/export/{id}": {
		path: (w) => `/v1/accounts/me/export/${w.post}`,
		missing: "export_not_found",
		stranger: [404, "export_not_found"],
	},
	"GET /v1/accounts": {
		path: (w) => `/v1/accounts?username=${w.ann.username}`,
		badQuery: { username: [""] },
		blocked: [404, "account_not_found"],
	},
	"GET /v1/search/accounts": {
		path: (w) => `/v1/search/accounts?q=${w.ann.username}`,
		badQuery: { q: ["", "x".repeat(101)], limit: LIMITS.limit },
		// Nobody is found.
		blocked: [200],
	},
	"GET /v1/accounts/{id}": account(),
	"GET /v1/accounts/{id}/friends": { ...account("/friends"), badQuery: LIMITS },
	"GET /v1/accounts/{id}/followers": { ...account("/followers"), badQuery: LIMITS },
	"GET /v1/accounts/{id}/following": { ...account("/following"), badQuery: LIMITS },
	"GET /v1/accounts/{id}/posts": { ...account("/posts"), badQuery: LIMITS, anonymous: true },
	"POST /v1/friend-requests": {
		path: () => "/v1/friend-requests",
		body: (w) => ({ accountId: w.eve.id }),
		badFields: { accountId: NOT_IDS, note: ["hi"] },
		blocked: [404, "account_not_found"],
	},
	"GET /v1/friend-requests": {
		path: () => "/v1/friend-requests",
		badQuery: { ...LIMITS, direction: ["sideways", ""] },
	},
	"POST /v1/friend-requests/{id}/accept": {
		path: (w) => `/v1/friend-requests/${w.ann.id}/accept`,
		missing: "account_not_found",
		stranger: [404, "friend_request_not_found"],
	},
	"DELETE /v1/friend-requests/{id}": {
		path: (w) => `/v1/friend-requests/${w.ann.id}`,
		missing: "account_not_found",
		stranger: [404, "friend_request_not_found"],
	},
	"DELETE /v1/friends/{id}": { path: (w) => `/v1/friends/${w.eve.id}`, missing: "account_not_found" },
	"PUT /v1/following/{id}": { path: (w) => `/v1/following/${w.eve.id}`, missing: "account_not_found" },
	"DELETE /v1/following/{id}": { path: (w) => `/v1/following/${w.eve.id}`, missing: "account_not_found" },
	"PUT /v1/blocks/{id}": {
		path: (w) => `/v1/blocks/${w.eve.id}`,
		missing: "account_not_found",
		blocked: BLOCKS_BACK,
	},
	"DELETE /v1/blocks/{id}": {
		path: (w) => `/v1/blocks/${w.eve.id}`,
		missing: "account_not_found",
		blocked: BLOCKS_BACK,
	},
	"GET /v1/blocks": { path: () => "/v1/blocks", badQuery: LIMITS },
	"PUT /v1/mutes/{id}": {
		path: (w) => `/v1/mutes/${w.eve.id}`,
		missing: "account_not_found",
		blocked: BLOCKS_BACK,
		body: () => ({}),
		badFields: { expiresAt: ["soon", 5, null, "2020-01-01T00:00:00.000Z"], reason: ["x"] },
	},
	"DELETE /v1/mutes/{id}": {
		path: (w) => `/v1/mutes/${w.eve.id}`,
		missing: "account_not_found",
		blocked: BLOCKS_BACK,
	},
	"GET /v1/mutes": { path: () => "/v1/mutes", badQuery: LIMITS },
	"POST /v1/posts": {
		path: () => "/v1/posts",
		body: () => ({ text: "hello" }),
		badFields: {
			text: ["", "  \n", LONG, 5, null],
			audience: ["everyone", 2, null],
			link: ["x", "javascript:alert(1)", "ftp://x.test/", 5],
			media: [5, null, "x", Array(11).fill("0000000000000")],
			authorId: ["0000000000000"],
			likeCount: [5],
		},
	},
	"POST /v1/link-previews": {
		path: () => "/v1/link-previews",
		body: () => ({ url: "https://example.com/" }),
		badFields: { url: ["", "x", "javascript:alert(1)", "ftp://x.test/", 5, null], link: ["https://example.com/"] },
	},
	"GET /media/previews/{name}": {
		path: () => `/media/previews/${"0".repeat(32)}`,
		open: true,
		refused: [404, "not_found"],
	},
	"GET /v1/posts/{id}": post(),
	"PATCH /v1/posts/{id}": {
		...post(),
		body: () => ({ text: "changed" }),
		badFields: { text: ["", LONG, 5], audience: ["everyone"], link: ["x"], likeCount: [5] },
	},
	"DELETE /v1/posts/{id}": post(),
	"POST /v1/media": {
		path: () => "/v1/media",
		body: () => ({ type: "image/jpeg", size: 1000 }),
		badFields: {
			type: ["image/svg+xml", "text/html", "", 5, null],
			size: [0, -1, 1.5, "5", 1e13, 20_000_001, null],
			purpose: ["cover", null],
			alt: ["", "  ", "x".repeat(1001), 5],
			poster: ["x", 5],
			owner: ["0000000000000"],
		},
	},
	"GET /v1/media/{id}": upload(),
	"PUT /v1/media/{id}/parts/{part}": upload("/parts/1"),
	"POST /v1/media/{id}/complete": upload("/complete"),
	"PATCH /v1/media/{id}": {
		...upload(),
		body: () => ({ alt: "a cat" }),
		badFields: { alt: ["", "x".repeat(1001), 5], poster: ["x", 5], status: ["ready"] },
	},
	"DELETE /v1/media/{id}": upload(),
	"GET /v1/posts/{id}/edits": { ...post("/edits"), badQuery: LIMITS },
	"GET /v1/posts/{id}/delivery": post("/delivery"),
	"POST /v1/posts/{id}/comments": {
		...post("/comments"),
		body: () => ({ text: "hi" }),
		badFields: { text: ["", LONG, 5], audience: ["public"] },
	},
	"GET /v1/posts/{id}/comments": { ...post("/comments"), badQuery: LIMITS },
	"PUT /v1/posts/{id}/like": post("/like"),
	"DELETE /v1/posts/{id}/like": post("/like"),
	"GET /v1/posts/{id}/likes": { ...post("/likes"), badQuery: LIMITS },
	"GET /v1/feed": {
		path: () => "/v1/feed",
		badQuery: { ...LIMITS, before: ["", "x".repeat(300)], after: ["", "x".repeat(300)] },
	},
	"GET /v1/feed/changes": {
		path: () => "/v1/feed/changes?since=0",
		badQuery: { since: ["", "-1", "x", "1.5", "1e30"] },
	},
	// Their other ways in, and the upgrade, have tests of their own.
	"GET /v1/feed/stream": { path: () => "/v1/feed/stream", upgrade: true, badQuery: { since: ["", "-1", "x"] } },
	"GET /v1/feed/events": { path: () => "/v1/feed/events", badQuery: { since: ["", "-1", "x"], hydrate: ["yes"] } },
	"POST /v1/feed/tickets": { path: () => "/v1/feed/tickets" },
	"GET /v1/feed/marker": { path: () => "/v1/feed/marker" },
	"PUT /v1/feed/marker": {
		path: () => "/v1/feed/marker",
		body: (w) => ({ postId: w.post }),
		badFields: { postId: NOT_IDS, force: ["yes", 1, null], unreadCount: [0] },
		// A marker names a place in time, and nothing is looked up there.
		blocked: [200],
	},
	"GET /v1/feed/entries/{id}": { ...post(), path: (w) => `/v1/feed/entries/${w.post}` },
	"POST /ops/audit": {
		path: () => "/ops/audit",
		operator: true,
		body: () => ({}),
		badFields: { repair: ["yes"], limit: [0, 501, "x"], cursor: ["", "nonsense", 5], more: [1] },
	},
	"GET /ops/audit-log": {
		path: () => "/ops/audit-log",
		operator: true,
		badQuery: { ...LIMITS, act: [""], actor: ["", "x".repeat(101)], subject: [""], before: ["", "soon", "5"] },
	},
	"GET /ops/accounts/{id}/remains": { path: (w) => `/ops/accounts/${w.ann.id}/remains`, operator: true },
	"PUT /ops/roles": {
		path: () => "/ops/roles",
		operator: true,
		body: (w) => ({ accountId: w.eve.id, role: "user" }),
	},
	"GET /ops/keys": { path: () => "/ops/keys", operator: true },
	"POST /ops/keys/rotate": {
		path: () => "/ops/keys/rotate",
		operator: true,
		body: () => ({}),
		badFields: { signsIn: [9, 86_401, 1.5, "60", null], algorithm: ["none"] },
	},
	"GET /ops/server-keys": { path: () => "/ops/server-keys", operator: true },
	"POST /ops/server-keys": {
		path: () => "/ops/server-keys",
		operator: true,
		body: () => ({ name: "ours", scopes: ["read"] }),
		badFields: {
			name: ["", "  ", "x".repeat(81), 5],
			scopes: [[], ["read", "read"], "read", null],
			expiresAt: ["soon", 5, null, "2020-01-01T00:00:00.000Z"],
			secret: ["efk_mine"],
		},
	},
	"DELETE /ops/server-keys/{id}": {
		path: (w) => `/ops/server-keys/${w.post}`,
		operator: true,
		missing: "not_found",
	},
	"POST /ops/provision": {
		path: () => "/ops/provision",
		operator: true,
		body: () => ({ accounts: [{ externalId: "x" }] }),
		badFields: {
			issuer: ["", "https://nobody.test", 5],
			accounts: [[], Array.from({ length: 101 }, (_, n) => ({ externalId: `${n}` })), 5, null],
			role: ["operator"],
		},
	},
	"GET /ops/outbox": {
		path: () => "/ops/outbox",
		operator: true,
		badQuery: { limit: ["0", "101", "x"], to: ["", "x"] },
	},
	"POST /ops/verify": { path: () => "/ops/verify", operator: true, body: () => ({ check: "ties" }) },
	"GET /ops/dead-letters": { path: () => "/ops/dead-letters", operator: true, badQuery: LIMITS },
	"POST /ops/dead-letters/redrive-all": { path: () => "/ops/dead-letters/redrive-all", operator: true },
	"POST /ops/dead-letters/{id}/redrive": {
		path: (w) => `/ops/dead-letters/${w.post}/redrive`,
		operator: true,
		missing: "not_found",
	},
	"DELETE /ops/dead-letters/{id}": {
		path: (w) => `/ops/dead-letters/${w.post}`,
		operator: true,
		missing: "not_found",
	},
	"GET /ops/shards": { path: () => "/ops/shards", operator: true },
	"POST /ops/shards/databases": {
		path: () => "/ops/shards/databases",
		operator: true,
		body: () => ({ database: "SHARD_2" }),
		badFields: { database: ["", "SHARD_9", "IDENTITY", "x y", 5], extra: [1] },
	},
	"POST /ops/shards/move": {
		path: () => "/ops/shards/move",
		operator: true,
		body: () => ({ from: 0, to: 0, database: "SHARD_0" }),
		badFields: { from: [-1, 1024, 0.5, "0"], to: [-1, 1024, "0"], database: ["", "SHARD_9", 5], step: ["erase"] },
	},
	"POST /ops/shards/abort": {
		path: () => "/ops/shards/abort",
		operator: true,
		body: () => ({ from: 0, to: 0 }),
		badFields: { from: [-1, 1024, 0.5, "0"], to: [-1, 1024, "0"], database: ["SHARD_0"] },
	},
	"POST /ops/shards/verify": {
		path: () => "/ops/shards/verify",
		operator: true,
		body: () => ({}),
		badFields: { cursor: ["nonsense", "", 5], extra: [1] },
	},
	"GET /v1/config": {
		path: () => "/v1/config?deviceId=device-of-the-tests",
		anonymous: true,
		badQuery: { deviceId: ["short", "has space here", "x".repeat(65)], platform: ["vax"], version: ["x", "1.", "-1"] },
	},
	"GET /ops/flags": { path: () => "/ops/flags", operator: true },
	"GET /ops/flags/history": { path: () => "/ops/flags/history", operator: true, badQuery: LIMITS },
	"PUT /ops/flags/{name}": {
		path: () => "/ops/flags/a-flag",
		operator: true,
		body: () => ({ type: "switch", on: true, audience: {} }),
		badFields: { type: ["x", null], on: ["yes", 1], audience: [5], arms: [[]], more: [1] },
	},
	"DELETE /ops/flags/{name}": { path: () => "/ops/flags/no-such-flag", operator: true },
	"POST /ops/flags/undo": {
		path: () => "/ops/flags/undo",
		operator: true,
		body: () => ({}),
		badFields: { version: [0, "1", 1.5], name: ["x"] },
	},
	"POST /ops/import": {
		path: () => "/ops/import",
		operator: true,
		body: () => ({ accounts: [] }),
		badFields: { accounts: [5, null], password: ["short"], rebuild: ["x"], more: [1] },
	},
};

let world: World;
let before: unknown;

beforeAll(async () => {
	const [ann, eve] = await Promise.all([signUp("Ann"), signUp("Eve")]);
	const own = await ann.post("mine");
	const comment = await ann.ok<{ id: string }>("POST", `/v1/posts/${own.id}/comments`, { text: "also mine" });
	const sessions = await ann.ok<{ items: { id: string }[] }>("GET", "/v1/sessions");
	world = { ann, eve, post: own.id, comment: comment.id, annSession: sessions.items[0]?.id ?? "" };
	before = await snapshot();
});

/** All that a refused request could have changed. */
async function snapshot() {
	const { ann, eve } = world;
	return Promise.all([
		ann.account(),
		eve.account(),
		ann.ok("GET", `/v1/accounts/${eve.id}`),
		ann.wholeFeed(),
		eve.wholeFeed(),
		ann.ok("GET", `/v1/posts/${world.post}/comments`),
		ann.ok("GET", "/v1/friend-requests?direction=outgoing"),
		ann.ok("GET", "/v1/sessions"),
	]);
}

function expectProblem(answer: Answer, status: number, code: string | RegExp): void {
	expect(answer.status, JSON.stringify(answer.body)).toBe(status);
	expect(answer.headers.get("content-type")).toBe("application/problem+json");
	expect(answer.body).toMatchObject({ status, type: `urn:edgefeed:problem:${answer.body.code}` });
	expect(answer.body.code).toMatch(code);
	expect(answer.body.requestId).toBe(answer.headers.get("x-request-id"));
	expect(Object.keys(answer.body).sort()).toEqual(
		["code", "detail", "requestId", "status", "title", "type", ...(answer.body.errors ? ["errors"] : [])].sort(),
	);
}

it("the table has every route, and no other", async () => {
	const { body } = await call<{ paths: Record<string, Record<string, unknown>> }>("GET", "/openapi.json");
	const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
		Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
	);
	expect(routes.sort()).toEqual(Object.keys(CASES).sort());
});

describe.each(Object.entries(CASES))("%s", (name, test) => {
	const [method = ""] = name.split(" ");
	const secret: Record<string, string> = {
		...(test.operator ? { "x-operator-secret": env.OPERATOR_SECRET } : {}),
		...(test.upgrade ? { upgrade: "websocket" } : {}),
	};
	const send = (
		token: string | undefined,
		{ headers, path, ...more }: { body?: unknown; raw?: string; headers?: Record<string, string>; path?: string } = {},
	) =>
		call(method, path ?? test.path(world), {
			token,
			body: test.body?.(world),
			...more,
			headers: { ...secret, ...headers },
		});

	if (test.operator) {
		it("is not there without the operator's secret", async () => {
			const body = test.body?.(world);
			for (const guess of ["", "wrong", `${env.OPERATOR_SECRET} `, env.OPERATOR_SECRET.slice(1)]) {
				const headers: Record<string, string> = guess.trim() === guess ? { "x-operator-secret": guess } : {};
				expectProblem(
					await call(method, test.path(world), { token: world.ann.token, body, headers }),
					404,
					"not_found",
				);
				if (method === "GET") continue;
				expectProblem(await call(method, test.path(world), { raw: "{", headers }), 404, "not_found");
			}
		});
	} else if (test.open) {
		it("asks for no token", async () => {
			const answer = await send(undefined);
			if (test.refused) return expectProblem(answer, ...test.refused);
			expect([200, 401]).toContain(answer.status);
			if (answer.status === 401) expect(answer.body.code).toMatch(/^(invalid_credentials|session_invalid)$/);
		});
	} else {
		it("refuses a request without a good token", async () => {
			const missing = test.session ? "session_invalid" : "token_missing";
			if (test.anonymous) expect((await send(undefined)).status).toBe(200);
			else expectProblem(await send(undefined), 401, missing);
			expectProblem(await send(undefined, { headers: { authorization: "Basic YTpi" } }), 401, missing);
			const bad = test.session ? "session_invalid" : /^token_(invalid|missing)$/;
			const [head, payload, signature] = world.ann.token.split(".");
			const forged = [
				"x",
				"a.b.c",
				`${head}.${payload}.${signature?.startsWith("A") ? "B" : "A"}${signature?.slice(1)}`,
				`${btoa('{"alg":"none"}')}.${payload}.`,
				await foreignToken(world.ann.id),
				test.session ? world.ann.token : world.ann.session,
			];
			for (const token of forged) expectProblem(await send(token), 401, bad);
		});
	}

	if (test.body) {
		const body = () => test.body?.(world) ?? {};
		const token = () => (test.open || test.operator ? undefined : world.ann.token);

		it("refuses what is not JSON, or not an object", async () => {
			expectProblem(await send(token(), { raw: "{" }), 400, "malformed_json");
			for (const raw of ["[]", "5", "null", '"text"'])
				expectProblem(await send(token(), { raw }), 400, "invalid_request");
			expectProblem(await send(token(), { headers: { "content-type": "text/plain" } }), 415, "unsupported_media_type");
			expectProblem(
				await send(token(), { raw: "text=hello", headers: { "content-type": "application/x-www-form-urlencoded" } }),
				415,
				"unsupported_media_type",
			);
		});

		it("refuses a body that is too large", async () => {
			expectProblem(
				await send(token(), { body: { ...body(), padding: "x".repeat(test.operator ? 9_000_000 : 70_000) } }),
				413,
				"body_too_large",
			);
		});

		it("names the field at fault", async () => {
			for (const [field, values] of Object.entries(test.badFields ?? {})) {
				for (const value of values) {
					const answer = await send(token(), { body: { ...body(), [field]: value } });
					expectProblem(answer, 400, /^invalid_(request|cursor)$/);
					expect(answer.body.errors, `${field} = ${JSON.stringify(value)}`).toContainEqual(
						expect.objectContaining({ path: field }),
					);
				}
			}
		});
	}

	if (test.badQuery) {
		it("refuses a query that makes no sense", async () => {
			for (const [field, values] of Object.entries(test.badQuery ?? {})) {
				for (const value of values) {
					const [path = ""] = test.path(world).split("?");
					const answer = await send(world.ann.token, { path: `${path}?${field}=${encodeURIComponent(value)}` });
					expectProblem(answer, 400, /^invalid_(request|cursor)$/);
					expect(answer.body.errors, `${field} = ${value}`).toContainEqual(expect.objectContaining({ path: field }));
				}
			}
		});
	}

	if (test.missing) {
		it("finds nothing under an id that names nothing, or is none", async () => {
			const id = /[0-7][0-9A-Z]{12}/;
			expectProblem(
				await send(world.ann.token, { path: test.path(world).replace(id, "0000000000000") }),
				404,
				test.missing ?? "",
			);
			expectProblem(await send(world.ann.token, { path: test.path(world).replace(id, "nonsense") }), 404, "not_found");
			expectProblem(await send(world.ann.token, { path: test.path(world).replace(id, "%00%ff") }), 404, "not_found");
		});
	}

	if (test.stranger) {
		it("keeps what is Ann's from a stranger", async () => {
			const [status, code] = test.stranger ?? [0, ""];
			expectProblem(await send(world.eve.token), status, code);
		});
	}
});

securityMatrix(CASES, () => world);

it("someone who may see a post still cannot change it", async () => {
	const [owner, friend] = await Promise.all([signUp("Owner"), signUp("Friend")]);
	await owner.befriend(friend);
	const own = await owner.post("to see");
	expectProblem(await friend.call("PATCH", `/v1/posts/${own.id}`, { text: "mine now" }), 403, "forbidden");
	expectProblem(await friend.call("DELETE", `/v1/posts/${own.id}`), 403, "forbidden");
	expect(await friend.ok("GET", `/v1/posts/${own.id}`)).toMatchObject({ text: "to see", editedAt: null });
});

it("one's own account is no friend of one's own", async () => {
	const { ann } = world;
	for (const [method, path, body] of [
		["POST", "/v1/friend-requests", { accountId: ann.id }],
		["PUT", `/v1/following/${ann.id}`, undefined],
		["DELETE", `/v1/friends/${ann.id}`, undefined],
	] as const) {
		expectProblem(await ann.call(method, path, body), 409, "own_account");
	}
});

it("an unknown path or method is not there", async () => {
	expectProblem(await call("GET", "/v2/feed"), 404, "not_found");
	expectProblem(await call("GET", "/auth/list-sessions", { token: world.ann.session }), 404, "not_found");
	expectProblem(await world.ann.call("PUT", "/v1/feed"), 405, "method_not_allowed");
});

it("an idempotency key is printable and not endless", async () => {
	for (const key of ["", "has space", "x".repeat(256)]) {
		expectProblem(
			await world.ann.call("POST", "/v1/posts", { text: "x" }, { "idempotency-key": key }),
			400,
			"invalid_request",
		);
	}
});

it("nothing was changed by anything refused", async () => {
	expect(await snapshot()).toEqual(before);
});

/** Right in every claim, but signed with a key of somebody else's. */
async function foreignToken(subject: string): Promise<string> {
	const { privateKey } = await generateKeyPair("ES256");
	return new SignJWT({})
		.setProtectedHeader({ alg: "ES256", kid: "0000000000000" })
		.setSubject(subject)
		.setIssuer("edgefeed")
		.setAudience("edgefeed")
		.setIssuedAt()
		.setExpirationTime("15m")
		.sign(privateKey);
}
