import { expect, inject, it } from "vitest";
import { accessToken, call, PASSWORD, Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { linkIn, outbox } from "./outbox.ts";

/** Signing in with a real OpenID provider, which runs beside the tests (`scripts/outside.ts`). */

const CLIENT = "https://app.test/signed-in";
const APP = "myapp://signed-in";
const provider = {
	id: "test-idp",
	discoveryUrl: `${inject("outsideUrl")}/.well-known/openid-configuration`,
	clientId: "edgefeed",
	secret: "TEST_IDP_SECRET",
};
const api = new Isolate({
	OIDC_PROVIDERS: [
		provider,
		{ ...provider, id: "lost-idp", name: "The lost one", discoveryUrl: `${inject("outsideUrl")}/none` },
	],
	TEST_IDP_SECRET: "the secret of the tests' client",
	TRUSTED_REDIRECTS: [CLIENT, APP],
	KAKAO_CLIENT_ID: "kakao-id",
	KAKAO_CLIENT_SECRET: "kakao-secret",
});

async function sha256(text: string): Promise<string> {
	return Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toString("base64url");
}

const VERIFIER = "a".repeat(43);

async function begin(path = "/auth/sign-in/social", more: Record<string, unknown> = {}, token?: string) {
	const body = { provider: "test-idp", redirectTo: CLIENT, codeChallenge: await sha256(VERIFIER), ...more };
	return api.call<{ url: string; code: string }>("POST", path, { body, token });
}

/** What a person's browser does at the provider: signs in with a name, agrees, and is sent back. */
async function visit(url: string, name: string, agree = true): Promise<string> {
	const jar = new Map<string, string>();
	const go = async (address: string, form?: Record<string, string>) => {
		const response = await fetch(address, {
			redirect: "manual",
			headers: { cookie: [...jar].map(([key, value]) => `${key}=${value}`).join("; ") },
			...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
		});
		for (const cookie of response.headers.getSetCookie()) {
			const [, key = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
			jar.set(key, value);
		}
		return { response, page: await response.text() };
	};
	let at = url;
	for (let step = 0; step < 12; step++) {
		if (at.startsWith("https://feed.test/")) return at.slice("https://feed.test".length);
		const { response, page } = await go(at);
		const location = response.headers.get("location");
		if (location !== null) {
			at = new URL(location, at).href;
			continue;
		}
		const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
		if (prompt === undefined) throw new Error(`the provider shows ${response.status}: ${page.slice(0, 500)}`);
		if (!agree) {
			const [, abort = ""] = /href="([^"]+\/abort)"/.exec(page) ?? [];
			at = new URL(abort, at).href;
			continue;
		}
		const sent = await go(at, prompt === "login" ? { prompt, login: name, password: "any" } : { prompt });
		at = new URL(String(sent.response.headers.get("location")), at).href;
	}
	throw new Error("the provider sends in circles");
}

const comeBack = async (path: string) => {
	const answer = await api.call("GET", path);
	return { ...answer, location: new URL(answer.headers.get("location") ?? "none:") };
};
const finish = (code: string | null, codeVerifier = VERIFIER, token?: string) =>
	api.call<{ token: string; code: string; user: { id: string; email: string; username: string } }>(
		"POST",
		"/auth/sign-in/code",
		{ body: { code, codeVerifier }, token },
	);

/** The whole way. */
async function signIn(name: string, path?: string, token?: string) {
	const { status, body } = await begin(path, {}, token);
	expect(status, JSON.stringify(body)).toBe(200);
	const { location } = await comeBack(await visit(body.url, name));
	return finish(location.searchParams.get("code"), VERIFIER, token);
}

async function personOf({ body }: Awaited<ReturnType<typeof finish>>): Promise<Person> {
	const { id, email, username } = body.user;
	return new Person({ id, email, username, session: body.token, token: await accessToken(body.token) });
}

