import type { SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import postgres from "postgres";
import { type Row, type ShardDatabase, ShardUnavailable } from "./database.ts";

/** A statement as Postgres takes it: `$1`, `$2` and so on stand for the values. */
export interface Query {
	text: string;
	values: unknown[];
}

/** Runs queries in order, more than one in a transaction. @returns the rows of each. */
export type Runner = (queries: readonly Query[]) => Promise<Row[][]>;

const renderer = new PgDialect();
/** How often a transaction is tried that Postgres rolled back because of another one. */
const TRIES = 4;

/** A shard in Postgres. */
export class PostgresShard implements ShardDatabase {
	readonly dialect = "postgres";
	readonly #run: Runner;

	constructor(run: Runner) {
		this.#run = run;
	}

	async all<T = Row>(statement: SQL): Promise<T[]> {
		const [rows] = await this.#tried([render(statement)]);
		return (rows ?? []) as T[];
	}

	async batch(statements: readonly SQL[], first?: SQL): Promise<Row[][]> {
		const queries = statements.map(render);
		if (!first) return this.#tried(queries);
		const { text, values } = render(first);
		const lock = { text: `SELECT 1 FROM ${text} FOR NO KEY UPDATE`, values };
		return (await this.#tried([lock, ...queries])).slice(1);
	}

	async #tried(queries: readonly Query[]): Promise<Row[][]> {
		for (let attempt = 1; ; attempt++) {
			try {
				return await this.#run(queries);
			} catch (error) {
				// Rolled back as a whole, so that another try is safe whatever the statements are.
				if (!isCollision(error) || attempt === TRIES) throw isOutage(error) ? new ShardUnavailable(error) : error;
			}
		}
	}
}

/**
 * Runs queries over a connection of their own. On Workers a connection belongs to the request that opened it, and the
 * pool is Hyperdrive's: connecting to it is a matter of the data centre
 * (https://developers.cloudflare.com/hyperdrive/concepts/connection-lifecycle/).
 *
 * @param connectionString is asked for each time: a Hyperdrive binding may change it.
 */
export function connecting(connectionString: () => string): Runner {
	return async (queries) => {
		const client = postgres(connectionString(), {
			max: 1,
			prepare: true,
			// No column is an array or of a type of its own.
			fetch_types: false,
			connect_timeout: 10,
			// The one 64-bit type holds Unix milliseconds, which a number holds exactly.
			types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
			onnotice: () => {},
		});
		const ask = (session: Pick<typeof client, "unsafe">) =>
			queries.map(({ text, values }) =>
				session.unsafe<Row[]>(text, values as postgres.ParameterOrJSON<never>[], { prepare: true }),
			);
		try {
			// An array is sent in one go; the first that fails makes the others fail, and the transaction.
			if (queries.length > 1) return (await client.begin((session) => ask(session))) as Row[][];
			return await Promise.all(ask(client));
		} finally {
			await client.end();
		}
	};
}

function render(statement: SQL): Query {
	const { sql, params } = renderer.sqlToQuery(statement);
	return { text: sql, values: params.map(storable) };
}

/** Postgres keeps no NUL in a text; D1 does. */
function storable(value: unknown): unknown {
	return typeof value === "string" && value.includes("\0") ? value.replaceAll("\0", "\uFFFD") : value;
}

function codeOf(error: unknown): string {
	const code = (error as { code?: unknown } | undefined)?.code;
	return typeof code === "string" ? code : "";
}

/** A deadlock, or two writes that could not be put into an order (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
function isCollision(error: unknown): boolean {
	return codeOf(error) === "40P01" || codeOf(error) === "40001";
}

/**
 * Whether a failure says nothing of the statement: the server is out of reach, starting, stopping, or out of
 * connections. What is no word of the server's is the driver's (`CONNECT_TIMEOUT`), the system's (`ECONNREFUSED`) or,
 * without a code, the socket's.
 */
function isOutage(error: unknown): boolean {
	const code = codeOf(error);
	if (code === "") return !(error instanceof TypeError || error instanceof RangeError);
	return isCollision(error) || /^(CONNECT|E[A-Z]{4,}$|08|53|57P|58)/.test(code);
}
