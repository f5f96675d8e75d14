import { decodeJwt, decodeProtectedHeader } from "jose";
import { expect, it } from "vitest";
import { regionOf } from "../src/accounts/places.ts";
import { decodeId, encodeId, type Id } from "../src/store/ids.ts";
import { accessToken, call, ORIGIN, PASSWORD, signUp } from "./api.ts";
import { env } from "./env.ts";

it("an account signs in by address and by username, gets a short token, and signs out", async () => {
	const ann = await signUp("Ann");
	const byEmail = await call<{ token: string }>("POST", "/auth/sign-in/email", {
		body: { email: ann.email, password: PASSWORD },
	});
	const byName = await call<{ token: string }>("POST", "/auth/sign-in/username", {
		body: { username: ann.username.toUpperCase(), password: PASSWORD },
	});
	expect([byEmail.status, byName.status]).toEqual([200, 200]);
	expect(byEmail.headers.get("set-cookie")).toBeNull();

	const token = await accessToken(byName.body.token);
	expect(decodeProtectedHeader(token)).toMatchObject({ alg: "ES256" });
	const claims = decodeJwt(token);
	expect(claims).toMatchObject({ sub: ann.id, iss: "edgefeed", aud: "edgefeed" });
	expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900);
	expect(JSON.stringify(claims)).not.toContain(ann.email);
	const { body } = await call<{ keys: { alg: string; d?: string }[] }>("GET", "/auth/jwks");
	expect(body.keys).toMatchObject([{ alg: "ES256", kty: "EC", crv: "P-256" }]);
	expect(body.keys[0]).not.toHaveProperty("d");

	expect((await call("POST", "/auth/sign-out", { token: byName.body.token })).status).toBe(200);
	expect((await call("GET", "/auth/token", { token: byName.body.token })).body).toMatchObject({
		code: "session_invalid",
	});
});

it("an address or username that is taken is refused, also to two who race for it", async () => {
	const ann = await signUp("Ann");
	const body = { email: "other@feed.test", password: PASSWORD, name: "Other", username: "other_one" };
	const send = (more: Record<string, string>) => call("POST", "/auth/sign-up/email", { body: { ...body, ...more } });
	expect(await send({ email: ann.email })).toMatchObject({ status: 409, body: { code: "email_taken" } });
	expect(await send({ username: ann.username.toUpperCase() })).toMatchObject({
		status: 409,
		body: { code: "username_taken" },
	});
	const raced = await Promise.all([
		send({ email: "one@feed.test" }),
		send({ email: "two@feed.test" }),
		send({ email: "one@feed.test", username: "other_two" }),
	]);
	expect(raced.filter((answer) => answer.status === 200).length).toBeGreaterThanOrEqual(1);
	for (const answer of raced) if (answer.status !== 200) expect(answer).toMatchObject({ status: 409 });
});

it("a sign-up that died half-way gives the address and the username back after a minute", async () => {
	const row = (age: number) =>
		env.IDENTITY.prepare(
			"INSERT INTO user (id, name, email, emailVerified, username, region, createdAt, updatedAt) VALUES (?1, 'H', ?1 || '@feed.test', 0, ?1, 'apac', ?2, ?2)",
		)
			.bind(`half${age}`, new Date(Date.now() - age * 1000).toISOString())
			.run();
	await Promise.all([row(10), row(70)]);
	const send = (name: string) =>
		call("POST", "/auth/sign-up/email", {
			body: { email: `${name}@feed.test`, password: PASSWORD, name, username: name },
		});
	expect((await send("half10")).status).toBe(409);
	expect((await send("half70")).status).toBe(200);
	// An account that has credentials is nobody's to clear away.
	await env.IDENTITY.prepare("UPDATE user SET createdAt = '2020-01-01T00:00:00.000Z' WHERE username = 'half70'").run();
	expect(await send("half70")).toMatchObject({ status: 409, body: { code: "username_taken" } });
});

it("an imported account signs in, and keeps its names also without a password", async () => {
	const id = (tail: number) => encodeId({ time: Date.now() - 1000, shard: 5, tail });
	const rows = [
		{ id: id(1), username: "Imported_One", email: "Imported.One@Feed.test", displayName: "One", bio: "" },
		{ id: id(2), username: "imported_two", email: "imported.two@feed.test", displayName: "Two", bio: "" },
	];
	const load = (accounts: unknown[], password?: string) =>
		call("POST", "/ops/import", {
			headers: { "x-operator-secret": env.OPERATOR_SECRET },
			body: { accounts, password },
		});
	expect((await load(rows.slice(0, 1), PASSWORD)).body).toMatchObject({ accounts: 1, refused: 0 });
	expect((await load(rows.slice(1))).body).toMatchObject({ accounts: 1, refused: 0 });
	expect((await load(rows, PASSWORD)).body).toMatchObject({ accounts: 0, refused: 0 });
	const signIn = (email: string) => call("POST", "/auth/sign-in/email", { body: { email, password: PASSWORD } });
	expect((await signIn("imported.one@feed.test")).status).toBe(200);
	await env.IDENTITY.prepare("UPDATE user SET createdAt = '2020-01-01T00:00:00.000Z' WHERE id = ?").bind(id(2)).run();
	await env.IDENTITY.prepare("DELETE FROM account WHERE userId = ?").bind(id(2)).run();
	const thief = { email: "thief@feed.test", password: PASSWORD, name: "T", username: "imported_two" };
	expect((await call("POST", "/auth/sign-up/email", { body: thief })).status).toBe(409);
	const other = { ...rows[0], id: id(3) };
	expect((await load([other])).body).toMatchObject({ accounts: 0, refused: 1 });
});