it("a person signs in with a provider, reads her feed, and is the same the next time", async () => {
	const { body } = await begin();
	const address = new URL(body.url);
	expect(address.origin).toBe(inject("outsideUrl"));
	expect(Object.fromEntries(address.searchParams)).toMatchObject({
		code_challenge_method: "S256",
		scope: "openid email profile",
		redirect_uri: "https://feed.test/auth/callback/test-idp",
		nonce: expect.any(String),
	});
	const back = await comeBack(await visit(body.url, "ida"));
	expect(back.status).toBe(302);
	expect(back.headers.get("set-cookie")).toBeNull();
	expect([...back.location.searchParams.keys()]).toEqual(["code"]);
	expect(back.location.href.startsWith(`${CLIENT}?code=`)).toBe(true);

	const code = back.location.searchParams.get("code");
	expect((await finish(code, "b".repeat(43))).body).toMatchObject({ code: "code_invalid" });
	const done = await finish(code);
	expect(done).toMatchObject({ status: 200, body: { user: { email: "ida@idp.test", emailVerified: true } } });
	const ida = await personOf(done);
	expect((await finish(code)).body, "once").toMatchObject({ code: "code_invalid" });

	expect(await ida.account()).toMatchObject({
		id: ida.id,
		username: `user_${ida.id.toLowerCase()}`,
		displayName: "ida of the provider",
	});
	const ann = await signUp("Ann");
	await ida.befriend(ann);
	await ida.post("from the provider");
	expect(await ida.texts()).toEqual(["from the provider"]);
	expect((await signIn("ida")).body.user.id).toBe(ida.id);
	const kept = await env.IDENTITY.prepare("SELECT accessToken FROM account WHERE userId = ?")
		.bind(ida.id)
		.first<string>("accessToken");
	expect(kept, "the provider's token is encrypted").toMatch(/^(\$ba\$.+|[0-9a-f]{80,})$/);
});

it("nothing happens before the client shows its secret", async () => {
	const { body } = await begin();
	const { location } = await comeBack(await visit(body.url, "idle"));
	expect(location.searchParams.get("code")).toEqual(expect.any(String));
	const ann = await signUp("Ann");
	expect((await ann.call("GET", "/v1/accounts?username=user_idle")).status).toBe(404);
	const reset = await call("POST", "/auth/request-password-reset", { body: { email: "idle@idp.test" } });
	expect(reset.status).toBe(200);
	await expect(linkIn("idle@idp.test", "reset")).rejects.toThrow();
});

it("who says no at the provider comes back with an error", async () => {
	const { body } = await begin(undefined, { redirectTo: APP });
	const { status, location } = await comeBack(await visit(body.url, "nina", false));
	expect(status).toBe(302);
	expect(location.href).toBe(`${APP}?error=access_denied`);
});

it("a browser may come back with a form, as it does from Apple", async () => {
	const { body } = await begin();
	const [, query = ""] = (await visit(body.url, "fay")).split("?");
	const post = (type: string) =>
		api.app.request("https://feed.test/auth/callback/test-idp", {
			method: "POST",
			headers: { "content-type": type },
			body: query,
		});
	expect((await post("text/plain")).status).toBe(415);
	const response = await post("application/x-www-form-urlencoded");
	expect(response.status).toBe(302);
	const { searchParams } = new URL(String(response.headers.get("location")));
	expect((await finish(searchParams.get("code"))).body.user.email).toBe("fay@idp.test");
});

it("a way back that nobody went, or that has been gone, leads nowhere", async () => {
	const { body } = await begin();
	const path = await visit(body.url, "twice");
	const query = path.slice(path.indexOf("?"));
	for (const wrong of [
		"/auth/callback/test-idp?state=unknown&code=x",
		`/auth/callback/kakao${query}`,
		`/auth/callback/lost-idp${query}`,
	]) {
		expect(await api.call("GET", wrong)).toMatchObject({ status: 400, body: { code: "link_invalid" } });
	}
	const first = (await comeBack(path)).location.searchParams.get("code");
	const second = (await comeBack(path)).location.searchParams.get("code");
	expect((await finish(first)).status).toBe(200);
	expect((await finish(second)).body).toMatchObject({ code: "code_invalid" });
	expect((await api.call("GET", path)).body).toMatchObject({ code: "link_invalid" });
	const forged = (await begin()).body.url;
	const state = new URL(forged).searchParams.get("state");
	const { location } = await comeBack(`/auth/callback/test-idp?state=${state}&code=forged`);
	expect((await finish(location.searchParams.get("code"))).body).toMatchObject({ code: "code_invalid" });
});

