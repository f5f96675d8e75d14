import { describe, inject } from "vitest";
import { connecting, PostgresShard } from "../../src/store/postgres.ts";
import { ShardMap } from "../../src/store/shard-map.ts";
import { Shards } from "../../src/store/shards.ts";
import { mapOver } from "../shard-map.ts";
import { storeContract } from "../store-contract.ts";
import { embedded } from "./shard.ts";

const map = new ShardMap(mapOver("SHARD"));

describe("a shard in embedded Postgres", async () => {
	const { shard } = await embedded();
	storeContract(new Shards(map, () => shard));
});

/** A database that `npm run migrate:postgres` has prepared; `npm run test:postgres` starts a server with one. */
const url = inject("postgresUrl");
if (url !== "") {
	describe("a shard on a Postgres server", () => {
		const shard = new PostgresShard(connecting(() => url));
		storeContract(new Shards(map, () => shard));
	});
}
