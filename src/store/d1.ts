import type { SQL } from "drizzle-orm";
import { SQLiteAsyncDialect } from "drizzle-orm/sqlite-core";
import type { Bookmark } from "./consistency.ts";
import type { Row } from "./database.ts";
import { isRead, type Replicated } from "./replicated.ts";

const renderer = new SQLiteAsyncDialect();

/** What statements are made with: the binding, which is the primary, or a session. */
type Preparer = Pick<D1Database, "prepare">;

/** A shard in D1. Its bookmarks are D1's, which sort as text (https://developers.cloudflare.com/d1/reference/time-travel/). */
export class D1Shard implements Replicated {
	readonly dialect = "sqlite";
	readonly #binding: D1Database;

	constructor(binding: D1Database) {
		this.#binding = binding;
	}

	async all<T = Row>(statement: SQL): Promise<T[]> {
		const { results } = await prepare(this.#binding, statement).all<T>();
		return results;
	}

	/** Nothing needs a lock here: D1 runs one batch at a time. */
	async batch(statements: readonly SQL[]): Promise<Row[][]> {
		const answers = await this.#binding.batch<Row>(statements.map((statement) => prepare(this.#binding, statement)));
		return answers.map(({ results }) => results);
	}

	/** A session of its own each time: only the first statement of one is sure to go to the primary. */
	async bookmarked(statements: readonly SQL[]): Promise<{ answers: Row[][]; state: Bookmark }> {
		const session = this.#binding.withSession("first-primary");
		const answers = await session.batch<Row>(statements.map((statement) => prepare(session, statement)));
		return { answers: answers.map(({ results }) => results), state: stateOf(session) };
	}

	/** Which database answers, and whether it waits until it is new enough, is D1's to choose. */
	async replica(statement: SQL, atLeast: Bookmark): Promise<{ rows: Row[]; state: Bookmark } | undefined> {
		const { sql, params } = renderer.sqlToQuery(statement);
		if (!isRead(sql)) return undefined;
		const session = this.#binding.withSession(atLeast);
		const { results } = await session
			.prepare(sql)
			.bind(...params)
			.all<Row>();
		return { rows: results, state: stateOf(session) };
	}
}

function prepare(on: Preparer, statement: SQL): D1PreparedStatement {
	const { sql, params } = renderer.sqlToQuery(statement);
	return on.prepare(sql).bind(...params);
}

function stateOf(session: D1DatabaseSession): Bookmark {
	const bookmark = session.getBookmark();
	if (bookmark === null) throw new Error("D1 gave no bookmark");
	return bookmark;
}
