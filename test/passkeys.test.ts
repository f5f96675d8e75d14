import { expect, it } from "vitest";
import { accessToken, call, ORIGIN, type Person, signUp } from "./api.ts";
import { Authenticator } from "./authenticator.ts";
import { env } from "./env.ts";

interface Options {
	ceremony: string;
	options: { challenge: string; rp: { id: string }; rpId: string; userVerification: string };
}
interface Passkey {
	id: string;
	name: string | null;
}

const post = <T = Record<string, unknown>>(path: string, body: unknown, token?: string) =>
	call<T>("POST", `/auth/passkey/${path}`, { body, token });
const begin = async (path: string, token?: string) => {
	const { status, body, headers } = await call<Options>("GET", `/auth/passkey/${path}`, { token });
	expect(status, JSON.stringify(body)).toBe(200);
	expect(headers.get("set-cookie")).toBeNull();
	return body;
};

async function register(person: Person, authenticator: Authenticator, name = "phone") {
	const { ceremony, options } = await begin("generate-register-options", person.session);
	expect(options.rp.id).toBe("feed.test");
	const response = await authenticator.create(options);
	return post<Passkey>("verify-registration", { ceremony, response, name }, person.session);
}

async function signIn(authenticator: Authenticator, more: { verified?: boolean } = {}) {
	const { ceremony, options } = await begin("generate-authenticate-options");
	expect(options.userVerification).toBe("required");
	const response = await authenticator.get(options, more);
	return {
		again: { ceremony, response },
		...(await post<{ token: string }>("verify-authentication", { ceremony, response })),
	};
}

it("a passkey that was made signs in, each answer once", async () => {
	const [ann, phone] = await Promise.all([signUp("Ann"), Authenticator.make(ORIGIN)]);
	expect(await register(ann, phone)).toMatchObject({
		status: 200,
		body: { name: "phone", createdAt: expect.any(String) },
	});
	const { status, body, again } = await signIn(phone);
	expect(status, JSON.stringify(body)).toBe(200);
	expect((await call("GET", "/v1/accounts/me", { token: await accessToken(body.token) })).body).toMatchObject({
		id: ann.id,
	});
	expect((await post("verify-authentication", again)).body).toMatchObject({ code: "passkey_invalid" });
	expect((await signIn(phone)).status, "and again").toBe(200);
});

it("whoever has refreshed makes a passkey with the refresh token, and signs in with it", async () => {
	const [ann, phone] = await Promise.all([signUp("Ann"), Authenticator.make(ORIGIN)]);
	const { body } = await call<{ refreshToken: string }>("POST", "/auth/refresh", {
		body: { refreshToken: ann.session },
	});
	const { ceremony, options } = await begin("generate-register-options", body.refreshToken);
	const response = await phone.create(options);
	const made = await post<Passkey>("verify-registration", { ceremony, response }, body.refreshToken);
	expect(made).toMatchObject({ status: 200, body: { name: null } });
	expect((await signIn(phone)).status).toBe(200);
});

it("a passkey that is unknown, of another place, or used without its owner, does not", async () => {
	const [ann, phone, other, phishing] = await Promise.all([
		signUp("Ann"),
		Authenticator.make(ORIGIN),
		Authenticator.make(ORIGIN),
		Authenticator.make("https://feed.evil"),
	]);
	expect((await register(ann, phishing)).body).toMatchObject({ code: "passkey_invalid" });
	expect((await register(ann, phone)).status).toBe(200);
	expect((await signIn(other)).body).toMatchObject({ code: "passkey_invalid" });
	expect((await signIn(phone, { verified: false })).body).toMatchObject({ code: "passkey_invalid" });
	expect((await signIn(phone)).status).toBe(200);

	const [one, two] = [await begin("generate-authenticate-options"), await begin("generate-authenticate-options")];
	const response = await phone.get(one.options);
	expect((await post("verify-authentication", { ceremony: two.ceremony, response })).body).toMatchObject({
		code: "passkey_invalid",
	});
	const changed = {
		...response,
		response: { ...response.response, signature: (await other.get(one.options)).response.signature },
	};
	expect((await post("verify-authentication", { ceremony: one.ceremony, response: changed })).body).toMatchObject({
		code: "passkey_invalid",
	});
});

it("a passkey is made for one's own account, by a session that is young", async () => {
	const [ann, eve, phone] = await Promise.all([signUp("Ann"), signUp("Eve"), Authenticator.make(ORIGIN)]);
	const { ceremony, options } = await begin("generate-register-options", ann.session);
	const response = await phone.create(options);
	expect((await post("verify-registration", { ceremony, response }, eve.session)).body).toMatchObject({
		code: "passkey_invalid",
	});
	await env.IDENTITY.prepare("UPDATE session SET createdAt = ? WHERE token = ?")
		.bind(new Date(Date.now() - 25 * 3_600_000).toISOString(), ann.session)
		.run();
	expect((await call("GET", "/auth/passkey/generate-register-options", { token: ann.session })).body).toMatchObject({
		code: "session_invalid",
	});
});

it("passkeys are listed and forgotten by their owner", async () => {
	const [ann, eve, phone] = await Promise.all([signUp("Ann"), signUp("Eve"), Authenticator.make(ORIGIN)]);
	const { id } = (await register(ann, phone)).body;
	const list = async (person: Person) =>
		(await call<{ items: Passkey[] }>("GET", "/auth/passkey/list-user-passkeys", { token: person.session })).body.items;
	expect(await list(ann)).toMatchObject([{ id, name: "phone" }]);
	expect(Object.keys((await list(ann))[0] ?? {}).sort()).toEqual(["createdAt", "id", "name"]);
	expect(await list(eve)).toEqual([]);
	expect(await post("delete-passkey", { id }, eve.session)).toMatchObject({ status: 404, body: { code: "not_found" } });
	expect((await signIn(phone)).status).toBe(200);
	expect((await post("delete-passkey", { id }, ann.session)).status).toBe(204);
	expect((await post("delete-passkey", { id }, ann.session)).status).toBe(404);
	expect((await signIn(phone)).body).toMatchObject({ code: "passkey_invalid" });
});
