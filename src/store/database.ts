import type { SQL } from "drizzle-orm";

/** Which SQL a database speaks; `dialect.ts` has the few places where that matters. */
export type Dialect = "sqlite" | "postgres";

/** A row as a database answers: by column name. */
export type Row = Record<string, unknown>;

/**
 * One physical shard, whatever it is. Statements are drizzle's `sql`, in the one text that both dialects take:
 * numbers come back as JavaScript numbers, truth as 0 and 1 or as booleans, and a write names in `RETURNING` what it
 * wants to see.
 */
export interface ShardDatabase {
	readonly dialect: Dialect;

	/** Runs one statement, which is atomic. */
	all<T = Row>(statement: SQL): Promise<T[]>;

	/**
	 * Runs statements in order: all of them, or none. Each sees what those before it wrote.
	 *
	 * D1 runs one batch at a time. Postgres runs many, and so locks `first`, the rows after FROM that decide what the
	 * batch does or whose count it changes (``sql`profiles WHERE id = ${id}` ``): batches that lock the same row
	 * come after each other, and each sees all of what the one before it wrote.
	 *
	 * @returns the rows of each statement.
	 */
	batch(statements: readonly SQL[], first?: SQL): Promise<Row[][]>;
}

/**
 * Thrown when a database could not be asked, or did not answer; `cause` says why. The message is what it is
 * known by, because an error that comes out of a Durable Object is of no class any more.
 */
export class ShardUnavailable extends Error {
	static readonly MESSAGE = "a shard is not available, try again";

	constructor(cause: unknown) {
		super(ShardUnavailable.MESSAGE, { cause });
		this.name = "ShardUnavailable";
	}
}
