import { type SQL, sql } from "drizzle-orm";
import { reportFailure } from "../report.ts";
import { inTime } from "../within.ts";
import { type Bookmark, Consistency } from "./consistency.ts";
import type { Dialect, Row, ShardDatabase } from "./database.ts";

/** The oldest truth that a replica may answer with, in milliseconds: what was committed before is in it. */
export const REPLICA_LAG = 2000;
/** An anchor of this age is renewed while it is still good, in milliseconds. */
const RENEW_AFTER = 1000;
/** How long a reader waits for a replica, and how long it is left alone after it was late, behind or down; in milliseconds. */
const PATIENCE = 500;
const REST = 2000;

/** A database that has replicas, or may have. */
export interface Replicated extends ShardDatabase {
	/** Runs statements on the primary as {@link ShardDatabase.batch} does; `state` has all that they saw and wrote. */
	bookmarked(statements: readonly SQL[], first?: SQL): Promise<{ answers: Row[][]; state: Bookmark }>;

	/**
	 * Runs a read on a replica whose state is `atLeast` or newer.
	 *
	 * @returns its rows and a state that they have; undefined when the statement does more than read.
	 * @throws Error when none is so new, or none answers.
	 */
	replica(statement: SQL, atLeast: Bookmark): Promise<{ rows: Row[]; state: Bookmark } | undefined>;
}

/** A state that the primary had while this isolate looked on. */
interface Anchor {
	state: Bookmark;
	/** All that was committed before is in it: Unix milliseconds. */
	at: number;
	/** The shard map's version then. */
	map: number;
}

export interface ReplicatedOptions {
	/** What clients' bookmarks know the database by. */
	name: string;
	/** The version of the shard map that is in force. */
	map: () => number;
	now: () => number;
}

/**
 * A shard whose reads may be answered by replicas, within requests that allow it ({@link Consistency}).
 *
 * A replica does not say how old it is. So each isolate keeps an anchor, a state that it saw at the primary at a time
 * that it knows, and takes nothing from a replica that is older than the anchor; nor does an anchor of more than
 * {@link REPLICA_LAG} count. Every visit to the primary makes a new one. What a client has seen is compared with the
 * anchor and never handed on: whatever she sends, it can only bring her to the primary.
 */
export class ReplicatedShard implements ShardDatabase {
	readonly dialect: Dialect;
	readonly #database: Replicated;
	readonly #options: ReplicatedOptions;
	#anchor: Anchor | undefined;
	#renewedAt = Number.NEGATIVE_INFINITY;
	#restsUntil = Number.NEGATIVE_INFINITY;

	constructor(database: Replicated, options: ReplicatedOptions) {
		this.dialect = database.dialect;
		this.#database = database;
		this.#options = options;
	}

	async all<T = Row>(statement: SQL): Promise<T[]> {
		const { current } = Consistency;
		if (!current) return this.#database.all<T>(statement);
		const atLeast = current.replicas ? this.#wanted(current) : undefined;
		const rows = atLeast === undefined ? undefined : await this.#fromReplica(current, statement, atLeast);
		if (rows) return rows as T[];
		const [answer] = await this.#fromPrimary(current, [statement]);
		return (answer ?? []) as T[];
	}

	/** Always on the primary: it writes, or asks what only the primary knows. */
	async batch(statements: readonly SQL[], first?: SQL): Promise<Row[][]> {
		const { current } = Consistency;
		return current ? this.#fromPrimary(current, statements, first) : this.#database.batch(statements, first);
	}

	/** The state that a replica must have to be read; undefined when the primary must be. */
	#wanted(current: Consistency): Bookmark | undefined {
		const { name, map, now } = this.#options;
		const time = now();
		const anchor = this.#anchor;
		if (!anchor || time < this.#restsUntil) return undefined;
		// A shard that has just moved here was not complete before the map said so.
		if (anchor.map !== map()) return undefined;
		if (anchor.at < Math.max(time - REPLICA_LAG, current.since)) return undefined;
		if (later(current.had(name), anchor.state) !== anchor.state) return undefined;
		this.#renew(current, anchor, time);
		// Within a request, time does not run backwards.
		return later(current.seen.get(name), anchor.state);
	}

	async #fromReplica(current: Consistency, statement: SQL, atLeast: Bookmark): Promise<Row[] | undefined> {
		const { name, now } = this.#options;
		try {
			const found = await inTime(PATIENCE, this.#database.replica(statement, atLeast), "a replica takes too long");
			if (!found) return undefined;
			current.saw(name, found.state);
			return found.rows;
		} catch (error) {
			this.#restsUntil = now() + REST;
			reportFailure("a replica was not read", error, { database: name });
			return undefined;
		}
	}

	async #fromPrimary(current: Consistency, statements: readonly SQL[], first?: SQL): Promise<Row[][]> {
		const { name, map, now } = this.#options;
		const began = { at: now(), map: map() };
		const { answers, state } = await this.#database.bookmarked(statements, first);
		current.saw(name, state);
		const anchor = { state, ...began };
		if (!this.#anchor || follows(anchor, this.#anchor)) this.#anchor = anchor;
		return answers;
	}

	/** One request is enough. It asks for itself and nobody waits for it: workerd ties a promise to a request. */
	#renew(current: Consistency, anchor: Anchor, time: number): void {
		if (time < Math.max(anchor.at, this.#renewedAt) + RENEW_AFTER) return;
		this.#renewedAt = time;
		const asked = this.#fromPrimary(current, [sql`SELECT 1`]);
		// Without a new one, the next reads are the primary's.
		current.waitUntil(asked.then(() => {}).catch(() => {}));
	}
}

/** Answers overtake each other, and a clock stands still while nothing is awaited. */
function follows(a: Anchor, b: Anchor): boolean {
	if (a.map !== b.map) return a.map > b.map;
	return a.at === b.at ? a.state > b.state : a.at > b.at;
}

function later(a: Bookmark | undefined, b: Bookmark): Bookmark {
	return a !== undefined && a > b ? a : b;
}

/** Whether a statement only reads. What users write is never part of its text. */
export function isRead(text: string): boolean {
	return /^\s*(SELECT|WITH)\b/i.test(text) && !/\b(INSERT|UPDATE|DELETE)\b/i.test(text);
}
