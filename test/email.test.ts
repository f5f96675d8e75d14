import { afterEach, expect, it, vi } from "vitest";
import { LANGUAGES, languageOf, type Mail, write } from "../src/mail/texts.ts";
import { accessToken, call, ORIGIN, PASSWORD, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { aheadBy, Isolate } from "./isolate.ts";
import { codeFor, linkIn, outbox, signInWith } from "./outbox.ts";

afterEach(() => vi.restoreAllMocks());

const CLIENT = "https://app.test/from-mail";
const NEW = "another correct horse";

const verified = async (person: Person) =>
	env.IDENTITY.prepare("SELECT emailVerified FROM user WHERE id = ?").bind(person.id).first<number>("emailVerified");

it("signing up sends a message that confirms the address", async () => {
	const ann = await signUp("Ann");
	expect(await verified(ann)).toBe(0);
	const path = await linkIn(ann.email, "verify");
	expect(await call("GET", path)).toMatchObject({ status: 200, body: { status: true } });
	expect(await verified(ann)).toBe(1);
	// Mail programs open links beforehand: a second time is no error.
	expect((await call("GET", path)).status).toBe(200);
	for (const token of ["x", "a.b.c", path.slice(path.indexOf("=") + 1, -4)]) {
		expect(await call("GET", `/auth/verify-email?token=${token}`)).toMatchObject({
			status: 400,
			body: { code: "link_invalid" },
		});
	}
	expect((await call("GET", path)).headers.get("set-cookie")).toBeNull();
});

it("the message is sent again on demand, and the answer does not tell whether there is an account", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await call("GET", await linkIn(ben.email, "verify"));
	const ask = (email: string, token?: string) =>
		call("POST", "/auth/send-verification-email", { body: { email }, token });
	const answers = await Promise.all([
		ask(ann.email),
		ask(ben.email),
		ask("nobody@feed.test"),
		ask(ben.email, ann.session),
	]);
	for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { status: true } });
	expect((await outbox(ann.email)).map(({ kind }) => kind)).toEqual(["verify", "verify"]);
	expect(await outbox(ben.email)).toHaveLength(1);
	expect(await outbox("nobody@feed.test")).toEqual([]);
});

it("nobody's mailbox is filled by others", async () => {
	const ann = await signUp("Ann");
	const ask = () => call("POST", "/auth/request-password-reset", { body: { email: ann.email } });
	await Promise.all(Array.from({ length: 14 }, ask));
	expect(await outbox(ann.email)).toHaveLength(10);
});

it("where addresses must be confirmed, signing up tells nothing and signing in waits for it", async () => {
	const strict = new Isolate({ REQUIRE_EMAIL_VERIFICATION: "on" });
	const ann = await signUp("Ann");
	const join = (email: string, username: string) =>
		strict.call("POST", "/auth/sign-up/email", {
			body: { email, username, name: "New", password: NEW, region: "weur" },
			headers: { "accept-language": "ko" },
		});
	const [taken, free] = await Promise.all([join(ann.email, "strict_one"), join("strict@feed.test", "strict_two")]);
	expect(free).toMatchObject({ status: 200, body: { verificationSent: true } });
	expect(taken.body).toEqual(free.body);
	expect((await outbox(ann.email))[0]).toMatchObject({ kind: "exists", subject: expect.stringMatching(/계정/) });
	expect((await call("GET", "/v1/accounts?username=strict_two", { token: ann.token })).status).toBe(404);

	expect((await signInWith("strict@feed.test", NEW, strict.call.bind(strict))).body).toMatchObject({
		code: "email_not_verified",
	});
	expect((await signInWith("strict@feed.test", "wrong wrong", strict.call.bind(strict))).body).toMatchObject({
		code: "invalid_credentials",
	});
	expect((await strict.call("GET", await linkIn("strict@feed.test", "verify"))).status).toBe(200);
	const { status, body } = await signInWith("strict@feed.test", NEW, strict.call.bind(strict));
	expect(status).toBe(200);
	expect((await call("GET", "/v1/accounts/me", { token: await accessToken(body.token) })).body).toMatchObject({
		username: "strict_two",
	});
});

