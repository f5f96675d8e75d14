import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { expect, it } from "vitest";
import inD1 from "../../migrations/shard/0001_init.sql?raw";
import ofLives from "../../migrations/shard/0003_life.sql?raw";
import ofMedia from "../../migrations/shard/0004_media.sql?raw";
import ofPreviews from "../../migrations/shard/0005_previews.sql?raw";
import ofNames from "../../migrations/shard/0006_names.sql?raw";
import * as schema from "../../src/store/schema.ts";
import { embedded } from "./shard.ts";

const tables = Object.values(schema) as SQLiteTable[];
const { pglite } = await embedded();

it("the migrations for Postgres and the schema know the same tables, columns and keys", async () => {
	const { rows } = await pglite.query<{
		table: string;
		column: string;
		type: string;
		required: boolean;
		bytewise: boolean;
	}>(
		`SELECT table_name AS table, column_name AS column, data_type AS type, is_nullable = 'NO' AS required,
			coalesce(collation_name, '') = 'C' AS bytewise
		FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`,
	);
	expect(new Set(rows.map((row) => row.table))).toEqual(new Set(tables.map((table) => getTableConfig(table).name)));
	for (const table of tables) {
		const { name, columns } = getTableConfig(table);
		const made = rows.filter((row) => row.table === name);
		expect(
			made.map(({ column, required }) => [column, required]),
			name,
		).toEqual(columns.map((column) => [column.name, column.notNull]));
		for (const { column, type, bytewise } of made) {
			const where = `${name}.${column}`;
			const known = columns.find((other) => other.name === column);
			expect(known?.dataType, where).toBe(type === "text" ? "string" : "number");
			// Unix milliseconds need 64 bits.
			if (/_at$|_until$/.test(column)) expect(type, where).toBe("bigint");
			if (/(^|_)id$|^owner$|^other$|_hold$/.test(column)) expect(bytewise, where).toBe(true);
		}
		const { rows: keys } = await pglite.query<{ column: string }>(
			`SELECT attname AS column FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
			WHERE indrelid = $1::regclass AND indisprimary ORDER BY array_position(indkey::int2[], attnum)`,
			[name],
		);
		const { primaryKeys } = getTableConfig(table);
		const key = primaryKeys[0]?.columns ?? columns.filter((column) => column.primary);
		expect(
			keys.map((row) => row.column),
			name,
		).toEqual(key.map((column) => column.name));
	}
});

it("both dialects have the same indexes, over the same rows", async () => {
	const { rows } = await pglite.query<{ name: string; definition: string }>(
		"SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'",
	);
	const made = rows.map(({ name, definition }) => [
		name,
		/WHERE \((\w+) IS (NOT )?NULL\)/.exec(definition)?.slice(1, 3).join(" ") ?? "",
	]);
	const wanted = [
		...`${inD1}${ofLives}${ofMedia}${ofPreviews}${ofNames}`.matchAll(
			/CREATE INDEX (\w+) [^;]*?(?:WHERE (\w+) IS (NOT )?NULL)?;/g,
		),
	].map(([, name, column, not]) => [name, column ? `${column} ${not ?? ""}` : ""]);
	expect(made.sort()).toEqual(wanted.sort());
});
