import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";

export interface Migration {
	name: string;
	text: string;
}

/** The migrations of a directory, in order. */
export function readMigrations(directory: string): Migration[] {
	return readdirSync(directory)
		.filter((name) => name.endsWith(".sql"))
		.sort()
		.map((name) => ({ name, text: readFileSync(join(directory, name), "utf8") }));
}

/** Any number: what it locks is that two of these commands run one after the other. */
const LOCK = 7_300_112;

/**
 * Brings a Postgres database up to date: runs each migration that its table `migrations` does not name, in a
 * transaction of its own, and names it there.
 *
 * @returns the names of those that were run.
 */
export async function migratePostgres(url: string, migrations: readonly Migration[]): Promise<string[]> {
	const sql = postgres(url, { max: 1, onnotice: () => {} });
	try {
		await sql`SELECT pg_advisory_lock(${LOCK})`;
		await sql`CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`;
		const done = new Set((await sql<{ name: string }[]>`SELECT name FROM migrations`).map(({ name }) => name));
		const missing = migrations.filter(({ name }) => !done.has(name));
		for (const { name, text } of missing) {
			await sql.begin(async (transaction) => {
				await transaction.unsafe(text);
				await transaction`INSERT INTO migrations (name) VALUES (${name})`;
			});
		}
		return missing.map(({ name }) => name);
	} finally {
		// The lock goes with the connection.
		await sql.end();
	}
}