it("links lead to a client's page only if it is listed", async () => {
	const isolate = new Isolate({ TRUSTED_REDIRECTS: [CLIENT, "myapp://from-mail"] });
	const ann = await signUp("Ann");
	for (const redirectTo of ["https://evil.test/", `${CLIENT}/x`, "https://app.test/", "javascript:alert(1)"]) {
		for (const path of ["/auth/send-verification-email", "/auth/request-password-reset"]) {
			expect(await isolate.call("POST", path, { body: { email: ann.email, redirectTo } })).toMatchObject({
				status: 400,
				body: { code: "invalid_request", errors: [{ path: "redirectTo" }] },
			});
		}
	}
	expect(await outbox(ann.email)).toHaveLength(1);
	await isolate.call("POST", "/auth/send-verification-email", { body: { email: ann.email, redirectTo: CLIENT } });
	const path = await linkIn(ann.email, "verify");
	expect((await isolate.call("GET", path)).headers.get("location")).toBe(`${CLIENT}?verified=true`);
	const broken = path.replace("token=", "token=x");
	expect((await isolate.call("GET", broken)).headers.get("location")).toBe(`${CLIENT}?error=link_invalid`);
	expect((await isolate.call("GET", path.replace("app.test", "evil.test"))).status).toBe(400);

	const newEmail = `new.${ann.email}`;
	await isolate.call("GET", path);
	await isolate.call("POST", "/auth/change-email", { token: ann.session, body: { newEmail, redirectTo: CLIENT } });
	const half = await isolate.call("GET", await linkIn(ann.email, "change"));
	expect(half.headers.get("location")).toBe(`${CLIENT}?verified=next`);
	const last = await linkIn(newEmail, "verify");
	expect(last).toContain(`redirectTo=${encodeURIComponent(CLIENT)}`);
	expect((await isolate.call("GET", last)).headers.get("location")).toBe(`${CLIENT}?verified=true`);

	await isolate.call("POST", "/auth/request-password-reset", {
		body: { email: newEmail, redirectTo: "myapp://from-mail" },
	});
	expect((await outbox(newEmail))[0]?.text).toMatch(/\nmyapp:\/\/from-mail\?token=\w{20,}\n/);
});

it("a browser that opens the link is led to the web app, not to JSON", async () => {
	const ann = await signUp("Browser");
	const at = async (link: string) => {
		const response = await worker.fetch(`${ORIGIN}${link}`, {
			redirect: "manual",
			headers: { accept: "text/html,application/xhtml+xml" },
		});
		return [response.status, response.headers.get("location")];
	};
	expect(await at(await linkIn(ann.email, "verify"))).toEqual([302, `${ORIGIN}/sign-in?verified=true`]);
	expect(await at("/auth/verify-email?token=made-up")).toEqual([302, `${ORIGIN}/sign-in?error=link_invalid`]);
});

it("a forgotten password is replaced by a code, once, and all sessions end", async () => {
	const ann = await signUp("Ann");
	const ask = (email: string) => call("POST", "/auth/request-password-reset", { body: { email } });
	const [known, unknown] = await Promise.all([ask(ann.email.toUpperCase()), ask("nobody@feed.test")]);
	expect(known.status).toBe(200);
	expect(known.body).toEqual(unknown.body);
	expect(await outbox("nobody@feed.test")).toEqual([]);

	const token = await codeFor(ann.email);
	const reset = (body: Record<string, string>) => call("POST", "/auth/reset-password", { body });
	expect((await reset({ token: "x".repeat(24), newPassword: NEW })).body).toMatchObject({ code: "link_invalid" });
	expect((await reset({ token, newPassword: "short" })).body).toMatchObject({ code: "invalid_request" });
	expect((await ann.call("GET", "/v1/accounts/me")).status).toBe(200);
	expect(await reset({ token, newPassword: NEW })).toMatchObject({ status: 200, body: { status: true } });
	expect((await reset({ token, newPassword: "a third password" })).body).toMatchObject({ code: "link_invalid" });

	expect((await ann.call("GET", "/v1/accounts/me")).body).toMatchObject({ code: "token_revoked" });
	expect((await call("GET", "/auth/token", { token: ann.session })).body).toMatchObject({ code: "session_invalid" });
	expect((await signInWith(ann.email)).body).toMatchObject({ code: "invalid_credentials" });
	expect((await signInWith(ann.email, NEW)).status).toBe(200);
});

