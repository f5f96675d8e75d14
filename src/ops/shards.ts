import { createRoute, z } from "@hono/zod-openapi";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { createRouter, json, jsonBody, noContent, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { MapTable } from "../store/live-map.ts";
import { MoveRefused, type Mover } from "../store/moving/mover.ts";
import { type Key, TABLES } from "../store/moving/rows.ts";
import { rowsOf, strays } from "../store/moving/survey.ts";
import { placementSchema, shardNumber } from "../store/shard-map.ts";
import type { Shards } from "../store/shards.ts";

const security = [{ operator: [] }];
const tags = ["operations"];
const name = z.string().regex(/^\w{1,64}$/, "not the name of a binding");
const span = { from: shardNumber, to: shardNumber };
const inOrder = ({ from, to }: { from: number; to: number }) => from <= to;
const ORDER = { path: ["to"], message: "must not be below `from`" };

const listShards = createRoute({
	method: "get",
	path: "/ops/shards",
	tags,
	summary: "The shard map, and the rows of each database",
	security,
	responses: {
		200: json(
			z.object({
				map: placementSchema,
				databases: z.array(z.object({ name: z.string(), dialect: z.string(), rows: z.record(z.string(), z.int()) })),
			}),
			"The map in force",
		),
		...problems(404, 503),
	},
});

const addDatabase = createRoute({
	method: "post",
	path: "/ops/shards/databases",
	tags,
	summary: "Make a database known that shards can move to: bound, migrated and empty",
	security,
	request: { body: jsonBody(z.strictObject({ database: name })) },
	responses: { 204: noContent, ...problems(400, 404, 413, 415, 503) },
});

const moveShards = createRoute({
	method: "post",
	path: "/ops/shards/move",
	tags,
	summary: "Move logical shards to another database, one step a call",
	description:
		"Call again until `step` is `done`; after whatever fails, too. `wait` is to be called again in a second.",
	security,
	request: { body: jsonBody(z.strictObject({ ...span, database: name }).refine(inOrder, ORDER)) },
	responses: {
		200: json(
			z.object({
				step: z.enum(["prepare", "copy", "compare", "catch up", "wait", "switch", "erase", "done"]),
				rows: z.int().openapi({ description: "compared so far" }),
				checksum: z.int().openapi({ description: "of these, on both sides" }),
				differing: z.int().openapi({ description: "of these, copied again" }),
			}),
			"What was done",
		),
		...problems(400, 404, 413, 415, 503),
	},
});

const abortMove = createRoute({
	method: "post",
	path: "/ops/shards/abort",
	tags,
	summary: "Give up a move that is not switched yet",
	description: "What was copied is erased by further calls of the move to where the shards are.",
	security,
	request: { body: jsonBody(z.strictObject(span).refine(inOrder, ORDER)) },
	responses: { 204: noContent, ...problems(400, 404, 413, 415, 503) },
});

const verifyShards = createRoute({
	method: "post",
	path: "/ops/shards/verify",
	tags,
	summary: "Look for rows in databases that the map does not name for them",
	description: "Call again with `next` until it is null.",
	security,
	request: { body: jsonBody(z.strictObject({ cursor: z.string().min(1).max(200).optional() })) },
	responses: {
		200: json(
			z.object({
				database: z.string(),
				table: z.string(),
				rows: z.int(),
				strays: z.array(z.object({ shard: z.int(), count: z.int() })),
				next: z.string().nullable(),
			}),
			"What was found",
		),
		...problems(400, 404, 413, 415, 503),
	},
});

export interface ShardServices {
	mapTable: MapTable;
	mover: Mover;
	shards: Shards;
}

export function shardRoutes({ mapTable, mover, shards }: ShardServices) {
	return createRouter()
		.openapi(listShards, async (c) => {
			const map = await mapTable.read();
			const databases = map.databases.map(async (name) => {
				const database = shards.named(name);
				return { name, dialect: database.dialect, rows: await rowsOf(database) };
			});
			return c.json({ map: map.placement, databases: await Promise.all(databases) }, 200);
		})
		.openapi(addDatabase, async (c) => {
			await explained(mover.add(c.req.valid("json").database), { database: "database", shards: "database" });
			return c.body(null, 204);
		})
		.openapi(moveShards, async (c) => {
			const { from, to, database } = c.req.valid("json");
			return c.json(await explained(mover.step({ from, to }, database), { database: "database", shards: "from" }), 200);
		})
		.openapi(abortMove, async (c) => {
			await explained(mover.abort(c.req.valid("json")), { database: "from", shards: "from" });
			return c.body(null, 204);
		})
		.openapi(verifyShards, async (c) => {
			const { cursor } = c.req.valid("json");
			const [place, at, ...after] =
				cursor === undefined ? ["0", "0"] : decodeCursor("shards", cursor, /^\d{1,4}$/, /^\d$/, /^\w*$/, /^\w*$/);
			const map = await mapTable.read();
			const database = map.databases[Number(place)];
			const table = TABLES[Number(at)];
			if (!database || !table) throw new Problem("invalid_cursor");
			const key: Key | null = after[0]
				? table.key.map(({ isNumber }, i) => (isNumber ? Number(after[i]) : (after[i] ?? "")))
				: null;
			const found = await strays(map, database, shards.named(database), table, key);
			const next = found.next
				? encodeCursor("shards", place ?? "", at ?? "", String(found.next[0]), String(found.next[1] ?? ""))
				: Number(at) + 1 < TABLES.length
					? encodeCursor("shards", place ?? "", Number(at) + 1, "", "")
					: Number(place) + 1 < map.databases.length
						? encodeCursor("shards", Number(place) + 1, 0, "", "")
						: null;
			return c.json({ ...found, database, table: table.name, next }, 200);
		});
}

/** A refusal names the field at fault. */
async function explained<T>(work: Promise<T>, fields: Record<MoveRefused["field"], string>): Promise<T> {
	try {
		return await work;
	} catch (error) {
		if (!(error instanceof MoveRefused)) throw error;
		throw new Problem("invalid_request", undefined, [{ path: fields[error.field], message: error.message }]);
	}
}
