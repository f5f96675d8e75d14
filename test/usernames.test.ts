import { expect, it, vi } from "vitest";
import { AccountStore } from "../src/accounts/store.ts";
import { servicesOf } from "../src/services.ts";
import { call, PASSWORD, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";

/** A username that is changed: to sign in with, to be found by, beside what was posted. */

const fresh = () => `n${Math.random().toString(36).slice(2, 12)}`;
const signIn = (username: string) => call("POST", "/auth/sign-in/username", { body: { username, password: PASSWORD } });

it("is what one signs in with and is found by, and the old one is free", async () => {
	const [ann, ben] = (await signUpMany(2)) as [Person, Person];
	await ann.befriend(ben);
	await ann.post("by whom?");
	const [before, after] = [ann.username, fresh()];
	const changed = await ann.call("PATCH", "/v1/accounts/me", { username: after.toUpperCase() });
	expect(changed).toMatchObject({ status: 200, body: { id: ann.id, username: after } });
	expect((await signIn(after)).status).toBe(200);
	expect((await signIn(before)).status).toBe(401);
	expect(await ben.ok("GET", `/v1/accounts?username=${after}`)).toMatchObject({ id: ann.id });
	expect((await ben.call("GET", `/v1/accounts?username=${before}`)).status).toBe(404);
	const found = await ben.ok<{ items: { id: string }[] }>("GET", `/v1/search/accounts?q=${after}`);
	expect(found.items).toMatchObject([{ id: ann.id, username: after }]);
	expect((await ann.feed()).items).toMatchObject([{ author: { username: after } }]);
	expect(await ben.ok("PATCH", "/v1/accounts/me", { username: before })).toMatchObject({ username: before });
});

it("is refused when somebody has it, and then nothing is changed; one's own is not", async () => {
	const [ann, ben] = (await signUpMany(2)) as [Person, Person];
	const refused = await ann.call("PATCH", "/v1/accounts/me", { username: ben.username.toUpperCase(), bio: "new" });
	expect(refused).toMatchObject({ status: 409, body: { code: "username_taken" } });
	expect(await ann.ok("GET", "/v1/accounts/me")).toMatchObject({ username: ann.username, bio: "" });
	expect((await ann.call("PATCH", "/v1/accounts/me", { username: ann.username })).status).toBe(200);
});

it("of two who want the same one at once, one has it", async () => {
	const people = await signUpMany(4);
	const username = fresh();
	const answers = await Promise.all(people.map((person) => person.call("PATCH", "/v1/accounts/me", { username })));
	expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
	const winner = people[answers.findIndex(({ status }) => status === 200)];
	expect(await people[0]?.ok("GET", `/v1/accounts?username=${username}`)).toMatchObject({ id: winner?.id });
});

it("comes to the profile at the next sign-in when the process dies between", async () => {
	const ann = await signUp("Ann");
	const username = fresh();
	const { identity } = servicesOf(env);
	const update = vi.spyOn(AccountStore.prototype, "update").mockRejectedValueOnce(new Error("died"));
	expect((await ann.call("PATCH", "/v1/accounts/me", { username })).status).toBe(500);
	update.mockRestore();
	expect(await identity.idOf(username)).toBe(ann.id);
	expect(await ann.ok("GET", "/v1/accounts/me")).toMatchObject({ username: ann.username });
	expect((await signIn(username)).status).toBe(200);
	expect(await ann.ok("GET", "/v1/accounts/me")).toMatchObject({ username });
});

it("the ways in are told to whom they belong", async () => {
	const ann = await signUp("Ann");
	const ways = (token: string) => call("GET", "/auth/account", { token });
	expect((await ways(ann.session)).body).toEqual({
		email: ann.email,
		emailVerified: false,
		guest: false,
		password: true,
		twoFactor: false,
		passkeys: 0,
		providers: [],
	});
	const { body: guest } = await call<{ token: string }>("POST", "/auth/sign-in/anonymous", { body: {} });
	expect((await ways(guest.token)).body).toMatchObject({ email: null, guest: true, password: false });
	const email = `${fresh()}@feed.test`;
	await call("POST", "/auth/upgrade", { token: guest.token, body: { email, password: PASSWORD } });
	expect((await ways(guest.token)).body).toMatchObject({ email, guest: false, password: true });
	expect((await ways(ann.token)).status, "an access token is none of a session").toBe(401);
});
