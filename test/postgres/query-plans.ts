import type { PGlite } from "@electric-sql/pglite";
import type { Query } from "../../src/store/postgres.ts";

interface Plan {
	"Node Type": string;
	"Relation Name"?: string;
	"Index Name"?: string;
	"Index Cond"?: string;
	Plans?: Plan[];
}

/** Fills the tables, without counting, so that reading the whole of one is dearer than a hundred look-ups. */
export async function fill(pglite: PGlite): Promise<void> {
	const id = (number: string) => `'Z' || lpad((${number})::text, 12, '0')`;
	await pglite.exec(`
		SET session_replication_role = replica;
		INSERT INTO profiles (id, username, display_name, region) SELECT ${id("n")}, n, 'x', 'x' FROM generate_series(1, 20000) n;
		INSERT INTO posts (id, author_id, parent_id, root_id, text, audience)
			SELECT ${id("n")}, ${id("n % 500")}, parent, parent, repeat('x', 100), 0 FROM generate_series(1, 60000) n,
			LATERAL (SELECT CASE WHEN n % 2 = 0 THEN ${id("n / 20")} END AS parent) AS above;
		INSERT INTO post_versions SELECT ${id("n")}, n, 'x', NULL FROM generate_series(1, 20000) n;
		INSERT INTO likes SELECT ${id("n % 5000")}, ${id("n")}, n FROM generate_series(1, 50000) n;
		INSERT INTO relations (owner, other, version, friend_at, follower_at, following_at, muting_at)
			SELECT ${id("n % 500")}, ${id("n")}, 1, CASE n % 4 WHEN 0 THEN n END, CASE n % 4 WHEN 1 THEN n END,
			CASE n % 4 WHEN 2 THEN n END, CASE n % 100 WHEN 3 THEN n END FROM generate_series(1, 50000) n;
		INSERT INTO outbox (id, task, due_at) SELECT ${id("n")}, 'x', 9e15 FROM generate_series(1, 20000) n;
		INSERT INTO outbox_chunks SELECT ${id("n / 10")}, n, 'own', 'x', 0, 9e15 FROM generate_series(1, 20000) n;
		SET session_replication_role = DEFAULT;
		ANALYZE;`);
}

/** The scans of a query that no index narrows down, when Postgres is told to take any other way. */
export async function scansOf(pglite: PGlite, { text, values }: Query): Promise<string[]> {
	return pglite.transaction(async (transaction) => {
		await transaction.exec("SET LOCAL enable_seqscan = off; SET LOCAL random_page_cost = 1");
		const { rows } = await transaction.query<{ "QUERY PLAN": { Plan: Plan }[] }>(
			`EXPLAIN (FORMAT JSON) ${text}`,
			values,
		);
		return rows.flatMap((row) => row["QUERY PLAN"]).flatMap(({ Plan }) => scans(Plan));
	});
}

function scans(plan: Plan): string[] {
	const { "Node Type": type, "Relation Name": table, "Index Name": index, "Index Cond": condition } = plan;
	const whole = type === "Seq Scan" || (/Index/.test(type) && condition === undefined);
	return [...(whole ? [`${type} of ${table ?? index}`] : []), ...(plan.Plans ?? []).flatMap(scans)];
}
