/** `npm run migrate:postgres -- --url postgres://…`: makes or updates the tables of a shard in Postgres. Run it as often as you like. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "./client.ts";
import { migratePostgres, readMigrations } from "./migrations.ts";

const { values } = parseArgs({ options: { url: { type: "string" } } });
const url = values.url ?? process.env.POSTGRES_URL;
if (!url) {
	console.error("npm run migrate:postgres -- --url postgres://user:password@host:5432/database");
	process.exit(2);
}
const applied = await migratePostgres(url, readMigrations(join(ROOT, "migrations/postgres")));
console.log(applied.length > 0 ? `applied ${applied.join(", ")}` : "up to date");
