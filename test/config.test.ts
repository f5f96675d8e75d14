import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { armOf, type Client, compareVersions, evaluate, type Flag, type Flags, placeOf } from "../src/config/flag.ts";
import { FEATURES } from "../src/gateway/features.ts";
import { call, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";

interface Config {
	version: number;
	flags: Record<string, unknown>;
	experiments: Record<string, string>;
	features: Record<string, boolean>;
	minimumVersion: string | null;
	limits: Record<string, number>;
}

const headers = { "x-operator-secret": env.OPERATOR_SECRET };
const put = async (name: string, body: Flag) =>
	expect((await call("PUT", `/ops/flags/${name}`, { headers, body })).status).toBe(200);
const DEVICE = "a-device-of-the-tests";
const config = (query = `?deviceId=${DEVICE}`, more: { token?: string; headers?: Record<string, string> } = {}) =>
	call<Config>("GET", `/v1/config${query}`, more);

describe("GET /v1/config", () => {
	let ann: Person;
	beforeAll(async () => {
		ann = await signUp("Ann");
		await put("dark", { type: "switch", on: true });
		await put("speed", { type: "value", value: 2, otherwise: 1, audience: { platforms: ["ios"], minVersion: "2.1" } });
		await put("only-ios", { type: "value", value: "yes", audience: { platforms: ["ios"] } });
		await put("colours", {
			type: "experiment",
			arms: [
				{ name: "red", weight: 5_000 },
				{ name: "blue", weight: 5_000 },
			],
			overrides: [{ arm: "blue", ids: [ann.id] }],
		});
		await put("nobody", { type: "experiment", arms: [{ name: "a", weight: 0 }] });
		await put("minimum-version", { type: "value", value: "1.2" });
		await put("minimum-version-ios", { type: "value", value: "2.0.1" });
		await put("search", { type: "switch", on: false });
	});

	it("tells a device and an account what they should do", async () => {
		const device = await config();
		expect(device.status).toBe(200);
		expect(device.body).toMatchObject({
			flags: { dark: true, speed: 1, search: false },
			features: { ...Object.fromEntries(FEATURES.map((feature) => [feature, true])), search: false },
			minimumVersion: "1.2",
			limits: { textLength: 5000, friends: 5000, following: 5000, streams: 32, bodyBytes: 65_536 },
		});
		expect(device.body.flags).not.toHaveProperty("only-ios");
		expect(Object.keys(device.body.experiments)).toEqual(["colours"]);
		expect((await config("", { headers: { "x-device-id": DEVICE } })).body).toEqual(device.body);
		const phone = await config("?platform=ios&version=2.1.0", { token: ann.token });
		expect(phone.body).toMatchObject({
			flags: { speed: 2, "only-ios": "yes" },
			experiments: { colours: "blue" },
			minimumVersion: "2.0.1",
		});
	});

	it("may be kept for a minute, and is not sent again to who has it", async () => {
		const { headers, body } = await config();
		expect(headers.get("cache-control")).toBe("private, max-age=60");
		const etag = headers.get("etag") ?? "";
		expect((await config(undefined, { headers: { "if-none-match": etag } })).status).toBe(304);
		await put("dark", { type: "switch", on: false });
		const changed = await config(undefined, { headers: { "if-none-match": etag } });
		expect(changed).toMatchObject({ status: 200, body: { version: body.version + 1, flags: { dark: false } } });
		await put("dark", { type: "switch", on: true });
	});

	it("wants to know who asks", async () => {
		expect(await config("")).toMatchObject({ status: 400, body: { errors: [{ path: "deviceId" }] } });
		expect(await config("", { headers: { "x-device-id": "short" } })).toMatchObject({
			status: 400,
			body: { errors: [{ path: "x-device-id" }] },
		});
		expect(await config(`?deviceId=${DEVICE}&more=1`)).toMatchObject({
			status: 400,
			body: { errors: [{ path: "more" }] },
		});
		expect((await config(undefined, { token: "x" })).status).toBe(401);
	});

	it("is not switched off by what it tells about", async () => {
		for (const feature of FEATURES) await put(feature, { type: "switch", on: false });
		expect((await config()).body.features).toEqual(Object.fromEntries(FEATURES.map((feature) => [feature, false])));
		for (const feature of FEATURES) await call("DELETE", `/ops/flags/${feature}`, { headers });
	});
});

const id = fc.string({ minLength: 1, maxLength: 40 });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const weights = fc
	.array(fc.nat({ max: 10_000 }), { minLength: 1, maxLength: 6 })
	.filter((each) => each.reduce((sum, weight) => sum + weight, 0) <= 10_000);
const armsOf = (each: readonly number[]) => each.map((weight, n) => ({ name: `arm-${n}`, weight }));
const somebody = (more: Partial<Client> = {}): Client => ({
	id: "somebody",
	platform: undefined,
	version: undefined,
	country: undefined,
	...more,
});
const ids = (count: number, prefix = "device") => Array.from({ length: count }, (_, n) => `${prefix}-${n}`);

describe("property", () => {
	it("an arm is the same each time, whatever other flags there are", () => {
		fc.assert(
			fc.property(id, name, weights, fc.dictionary(name, weights), (id, name, each, others) => {
				const experiment = (arms: readonly number[]): Flag => ({ type: "experiment", arms: armsOf(arms) });
				const alone: Flags = { [name]: experiment(each) };
				const among: Flags = {
					...Object.fromEntries(Object.entries(others).map(([other, arms]) => [other, experiment(arms)])),
					...alone,
				};
				const arm = evaluate(alone, somebody({ id })).experiments[name];
				expect(evaluate(alone, somebody({ id })).experiments[name]).toBe(arm);
				expect(evaluate(among, somebody({ id })).experiments[name]).toBe(arm);
				if (arm !== undefined) expect(each[Number(arm.slice(4))]).toBeGreaterThan(0);
				if (each.reduce((sum, weight) => sum + weight, 0) === 10_000) expect(arm).toBeDefined();
			}),
		);
	});

	it("shares follow the weights", () => {
		const all = ids(20_000);
		fc.assert(
			fc.property(name, weights, (name, each) => {
				const counts = new Map<string | undefined, number>();
				for (const id of all) {
					const arm = armOf(name, { arms: armsOf(each) }, id);
					counts.set(arm, (counts.get(arm) ?? 0) + 1);
				}
				for (const [n, weight] of each.entries()) {
					const expected = weight / 10_000;
					// Five standard deviations of a share of so many.
					const tolerance = 5 * Math.sqrt((expected * (1 - expected)) / all.length) + 1e-9;
					expect(Math.abs((counts.get(`arm-${n}`) ?? 0) / all.length - expected)).toBeLessThanOrEqual(tolerance);
				}
			}),
			{ numRuns: 30 },
		);
	});

	it("being in an arm of one experiment says nothing of the arm of another", () => {
		const all = ids(20_000, "0C1RZ5A8W3K");
		const halves = { arms: armsOf([5_000, 5_000]) };
		for (const [one, other] of [
			["a", "b"],
			["colours", "colours-2"],
			["new-feed", "new-feeds"],
		] as const) {
			const both = all.filter((id) => armOf(one, halves, id) === "arm-0" && armOf(other, halves, id) === "arm-0");
			expect(Math.abs(both.length / all.length - 0.25)).toBeLessThan(0.016);
		}
	});

	it("whoever is in a share stays in it while it grows, and whoever is in an arm while the last one grows", () => {
		fc.assert(
			fc.property(id, fc.nat({ max: 10_000 }), fc.nat({ max: 10_000 }), (id, a, b) => {
				const [less, more] = [Math.min(a, b), Math.max(a, b)];
				const isIn = (share: number) =>
					evaluate({ x: { type: "switch", on: true, audience: { share } } }, somebody({ id })).flags.x;
				if (isIn(less)) expect(isIn(more)).toBe(true);
				expect(isIn(10_000)).toBe(true);
				expect(isIn(0)).toBe(false);
				const first = Math.floor(less / 2);
				const arm = (last: number) => armOf("x", { arms: armsOf([first, last]) }, id);
				if (arm(less - first) !== undefined) expect(arm(more - first)).toBe(arm(less - first));
			}),
		);
	});

	it("an override wins, for its ids alone", () => {
		fc.assert(
			fc.property(id, id, (one, other) => {
				const flag = { arms: armsOf([10_000, 0]), overrides: [{ arm: "arm-1", ids: [one] }] };
				expect(armOf("x", flag, one)).toBe("arm-1");
				expect(armOf("x", flag, other)).toBe(one === other ? "arm-1" : "arm-0");
			}),
		);
	});

	it("versions are in the order of their numbers", () => {
		const part = fc.nat({ max: 99_999 });
		fc.assert(
			fc.property(
				fc.array(part, { minLength: 1, maxLength: 4 }),
				fc.array(part, { minLength: 1, maxLength: 4 }),
				(a, b) => {
					const weigh = (version: number[]) =>
						[0, 1, 2, 3].reduce((sum, at) => sum * 100_000n + BigInt(version[at] ?? 0), 0n);
					const difference = weigh(a) - weigh(b);
					const sign = difference > 0n ? 1 : difference < 0n ? -1 : 0;
					expect(Math.sign(compareVersions(a.join("."), b.join(".")))).toBe(sign);
				},
			),
		);
		expect(compareVersions("2.10", "2.9.9")).toBeGreaterThan(0);
	});

	it("a place is below ten thousand", () => {
		fc.assert(
			fc.property(fc.string(), fc.string(), (question, id) => {
				const place = placeOf(question, id);
				expect(Number.isInteger(place) && place >= 0 && place < 10_000).toBe(true);
			}),
		);
	});
});

it("an audience is all that it names, and what a client does not say fits nothing", () => {
	const flag: Flag = {
		type: "switch",
		on: true,
		audience: { minVersion: "2.0", platforms: ["ios", "android"], countries: ["KR", "JP"] },
	};
	const is = (more: Partial<Client>) => evaluate({ flag }, somebody(more)).flags.flag;
	expect(is({ platform: "ios", version: "2.0.1", country: "JP" })).toBe(true);
	expect(is({ platform: "web", version: "2.0.1", country: "JP" })).toBe(false);
	expect(is({ platform: "ios", version: "1.9", country: "JP" })).toBe(false);
	expect(is({ platform: "ios", version: "2.0.1", country: "DE" })).toBe(false);
	expect(is({ version: "2.0.1", country: "JP" })).toBe(false);
	expect(is({ platform: "ios", country: "JP" })).toBe(false);
	expect(is({ platform: "ios", version: "2.0.1" })).toBe(false);
});
