import { expect, it, vi } from "vitest";
import { servicesOf } from "../src/services.ts";
import { call, type List, PASSWORD, signUp } from "./api.ts";
import { env } from "./env.ts";
import { codeFor, linkIn } from "./outbox.ts";
import { totp } from "./totp.ts";

interface Entry {
	seq: number;
	at: string;
	act: string;
	actor: string;
	subject: string | null;
	requestId: string | null;
	detail: Record<string, string>;
}

const operator = { "x-operator-secret": env.OPERATOR_SECRET };
const list = async (query: string) =>
	(await call<List<Entry>>("GET", `/ops/audit-log?${query}`, { headers: operator })).body;

it("a sign-in, one that is refused and a sign-out are recorded, without an address or a password", async () => {
	const ann = await signUp("Ann");
	const headers = { "cf-connecting-ip": "203.0.113.77" };
	const signIn = (password: string, by: Record<string, string>) =>
		call<{ token: string }>("POST", `/auth/sign-in/${"email" in by ? "email" : "username"}`, {
			headers,
			body: { ...by, password },
		});
	const { body, headers: answered } = await signIn(PASSWORD, { email: ann.email });
	expect((await signIn("not her password", { email: ann.email })).status).toBe(401);
	expect((await signIn("not her password", { username: ann.username })).status).toBe(401);
	await call("POST", "/auth/sign-out", { token: body.token });

	const { items } = await list(`subject=${ann.id}`);
	expect(items.map(({ act, actor }) => [act, actor])).toEqual([
		["sign_out", ann.id],
		["sign_in_refused", "nobody"],
		["sign_in_refused", "nobody"],
		["sign_in", ann.id],
		["sign_in", ann.id],
	]);
	const [out, refused, , entry] = items;
	expect(entry?.requestId).toBe(answered.get("x-request-id"));
	expect(out?.detail.session).toBe(entry?.detail.session);
	expect(refused?.detail.ip).toMatch(/^[\w-]{16}$/);
	expect(entry?.detail.ip).toBe(refused?.detail.ip);
	const { results } = await env.IDENTITY.prepare("SELECT * FROM audit_log").all();
	for (const secret of ["203.0.113.77", ann.email, ann.username, "not her password", body.token])
		expect(JSON.stringify(results)).not.toContain(secret);
	const nobody = "nobody.at.all@feed.test";
	await signIn("whatever it is", { email: nobody });
	expect((await list("act=sign_in_refused&limit=1")).items).toMatchObject([{ actor: "nobody", subject: null }]);
});

it("what is changed of the ways in is recorded, and what is refused is not", async () => {
	const ann = await signUp("Ann");
	const change = (currentPassword: string) =>
		call("POST", "/auth/change-password", {
			token: ann.session,
			body: { currentPassword, newPassword: "another correct horse" },
		});
	expect((await change("not her password")).status).toBe(401);
	expect((await change(PASSWORD)).status).toBe(200);
	const password = "another correct horse";
	const { body: enabled } = await call<{ totpURI: string }>("POST", "/auth/two-factor/enable", {
		token: ann.session,
		body: { password },
	});
	const verify = (code: string) =>
		call<{ token: string }>("POST", "/auth/two-factor/verify-totp", { token: ann.session, body: { code } });
	const right = await totp(enabled.totpURI);
	expect((await verify(right === "000000" ? "000001" : "000000")).status).toBe(401);
	const { body: session } = await verify(right);
	// A code that is only asked for changes nothing.
	await call("POST", "/auth/two-factor/verify-totp", { token: session.token, body: { code: right } });
	const off = await call("POST", "/auth/two-factor/disable", { token: session.token, body: { password } });
	expect(off.status).toBe(200);
	await call("POST", "/auth/request-password-reset", { body: { email: ann.email } });
	const reset = { token: await codeFor(ann.email), newPassword: "a third correct horse" };
	expect((await call("POST", "/auth/reset-password", { body: reset })).status).toBe(200);
	const again = await call<{ token: string }>("POST", "/auth/sign-in/email", {
		body: { email: ann.email, password: reset.newPassword },
	});
	const newEmail = `new.${ann.email}`;
	await call("POST", "/auth/change-email", { token: again.body.token, body: { newEmail } });
	expect((await call("GET", await linkIn(newEmail, "verify"))).status).toBe(200);

	const { items } = await list(`subject=${ann.id}`);
	const acts = items.filter(({ act }) => act !== "sign_in").map(({ act, actor }) => [act, actor]);
	expect(acts).toEqual([
		["email_changed", "nobody"],
		["password_reset", "nobody"],
		["second_factor_off", ann.id],
		["second_factor_on", ann.id],
		["password_changed", ann.id],
	]);
});