it("a code for a new password is good for an hour, and of two who use it at once one has it", async () => {
	const ann = await signUp("Ann");
	const ask = () => call("POST", "/auth/request-password-reset", { body: { email: ann.email } });
	await ask();
	const old = await codeFor(ann.email);
	const row = await env.IDENTITY.prepare("SELECT expiresAt FROM verification WHERE identifier = ?")
		.bind(`reset-password:${old}`)
		.first<string>("expiresAt");
	expect(Date.parse(String(row)) - Date.now()).toBeGreaterThan(3_500_000);
	expect(Date.parse(String(row)) - Date.now()).toBeLessThanOrEqual(3_600_000);
	await env.IDENTITY.prepare("UPDATE verification SET expiresAt = ? WHERE identifier = ?")
		.bind(new Date(Date.now() - 1000).toISOString(), `reset-password:${old}`)
		.run();
	const reset = (token: string, newPassword: string) =>
		call("POST", "/auth/reset-password", { body: { token, newPassword } });
	expect((await reset(old, NEW)).body).toMatchObject({ code: "link_invalid" });
	await ask();
	const token = await codeFor(ann.email);
	const raced = await Promise.all([reset(token, `${NEW} 1`), reset(token, `${NEW} 2`)]);
	expect(raced.map(({ status }) => status).sort()).toEqual([200, 400]);
});

it("sessions end before the new password is written: a process that dies between leaves none", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await call("POST", "/auth/request-password-reset", { body: { email: ann.email } });
	const token = await codeFor(ann.email);
	const other = (await signInWith(ben.email)).body.token;
	const otherToken = await accessToken(other);
	await env.IDENTITY.prepare(
		"CREATE TRIGGER no_password BEFORE UPDATE OF password ON account BEGIN SELECT RAISE(ABORT, 'dead'); END",
	).run();
	try {
		const reset = await call("POST", "/auth/reset-password", { body: { token, newPassword: NEW } });
		const body = { currentPassword: PASSWORD, newPassword: NEW };
		const change = await call("POST", "/auth/change-password", { token: ben.session, body });
		expect([reset.status, change.status]).toEqual([500, 500]);
	} finally {
		await env.IDENTITY.prepare("DROP TRIGGER no_password").run();
	}
	expect((await ann.call("GET", "/v1/accounts/me")).body).toMatchObject({ code: "token_revoked" });
	expect((await call("GET", "/v1/accounts/me", { token: otherToken })).body).toMatchObject({ code: "token_revoked" });
	expect((await ben.call("GET", "/v1/accounts/me")).status).toBe(200);
	expect((await signInWith(ann.email)).status).toBe(200);
});

it("changing the password wants the old one, and ends the other sessions", async () => {
	const ann = await signUp("Ann");
	const other = (await signInWith(ann.email)).body.token;
	const otherToken = await accessToken(other);
	const change = (currentPassword: string) =>
		call("POST", "/auth/change-password", { token: ann.session, body: { currentPassword, newPassword: NEW } });
	expect((await change("wrong wrong")).body).toMatchObject({ code: "invalid_credentials" });
	expect((await call("GET", "/v1/accounts/me", { token: otherToken })).status).toBe(200);
	expect(await change(PASSWORD)).toMatchObject({ status: 200, body: { status: true } });
	expect((await call("GET", "/v1/accounts/me", { token: otherToken })).body).toMatchObject({ code: "token_revoked" });
	expect((await call("GET", "/auth/token", { token: other })).status).toBe(401);
	expect((await ann.call("GET", "/v1/accounts/me")).status).toBe(200);
	expect((await call("GET", "/auth/token", { token: ann.session })).status).toBe(200);
	expect((await signInWith(ann.email)).status).toBe(401);
	expect((await signInWith(ann.email, NEW)).status).toBe(200);
});

it("whoever has refreshed changes the password with the refresh token", async () => {
	const ann = await signUp("Ann");
	const refresh = (refreshToken: string) =>
		call<{ refreshToken: string }>("POST", "/auth/refresh", { body: { refreshToken } });
	const { refreshToken: token } = (await refresh(ann.session)).body;
	const change = (currentPassword: string) =>
		call("POST", "/auth/change-password", { token, body: { currentPassword, newPassword: NEW } });
	expect((await change("wrong wrong")).body).toMatchObject({ code: "invalid_credentials" });
	expect(await change(PASSWORD)).toMatchObject({ status: 200, body: { status: true } });
	expect((await refresh(token)).status, "the session goes on").toBe(200);
	expect((await signInWith(ann.email, NEW)).status).toBe(200);
});

