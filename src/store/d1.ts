import type { SQL } from "drizzle-orm";
import { SQLiteAsyncDialect } from "drizzle-orm/sqlite-core";
import type { Row, ShardDatabase } from "./database.ts";

const renderer = new SQLiteAsyncDialect();

/** A shard in D1. */
export class D1Shard implements ShardDatabase {
	readonly dialect = "sqlite";
	readonly #binding: D1Database;

	constructor(binding: D1Database) {
		this.#binding = binding;
	}

	async all<T = Row>(statement: SQL): Promise<T[]> {
		const { results } = await this.#prepare(statement).all<T>();
		return results;
	}

	/** Nothing needs a lock here: D1 runs one batch at a time. */
	async batch(statements: readonly SQL[]): Promise<Row[][]> {
		const answers = await this.#binding.batch<Row>(statements.map((statement) => this.#prepare(statement)));
		return answers.map(({ results }) => results);
	}

	#prepare(statement: SQL): D1PreparedStatement {
		const { sql, params } = renderer.sqlToQuery(statement);
		return this.#binding.prepare(sql).bind(...params);
	}
}
