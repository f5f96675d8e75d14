import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createApp } from "../src/app.ts";
import { type Env, parseSettings } from "../src/env.ts";
import { ConnectedAccounts } from "../src/fanout/channel.ts";
import { servicesOf } from "../src/services.ts";
import { encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import { ShardMap } from "../src/store/shard-map.ts";
import { Timelines } from "../src/timeline/client.ts";
import { Homes } from "../src/timeline/homes.ts";
import { ORIGIN, PASSWORD } from "./api.ts";
import { env } from "./env.ts";

interface Found {
	jurisdiction?: string | undefined;
	name: string;
	hint?: string | undefined;
}

/** Notes which objects are asked for. workerd has no jurisdictions, so that all are found in the one place it has. */
function recording<T extends DurableObjectNamespace<never>>(namespace: T) {
	const found: Found[] = [];
	const part = (jurisdiction?: string): T =>
		new Proxy(namespace, {
			get: (target, property) => {
				if (property === "jurisdiction") return (name: string) => part(name);
				if (property !== "getByName") return Reflect.get(target, property);
				return (name: string, options?: { locationHint?: string }) => {
					found.push({ jurisdiction, name, hint: options?.locationHint });
					return target.getByName(name, options as never);
				};
			},
		});
	return { found, namespace: part() };
}

describe("a traveller", () => {
	const timeline = recording(env.TIMELINE as never);
	const deployment = { ...(bound as unknown as Env), TIMELINE: timeline.namespace } as unknown as Env;
	const app = createApp(servicesOf(deployment));
	const from =
		(country: string, continent: string) => async (method: string, path: string, body?: unknown, bearer?: string) => {
			const ctx = createExecutionContext();
			const request = new Request(`${ORIGIN}${path}`, {
				method,
				headers: {
					...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
					...(body ? { "content-type": "application/json" } : {}),
				},
				...(body ? { body: JSON.stringify(body) } : {}),
				cf: { country, continent },
			} as RequestInit);
			const response = await app.fetch(request, deployment, ctx);
			await waitOnExecutionContext(ctx);
			return (await response.json()) as Record<string, string & { id: Id }>;
		};
	const [vietnam, germany] = [from("VN", "AS"), from("DE", "EU")];

	it("keeps the home that she signed up from: same shards, same hint, wherever she is and whatever she says", async () => {
		const account = { email: "linh@feed.test", password: PASSWORD, name: "Linh", username: "linh" };
		const { user, token: session } = await vietnam("POST", "/auth/sign-up/email", account);
		const id = user?.id as Id;
		const ranges = servicesOf(env).settings.SHARD_MAP.regions;
		expect(logicalShardOf(id)).toBeGreaterThanOrEqual(ranges.apac.from);
		expect(logicalShardOf(id)).toBeLessThanOrEqual(ranges.apac.to);

		await germany("POST", "/auth/sign-in/username", { username: "linh", password: PASSWORD });
		const { token } = await germany("GET", "/auth/token", undefined, session);
		expect(await germany("GET", "/v1/accounts/me", undefined, token)).toMatchObject({ id, region: "apac" });
		const changed = await germany("PATCH", "/v1/accounts/me", { region: "weur" }, token);
		expect(changed).toMatchObject({ id, region: "weur" });
		const post = await germany("POST", "/v1/posts", { text: "Hallo" }, token);
		expect(logicalShardOf(post.id as unknown as Id)).toBe(logicalShardOf(id));
		const { items } = await germany("GET", "/v1/feed", undefined, token);
		expect(items).toMatchObject([{ text: "Hallo" }]);
		await vietnam("GET", "/v1/feed", undefined, token);
		expect(timeline.found.length).toBeGreaterThanOrEqual(3);
		for (const found of timeline.found) expect(found).toEqual({ jurisdiction: undefined, name: id, hint: "apac" });
	});
});

describe("jurisdictions", () => {
	const map = new ShardMap(servicesOf(env).settings.SHARD_MAP);
	const homes = new Homes(map, { weur: "eu", eeur: "eu" });
	const at = (shard: number) => encodeId({ time: Date.now(), shard, tail: 1 });
	// Shards 704 to 767 are one list, and two regions.
	const [apac, afr, weur, eeur] = [at(5), at(720), at(740), at(840)];

	it("hold the timelines of accounts that are at home there, and no others", () => {
		const { found, namespace } = recording(env.TIMELINE as never);
		const timelines = new Timelines(namespace as never, homes);
		for (const id of [apac, afr, weur, eeur])
			void timelines
				.of(id)
				.marker()
				.catch(() => undefined);
		expect(found).toEqual([
			{ jurisdiction: undefined, name: apac, hint: "apac" },
			{ jurisdiction: undefined, name: afr, hint: "afr" },
			{ jurisdiction: "eu", name: weur, hint: "weur" },
			{ jurisdiction: "eu", name: eeur, hint: "eeur" },
		]);
	});

	it("hold the lists in which those accounts are connected, also those of authors from elsewhere", async () => {
		const { found, namespace } = recording(env.CHANNEL as never);
		const channels = new ConnectedAccounts(namespace as never, homes);
		await channels.join(weur, [apac]);
		expect(found.map(({ jurisdiction }) => jurisdiction)).toEqual(["eu", "eu"]);
		found.length = 0;
		await channels.join(afr, [weur]);
		expect(found.map(({ jurisdiction }) => jurisdiction)).toEqual([undefined, undefined]);
		found.length = 0;
		expect(await channels.among([afr, weur, eeur])).toEqual(new Set([afr, weur]));
		expect(found.map(({ jurisdiction, name }) => [jurisdiction, name])).toEqual([
			[undefined, "connected/11"],
			["eu", "connected/11"],
			["eu", "connected/13"],
		]);
		found.length = 0;
		await channels.tell(apac, at(5));
		// Wherever somebody listens.
		expect(found.filter(({ jurisdiction }) => jurisdiction === "eu").length).toBe(found.length / 2);
		expect(new Set(found.map(({ name }) => name)).size).toBe(found.length / 2);
	});

	it("are none unless they are asked for, and must be Cloudflare's", () => {
		expect(parseSettings(env).JURISDICTIONS).toEqual({});
		expect(new Homes(map, {}).all).toEqual([undefined]);
		const parse = (JURISDICTIONS: unknown) => parseSettings({ ...env, JURISDICTIONS } as unknown as Env);
		expect(parse({ weur: "eu" }).JURISDICTIONS).toEqual({ weur: "eu" });
		for (const bad of [{ weur: "mars" }, { moon: "eu" }, "eu"]) expect(() => parse(bad)).toThrow("JURISDICTIONS");
	});
});