it("a session that could not be recorded is given to nobody", async () => {
	const ann = await signUp("Ann");
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	vi.spyOn(servicesOf(env).auditLog, "record").mockRejectedValueOnce(new Error("D1_ERROR: Network connection lost."));
	const answer = await call("POST", "/auth/sign-in/email", { body: { email: ann.email, password: PASSWORD } });
	vi.restoreAllMocks();
	expect(answer.status).toBeGreaterThanOrEqual(500);
	expect(answer.body).not.toHaveProperty("token");
});

it("what an operator changes is recorded before it is done, what she looks at is not", async () => {
	const ann = await signUp("Ann");
	const role = (headers: Record<string, string>, name = "user") =>
		call("PUT", "/ops/roles", { headers, body: { accountId: ann.id, role: name } });
	expect((await role(operator, "operator")).status).toBe(204);
	const [given, request] = (await list("actor=operator&limit=2")).items;
	expect(given).toMatchObject({ act: "role_given", subject: ann.id, detail: { role: "operator" } });
	expect(request).toMatchObject({ act: "operator_request", detail: { method: "PUT", path: "/ops/roles" } });

	const { body } = await call<{ token: string }>("GET", "/auth/token", { token: ann.session });
	const verify = (repair: boolean) =>
		call("POST", "/ops/verify", { token: body.token, body: { check: "outbox", repair } });
	await verify(false);
	expect((await list(`actor=${ann.id}&act=operator_request`)).items).toEqual([]);
	expect((await verify(true)).status).toBe(200);
	expect((await list(`actor=${ann.id}&act=operator_request`)).items).toMatchObject([
		{ detail: { method: "POST", path: "/ops/verify" } },
	]);

	vi.spyOn(console, "error").mockImplementation(() => undefined);
	vi.spyOn(servicesOf(env).auditLog, "record").mockRejectedValueOnce(new Error("D1_ERROR: Network connection lost."));
	expect((await role(operator)).status).toBe(503);
	vi.restoreAllMocks();
	const stored = env.IDENTITY.prepare("SELECT role FROM user WHERE id = ?").bind(ann.id);
	expect(await stored.first("role")).toBe("operator");
	expect((await role({ "x-operator-secret": "wrong" })).status).toBe(404);
});

it("is read page by page, by act, actor, subject and time", async () => {
	const { auditLog } = servicesOf(env);
	for (let n = 0; n < 7; n++) {
		const detail = { n: String(n) };
		await auditLog.record({ act: n % 2 ? "odd" : "even", actor: "key:tests", subject: "pages", detail });
	}
	const read: string[] = [];
	for (let cursor: string | null = ""; cursor !== null; ) {
		const page: List<Entry> = await list(`subject=pages&limit=3${cursor ? `&cursor=${cursor}` : ""}`);
		read.push(...page.items.map(({ detail }) => detail.n ?? ""));
		cursor = page.next;
	}
	expect(read).toEqual(["6", "5", "4", "3", "2", "1", "0"]);
	const some = async (query: string) => (await list(query)).items.map(({ detail }) => detail.n);
	expect(await some("actor=key:tests&act=odd")).toEqual(["5", "3", "1"]);
	expect(await some("subject=pages&before=2020-01-01T00:00:00.000Z")).toEqual([]);
	expect(await some(`subject=pages&act=odd&before=${new Date(Date.now() + 5000).toISOString()}`)).toEqual([
		"5",
		"3",
		"1",
	]);
});

it("is only added to, and entries go when they are old", async () => {
	const { auditLog } = servicesOf(env);
	const old = Date.now() - 401 * 86_400_000;
	const insert = env.IDENTITY.prepare("INSERT INTO audit_log (at, act, actor) VALUES (?, 'old', 'nobody')");
	await env.IDENTITY.batch([insert.bind(old), insert.bind(old + 2 * 86_400_000)]);
	await auditLog.record({ act: "new", actor: "nobody" });
	await expect(env.IDENTITY.prepare("UPDATE audit_log SET actor = 'me' WHERE act = 'old'").run()).rejects.toThrow(
		/only added to/,
	);
	await expect(env.IDENTITY.prepare("DELETE FROM audit_log WHERE act = 'new'").run()).rejects.toThrow(/only added to/);
	expect(await auditLog.sweep(Date.now())).toBe(1);
	expect((await list("act=old")).items).toHaveLength(1);
	expect((await list("act=new")).items).toHaveLength(1);
});
