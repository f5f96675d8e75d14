import { expect, it } from "vitest";
import { accessToken, call, PASSWORD, Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { linkIn, signInWith } from "./outbox.ts";
import { settled } from "./settled.ts";

interface Session {
	token: string;
	user: { id: string; email: string; username: string; isAnonymous?: boolean };
}

async function guest(more: Record<string, unknown> = {}, token?: string): Promise<Person> {
	const { status, body } = await call<Session>("POST", "/auth/sign-in/anonymous", { body: more, token });
	expect(status, JSON.stringify(body)).toBe(200);
	const { id, email, username } = body.user;
	return new Person({ id, email, username, session: body.token, token: await accessToken(body.token) });
}

it("a guest has a whole account, and keeps it with its posts and friends", async () => {
	const [ann, gus] = await Promise.all([signUp("Ann"), guest({ name: "거스", region: "weur" })]);
	expect(await gus.account()).toMatchObject({ id: gus.id, displayName: "거스", region: "weur" });
	expect(gus.username).toBe(`user_${gus.id.toLowerCase()}`);
	expect(await ann.ok("GET", `/v1/accounts?username=${gus.username}`)).toMatchObject({ id: gus.id });
	await gus.befriend(ann);
	await gus.post("as a guest");
	await ann.post("for friends");
	await settled();

	const email = "gus@feed.test";
	const keep = (body: Record<string, unknown>, token = gus.session) => call("POST", "/auth/upgrade", { token, body });
	expect((await keep({ email: ann.email, password: PASSWORD })).body).toMatchObject({ code: "email_taken" });
	expect((await signInWith(email)).status).toBe(401);
	expect(await keep({ email, password: PASSWORD })).toMatchObject({ status: 200, body: { status: true } });
	expect((await keep({ email, password: PASSWORD })).body).toMatchObject({ code: "not_anonymous" });
	expect((await keep({ email, password: PASSWORD }, ann.session)).body).toMatchObject({ code: "not_anonymous" });

	const { body } = await signInWith(email);
	const back = new Person({ ...gus, session: body.token, token: await accessToken(body.token) });
	expect((await back.account()).id).toBe(gus.id);
	expect(await back.texts()).toEqual(["for friends", "as a guest"]);
	expect(await ann.texts()).toEqual(["for friends", "as a guest"]);
	expect(await gus.texts(), "the guest's session goes on").toEqual(["for friends", "as a guest"]);
	expect((await call("GET", await linkIn(email, "verify"))).status).toBe(200);
});

it("of two upgrades at once one is made, and whoever signs in elsewhere loses no guest's account", async () => {
	const gus = await guest();
	expect((await gus.account()).displayName).toBe("Guest");
	const keep = (email: string) =>
		call("POST", "/auth/upgrade", { token: gus.session, body: { email, password: PASSWORD } });
	const raced = await Promise.all([keep("gus1@feed.test"), keep("gus2@feed.test")]);
	expect(raced.map(({ status }) => status).sort()).toEqual([200, 409]);
	const signedIn = await Promise.all([signInWith("gus1@feed.test"), signInWith("gus2@feed.test")]);
	expect(signedIn.map(({ status }) => status).sort()).toEqual([200, 401]);

	const ida = await guest();
	await env.IDENTITY.prepare("UPDATE user SET createdAt = '2020-01-01T00:00:00.000Z' WHERE id = ?").bind(ida.id).run();
	const thief = { email: "thief2@feed.test", password: PASSWORD, name: "T", username: ida.username };
	expect((await call("POST", "/auth/sign-up/email", { body: thief })).body).toMatchObject({ code: "username_taken" });
	expect((await ida.account()).id).toBe(ida.id);

	const [ann, una] = await Promise.all([signUp("Ann"), guest()]);
	await call("POST", "/auth/sign-in/email", { token: una.session, body: { email: ann.email, password: PASSWORD } });
	await guest({}, una.session);
	expect((await call("GET", "/auth/token", { token: una.session })).status).toBe(200);
	expect((await una.account()).id).toBe(una.id);
});
