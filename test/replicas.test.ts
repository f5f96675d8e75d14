import { runInDurableObject } from "cloudflare:test";
import { sql } from "drizzle-orm";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { AccountStore } from "../src/accounts/store.ts";
import { LikeStore } from "../src/posts/likes.ts";
import { type Bookmarks, Consistency } from "../src/store/consistency.ts";
import { type Id, IdMinter } from "../src/store/ids.ts";
import { openShard } from "../src/store/open.ts";
import { REPLICA_LAG } from "../src/store/replicated.ts";
import { ShardMap } from "../src/store/shard-map.ts";
import { Shards } from "../src/store/shards.ts";
import { env } from "./env.ts";
import { LaggingD1 } from "./lagging.ts";
import { mapOver } from "./shard-map.ts";

const minter = new IdMinter(Date.now, Math.random);
let time = 0;
let version = 1;
let background: Promise<unknown>[] = [];

/** An isolate of its own, over one database with a replica. */
function isolate() {
	const lagging = new LaggingD1(env.SHARD_0, env.REPLICA_0);
	const open = (name: string) => openShard({ ONE: lagging.binding }, name, { map: () => version, now: () => time });
	const shards = new Shards(new ShardMap(mapOver("ONE")), open);
	return { lagging, shards, accounts: new AccountStore(shards) };
}

/** A request that only reads, of a client who has seen `had`. */
function reading<T>(work: () => Promise<T>, had: Bookmarks = new Map()): Promise<T> {
	return new Consistency({ replicas: true, had, waitUntil: (each) => background.push(each) }).run(work);
}

/** A request that writes. @returns what its client knows from then on. */
async function writing(work: () => Promise<unknown>): Promise<Bookmarks> {
	const consistency = new Consistency({ replicas: false, had: new Map(), waitUntil: () => {} });
	await consistency.run(work);
	return new Map([...consistency.seen].map(([database, state]) => [database, { state, at: time }]));
}

async function account(accounts: AccountStore): Promise<Id> {
	const id = minter.mint(0);
	await accounts.ensure({ id, username: id.toLowerCase(), displayName: "before", region: "apac" });
	return id;
}
const rename = (accounts: AccountStore, id: Id) => accounts.update(id, { displayName: "after" });
const nameOf = async (accounts: AccountStore, id: Id) => (await accounts.byId(id))?.displayName;

beforeEach(() => {
	vi.restoreAllMocks();
	time = Date.now();
	background = [];
});