it("whoever wants to sign in is told with whom", async () => {
	const { body } = await api.call("GET", "/auth/providers");
	expect(body).toEqual({
		items: [
			{ id: "kakao", name: "Kakao" },
			{ id: "test-idp", name: "test-idp" },
			{ id: "lost-idp", name: "The lost one" },
		],
	});
});

it("the web app that is served with the API is come back to, and nothing else of its origin", async () => {
	const at = (redirectTo: string) => begin("/auth/sign-in/social", { redirectTo });
	expect((await at("https://feed.test/sign-in")).status).toBe(200);
	for (const other of [
		"https://feed.test/",
		"https://feed.test/v1/feed",
		"https://feed.test/sign-in?next=//evil.test",
		"https://feed.test/sign-in#x",
		"https://feed.test.evil.test/sign-in",
		"http://feed.test/sign-in",
		"https://user@feed.test/sign-in",
		"https://evil.test/sign-in",
	]) {
		expect(await at(other), other).toMatchObject({ status: 400, body: { code: "invalid_request" } });
	}
});

it("only providers and addresses that are set up are gone to", async () => {
	expect(await begin(undefined, { provider: "google" })).toMatchObject({
		status: 404,
		body: { code: "provider_not_found" },
	});
	expect(await begin(undefined, { redirectTo: `${CLIENT}/x` })).toMatchObject({
		status: 400,
		body: { errors: [{ path: "redirectTo" }] },
	});
	expect(await begin(undefined, { provider: "lost-idp" })).toMatchObject({
		status: 503,
		body: { code: "unavailable" },
	});
	const kakao = new URL((await begin(undefined, { provider: "kakao" })).body.url);
	expect(kakao.origin).toBe("https://kauth.kakao.com");
	expect(kakao.searchParams.get("redirect_uri")).toBe("https://feed.test/auth/callback/kakao");
});

it("an account with the same address is joined only if both have confirmed it", async () => {
	const join = (name: string) =>
		call<{ user: { id: string } }>("POST", "/auth/sign-up/email", {
			body: { email: `${name}@idp.test`, password: PASSWORD, name, username: name.replace("-", "_") },
		});
	const una = (await join("una")).body.user;
	expect((await signIn("una")).body).toMatchObject({ code: "email_taken" });
	await call("GET", await linkIn("una@idp.test", "verify"));
	expect((await signIn("una")).body.user.id).toBe(una.id);
	await join("unverified-ulf");
	await call("GET", await linkIn("unverified-ulf@idp.test", "verify"));
	expect((await signIn("unverified-ulf")).body).toMatchObject({ code: "email_taken" });
});

it("who has no address at the provider signs in all the same", async () => {
	const nobody = await personOf(await signIn("nobody-1"));
	expect(nobody.email).toMatch(/@test-idp\.placeholder\.invalid$/);
	expect(await outbox(nobody.email)).toEqual([]);
	expect((await signIn("nobody-1")).body.user.id).toBe(nobody.id);
	expect((await signIn("nobody-2")).body.user.id).not.toBe(nobody.id);
});

it("a guest keeps the account with a provider, with the same id", async () => {
	const { body } = await call<{ token: string; user: { id: string } }>("POST", "/auth/sign-in/anonymous", {
		body: {},
	});
	const started = await begin("/auth/link-social", {}, body.token);
	const { location } = await comeBack(await visit(started.body.url, "gina"));
	const code = location.searchParams.get("code");
	expect((await finish(code)).body).toMatchObject({ code: "session_invalid" });
	const eve = await signUp("Eve");
	expect((await finish(code, VERIFIER, eve.session)).body).toMatchObject({ code: "code_invalid" });
	const linked = await finish(code, VERIFIER, body.token);
	expect(linked).toMatchObject({
		status: 200,
		body: { token: body.token, user: { id: body.user.id, isAnonymous: false } },
	});
	expect((await signIn("gina")).body.user.id).toBe(body.user.id);
	// It is a way into one account only.
	expect((await signIn("gina", "/auth/link-social", eve.session)).body).toMatchObject({ code: "identity_taken" });
	expect((await begin("/auth/link-social")).body).toMatchObject({ code: "session_invalid" });
});

