import { type SQL, sql } from "drizzle-orm";
import type { ShardDatabase } from "../database.ts";
import { list } from "../dialect.ts";
import {
	byKeys,
	canonical,
	hash,
	type Key,
	keyIn,
	type MovedTable,
	page,
	puts,
	removals,
	type Span,
	TABLES,
	windowEnd,
} from "./rows.ts";

/** How far a pass over all tables has come: kept with the move. */
export interface Place {
	table: number;
	after: Key | null;
}

/** Rows that one look takes along, rows that it looks through, and captured keys that are applied at once. */
export interface Sizes {
	page: number;
	window: number;
	keys: number;
}
export const SIZES: Sizes = { page: 500, window: 20_000, keys: 200 };

/** One move between two databases, in the hands of one caller: who takes it over keeps all others from writing. */
export class Transfer {
	readonly source: ShardDatabase;
	readonly target: ShardDatabase;
	readonly #span: Span;
	readonly #holder: string;
	readonly #sizes: Sizes;

	constructor(source: ShardDatabase, target: ShardDatabase, span: Span, holder: string, sizes: Sizes) {
		this.source = source;
		this.target = target;
		this.#span = span;
		this.#holder = holder;
		this.#sizes = sizes;
	}

	/** Copies the next rows. @returns where to go on, or null at the end, and how many there were. */
	async copy(place: Place): Promise<{ next: Place | null; rows: number }> {
		const { table, rows, next } = await this.#look(place);
		await this.#write(puts(table, rows));
		return { next, rows: rows.length };
	}

	/**
	 * Compares the next rows of both sides, in both directions. What differs, because it was written meanwhile or for
	 * whatever reason, is noted to be copied again.
	 */
	async compare(place: Place): Promise<{ next: Place | null; rows: number; checksum: number; differing: number }> {
		const { table, rows, next, upTo } = await this.#look(place);
		const copies = await page(this.target, table, this.#span, place.after, upTo, 10 * this.#sizes.page);
		const there = new Map(copies.map((row) => [JSON.stringify(keyIn(table, row)), canonical(table, row)]));
		const differing: Key[] = [];
		let checksum = 0;
		for (const row of rows) {
			const key = keyIn(table, row);
			const text = canonical(table, row);
			checksum = (checksum + hash(text)) >>> 0;
			if (there.get(JSON.stringify(key)) !== text) differing.push(key);
			there.delete(JSON.stringify(key));
		}
		for (const key of there.keys()) differing.push(JSON.parse(key) as Key);
		for (const key of differing) {
			await this.source.all(sql`INSERT INTO moved_keys (shard, table_name, key_one, key_two)
				VALUES (${this.#span.from}, ${table.name}, ${String(key[0])}, ${String(key[1] ?? "")})`);
		}
		return { next, rows: rows.length, checksum, differing: differing.length };
	}

	/**
	 * Copies what was written since: for each key that was noted, the row as it is now, and reads it back.
	 *
	 * @returns how many keys there were: none are left when fewer than asked for.
	 */
	async catchUp(): Promise<{ keys: number; more: boolean }> {
		const { from, to } = this.#span;
		const noted = await this.source.all<{ seq: number; name: string; one: string; two: string }>(
			sql`SELECT seq, table_name AS name, key_one AS one, key_two AS two FROM moved_keys
				WHERE shard BETWEEN ${from} AND ${to} ORDER BY seq LIMIT ${this.#sizes.keys}`,
		);
		const wanted: { table: MovedTable; keys: Key[]; rows: Map<string, string> }[] = [];
		const writes: SQL[] = [];
		for (const table of TABLES) {
			const keys = unique(
				noted
					.filter(({ name }) => name === table.name)
					.map(({ one, two }) =>
						table.key.map(({ isNumber }, i) => (isNumber ? Number(i ? two : one) : i ? two : one)),
					),
			);
			if (keys.length === 0) continue;
			const rows = await byKeys(this.source, table, keys);
			const found = new Map(rows.map((row) => [JSON.stringify(keyIn(table, row)), canonical(table, row)]));
			const gone = keys.filter((key) => !found.has(JSON.stringify(key)));
			writes.push(...puts(table, rows), ...removals(table, gone));
			wanted.push({ table, keys, rows: found });
		}
		await this.#write(writes);
		for (const { table, keys, rows } of wanted) {
			const copies = await byKeys(this.target, table, keys);
			const same = copies.filter((row) => rows.get(JSON.stringify(keyIn(table, row))) === canonical(table, row));
			if (copies.length !== rows.size || same.length !== rows.size) throw new Error(`copies of ${table.name} differ`);
		}
		// By name and not up to a number: in Postgres a lower number may become visible after a higher one.
		const seqs = list(
			this.source.dialect,
			noted.map(({ seq }) => String(seq)),
		);
		if (noted.length > 0) {
			await this.source.all(sql`DELETE FROM moved_keys WHERE CAST(seq AS text) IN ${seqs}`);
		}
		return { keys: noted.length, more: noted.length === this.#sizes.keys };
	}

	async #look({ table: at, after }: Place) {
		const table = TABLES[at] as MovedTable;
		const end = await windowEnd(this.source, table, after, this.#sizes.window);
		const rows = await page(this.source, table, this.#span, after, end, this.#sizes.page);
		const last = rows.at(-1);
		const upTo = last && rows.length === this.#sizes.page ? keyIn(table, last) : end;
		const following = at + 1 < TABLES.length ? { table: at + 1, after: null } : null;
		return { table, rows, upTo, next: upTo ? { table: at, after: upTo } : following };
	}

	async #write(statements: readonly SQL[]): Promise<void> {
		if (statements.length > 0) await writeAs(this.#holder, this.target, this.#span, statements);
	}
}

/**
 * Writes rows of a range that is not served from a database: all or none, and none when somebody else has taken the
 * move over, because without the row in `copying` they are refused.
 */
export async function writeAs(
	holder: string,
	database: ShardDatabase,
	{ from }: Span,
	statements: readonly SQL[],
): Promise<void> {
	await database.batch(
		[
			sql`INSERT INTO copying (token) SELECT holder FROM moves WHERE low = ${from} AND holder = ${holder}`,
			...statements,
			sql`DELETE FROM copying WHERE token = ${holder}`,
		],
		sql`moves WHERE low = ${from}`,
	);
}

function unique(keys: readonly Key[]): Key[] {
	return [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()];
}
