import { describe, expect, inject, it } from "vitest";
import { connecting, PostgresShard } from "../../src/store/postgres.ts";
import { ShardMap } from "../../src/store/shard-map.ts";
import { Shards } from "../../src/store/shards.ts";
import { mapOver } from "../shard-map.ts";
import { storeContract } from "../store-contract.ts";
import { fill, scansOf } from "./query-plans.ts";
import { embedded } from "./shard.ts";

const map = new ShardMap(mapOver("SHARD"));

describe("a shard in embedded Postgres", async () => {
	const { pglite, shard, asked } = await embedded();
	storeContract(new Shards(map, () => shard));

	it("is asked nothing that an index does not narrow down", async () => {
		await fill(pglite);
		expect(asked.size).toBeGreaterThan(40);
		for (const query of asked.values()) expect(await scansOf(pglite, query), query.text).toEqual([]);
	});
});

/** A database that `npm run migrate:postgres` has prepared; `npm run test:postgres` starts a server with one. */
const url = inject("postgresUrl");
if (url !== "") {
	describe("a shard on a Postgres server", () => {
		const shard = new PostgresShard(connecting(() => url));
		storeContract(new Shards(map, () => shard));
	});
}
