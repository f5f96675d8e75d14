import { createRoute, z } from "@hono/zod-openapi";
import { sql } from "drizzle-orm";
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import type { ConnectedAccounts } from "../fanout/channel.ts";
import { createRouter, idParam, json, problems } from "../gateway/openapi.ts";
import type { MediaFiles } from "../media/files.ts";
import type { Id } from "../store/ids.ts";
import * as schema from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";
import type { Exports } from "./exports.ts";

/** Where something of an account is, and how much. */
const placeSchema = z.object({ place: z.string(), count: z.int() });
type Place = z.infer<typeof placeSchema>;

const remainsRoute = createRoute({
	method: "get",
	path: "/ops/accounts/{id}/remains",
	tags: ["operations"],
	summary: "What there is of an account, in every table, its timeline object and the buckets",
	description:
		"Reads whole tables. After an erasure `found` is empty; `kept` is what stays for a while: who did what in the audit log, tokens that are refused until they have expired.",
	security: [{ operator: [] }],
	request: { params: idParam },
	responses: {
		200: json(z.object({ found: z.array(placeSchema), kept: z.array(placeSchema) }), "What was found"),
		...problems(404, 503),
	},
});

export interface RemainsServices {
	identityDatabase: D1Database;
	shards: Shards;
	timelines: Timelines;
	channels: ConnectedAccounts;
	exports: Exports;
	mediaFiles: MediaFiles;
}

/** Tables of the identity database whose rows stay until they are old, and hold nothing but the account's id. */
const KEPT = new Set(["audit_log", "flag_versions", "revocations"]);
/** What people write: they may name whom they like. */
const WRITTEN = new Set([
	"text",
	"link",
	"bio",
	"display_name",
	"avatar_url",
	"alt",
	"words",
	"word",
	"url",
	"preview",
]);

export function remainsRoutes(services: RemainsServices) {
	return createRouter().openapi(remainsRoute, async (c) =>
		c.json(await remainsOf(services, c.req.valid("param").id), 200),
	);
}

/** Everything that holds the id of an account. */
export async function remainsOf(services: RemainsServices, account: Id): Promise<{ found: Place[]; kept: Place[] }> {
	const { channels, exports, mediaFiles, timelines } = services;
	const timeline = await timelines.of(account).remains();
	const places: Place[] = [
		...(await inIdentity(services.identityDatabase, account)),
		...(await inShards(services.shards, account)),
		...Object.entries(timeline).map(([table, count]) => ({ place: `timeline.${table}`, count })),
		{ place: "connected", count: (await channels.among([account])).size },
		{ place: "EXPORTS", count: await exports.count(account) },
		{ place: "MEDIA", count: await mediaFiles.count(account) },
	].filter(({ count }) => count > 0);
	const isKept = ({ place }: Place) => KEPT.has(place.replace("IDENTITY.", ""));
	return { found: places.filter((place) => !isKept(place)), kept: places.filter(isKept) };
}

/** Whatever tables there are: also those of better-auth's plugins. */
async function inIdentity(database: D1Database, account: Id): Promise<Place[]> {
	const { results } = await database
		.prepare(
			`SELECT tables.name AS "table", columns.name AS "column"
			FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
			WHERE tables.type = 'table' AND columns.type = 'TEXT' AND tables.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
				AND tables.name NOT LIKE '\\_%' ESCAPE '\\' AND tables.name NOT LIKE 'd1\\_%' ESCAPE '\\'`,
		)
		.all<{ table: string; column: string }>();
	const tables = Map.groupBy(results, ({ table }) => table);
	return Promise.all(
		[...tables].map(async ([table, columns]) => {
			const holds = columns.map(({ column }) => `instr("${column}", ?1) > 0`).join(" OR ");
			const count = await database
				.prepare(`SELECT count(*) AS count FROM "${table}" WHERE ${holds}`)
				.bind(account)
				.first<number>("count");
			return { place: `IDENTITY.${table}`, count: count ?? 0 };
		}),
	);
}

async function inShards(shards: Shards, account: Id): Promise<Place[]> {
	const tables = (Object.values(schema) as SQLiteTable[]).map((table) => {
		const { name, columns } = getTableConfig(table);
		const texts = columns.filter((column) => column.dataType === "string" && !WRITTEN.has(column.name));
		return { name, columns: texts.map((column) => column.name) };
	});
	await shards.fresh();
	const found = await Promise.all(
		shards.all().map(async (database, n) => {
			const places: Place[] = [];
			for (const { name, columns } of tables) {
				if (columns.length === 0) continue;
				const holds = sql.join(
					columns.map((column) => sql`${sql.identifier(column)} LIKE ${`%${account}%`}`),
					sql` OR `,
				);
				const [row] = await database.all<{ count: number }>(
					sql`SELECT count(*) AS count FROM ${sql.identifier(name)} WHERE ${holds}`,
				);
				places.push({ place: `database ${n}.${name}`, count: Number(row?.count ?? 0) });
			}
			return places;
		}),
	);
	return found.flat();
}