it("a profile is shown to others without what is private, and changed by its owner only", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann", { region: "weur" }), signUp("Ben")]);
	expect(await ann.account()).toMatchObject({
		id: ann.id,
		username: ann.username,
		displayName: "Ann",
		bio: "",
		avatarUrl: null,
		region: "weur",
	});
	const changed = { displayName: "앤", bio: "서울에서", avatarUrl: "https://img.test/ann.png", region: "apac" };
	expect(await ann.ok("PATCH", "/v1/accounts/me", changed)).toMatchObject(changed);
	expect(await ann.ok("PATCH", "/v1/accounts/me", {})).toMatchObject(changed);
	expect(await ann.ok("PATCH", "/v1/accounts/me", { avatarUrl: null })).toMatchObject({ ...changed, avatarUrl: null });

	const seen = await ben.account(ann.id);
	expect(seen).toMatchObject({
		displayName: "앤",
		relation: {
			friend: false,
			following: false,
			followedBy: false,
			requested: false,
			requestedBy: false,
			blocking: false,
			muting: false,
		},
	});
	expect(seen).not.toHaveProperty("region");
	expect(seen).not.toHaveProperty("email");
	expect(await ben.ok("GET", `/v1/accounts?username=${ann.username.toUpperCase()}`)).toEqual(seen);
	expect(await ben.call("GET", "/v1/accounts?username=nobody")).toMatchObject({
		status: 404,
		body: { code: "account_not_found" },
	});
});

it("an id carries a shard of the home region", async () => {
	const regions = { apac: [0, 639], weur: [736, 831], sam: [992, 1023] } as const;
	for (const [region, [from, to]] of Object.entries(regions)) {
		const { shard } = decodeId((await signUp("Home", { region })).id as Id);
		expect(shard).toBeGreaterThanOrEqual(from);
		expect(shard).toBeLessThanOrEqual(to);
	}
});

it("the home region is guessed from where someone signs up", () => {
	expect(regionOf(undefined, "apac")).toBe("apac");
	const place = (country: string, continent: string, regionCode = "") => ({ country, continent, regionCode }) as never;
	expect(regionOf(place("KR", "AS"), "weur")).toBe("apac");
	expect(regionOf(place("AE", "AS"), "weur")).toBe("me");
	expect(regionOf(place("PL", "EU"), "apac")).toBe("eeur");
	expect(regionOf(place("US", "NA", "CA"), "apac")).toBe("wnam");
	expect(regionOf(place("US", "NA", "NY"), "apac")).toBe("enam");
});

it("an account whose sign-up died before its profile was made gets one when it signs in", async () => {
	const ann = await signUp("Ann");
	for (const shard of [env.SHARD_0, env.SHARD_1])
		await shard.prepare("DELETE FROM profiles WHERE id = ?").bind(ann.id).run();
	expect((await ann.call("GET", "/v1/accounts/me")).status).toBe(404);
	await call("POST", "/auth/sign-in/email", { body: { email: ann.email, password: PASSWORD } });
	expect(await ann.account()).toMatchObject({ id: ann.id, username: ann.username, displayName: "Ann" });
});

it("a hundred people sign up from one address", async () => {
	const people = await Promise.all(Array.from({ length: 100 }, () => signUp("Crowd")));
	expect(new Set(people.map((person) => person.id)).size).toBe(100);
}, 60_000);

it("the health, the API's description and its reference page are there", async () => {
	expect(await call("GET", "/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
	const page = await (await env.ASSETS.fetch(`${ORIGIN}/docs`)).text();
	const addresses = [...page.matchAll(/(?:src|href)="([^"]+)"/g)]
		.map(([, address = ""]) => address)
		.filter((address) => !address.startsWith("data:"));
	expect(addresses.length).toBeGreaterThan(0);
	for (const address of addresses) {
		expect(address, "nothing from elsewhere").toMatch(/^\/docs\//);
		expect((await env.ASSETS.fetch(`${ORIGIN}${address}`)).status).toBe(200);
	}
});
