import { PGlite } from "@electric-sql/pglite";
import { inject } from "vitest";
import type { Row } from "../../src/store/database.ts";
import type { Runner } from "../../src/store/postgres.ts";

/** Postgres inside this process, with the tables of a shard. It runs one transaction at a time. */
export async function embedded(): Promise<{ pglite: PGlite; run: Runner }> {
	const pglite = await PGlite.create();
	for (const migration of inject("postgresMigrations")) await pglite.exec(migration);
	const run: Runner = (queries) =>
		pglite.transaction(async (transaction) => {
			const answers: Row[][] = [];
			for (const { text, values } of queries) answers.push((await transaction.query<Row>(text, values)).rows);
			return answers;
		});
	return { pglite, run };
}
