import { sql } from "drizzle-orm";
import postgres from "postgres";
import { afterAll, describe, expect, inject, it, vi } from "vitest";
import { AccountStore } from "../../src/accounts/store.ts";
import { type Bookmarks, Consistency } from "../../src/store/consistency.ts";
import { type Id, IdMinter } from "../../src/store/ids.ts";
import { openShard } from "../../src/store/open.ts";
import { connecting, PostgresShard } from "../../src/store/postgres.ts";
import { REPLICA_LAG } from "../../src/store/replicated.ts";
import { ShardMap } from "../../src/store/shard-map.ts";
import { Shards } from "../../src/store/shards.ts";
import { mapOver } from "../shard-map.ts";

const url = inject("postgresUrl");
const standbyUrl = inject("standbyUrl");
const minter = new IdMinter(Date.now, Math.random);

/** `npm run test:postgres` starts both servers. */
describe.skipIf(standbyUrl === "")("a Postgres with a standby", () => {
	const standby = postgres(standbyUrl || "postgres://nobody@127.0.0.1:1/none", { max: 1 });
	afterAll(async () => {
		await standby`SELECT pg_wal_replay_resume()`;
		await standby.end();
	});
	const shard = new PostgresShard(
		connecting(() => url),
		connecting(() => standbyUrl),
	);
	const nameOn = (id: Id) => sql`SELECT display_name AS name FROM profiles WHERE id = ${id}`;
	/** What the standby says, when it has come far enough. */
	const caughtUp = (id: Id, state: string) =>
		vi.waitFor(() => shard.replica(nameOn(id), state), { timeout: 10_000, interval: 20 });

	let time = 0;
	function isolate(replica = standbyUrl) {
		const bindings = { ONE: { connectionString: url }, ONE_REPLICA: { connectionString: replica } };
		const open = (name: string) => openShard(bindings, name, { map: () => 1, now: () => time });
		return new AccountStore(new Shards(new ShardMap(mapOver("ONE")), open));
	}
	const reading = <T>(work: () => Promise<T>, had: Bookmarks = new Map()) =>
		new Consistency({ replicas: true, had, waitUntil: () => {} }).run(work);
	const writing = async (work: () => Promise<unknown>): Promise<Bookmarks> => {
		const consistency = new Consistency({ replicas: false, had: new Map(), waitUntil: () => {} });
		await consistency.run(work);
		return new Map([...consistency.seen].map(([name, state]) => [name, { state, at: time }]));
	};
	const nameOf = async (accounts: AccountStore, id: Id) => (await accounts.byId(id))?.displayName;
	const account = async () => {
		const id = minter.mint(0);
		await isolate().ensure({ id, username: id.toLowerCase(), displayName: "before", region: "apac" });
		return id;
	};

	it("a write's bookmark has the write, also of a batch", async () => {
		const id = await account();
		for (const name of ["one", "two"]) {
			const write = sql`UPDATE profiles SET display_name = ${name} WHERE id = ${id} RETURNING display_name AS name`;
			const batch = name === "one" ? [write] : [write, sql`SELECT 1 AS one`];
			const { answers, state } = await shard.bookmarked(batch, sql`profiles WHERE id = ${id}`);
			expect(answers[0]).toEqual([{ name }]);
			expect(state).toMatch(/^[0-9A-F]{16}$/);
			expect((await caughtUp(id, state))?.rows).toEqual([{ name }]);
		}
	});

	it("a standby that stands still is not asked for what it does not have; reads stay right", async () => {
		const log = vi.spyOn(console, "error").mockImplementation(() => {});
		time = Date.now();
		const id = await account();
		const accounts = isolate();
		await reading(() => nameOf(accounts, id));
		const { state } = await shard.bookmarked([sql`SELECT 1`]);
		await caughtUp(id, state);
		await standby`SELECT pg_wal_replay_pause()`;
		const had = await writing(() => isolate().update(id, { displayName: "after" }));
		// The anchor is older than the write, and the standby as old as the anchor.
		expect(await reading(() => nameOf(accounts, id))).toBe("before");
		expect(await reading(() => nameOf(accounts, id), had)).toBe("after");
		time += REPLICA_LAG + 1;
		for (let i = 0; i < 3; i++) expect(await reading(() => nameOf(accounts, id))).toBe("after");
		expect(log).toHaveBeenCalled();
		await expect(shard.replica(nameOn(id), had.get("ONE")?.state ?? "")).rejects.toThrow("behind");
		await standby`SELECT pg_wal_replay_resume()`;
		expect((await caughtUp(id, had.get("ONE")?.state ?? ""))?.rows).toEqual([{ name: "after" }]);
		time += REPLICA_LAG + 1;
		await reading(() => nameOf(accounts, id));
		expect(await reading(() => nameOf(accounts, id))).toBe("after");
		vi.restoreAllMocks();
	});

	it("a server that follows nobody is no replica, and one that is gone is none either", async () => {
		const log = vi.spyOn(console, "error").mockImplementation(() => {});
		time = Date.now();
		const id = await account();
		for (const replica of [url, "postgres://nobody:x@127.0.0.1:1/nowhere"]) {
			const accounts = isolate(replica);
			for (let i = 0; i < 3; i++) expect(await reading(() => nameOf(accounts, id))).toBe("before");
		}
		expect(log).toHaveBeenCalledTimes(2);
		vi.restoreAllMocks();
	});

	it("what writes is not tried on a standby", async () => {
		const { state } = await shard.bookmarked([sql`SELECT 1`]);
		expect(await shard.replica(sql`DELETE FROM outbox RETURNING 1`, state)).toBeUndefined();
	});
});
