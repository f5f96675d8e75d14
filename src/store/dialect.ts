/**
 * Where the dialects differ, as fragments of the one text of each statement. What both take is simply written:
 * `IS NOT DISTINCT FROM`, quoted names, columns of a table in ON CONFLICT by its name.
 */
import { getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Dialect } from "./database.ts";

/**
 * A list as one bound value, for `IN`: D1 binds at most 100 parameters a statement
 * (https://developers.cloudflare.com/d1/platform/limits/), and a JSON array is one.
 */
export function list(dialect: Dialect, values: readonly string[]): SQL {
	const array = JSON.stringify(values);
	return dialect === "sqlite"
		? sql`(SELECT value FROM json_each(${array}))`
		: sql`(SELECT value FROM json_array_elements_text(${asJson(dialect, array)}))`;
}

/** A JSON array of arrays as rows, after FROM; `value->>0` is the first member of a row. */
export function jsonRows(dialect: Dialect, rows: string): SQL {
	return dialect === "sqlite" ? sql`json_each(${rows})` : sql`json_array_elements(${asJson(dialect, rows)})`;
}

/** A JSON object as rows with `key` and `value`, after FROM. */
export function jsonMembers(dialect: Dialect, object: string): SQL {
	return dialect === "sqlite" ? sql`json_each(${object})` : sql`json_each_text(${asJson(dialect, object)})`;
}

/** Text as JSON, for `->>`. */
export function asJson(dialect: Dialect, text: string | SQL): SQL {
	if (dialect === "sqlite") return sql`${text}`;
	// By way of text: a driver that is told of a JSON parameter would write the text as a JSON string.
	return sql`CAST(CAST(${typeof text === "string" ? text.replace(UNSTORABLE, "$1\uFFFD") : text} AS text) AS json)`;
}

/** What JSON escapes and no text in Postgres can hold: NUL, and half a surrogate pair (a whole one is not escaped). */
const UNSTORABLE = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** A value that is selected into a column: Postgres would take its parameter for text. */
export function asInteger(value: number | null): SQL {
	return sql`CAST(${value} AS bigint)`;
}

export function asText(value: string | null): SQL {
	return sql`CAST(${value} AS text)`;
}

/** Holds SQLite to an index. Postgres knows no such thing, and knows how many rows there are instead. */
export function indexedBy(dialect: Dialect, index: string): SQL {
	return dialect === "sqlite" ? sql.raw(`INDEXED BY ${index}`) : sql``;
}

/**
 * At the end of a query: its rows are there until the transaction ends, as a foreign key would see to. SQLite
 * runs one write at a time.
 */
export function staying(dialect: Dialect): SQL {
	return dialect === "sqlite" ? sql`` : sql`FOR KEY SHARE`;
}

const COLUMNS = new WeakMap<SQLiteTable, SQL>();

/** All columns of a table under the names of its row type, for SELECT and RETURNING. */
export function columns(table: SQLiteTable): SQL {
	let text = COLUMNS.get(table);
	if (!text) {
		// As one text, made once: forty chunks put together for each statement cost more than the rest of it.
		const all = Object.entries(getTableColumns(table));
		text = sql.raw(all.map(([name, column]) => `"${getTableName(table)}"."${column.name}" AS "${name}"`).join(", "));
		COLUMNS.set(table, text);
	}
	return text;
}

/** What a change sets, after SET: its members are named as in the row type, and those that are undefined left out. */
export function assignments(table: SQLiteTable, change: Readonly<Record<string, unknown>>): SQL {
	const known = getTableColumns(table);
	const set = Object.entries(change).filter(([, value]) => value !== undefined);
	return sql.join(
		set.map(([name, value]) => {
			const column = known[name];
			if (!column) throw new Error(`no column for ${name}`);
			return sql`${sql.identifier(column.name)} = ${value}`;
		}),
		sql`, `,
	);
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The logical shard of an id: the same as `logicalShardOf` in ids.ts, in SQL. */
export function shardOf(dialect: Dialect, id: SQL): SQL {
	const find = sql.raw(dialect === "sqlite" ? "instr" : "strpos");
	const digit = (at: number) =>
		sql`(${find}(${sql.raw(`'${ALPHABET}'`)}, substr(${id}, ${sql.raw(String(at))}, 1)) - 1)`;
	return sql`(${digit(9)} % 4 * 256 + ${digit(10)} * 8 + ${digit(11)} / 4)`;
}

/**
 * Whether the row of an id is served from the database that it is on, for whoever looks through a whole database: it
 * may also hold copies that are on their way, or are left behind.
 */
export function isServed(dialect: Dialect, id: SQL): SQL {
	return sql`NOT EXISTS (SELECT 1 FROM moves WHERE phase <> 'copying' AND ${shardOf(dialect, id)} BETWEEN low AND high)`;
}
