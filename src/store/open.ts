import { D1Shard } from "./d1.ts";
import type { ShardDatabase } from "./database.ts";
import { connecting, PostgresShard } from "./postgres.ts";
import { type ReplicatedOptions, ReplicatedShard } from "./replicated.ts";

/**
 * The database behind a binding: one with a connection string is a Hyperdrive, and what it leads to is Postgres; any
 * other is D1. The replica of a Postgres is bound under the name with `_REPLICA` after it.
 *
 * @param replicas when reads may be answered by replicas.
 * @throws Error when nothing is bound under the name.
 */
export function openShard(
	bindings: Readonly<Record<string, unknown>>,
	name: string,
	replicas?: Omit<ReplicatedOptions, "name">,
): ShardDatabase {
	const binding = bindings[name];
	if (binding === undefined) throw new Error(`the shard map names ${name}, which is not bound`);
	if (!isHyperdrive(binding)) {
		const database = new D1Shard(binding as D1Database);
		return replicas ? new ReplicatedShard(database, { ...replicas, name }) : database;
	}
	const run = connecting(() => binding.connectionString);
	const replica = bindings[`${name}_REPLICA`];
	if (!replicas || !isHyperdrive(replica)) return new PostgresShard(run);
	const database = new PostgresShard(
		run,
		connecting(() => replica.connectionString),
	);
	return new ReplicatedShard(database, { ...replicas, name });
}

function isHyperdrive(binding: unknown): binding is Hyperdrive {
	return typeof (binding as Hyperdrive | undefined)?.connectionString === "string";
}
