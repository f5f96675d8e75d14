import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { expect, it } from "vitest";
import clients from "../docs/clients.md?raw";
import errors from "../docs/errors.md?raw";
import metrics from "../docs/metrics.md?raw";
import storage from "../docs/storage.md?raw";
import { OPERATION_IDS } from "../src/gateway/operations.ts";
import { PROBLEMS } from "../src/gateway/problem.ts";
import { METRICS } from "../src/metrics.ts";
import * as schema from "../src/store/schema.ts";
import { call } from "./api.ts";
import { env } from "./env.ts";

it("docs/metrics.md lists every metric, and no other", () => {
	expect(Array.from(metrics.matchAll(/^\| `(\w+)` \|/gm), ([, name]) => name)).toEqual([...METRICS]);
});

it("docs/errors.md lists every code with its status, and no other", () => {
	const listed = [...errors.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [code, Number(status)]);
	expect(Object.fromEntries(listed)).toEqual(
		Object.fromEntries(Object.entries(PROBLEMS).map(([code, [status]]) => [code, status])),
	);
});

const tables = Object.values(schema) as SQLiteTable[];

it("the migrations, the schema and docs/storage.md know the same tables and columns", async () => {
	for (const table of tables) {
		const { name, columns } = getTableConfig(table);
		const { results } = await env.SHARD_0.prepare(`SELECT name, "notnull", pk FROM pragma_table_info(?)`)
			.bind(name)
			.all<{ name: string; notnull: number }>();
		expect(
			results.map((column) => [column.name, column.notnull === 1]),
			name,
		).toEqual(columns.map((column) => [column.name, column.notNull]));
		expect(storage).toContain(`### \`${name}\``);
		for (const column of columns) expect(storage, `${name}.${column.name}`).toContain(`\`${column.name}\``);
	}
	const { results } = await env.SHARD_0.prepare(
		"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'd1\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
	).all<{ name: string }>();
	expect(results.map((table) => table.name).sort()).toEqual(tables.map((table) => getTableConfig(table).name).sort());
});

it("docs/storage.md names every index", async () => {
	const { results } = await env.SHARD_0.prepare(
		"SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
	).all<{ name: string }>();
	expect(results.length).toBeGreaterThan(5);
	for (const { name } of results) expect(storage).toContain(`\`${name}\``);
});

it("every route has a name of its own, which docs/clients.md has promised", async () => {
	const { body } = await call<{ paths: Record<string, Record<string, { operationId?: string }>> }>(
		"GET",
		"/openapi.json",
	);
	const described = Object.entries(body.paths).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, { operationId }]) => [`${method.toUpperCase()} ${path}`, operationId]),
	);
	expect(Object.fromEntries(described)).toEqual(OPERATION_IDS);
	const names = Object.values(OPERATION_IDS);
	expect(new Set(names).size).toBe(names.length);
	for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z]+$/);
	const promised = [...clients.matchAll(/^\| `(\w+)` \| `([A-Z]+ \S+)` \|$/gm)].map(([, name, route]) => [route, name]);
	expect(Object.fromEntries(promised)).toEqual(OPERATION_IDS);
});
