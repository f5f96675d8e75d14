import { type SQL, sql } from "drizzle-orm";
import { getTableConfig, type SQLiteColumn, type SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Row, ShardDatabase } from "../database.ts";
import { shardOf } from "../dialect.ts";
import * as schema from "../schema.ts";

/** A table whose rows move with the logical shard that the first column of its primary key names. */
export interface MovedTable {
	name: string;
	columns: readonly string[];
	key: readonly { name: string; isNumber: boolean }[];
}

/** Logical shards, both inclusive. */
export interface Span {
	from: number;
	to: number;
}

/** The value of a primary key. */
export type Key = readonly (string | number)[];

export const TABLES: readonly MovedTable[] = [
	schema.profiles,
	schema.relations,
	schema.posts,
	schema.postVersions,
	schema.likes,
	schema.media,
	schema.outbox,
	schema.outboxChunks,
	schema.deliveries,
	schema.deadLetters,
].map(movedTable);

function movedTable(table: SQLiteTable): MovedTable {
	const { name, columns, primaryKeys } = getTableConfig(table);
	const key: readonly SQLiteColumn[] = primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary);
	return {
		name,
		columns: columns.map((column) => column.name),
		key: key.map((column) => ({ name: column.name, isNumber: column.dataType === "number" })),
	};
}

/** D1 binds so many parameters a statement. */
const PARAMETERS = 100;
/** Keys of one statement: SQLite takes an expression of a hundred levels. */
const KEYS = 40;

const names = (list: readonly string[]) => sql.raw(list.join(", "));
const keyOf = (table: MovedTable) => sql`(${names(table.key.map(({ name }) => name))})`;
const values = (key: Key) =>
	sql`(${sql.join(
		key.map((part) => sql`${part}`),
		sql`, `,
	)})`;

/** Between two keys; the first exclusive, the second inclusive. */
function between(table: MovedTable, after: Key | null, upTo: Key | null): SQL {
	const above = after ? sql`${keyOf(table)} > ${values(after)}` : sql`true`;
	return upTo ? sql`${above} AND ${keyOf(table)} <= ${values(upTo)}` : above;
}

export function within({ dialect }: ShardDatabase, table: MovedTable, { from, to }: Span): SQL {
	return sql`${shardOf(dialect, sql.raw(table.key[0]?.name ?? ""))} BETWEEN ${from} AND ${to}`;
}

export function keyIn(table: MovedTable, row: Row): Key {
	return table.key.map(({ name }) => row[name] as string | number);
}

/** The key of the row that is `size` rows further on, of whatever shard; null when there are not so many. */
export async function windowEnd(
	database: ShardDatabase,
	table: MovedTable,
	after: Key | null,
	size: number,
): Promise<Key | null> {
	const key = names(table.key.map(({ name }) => name));
	const [row] = await database.all<Row>(sql`SELECT ${key} FROM ${sql.raw(table.name)}
		WHERE ${between(table, after, null)} ORDER BY ${key} LIMIT 1 OFFSET ${size - 1}`);
	return row ? keyIn(table, row) : null;
}

/** The rows of some logical shards between two keys, in order. */
export function page(
	database: ShardDatabase,
	table: MovedTable,
	span: Span,
	after: Key | null,
	upTo: Key | null,
	limit: number,
): Promise<Row[]> {
	return database.all(sql`SELECT ${names(table.columns)} FROM ${sql.raw(table.name)}
		WHERE ${between(table, after, upTo)} AND ${within(database, table, span)}
		ORDER BY ${names(table.key.map(({ name }) => name))} LIMIT ${limit}`);
}

export async function byKeys(database: ShardDatabase, table: MovedTable, keys: readonly Key[]): Promise<Row[]> {
	const found: Row[] = [];
	for (const part of parts(keys, KEYS)) {
		found.push(
			...(await database.all(
				sql`SELECT ${names(table.columns)} FROM ${sql.raw(table.name)} WHERE ${anyOf(table, part)}`,
			)),
		);
	}
	return found;
}

/** The statements that make rows be there as they are. */
export function puts(table: MovedTable, rows: readonly Row[]): SQL[] {
	const rest = table.columns.filter((column) => !table.key.some(({ name }) => name === column));
	const set = rest.map((column) => `${column} = excluded.${column}`).join(", ");
	return parts(rows, Math.floor(PARAMETERS / table.columns.length)).map((part) => {
		const all = part.map((row) => values(table.columns.map((column) => row[column] as string | number)));
		return sql`INSERT INTO ${sql.raw(table.name)} (${names(table.columns)}) VALUES ${sql.join(all, sql`, `)}
			ON CONFLICT ${keyOf(table)} DO UPDATE SET ${sql.raw(set)}`;
	});
}

export function removals(table: MovedTable, keys: readonly Key[]): SQL[] {
	return parts(keys, KEYS).map((part) => sql`DELETE FROM ${sql.raw(table.name)} WHERE ${anyOf(table, part)}`);
}

/** The statement that erases the rows of some logical shards between two keys. */
export function erasure(
	database: ShardDatabase,
	table: MovedTable,
	span: Span,
	after: Key | null,
	upTo: Key | null,
): SQL {
	return sql`DELETE FROM ${sql.raw(table.name)}
		WHERE ${between(table, after, upTo)} AND ${within(database, table, span)}`;
}

/** How many rows each logical shard has between two keys. */
export function shardCounts(
	database: ShardDatabase,
	table: MovedTable,
	after: Key | null,
	upTo: Key | null,
): Promise<{ shard: number; count: number }[]> {
	const shard = shardOf(database.dialect, sql.raw(table.key[0]?.name ?? ""));
	return database.all(sql`SELECT ${shard} AS shard, count(*) AS count FROM ${sql.raw(table.name)}
		WHERE ${between(table, after, upTo)} GROUP BY 1`);
}

/** What a row is, whichever dialect it comes from: Postgres keeps no NUL in a text. */
export function canonical(table: MovedTable, row: Row): string {
	return JSON.stringify(table.columns.map((column) => row[column] ?? null)).replaceAll("\\u0000", "\uFFFD");
}

/** 32 bits of a text (FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/): the sum over rows does not depend on their order. */
export function hash(text: string): number {
	let value = 0x811c9dc5;
	for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
	return value >>> 0;
}

function anyOf(table: MovedTable, keys: readonly Key[]): SQL {
	const one = (key: Key) =>
		sql`(${sql.join(
			table.key.map(({ name }, i) => sql`${sql.raw(name)} = ${key[i] ?? null}`),
			sql` AND `,
		)})`;
	return sql`(${sql.join(keys.map(one), sql` OR `)})`;
}

export function parts<T>(all: readonly T[], size: number): T[][] {
	return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}
