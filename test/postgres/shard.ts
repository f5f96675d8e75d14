import { PGlite } from "@electric-sql/pglite";
import { inject } from "vitest";
import type { Row } from "../../src/store/database.ts";
import { PostgresShard, type Query } from "../../src/store/postgres.ts";

export interface Embedded {
	pglite: PGlite;
	shard: PostgresShard;
	/** Every query that was run, by its text. */
	asked: Map<string, Query>;
}

/** Postgres inside this process, with the tables of a shard. It runs one transaction at a time. */
export async function embedded(): Promise<Embedded> {
	const pglite = await PGlite.create();
	for (const migration of inject("postgresMigrations")) await pglite.exec(migration);
	const asked = new Map<string, Query>();
	const shard = new PostgresShard((queries) =>
		pglite.transaction(async (transaction) => {
			const answers: Row[][] = [];
			for (const query of queries) {
				answers.push((await transaction.query<Row>(query.text, query.values)).rows);
				asked.set(query.text, query);
			}
			return answers;
		}),
	);
	return { pglite, shard, asked };
}
