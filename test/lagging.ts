/** Writes that a database has had, of all who write through a {@link LaggingD1}: its bookmarks. */
const writes = new Map<D1Database, number>();

/**
 * D1's read replication with two databases: the local runtime knows sessions, but has no replicas, and its bookmarks
 * count visits. The copy stands still until it is told to catch up, and answers sessions whose bookmark it has come to,
 * as D1 does; others go to the primary, where D1 may also wait.
 */
export class LaggingD1 {
	readonly binding: D1Database;
	/** What was asked, and of whom, since {@link forget}. */
	asked: { of: "binding" | "primary" | "replica"; sql: string }[] = [];
	/** How the replica is. */
	health: "well" | "down" | "hanging" = "well";
	/** Whether the primary answers no session. */
	primaryDown = false;
	/** Every bookmark that a session was opened with. */
	readonly opened: string[] = [];
	readonly #primary: D1Database;
	readonly #replica: D1Database;
	#state = bookmark(0);

	constructor(primary: D1Database, replica: D1Database) {
		this.#primary = primary;
		this.#replica = replica;
		this.binding = {
			...this.#asking("binding"),
			withSession: (from: string) => this.#session(from),
		} as unknown as D1Database;
	}

	forget(): void {
		this.asked = [];
	}

	/** The statements that one of them was asked since {@link forget}. */
	of(whom: "binding" | "primary" | "replica"): string[] {
		return this.asked.filter((each) => each.of === whom).map(({ sql }) => sql);
	}

	/** Brings the replica to where the primary is. */
	async catchUp(): Promise<void> {
		const state = bookmark(writes.get(this.#primary) ?? 0);
		const { results: made } = await this.#primary
			.prepare("SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL")
			.all<{ type: string; name: string; sql: string }>();
		const statements: D1PreparedStatement[] = [];
		for (const { type, name, sql } of made.filter(({ name }) => !/^(_|d1_|sqlite_)/.test(name))) {
			statements.push(this.#replica.prepare(sql.replace(/^CREATE (TABLE|INDEX)/, "CREATE $1 IF NOT EXISTS")));
			if (type !== "table") continue;
			statements.push(this.#replica.prepare(`DELETE FROM ${name}`));
			const { results } = await this.#primary.prepare(`SELECT * FROM ${name}`).all();
			for (const row of results) {
				const values = Object.values(row);
				const places = values.map(() => "?").join();
				statements.push(this.#replica.prepare(`INSERT INTO ${name} VALUES (${places})`).bind(...values));
			}
		}
		await this.#replica.batch(statements);
		this.#state = state;
	}

	#session(from: string) {
		this.opened.push(from);
		const replica = from !== "first-primary" && this.#state >= from;
		let latest: string | null = null;
		const answered = () => {
			latest = replica ? this.#state : bookmark(writes.get(this.#primary) ?? 0);
		};
		return { ...this.#asking(replica ? "replica" : "primary", answered), getBookmark: () => latest };
	}

	#asking(of: "binding" | "primary" | "replica", answered = () => {}) {
		const database = of === "replica" ? this.#replica : this.#primary;
		const ask = async <T>(sqls: string[], work: () => Promise<T>): Promise<T> => {
			this.asked.push(...sqls.map((sql) => ({ of, sql })));
			if (of === "replica" && this.health === "hanging") await new Promise((resolve) => setTimeout(resolve, 1500));
			if (of === "replica" ? this.health !== "well" : of === "primary" && this.primaryDown)
				throw new Error("D1_ERROR: Network connection lost.");
			const answer = await work();
			const written = sqls.filter((sql) => /\b(INSERT|UPDATE|DELETE)\b/.test(sql)).length;
			writes.set(database, (writes.get(database) ?? 0) + written);
			answered();
			return answer;
		};
		const statement = (sql: string, real: D1PreparedStatement) => ({
			sql,
			real,
			bind: (...values: unknown[]) => statement(sql, real.bind(...values)),
			all: () => ask([sql], () => real.all()),
			run: () => ask([sql], () => real.run()),
			first: (column: string) => ask([sql], () => real.first(column)),
		});
		return {
			prepare: (sql: string) => statement(sql, database.prepare(sql)),
			batch: (statements: { sql: string; real: D1PreparedStatement }[]) =>
				ask(
					statements.map(({ sql }) => sql),
					() => database.batch(statements.map(({ real }) => real)),
				),
		};
	}
}

function bookmark(count: number): string {
	return String(count).padStart(8, "0");
}
