import { describe, expect, inject, it } from "vitest";
import { connecting, PostgresShard, type Runner } from "../../src/store/postgres.ts";
import { ShardMap } from "../../src/store/shard-map.ts";
import { Shards } from "../../src/store/shards.ts";
import { foundContract } from "../found-contract.ts";
import { mapOver } from "../shard-map.ts";
import { storeContract } from "../store-contract.ts";
import { fill, recording, scansOf } from "./query-plans.ts";
import { embedded } from "./shard.ts";

function contract(direct: Runner): void {
	const { run, asked } = recording(direct);
	const shard = new PostgresShard(run);
	const shards = new Shards(new ShardMap(mapOver("SHARD")), () => shard);
	storeContract(shards);
	foundContract(shards);

	// What each version of Postgres makes of a statement differs: the server's may be older than the embedded one.
	it("is asked nothing that an index does not narrow down", async () => {
		await fill(direct);
		expect(asked.size).toBeGreaterThan(40);
		for (const query of asked.values()) expect(await scansOf(direct, query), query.text).toEqual([]);
	});
}

describe("a shard in embedded Postgres", async () => contract((await embedded()).run));

/** An empty database that `npm run migrate:postgres` has prepared; `npm run test:postgres` starts a server with one. */
const url = inject("postgresUrl");
if (url !== "") describe("a shard on a Postgres server", () => contract(connecting(() => url)));
