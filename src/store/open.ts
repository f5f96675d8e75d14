import { D1Shard } from "./d1.ts";
import type { ShardDatabase } from "./database.ts";
import { connecting, PostgresShard } from "./postgres.ts";

/**
 * The database behind a binding: one with a connection string is a Hyperdrive, and what it leads to is Postgres; any
 * other is D1.
 *
 * @throws Error when nothing is bound under the name.
 */
export function openShard(bindings: Readonly<Record<string, unknown>>, name: string): ShardDatabase {
	const binding = bindings[name];
	if (binding === undefined) throw new Error(`the shard map names ${name}, which is not bound`);
	const hyperdrive = binding as Hyperdrive;
	if (typeof hyperdrive.connectionString !== "string") return new D1Shard(binding as D1Database);
	return new PostgresShard(connecting(() => hyperdrive.connectionString));
}
