import { sql } from "drizzle-orm";
import { expect, it } from "vitest";
import { ShardUnavailable } from "../../src/store/database.ts";
import { connecting, PostgresShard } from "../../src/store/postgres.ts";

/** A shard whose every run fails so, for as long as there is something to fail with; then it answers. */
function failing(...codes: (string | undefined)[]) {
	const left = [...codes];
	let runs = 0;
	const shard = new PostgresShard(async (queries) => {
		runs++;
		if (left.length > 0) throw Object.assign(new Error("so it is"), { code: left.shift() });
		return queries.map(({ text }) => [{ text }]);
	});
	return { shard, runs: () => runs };
}
const ask = (shard: PostgresShard) => shard.all(sql`SELECT ${1}`).catch((error: unknown) => error);

it("what Postgres rolled back because of another transaction is tried again, a few times", async () => {
	const collided = failing("40P01", "40001");
	expect(await ask(collided.shard)).toEqual([{ text: "SELECT $1" }]);
	expect(collided.runs()).toBe(3);
	const always = failing(...Array.from({ length: 9 }, () => "40P01"));
	expect(await ask(always.shard)).toBeInstanceOf(ShardUnavailable);
	expect(always.runs()).toBe(4);
});

it("a server that is out of reach is unavailable, and a statement that is wrong is wrong", async () => {
	for (const code of [
		undefined,
		"CONNECT_TIMEOUT",
		"CONNECTION_CLOSED",
		"ECONNREFUSED",
		"08006",
		"53300",
		"57P01",
		"57P03",
		"58000",
	]) {
		const { shard, runs } = failing(code, code);
		expect(await ask(shard), code).toBeInstanceOf(ShardUnavailable);
		expect(runs(), code).toBe(1);
	}
	for (const code of ["23505", "42P01", "22021", "UNDEFINED_VALUE", "57014"]) {
		expect(await ask(failing(code).shard), code).toMatchObject({ code });
	}
	const nobody = new PostgresShard(connecting(() => "postgres://nobody:x@127.0.0.1:1/nowhere"));
	expect(await ask(nobody)).toBeInstanceOf(ShardUnavailable);
	await expect(nobody.bookmarked([sql`SELECT 1`])).rejects.toBeInstanceOf(ShardUnavailable);
	await expect(nobody.bookmarked([sql`SELECT 1`, sql`SELECT 2`])).rejects.toBeInstanceOf(ShardUnavailable);
});

it("a batch locks first what it depends on, and answers without it", async () => {
	const { shard } = failing();
	const asked = await shard.batch([sql`DELETE FROM outbox`], sql`profiles WHERE id = ${"x"}`);
	expect(asked).toEqual([[{ text: "DELETE FROM outbox" }]]);
});