it("a service is disconnected, unless it is the last way in", async () => {
	const disconnect = (token: string, provider = "test-idp") =>
		call("POST", "/auth/unlink-social", { token, body: { provider } });
	// He has no address and no password: there is nothing else.
	const { body: otto } = await signIn("nobody-otto");
	expect(await disconnect(otto.token)).toMatchObject({ status: 409, body: { code: "last_way_in" } });
	expect(await disconnect(otto.token, "kakao")).toMatchObject({ status: 404, body: { code: "not_found" } });
	expect(await disconnect(otto.token, "credential")).toMatchObject({ status: 404, body: { code: "not_found" } });
	expect((await signIn("nobody-otto")).body.user.id).toBe(otto.user.id);

	const ann = await signUp("Ann");
	await signIn("nobody-anns", "/auth/link-social", ann.session);
	const eve = await signUp("Eve");
	expect(await disconnect(eve.session)).toMatchObject({ status: 404, body: { code: "not_found" } });
	expect((await signIn("nobody-anns")).body.user.id).toBe(ann.id);
	expect((await disconnect(ann.session)).status).toBe(204);
	expect((await disconnect(ann.session)).status).toBe(404);
	expect((await signIn("nobody-anns")).body.user.id).not.toBe(ann.id);
	const { body } = await call<{ items: { act: string }[] }>("GET", `/ops/audit-log?subject=${ann.id}`, {
		headers: { "x-operator-secret": env.OPERATOR_SECRET },
	});
	expect(body.items.map(({ act }) => act)).toEqual(
		expect.arrayContaining(["service_connected", "service_disconnected"]),
	);

	// Two that go at once: one stays.
	const { body: dora } = await signIn("nobody-dora");
	await env.IDENTITY.prepare(
		"INSERT INTO account (id, accountId, providerId, userId, createdAt, updatedAt) VALUES ('x', 'y', 'kakao', ?, 0, 0)",
	)
		.bind(dora.user.id)
		.run();
	const both = await Promise.all([disconnect(dora.token), disconnect(dora.token, "kakao")]);
	expect(both.map(({ status }) => status).sort()).toEqual([204, 409]);

	// A passkey is a way in as well, and then perhaps the last one.
	await env.IDENTITY.prepare(
		"INSERT INTO passkey (id, publicKey, userId, credentialID, counter, deviceType, backedUp) VALUES ('p', 'k', ?, 'c', 0, 'x', 0)",
	)
		.bind(otto.user.id)
		.run();
	expect((await disconnect(otto.token)).status).toBe(204);
	const forget = () => call("POST", "/auth/passkey/delete-passkey", { token: otto.token, body: { id: "p" } });
	expect(await forget()).toMatchObject({ status: 409, body: { code: "last_way_in" } });
	await env.IDENTITY.prepare("UPDATE user SET email = 'otto@feed.test', emailVerified = 1 WHERE id = ?")
		.bind(otto.user.id)
		.run();
	expect((await forget()).status).toBe(204);
});

it("settings that are half made stop the Worker, and say which", () => {
	expect(() => new Isolate({ GOOGLE_CLIENT_ID: "x" })).toThrow(/GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET/);
	expect(() => new Isolate({ OIDC_PROVIDERS: [provider] })).toThrow(/TEST_IDP_SECRET/);
	expect(() => new Isolate({ OIDC_PROVIDERS: [{ ...provider, id: "kakao" }] })).toThrow(/OIDC_PROVIDERS/);
	expect(() => new Isolate({ OIDC_PROVIDERS: "[" })).toThrow(/OIDC_PROVIDERS/);
	expect(() => new Isolate({ OIDC_PROVIDERS: JSON.stringify([provider]), TEST_IDP_SECRET: "x" })).not.toThrow();
	expect(() => new Isolate({ EMAIL_WEBHOOK_URL: "https://mail.test/" })).toThrow(/EMAIL_WEBHOOK_SECRET/);
	expect(() => new Isolate({ EMAIL: env.MAIL_OUT })).toThrow(/EMAIL_FROM/);
});