it("an address changes once the old one and the new one are confirmed", async () => {
	const ann = await signUp("Ann");
	const newEmail = `new.${ann.email}`;
	const sessions = () =>
		env.IDENTITY.prepare("SELECT count(*) AS n FROM session WHERE userId = ?").bind(ann.id).first<number>("n");
	await call("GET", await linkIn(ann.email, "verify"));
	const ben = await signUp("Ben");
	const change = (address: string) =>
		call("POST", "/auth/change-email", { token: ann.session, body: { newEmail: address } });
	expect((await change(newEmail)).status).toBe(200);
	expect((await change(ben.email)).body).toEqual({ status: true });
	expect(await outbox(newEmail)).toEqual([]);
	expect((await call("GET", await linkIn(ann.email, "change"))).status).toBe(200);
	expect((await signInWith(newEmail)).status).toBe(401);
	expect((await call("GET", await linkIn(newEmail, "verify"))).status).toBe(200);
	expect((await signInWith(newEmail)).status).toBe(200);
	expect((await signInWith(ann.email)).status).toBe(401);
	expect(await sessions(), "Ann's, and the one just made").toBe(2);
	expect((await signInWith(ben.email)).status).toBe(200);
});

it("an address is not changed by whoever has found the device: after five minutes the password is wanted", async () => {
	const ahead = aheadBy();
	const ann = await signUp("Ann");
	const newEmail = `new.${ann.email}`;
	const change = (password?: string) =>
		call("POST", "/auth/change-email", { token: ann.session, body: { newEmail, ...(password ? { password } : {}) } });
	ahead.ms = 301_000;
	expect(await change()).toMatchObject({ status: 403, body: { code: "reauthentication_required" } });
	expect(await change("wrong wrong")).toMatchObject({ status: 401, body: { code: "invalid_credentials" } });
	expect(await outbox(newEmail)).toEqual([]);
	expect((await change(PASSWORD)).status).toBe(200);
	expect((await outbox(newEmail)).map(({ kind }) => kind)).toEqual(["verify"]);
});

it("an address that somebody else has taken meanwhile stays hers", async () => {
	const ann = await signUp("Ann");
	const newEmail = `wanted.${ann.email}`;
	const change = () => call("POST", "/auth/change-email", { token: ann.session, body: { newEmail } });
	await change();
	const link = await linkIn(newEmail, "verify");
	const body = { email: newEmail, password: PASSWORD, name: "Eve", username: `eve_${ann.username}`.slice(0, 30) };
	expect((await call("POST", "/auth/sign-up/email", { body })).status).toBe(200);
	expect(await call("GET", link)).toMatchObject({ status: 409, body: { code: "email_taken" } });
	const browser = await worker.fetch(`${ORIGIN}${link}`, { redirect: "manual", headers: { accept: "text/html" } });
	expect(browser.headers.get("location")).toBe(`${ORIGIN}/sign-in?error=email_taken`);
	expect((await signInWith(ann.email)).status).toBe(200);
	const { body: eve } = await signInWith(newEmail);
	expect((await call("GET", "/v1/accounts/me", { token: await accessToken(eve.token) })).body).toMatchObject({
		displayName: "Eve",
	});
});

it("messages are in the reader's language, and what people wrote is escaped", () => {
	const header = { "ko-KR,ko;q=0.9,en;q=0.8": "ko", "fr, zh-TW;q=0.5": "zh", "de;q=1, ja": "ja", "": "en", "*": "en" };
	for (const [value, language] of Object.entries(header)) expect(languageOf(value)).toBe(language);
	expect(languageOf(null)).toBe("en");
	const link = 'https://x.test/?a=1&b="><script>';
	const mails: Mail[] = [
		{ kind: "verify", link },
		{ kind: "change", link, newAddress: '"<b>"@x.test' },
		{ kind: "reset", link, code: "abc" },
		{ kind: "reset", link: undefined, code: "abc" },
		{ kind: "exists" },
	];
	const subjects = new Set<string>();
	for (const language of LANGUAGES) {
		for (const mail of mails) {
			const { subject, text, html } = write(mail, language, "Feed & Co");
			subjects.add(subject);
			expect(text).toContain("Feed & Co");
			expect(html).toContain("Feed &amp; Co");
			expect(html).not.toMatch(/<script|<b>/);
			if (mail.kind === "reset" && mail.link === undefined) expect(text.split("\n")[2]).toBe("abc");
			else if (mail.kind !== "exists") expect(text.split("\n")[2]).toBe(link);
		}
	}
	expect(subjects.size).toBe(LANGUAGES.length * 4);
});
