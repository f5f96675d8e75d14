import { type SQL, sql } from "drizzle-orm";
import { Consistency } from "./consistency.ts";
import { type Dialect, type Row, type ShardDatabase, ShardUnavailable } from "./database.ts";
import { list } from "./dialect.ts";
import { type Id, logicalShardOf } from "./ids.ts";
import type { LiveMap } from "./live-map.ts";
import { REPLICA_LAG } from "./replicated.ts";
import { ShardMap } from "./shard-map.ts";

/** How long a statement waits for a shard that is just being switched, in milliseconds, and between two looks. */
const PATIENCE = 8000;
const PAUSE = { first: 10, longest: 200 };

/** What a database says of a write to a range that it does not serve; see `migrations/shard/0002_moving.sql`. */
const MOVED = "shard_moved";

/** A database was asked for what has moved away from it: nothing was written. */
class ShardMoved extends Error {
	constructor() {
		super(MOVED);
	}
}

/**
 * Finds the physical database of an id, and goes after it when it moves: what is asked of a database that does not
 * serve the id any more is asked again, as a whole, of the one that does.
 */
export class Shards {
	readonly #map: Pick<LiveMap, "current" | "fresh" | "refresh">;
	readonly #open: (name: string) => ShardDatabase;
	readonly #databases = new Map<string, ShardDatabase>();

	/** @param open gives the database of each name in the map. */
	constructor(map: ShardMap | LiveMap, open: (name: string) => ShardDatabase) {
		const fixed = { fresh: async () => {}, refresh: async () => {} };
		this.#map = map instanceof ShardMap ? { ...fixed, current: map } : map;
		this.#open = open;
		for (const name of this.#map.current.databases) this.named(name);
	}

	/**
	 * How old the truth of a read that begins now can be, in milliseconds: everything that was committed longer ago is
	 * in it. 0 where primaries are read.
	 */
	get lag(): number {
		const { current } = Consistency;
		return current?.replicas && current.since < Number.POSITIVE_INFINITY ? REPLICA_LAG : 0;
	}

	/** Sees to it that {@link all} and {@link groups} know of every database. */
	async fresh(): Promise<void> {
		await this.#map.fresh();
	}

	/** The database that holds what belongs to `id`, wherever that is when it is asked. */
	of(id: Id): ShardDatabase {
		const { dialect } = this.#holder(id);
		const run = <T>(work: (database: ShardDatabase) => Promise<T>) =>
			this.#patiently(() => work(this.#guarded([id], dialect)));
		return {
			dialect,
			all: (statement) => run((database) => database.all(statement)),
			batch: (statements, first) => run((database) => database.batch(statements, first)),
		};
	}

	/** Every physical shard, each once, with whatever is on it: also what moves there and is not served from there yet. */
	all(): ShardDatabase[] {
		return this.#map.current.databases.map((name) => this.named(name));
	}

	/** `ids` by the physical shard that holds what belongs to them, each once. */
	groups(ids: Iterable<Id>): Id[][] {
		const groups = new Map<string, Id[]>();
		for (const id of new Set(ids)) {
			const name = this.#map.current.databaseOf(id);
			const group = groups.get(name);
			if (group) group.push(id);
			else groups.set(name, [id]);
		}
		return [...groups.values()];
	}

	/**
	 * Runs one query per physical shard that holds any of `ids`, all at once, and joins the answers. When some of
	 * them move meanwhile, their group is asked again: a query must be one that can be repeated.
	 */
	async gather<T>(ids: Iterable<Id>, query: (database: ShardDatabase, ids: Id[]) => Promise<T[]>): Promise<T[]> {
		await this.#map.fresh();
		const asked = this.groups(ids).map((group) => {
			let parts = [group];
			return this.#patiently(
				async () => {
					const answers = await Promise.all(parts.map((part) => query(this.#guarded(part), part)));
					return answers.flat();
				},
				() => {
					parts = this.groups(group);
				},
			);
		});
		return (await Promise.all(asked)).flat();
	}

	/** @throws Error when nothing is bound under the name. */
	named(name: string): ShardDatabase {
		const known = this.#databases.get(name) ?? this.#open(name);
		this.#databases.set(name, known);
		return known;
	}

	#holder(id: Id): ShardDatabase {
		return this.named(this.#map.current.databaseOf(id));
	}

	/**
	 * The database of some ids that are all on the same one.
	 *
	 * @param dialect of the statements, when they may have been written before the ids moved.
	 */
	#guarded(ids: readonly Id[], dialect?: Dialect): ShardDatabase {
		const { current } = this.#map;
		const database = this.#holder(ids[0] as Id);
		if (dialect !== undefined && database.dialect !== dialect) throw new ShardUnavailable(new ShardMoved());
		const moving = ids.filter((id) => current.isMoving(id)).map((id) => String(logicalShardOf(id)));
		return moving.length === 0 ? database : new Guarded(database, [...new Set(moving)]);
	}

	async #patiently<T>(work: () => Promise<T>, moved?: () => void): Promise<T> {
		const until = Date.now() + PATIENCE;
		await this.#map.fresh();
		for (let pause = PAUSE.first; ; pause = Math.min(2 * pause, PAUSE.longest)) {
			try {
				return await work();
			} catch (error) {
				if (!isMoved(error)) throw error;
				if (Date.now() > until) throw new ShardUnavailable(error);
			}
			await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
			// A failure is the next look's.
			await this.#map.refresh().catch(() => undefined);
			moved?.();
		}
	}
}

/**
 * A database that some of what it holds is moving away from. A write to what is gone is refused by its triggers; a
 * read, or a write that finds no row, is not, so the same transaction asks whether it was gone.
 */
class Guarded implements ShardDatabase {
	readonly dialect: Dialect;
	readonly #database: ShardDatabase;
	readonly #check: SQL;

	constructor(database: ShardDatabase, moving: readonly string[]) {
		this.dialect = database.dialect;
		this.#database = database;
		this.#check = sql`SELECT 1 FROM moves WHERE phase = 'moved' AND EXISTS (
			SELECT 1 FROM ${list(database.dialect, moving)} AS shard WHERE CAST(shard.value AS integer) BETWEEN low AND high)`;
	}

	async all<T = Row>(statement: SQL): Promise<T[]> {
		const [rows] = await this.batch([statement]);
		return (rows ?? []) as T[];
	}

	async batch(statements: readonly SQL[], first?: SQL): Promise<Row[][]> {
		const answers = await this.#database.batch([...statements, this.#check], first);
		if (answers.pop()?.length) throw new ShardMoved();
		return answers;
	}
}

/** Whether a database said that it does not serve what it was asked for. */
export function isMoved(error: unknown): boolean {
	for (let cause = error; cause instanceof Error; cause = cause.cause) {
		if (cause instanceof ShardUnavailable) return false;
		if (cause.message.includes(MOVED)) return true;
	}
	return false;
}
