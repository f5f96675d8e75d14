import { describe } from "vitest";
import { openShard } from "../src/store/open.ts";
import { ShardMap } from "../src/store/shard-map.ts";
import { Shards } from "../src/store/shards.ts";
import { env } from "./env.ts";
import { foundContract } from "./found-contract.ts";
import { mapOver } from "./shard-map.ts";
import { storeContract } from "./store-contract.ts";

describe("a shard in D1", () => {
	const shards = new Shards(new ShardMap(mapOver("SHARD_0", "SHARD_1")), (name) => openShard(env, name));
	storeContract(shards);
	foundContract(shards);
});
