import { sql } from "drizzle-orm";
import type { ShardDatabase } from "../database.ts";
import type { ShardMap } from "../shard-map.ts";
import { type Key, type MovedTable, shardCounts, TABLES, windowEnd } from "./rows.ts";

/** Rows that one call looks through. */
const WINDOW = 20_000;

/** How many rows each table of a database has. */
export async function rowsOf(database: ShardDatabase): Promise<Record<string, number>> {
	const counts = await database.batch(TABLES.map(({ name }) => sql`SELECT count(*) AS count FROM ${sql.raw(name)}`));
	return Object.fromEntries(TABLES.map(({ name }, i) => [name, Number(counts[i]?.[0]?.count)]));
}

/**
 * Looks through a part of a table for rows that the map does not have there.
 *
 * @returns how many there are of each such logical shard, and the key to go on from, or null at the end.
 */
export async function strays(
	map: ShardMap,
	name: string,
	database: ShardDatabase,
	table: MovedTable,
	after: Key | null,
): Promise<{ rows: number; strays: { shard: number; count: number }[]; next: Key | null }> {
	const end = await windowEnd(database, table, after, WINDOW);
	const counts = await shardCounts(database, table, after, end);
	const known = ({ shard }: { shard: number }) => {
		const { database: home, target } = map.rangeOf(shard);
		const leaving = map.placement.leaving.some(
			(each) => each.database === name && each.from <= shard && shard <= each.to,
		);
		return home === name || target === name || leaving;
	};
	return {
		rows: counts.reduce((sum, { count }) => sum + count, 0),
		strays: counts.filter((each) => !known(each)),
		next: end,
	};
}
