import { DatabaseSync } from "node:sqlite";
import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import { SQLiteAsyncDialect } from "drizzle-orm/sqlite-core";
import { expect, inject, it } from "vitest";
import { AccountStore } from "../../src/accounts/store.ts";
import { LikeStore } from "../../src/posts/likes.ts";
import { PostStore } from "../../src/posts/store.ts";
import type { Row, ShardDatabase } from "../../src/store/database.ts";
import { type Id, IdMinter } from "../../src/store/ids.ts";
import { LiveMap, type MapTable } from "../../src/store/live-map.ts";
import { Mover } from "../../src/store/moving/mover.ts";
import { page, TABLES } from "../../src/store/moving/rows.ts";
import { PostgresShard } from "../../src/store/postgres.ts";
import { type Placement, ShardMap } from "../../src/store/shard-map.ts";
import { Shards } from "../../src/store/shards.ts";
import { mapOver } from "../shard-map.ts";
import { embedded } from "./shard.ts";

const renderer = new SQLiteAsyncDialect();

/** What D1 is, in this process. */
function sqlite(): ShardDatabase {
	const database = new DatabaseSync(":memory:");
	for (const migration of inject("shardMigrations")) database.exec(migration);
	const run = (statement: SQL) => {
		const { sql: text, params } = renderer.sqlToQuery(statement);
		return database.prepare(text).all(...(params as string[])) as Row[];
	};
	return {
		dialect: "sqlite",
		all: async <T>(statement: SQL) => run(statement) as T[],
		batch: async (statements) => {
			database.exec("BEGIN");
			try {
				const answers = statements.map(run);
				database.exec("COMMIT");
				return answers;
			} catch (error) {
				database.exec("ROLLBACK");
				throw error;
			}
		},
	};
}

it("moves shards from D1 to Postgres and back, with what is written meanwhile", async () => {
	const { run } = await embedded();
	const databases: Record<string, ShardDatabase> = { LITE: sqlite(), PG: new PostgresShard(run) };
	let map = new ShardMap({ ...mapOver("LITE"), databases: ["PG"] });
	const table = {
		read: async () => map,
		replace: async (next: Placement) => {
			if (next.version !== map.version + 1) return false;
			map = map.with(next);
			return true;
		},
	} as unknown as MapTable;
	const live = new LiveMap(table, map, 20, Date.now);
	const shards = new Shards(live, (name) => databases[name] as ShardDatabase);
	const mover = new Mover({ table, live, shards, now: Date.now, sizes: { page: 7, window: 20, keys: 5 } });
	const minter = new IdMinter(Date.now, Math.random);
	const posts = new PostStore(shards, Date.now);
	const likes = new LikeStore(shards, Date.now);
	const author = minter.mint(77);
	await new AccountStore(shards).ensure({ id: author, username: "ann", displayName: "Ann", region: "apac" });
	const ids: Id[] = [];
	const write = async () => {
		const id = minter.mint(77);
		const job = { id, task: { kind: "add" as const, postId: id, authorId: author, audience: 0 } };
		// A statement that was written for the other dialect is refused, and can be tried again.
		for (let tries = 0; tries < 5; tries++) {
			try {
				await posts.insert({ id, authorId: author, text: `a\0🧋 '${ids.length}'`, audience: 0, link: null }, job);
				break;
			} catch (error) {
				expect(String(error)).toContain("not available");
			}
		}
		ids.push(id);
		if (ids.length % 3 === 0) await posts.update(id, { text: "edited" }, []);
		if (ids.length % 4 === 0) await likes.react([{ postId: ids[0] as Id, accountId: minter.mint(5), liked: true }]);
	};
	for (let i = 0; i < 50; i++) await write();
	const elsewhere = minter.mint(78);
	await new AccountStore(shards).ensure({ id: elsewhere, username: "ben", displayName: "Ben", region: "apac" });
	for (const [from, to] of [
		["LITE", "PG"],
		["PG", "LITE"],
	] as const) {
		for (let step = "", calls = 0; step !== "done"; calls++) {
			expect(calls).toBeLessThan(200);
			({ step } = await mover.step({ from: 77, to: 77 }, to));
			if (step === "wait") await new Promise((done) => setTimeout(done, 20));
			await write();
		}
		const counts = await Promise.all(
			TABLES.map((each) => page(databases[from] as ShardDatabase, each, { from: 77, to: 77 }, null, null, 10)),
		);
		expect(counts.flat()).toEqual([]);
		expect(map.databaseOf(author)).toBe(to);
		expect(map.databaseOf(elsewhere)).toBe("LITE");
		expect((await posts.byIds(ids, author)).size).toBe(ids.length);
		const profile = await new AccountStore(shards).byId(author);
		expect(profile?.postCount).toBe(ids.length);
		const likers = await likes.likers(ids[0] as Id, undefined, 1000);
		expect((await posts.byIds([ids[0] as Id], author)).get(ids[0] as Id)?.likeCount).toBe(likers.length);
		for (const database of Object.values(databases))
			expect(await database.all(sql`SELECT 1 FROM moves UNION ALL SELECT 1 FROM moved_keys`)).toEqual([]);
	}
});
