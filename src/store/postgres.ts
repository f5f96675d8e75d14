import type { SQL } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import postgres from "postgres";
import type { Bookmark } from "./consistency.ts";
import { type Row, ShardUnavailable } from "./database.ts";
import { isRead, type Replicated } from "./replicated.ts";

/** A statement as Postgres takes it: `$1`, `$2` and so on stand for the values. */
export interface Query {
	text: string;
	values: unknown[];
}

/**
 * Runs queries in order, more than one in a transaction, and `afterwards`, if given, when that is committed.
 *
 * @returns the rows of each.
 */
export type Runner = (queries: readonly Query[], afterwards?: Query) => Promise<Row[][]>;

const renderer = new PgDialect();
/** How often a transaction is tried that Postgres rolled back because of another one. */
const TRIES = 4;
/** How far the primary has come. With `synchronous_commit` on, which is the default, no commit is answered before it is so far. */
const WRITTEN: Query = { text: "SELECT pg_current_wal_lsn()::text AS lsn", values: [] };

/** A shard in Postgres. Its bookmarks are places in the write-ahead log, in sixteen hexadecimal digits so that they sort as text. */
export class PostgresShard implements Replicated {
	readonly dialect = "postgres";
	readonly #run: Runner;
	readonly #runOnReplica: Runner | undefined;

	/** @param runOnReplica reaches a standby of the same server, when there is one. */
	constructor(run: Runner, runOnReplica?: Runner) {
		this.#run = run;
		this.#runOnReplica = runOnReplica;
	}

	async all<T = Row>(statement: SQL): Promise<T[]> {
		const [rows] = await this.#tried([render(statement)]);
		return (rows ?? []) as T[];
	}

	async batch(statements: readonly SQL[], first?: SQL): Promise<Row[][]> {
		const { queries, locks } = locking(statements, first);
		return (await this.#tried(queries)).slice(locks);
	}

	async bookmarked(statements: readonly SQL[], first?: SQL): Promise<{ answers: Row[][]; state: Bookmark }> {
		const { queries, locks } = locking(statements, first);
		const answers = await this.#tried(queries, WRITTEN);
		return { state: stateOf(answers.pop()), answers: answers.slice(locks) };
	}

	async replica(statement: SQL, atLeast: Bookmark): Promise<{ rows: Row[]; state: Bookmark } | undefined> {
		const query = render(statement);
		if (!this.#runOnReplica || !isRead(query.text)) return undefined;
		// In one transaction, so on one server; each statement of it sees all that was replayed when it began.
		const replayed = {
			text: "SELECT lsn::text AS lsn, lsn >= CAST($1 AS pg_lsn) AS reached FROM pg_last_wal_replay_lsn() AS lsn",
			values: [`${atLeast.slice(0, 8)}/${atLeast.slice(8)}`],
		};
		const [place, rows] = await this.#runOnReplica([replayed, query]);
		// A server that replays nothing is no standby, and may be one that was cut off.
		if (place?.[0]?.reached !== true || !rows) throw new Error("the replica is behind");
		return { rows, state: stateOf(place) };
	}

	async #tried(queries: readonly Query[], afterwards?: Query): Promise<Row[][]> {
		for (let attempt = 1; ; attempt++) {
			try {
				return await this.#run(queries, afterwards);
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
	return async (queries, afterwards) => {
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
		const ask = (session: Pick<typeof client, "unsafe">, asked: readonly Query[]) =>
			asked.map(({ text, values }) =>
				session.unsafe<Row[]>(text, values as postgres.ParameterOrJSON<never>[], { prepare: true }),
			);
		try {
			const last = afterwards ? [afterwards] : [];
			const answers: Row[][] = [];
			// An array is sent in one go; the first that fails makes the others fail, and the transaction.
			if (queries.length === 1) answers.push(...(await Promise.all(ask(client, [...queries, ...last]))));
			else {
				answers.push(...((await client.begin((session) => ask(session, queries))) as Row[][]));
				answers.push(...(await Promise.all(ask(client, last))));
			}
			await client.end();
			return answers;
		} catch (error) {
			// What was sent along is not waited for: on a connection that never came it would be for ever.
			await client.end({ timeout: 0 });
			throw error;
		}
	};
}

/** @returns the queries of a batch, of which the first `locks` are not its own. */
function locking(statements: readonly SQL[], first: SQL | undefined): { queries: Query[]; locks: number } {
	const queries = statements.map(render);
	if (!first) return { queries, locks: 0 };
	const { text, values } = render(first);
	return { queries: [{ text: `SELECT 1 FROM ${text} FOR NO KEY UPDATE`, values }, ...queries], locks: 1 };
}

function stateOf(rows: Row[] | undefined): Bookmark {
	const places = String(rows?.[0]?.lsn).split("/");
	return places.map((part) => part.padStart(8, "0")).join("");
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
