import type { Query, Runner } from "../../src/store/postgres.ts";

interface Plan {
	"Node Type": string;
	"Relation Name"?: string;
	"Index Name"?: string;
	"Index Cond"?: string;
	Plans?: Plan[];
}

/** Passes queries on to `run`, and keeps those that succeeded, by their text. */
export function recording(run: Runner): { run: Runner; asked: Map<string, Query> } {
	const asked = new Map<string, Query>();
	return {
		asked,
		run: async (queries) => {
			const answers = await run(queries);
			for (const query of queries) asked.set(query.text, query);
			return answers;
		},
	};
}

const id = (number: string) => `'Z' || lpad((${number})::text, 12, '0')`;
const FILL = [
	"SET LOCAL session_replication_role = replica",
	`INSERT INTO profiles (id, username, display_name, region) SELECT ${id("n")}, n, 'x', 'x' FROM generate_series(1, 20000) n`,
	`INSERT INTO posts (id, author_id, parent_id, root_id, text, audience)
			SELECT ${id("n")}, ${id("n % 500")}, parent, parent, repeat('x', 100), 0 FROM generate_series(1, 60000) n,
			LATERAL (SELECT CASE WHEN n % 2 = 0 THEN ${id("n / 20")} END AS parent) AS above`,
	`INSERT INTO post_versions SELECT ${id("n")}, n, 'x', NULL FROM generate_series(1, 20000) n`,
	`INSERT INTO media (id, owner, purpose, status, type, size, attached_to, due_at)
			SELECT ${id("n")}, ${id("n % 500")}, 'post', 'ready', 'image/png', 1, CASE WHEN n % 10 > 0 THEN ${id("n / 4")} END,
			CASE WHEN n % 10 = 0 THEN 9e15 END FROM generate_series(1, 20000) n`,
	`INSERT INTO likes SELECT ${id("n % 5000")}, ${id("n")}, n FROM generate_series(1, 50000) n`,
	`INSERT INTO relations (owner, other, version, friend_at, follower_at, following_at, muting_at)
			SELECT ${id("n % 500")}, ${id("n")}, 1, CASE n % 4 WHEN 0 THEN n END, CASE n % 4 WHEN 1 THEN n END,
			CASE n % 4 WHEN 2 THEN n END, CASE n % 100 WHEN 3 THEN n END FROM generate_series(1, 50000) n`,
	`INSERT INTO previews SELECT ${id("n")}, 'x', 'none', NULL, 9e15 FROM generate_series(1, 20000) n`,
	`INSERT INTO account_names SELECT ${id("n")}, n FROM generate_series(1, 20000) n`,
	`INSERT INTO outbox (id, task, due_at) SELECT ${id("n")}, 'x', 9e15 FROM generate_series(1, 20000) n`,
	`INSERT INTO outbox_chunks SELECT ${id("n / 10")}, n, 'own', 'x', 0, 9e15 FROM generate_series(1, 20000) n`,
	"ANALYZE",
];

/** Fills the tables, without counting, so that reading the whole of one is dearer than a hundred look-ups. */
export async function fill(run: Runner): Promise<void> {
	await run(FILL.map((text) => ({ text, values: [] })));
}

const ANY_OTHER_WAY = ["SET LOCAL enable_seqscan = off", "SET LOCAL random_page_cost = 1"];

/** The scans of a query that no index narrows down, when Postgres is told to take any other way. */
export async function scansOf(run: Runner, { text, values }: Query): Promise<string[]> {
	const settings = ANY_OTHER_WAY.map((text) => ({ text, values: [] }));
	const [, , rows] = await run([...settings, { text: `EXPLAIN (FORMAT JSON) ${text}`, values }]);
	return (rows as { "QUERY PLAN": { Plan: Plan }[] }[])
		.flatMap((row) => row["QUERY PLAN"])
		.flatMap(({ Plan }) => scans(Plan));
}

function scans(plan: Plan): string[] {
	const { "Node Type": type, "Relation Name": table, "Index Name": index, "Index Cond": condition } = plan;
	const whole = type === "Seq Scan" || (/Index/.test(type) && condition === undefined);
	return [...(whole ? [`${type} of ${table ?? index}`] : []), ...(plan.Plans ?? []).flatMap(scans)];
}
