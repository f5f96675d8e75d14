import { expect, it } from "vitest";
import { accessToken, call, PASSWORD, type Person, signUp } from "./api.ts";
import { totp } from "./totp.ts";

interface Challenge {
	twoFactor: { challenge: string; methods: string[] };
}
interface Enrolment {
	totpURI: string;
	backupCodes: string[];
}

const ask = <T = Record<string, unknown>>(path: string, body: unknown, token?: string) =>
	call<T>("POST", `/auth${path}`, { body, token });
const signIn = (person: Person) =>
	ask<Challenge & { token: string }>("/sign-in/email", { email: person.email, password: PASSWORD });

async function enrolled(): Promise<{ ann: Person; session: string } & Enrolment> {
	const ann = await signUp("Ann");
	const { status, body } = await ask<Enrolment>("/two-factor/enable", { password: PASSWORD }, ann.session);
	expect(status).toBe(200);
	const confirmed = await ask<{ token: string }>(
		"/two-factor/verify-totp",
		{ code: await totp(body.totpURI) },
		ann.session,
	);
	expect(confirmed.status).toBe(200);
	return { ann, session: confirmed.body.token, ...body };
}

it("an authenticator app becomes a second factor with its first code", async () => {
	const ann = await signUp("Ann");
	expect((await ask("/two-factor/enable", { password: "wrong wrong" }, ann.session)).body).toMatchObject({
		code: "invalid_credentials",
	});
	const { body } = await ask<Enrolment>("/two-factor/enable", { password: PASSWORD }, ann.session);
	expect(body.totpURI).toMatch(/^otpauth:\/\/totp\/Edgefeed/);
	expect(body.backupCodes).toHaveLength(10);
	// Not before the app has shown that it works.
	expect((await signIn(ann)).body.token).toEqual(expect.any(String));
	expect((await ask("/two-factor/verify-totp", { code: "000000" }, ann.session)).body).toMatchObject({
		code: "code_invalid",
	});
	const confirmed = await ask<{ token: string }>(
		"/two-factor/verify-totp",
		{ code: await totp(body.totpURI) },
		ann.session,
	);
	expect(confirmed.status).toBe(200);
	expect((await call("GET", "/auth/token", { token: confirmed.body.token })).status).toBe(200);
	expect((await call("GET", "/auth/token", { token: ann.session })).status).toBe(401);
	expect((await ask("/two-factor/enable", { password: PASSWORD }, confirmed.body.token)).body).toMatchObject({
		code: "two_factor_enabled",
	});
});

it("signing in wants the password and a code", async () => {
	const { ann, totpURI } = await enrolled();
	const first = await signIn(ann);
	expect(first).toMatchObject({ status: 200, body: { twoFactor: { methods: ["totp"] } } });
	expect(first.body).not.toHaveProperty("token");
	expect(first.headers.get("set-cookie")).toBeNull();
	const { challenge } = first.body.twoFactor;
	const verify = (code: string, of = challenge) =>
		ask<{ token: string }>("/two-factor/verify-totp", { code, challenge: of });
	expect((await verify(await totp(totpURI, 7))).body).toMatchObject({ code: "code_invalid" });
	expect((await verify(await totp(totpURI), `${challenge}x`)).body).toMatchObject({ code: "code_invalid" });
	const { status, body } = await verify(await totp(totpURI));
	expect(status).toBe(200);
	expect(await call("GET", "/v1/accounts/me", { token: await accessToken(body.token) })).toMatchObject({
		status: 200,
		body: { id: ann.id },
	});
	expect((await verify(await totp(totpURI))).body, "a challenge is used up").toMatchObject({ code: "code_invalid" });
});

it("five wrong codes use a challenge up", async () => {
	const { ann, totpURI } = await enrolled();
	const { challenge } = (await signIn(ann)).body.twoFactor;
	for (let guess = 0; guess < 5; guess++) {
		const { body } = await ask("/two-factor/verify-totp", { code: await totp(totpURI, 100 + guess), challenge });
		expect(body).toMatchObject({ code: "code_invalid" });
	}
	expect((await ask("/two-factor/verify-totp", { code: await totp(totpURI), challenge })).status).toBe(401);
});

it("a backup code signs in once, new ones replace the old, and the second factor can be given up", async () => {
	const { ann, session, backupCodes } = await enrolled();
	const [first = "", second = ""] = backupCodes;
	const use = async (code: string) => {
		const { challenge } = (await signIn(ann)).body.twoFactor;
		return ask("/two-factor/verify-backup-code", { code, challenge });
	};
	expect((await use(first)).status).toBe(200);
	expect((await use(first)).body).toMatchObject({ code: "code_invalid" });
	const fresh = await ask<Enrolment>("/two-factor/generate-backup-codes", { password: PASSWORD }, session);
	expect(fresh.body.backupCodes).toHaveLength(10);
	expect((await use(second)).body).toMatchObject({ code: "code_invalid" });
	expect((await use(fresh.body.backupCodes[0] ?? "")).status).toBe(200);

	expect((await ask("/two-factor/disable", { password: "wrong wrong" }, session)).body).toMatchObject({
		code: "invalid_credentials",
	});
	const given = await ask<{ token: string }>("/two-factor/disable", { password: PASSWORD }, session);
	expect(given.status).toBe(200);
	expect((await call("GET", "/auth/token", { token: given.body.token })).status).toBe(200);
	expect((await signIn(ann)).body).toHaveProperty("token");
	expect((await ask("/two-factor/generate-backup-codes", { password: PASSWORD }, given.body.token)).body).toMatchObject(
		{ code: "two_factor_not_enabled" },
	);
});