describe("a shard with replicas", () => {
	it("is asked by the plain binding outside of requests, as ever", async () => {
		const { lagging, shards, accounts } = isolate();
		const id = await account(accounts);
		expect(await nameOf(accounts, id)).toBe("before");
		expect([lagging.of("binding").length, lagging.opened]).toEqual([2, []]);
		expect(shards.lag).toBe(0);
	});

	it("answers reads from a replica as new as what the isolate saw at the primary at most two seconds ago", async () => {
		const { lagging, shards, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		expect(lagging.of("replica")).toEqual([]);
		await rename(accounts, id);
		time += REPLICA_LAG;
		expect(await reading(() => nameOf(accounts, id))).toBe("before");
		expect(lagging.of("replica").length).toBe(1);
		expect(await reading(async () => shards.lag)).toBe(REPLICA_LAG);
		time += 1;
		await Promise.all(background);
		// The anchor was renewed by the last reader; without that the primary would be asked.
		expect(await reading(() => nameOf(accounts, id))).toBe("after");
	});

	it("is never older than two seconds to a reader without a bookmark, also when nobody renewed the anchor", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		await rename(accounts, id);
		for (const [wait, seen] of [
			[REPLICA_LAG, "before"],
			[1, "after"],
		] as const) {
			time += wait;
			lagging.primaryDown = wait === REPLICA_LAG;
			expect(await reading(() => nameOf(accounts, id))).toBe(seen);
			await Promise.all(background);
		}
		expect(lagging.of("primary").at(-1)).toContain("profiles");
	});

	it("renews the anchor once a second for all readers, in the background", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		lagging.forget();
		for (let i = 0; i < 50; i++) {
			time += 100;
			await Promise.all([1, 2, 3].map(() => reading(() => nameOf(accounts, id))));
			await Promise.all(background);
		}
		const renewals = lagging.of("primary");
		expect(new Set(renewals)).toEqual(new Set(["SELECT 1"]));
		expect(renewals.length).toBeGreaterThanOrEqual(4);
		expect(renewals.length).toBeLessThanOrEqual(5);
		expect(lagging.of("replica").length).toBe(150);
	});

	it("shows a client what she has done, and others too when they come by the primary", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		// Another isolate writes.
		const other = isolate();
		const had = await writing(() => rename(other.accounts, id));
		expect([...had.keys()]).toEqual(["ONE"]);
		expect(await reading(() => nameOf(accounts, id))).toBe("before");
		expect(await reading(() => nameOf(accounts, id), had)).toBe("after");
		expect(await reading(() => nameOf(accounts, id), new Map([["GONE", { state: "ff", at: 0 }]]))).toBe("after");
	});

	it("writes and reads of a request that writes go to the primary", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		lagging.forget();
		await writing(async () => {
			await rename(accounts, id);
			expect(await nameOf(accounts, id)).toBe("after");
		});
		expect([lagging.of("replica"), lagging.of("primary").length]).toEqual([[], 2]);
		// So does a write in a request that should only read.
		await reading(() => rename(accounts, id));
		expect(lagging.of("replica")).toEqual([]);
	});

	it("what an object has written for a request is in the client's bookmark", async () => {
		const { shards } = isolate();
		const id = minter.mint(0);
		const wish = { postId: id, accountId: id, liked: true };
		const likes = new LikeStore(shards, Date.now);
		const { result, seen } = await Consistency.collecting(() => likes.react([wish]));
		expect([result, Object.keys(seen)]).toEqual([[null], ["ONE"]]);
		expect([
			...(await writing(async () => Object.entries(seen).map((each) => Consistency.current?.saw(...each)))).keys(),
		]).toEqual(["ONE"]);
	});

	it("hands nothing of a client's to D1", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		const forged = new Map([["ONE", { state: "ffffffff", at: time }]]);
		for (let i = 0; i < 3; i++) expect(await reading(() => nameOf(accounts, id), forged)).toBe("before");
		expect(lagging.of("replica")).toEqual([]);
		await reading(() => nameOf(accounts, id));
		expect(lagging.of("replica").length).toBe(1);
		expect(lagging.opened.some((from) => from.startsWith("ffff"))).toBe(false);
	});

	it("holds for all that a request calls: side by side, one after the other, and after timers", async () => {
		const { lagging, accounts } = isolate();
		const ids = await Promise.all([account(accounts), account(accounts), account(accounts)]);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, ids[0] as Id));
		const had = await writing(() => Promise.all(ids.map((id) => rename(isolate().accounts, id))));
		const all = () =>
			Promise.all(
				ids.map(async (id, i) => {
					await new Promise((resolve) => setTimeout(resolve, i * 5));
					return nameOf(accounts, id);
				}),
			);
		const [old, own] = await Promise.all([reading(all), reading(all, had)]);
		expect(own).toEqual(["after", "after", "after"]);
		expect(new Set(old).size).toBeLessThanOrEqual(2);
	});

	it("is left behind by a call to a Durable Object, and is there again afterwards", async () => {
		const stub = env.TIMELINE.getByName(minter.mint(0));
		const inside = await reading(async () => {
			const found = await runInDurableObject(stub, async () => Consistency.current);
			expect(Consistency.current).toBeDefined();
			return found;
		});
		expect(inside).toBeUndefined();
	});

	it("a read that many wait for has the consistency of the one who began it", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		const had = await writing(() => rename(isolate().accounts, id));
		let shared: Promise<string | undefined> | undefined;
		const coalesced = () => {
			shared ??= nameOf(accounts, id);
			return shared;
		};
		const [first, second] = await Promise.all([reading(coalesced), reading(coalesced, had)]);
		expect([first, second]).toEqual(["before", "before"]);
	});

	it("within a request, time does not run backwards", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		lagging.forget();
		await reading(async () => {
			// As if the first read had been answered by a newer replica.
			Consistency.current?.saw("ONE", "70000000");
			await nameOf(accounts, id);
		});
		expect([lagging.of("replica").length, lagging.opened.at(-1)]).toEqual([0, "70000000"]);
	});

	it("what must know of a moment is read from the primary until the anchor does", async () => {
		const { lagging, shards, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		const since = (moment: number) =>
			reading(async () => {
				Consistency.require(moment);
				return [await nameOf(accounts, id), shards.lag];
			});
		await rename(accounts, id);
		expect(await since(time)).toEqual(["before", REPLICA_LAG]);
		time += 500;
		expect(await since(time - 499)).toEqual(["after", REPLICA_LAG]);
		lagging.forget();
		expect(await since(Number.POSITIVE_INFINITY)).toEqual(["after", 0]);
		expect(lagging.of("replica")).toEqual([]);
	});

	it("an anchor from before a move is none: the shard was not complete there", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		await rename(accounts, id);
		version++;
		expect(await reading(() => nameOf(accounts, id))).toBe("after");
	});

	it.each(["down", "hanging"] as const)(
		"a replica that is %s costs one reader, then it is left alone",
		async (health) => {
			const log = vi.spyOn(console, "error").mockImplementation(() => {});
			const { lagging, accounts } = isolate();
			const id = await account(accounts);
			await lagging.catchUp();
			await reading(() => nameOf(accounts, id));
			await rename(accounts, id);
			lagging.health = health;
			lagging.forget();
			for (let i = 0; i < 3; i++) expect(await reading(() => nameOf(accounts, id))).toBe("after");
			expect([lagging.of("replica").length, lagging.of("primary").length, log.mock.calls.length]).toEqual([1, 3, 1]);
			lagging.health = "well";
			await lagging.catchUp();
			time += REPLICA_LAG;
			await reading(() => nameOf(accounts, id));
			expect(lagging.of("replica").length).toBe(2);
		},
	);

	it("without an anchor there is only the primary", async () => {
		const { lagging, accounts } = isolate();
		const id = await account(accounts);
		await lagging.catchUp();
		await reading(() => nameOf(accounts, id));
		time += REPLICA_LAG + 1;
		lagging.primaryDown = true;
		await expect(reading(() => nameOf(accounts, id))).rejects.toThrow("Network connection lost");
		lagging.primaryDown = false;
		expect(await reading(() => nameOf(accounts, id))).toBe("before");
	});

	it("is asked in order when a batch is written", async () => {
		const { lagging, shards, accounts } = isolate();
		const id = await account(accounts);
		await writing(() => shards.of(id).batch([sql`UPDATE profiles SET bio = 'x' WHERE id = ${id}`, sql`SELECT 1`]));
		expect(lagging.of("primary").length).toBe(2);
	});
});
