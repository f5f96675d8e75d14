import { type SQL, sql } from "drizzle-orm";
import { asInteger, asText, columns, indexedBy, list } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import { type Job, promise } from "../store/outbox.ts";
import { relations } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";
import { FRIEND_LIMIT, flip, type Mute, STRANGERS, type Tie } from "./rules.ts";

/**
 * Two accounts whose tie is read and changed. The tie's authority is the row on the shard of the
 * lower id: every change is decided there, in one statement. The row on the other shard follows it.
 */
export interface Pair {
	low: Id;
	high: Id;
}

export function pairOf(a: Id, b: Id): Pair {
	return a < b ? { low: a, high: b } : { low: b, high: a };
}

/** The lists that relations are read as, and the time each is ordered by. */
export type RelationList = "friends" | "followers" | "following" | "incoming" | "outgoing" | "blocking" | "muting";
const LIST_COLUMNS = {
	friends: relations.friendAt,
	followers: relations.followerAt,
	following: relations.followingAt,
	incoming: relations.requestedByAt,
	outgoing: relations.requestedAt,
	blocking: relations.blockingAt,
	muting: relations.mutingAt,
} as const;

/** The sort key of a relation in a list. */
export interface RelationKey {
	at: number;
	other: Id;
}

/** An account whose posts belong into a feed. */
export type Source = { other: Id } & Pick<Tie, "version" | "friendAt" | "followingAt"> & Mute;

export class RelationStore {
	readonly #shards: Shards;
	readonly #now: () => number;

	constructor(shards: Shards, now: () => number) {
		this.#shards = shards;
		this.#now = now;
	}

	/** The tie as its authority has it, from the lower id's side. */
	async authority({ low, high }: Pair): Promise<Tie> {
		return (await this.ties(low, [high])).get(high) ?? STRANGERS;
	}

	/** The owner's ties with some others, as the owner's shard knows them: one query. */
	async ties(owner: Id, others: readonly Id[]): Promise<Map<Id, Tie & Mute>> {
		if (others.length === 0) return new Map();
		const database = this.#shards.of(owner);
		const rows = await database.all<typeof relations.$inferSelect>(sql`SELECT ${columns(relations)} FROM relations
			WHERE owner = ${owner} AND other IN ${list(database.dialect, others)}`);
		return new Map(rows.map((row) => [row.other, row]));
	}

	/** The owner's tie with another as the authority has it, and her mute. */
	async truth(owner: Id, other: Id): Promise<Tie & Mute> {
		const pair = pairOf(owner, other);
		const none = { ...STRANGERS, mutingAt: null, mutingUntil: null };
		const own = async () => (await this.ties(owner, [other])).get(other) ?? none;
		if (owner === pair.low) return own();
		const tie = flip(await this.authority(pair));
		// The owner's own shard must not hold up the end of a tie.
		if (tie.friendAt === null && tie.followingAt === null) return { ...none, ...tie };
		const { mutingAt, mutingUntil } = await own();
		return { ...tie, mutingAt, mutingUntil };
	}

	/**
	 * Everyone whose posts belong into the owner's feed: friends and followed accounts. Read from their own
	 * indexes: by the primary key it would be every follower as well.
	 */
	async sources(owner: Id): Promise<Source[]> {
		const database = this.#shards.of(owner);
		const from = (index: string) => sql`SELECT other, version, friend_at AS "friendAt", following_at AS "followingAt",
			muting_at AS "mutingAt", muting_until AS "mutingUntil" FROM relations ${indexedBy(database.dialect, index)}`;
		return database.all<Source>(sql`
			${from("relations_friends")} WHERE owner = ${owner} AND friend_at IS NOT NULL
			UNION ALL
			${from("relations_following")} WHERE owner = ${owner} AND following_at IS NOT NULL AND friend_at IS NULL`);
	}

	/** The ids of all friends: at most as many as an account can have. */
	async friends(owner: Id): Promise<Id[]> {
		const database = this.#shards.of(owner);
		const rows = await database.all<{ other: Id }>(sql`SELECT other FROM relations
			${indexedBy(database.dialect, "relations_friends")} WHERE owner = ${owner} AND friend_at IS NOT NULL`);
		return rows.map(({ other }) => other);
	}

	/**
	 * Tells `others` whether their fan-out should reach the owner: at an odd `turn` she is dormant. The highest turn
	 * wins, so that what is late cannot undo what came after it.
	 */
	async setTurn(owner: Id, others: Iterable<Id>, turn: number): Promise<void> {
		await this.#shards.gather(others, (database, group) =>
			database.all(sql`UPDATE relations SET turn = ${turn}
				WHERE owner IN ${list(database.dialect, group)} AND other = ${owner} AND coalesce(turn, 0) < ${turn}`),
		);
	}

	/**
	 * Mutes, until Unix milliseconds or for good, or ends a mute, and promises `job`, in one atomic batch. Only the
	 * owner's row knows.
	 */
	async mute(owner: Id, other: Id, mute: Mute, job: Job): Promise<void> {
		await this.#shards.of(owner).batch([
			sql`INSERT INTO relations (owner, other, version, muting_at, muting_until)
				VALUES (${owner}, ${other}, 0, ${mute.mutingAt}, ${mute.mutingUntil})
				ON CONFLICT (owner, other) DO UPDATE SET muting_at = excluded.muting_at, muting_until = excluded.muting_until`,
			promise(job, this.#now()),
		]);
	}

	/** A page of a list, newest first, from `before` (exclusive). */
	async list(owner: Id, list: RelationList, before: RelationKey | undefined, limit: number): Promise<RelationKey[]> {
		const at = LIST_COLUMNS[list];
		const condition = before ? sql`(${at}, other) < (${before.at}, ${before.other})` : sql`true`;
		return this.#page(owner, at, condition, sql`${at} DESC, other DESC`, limit);
	}

	/**
	 * Those a post of the owner's goes to, oldest tie first, from `after` (exclusive); `followers` leaves friends out.
	 * Whoever is dormant is not told: her timeline is built when she comes back.
	 */
	async audience(
		owner: Id,
		list: "friends" | "followers",
		after: RelationKey | undefined,
		limit: number,
	): Promise<RelationKey[]> {
		const at = LIST_COLUMNS[list];
		const strangers = list === "followers" ? sql`AND friend_at IS NULL` : undefined;
		const later = after && sql`AND (${at}, other) > (${after.at}, ${after.other})`;
		const condition = sql`coalesce(turn, 0) % 2 = 0 ${strangers} ${later}`;
		return this.#page(owner, at, condition, sql`${at}, other`, limit);
	}

	/**
	 * Writes a tie over the one it was made from, and promises `job`, in one atomic batch.
	 *
	 * @returns false when nothing was written: the tie has changed since it was read, or it would be a
	 * friend too many for the lower id.
	 */
	async decide(pair: Pair, from: Tie, to: Tie, job: Job): Promise<boolean> {
		const befriends = from.friendAt === null && to.friendAt !== null;
		const room = befriends ? roomFor(pair.low) : sql`true`;
		const unchanged = sql`coalesce((SELECT version FROM relations WHERE owner = ${pair.low} AND other = ${pair.high}), 0) = ${from.version}`;
		const write = this.#upsert(
			pair.low,
			pair.high,
			{ ...to, version: from.version + 1 },
			sql`${room} AND ${unchanged}`,
		);
		return this.#writes(pair.low, write, job);
	}

	/**
	 * Holds a place among the higher id's friends under the job's id, and promises the job, which gives
	 * the place back or fills it.
	 *
	 * @returns false when there is no place, or somebody else holds one for the same pair.
	 */
	async hold({ low, high }: Pair, job: Job): Promise<boolean> {
		const write = sql`INSERT INTO relations (owner, other, version, friend_hold)
			SELECT ${asText(high)}, ${asText(low)}, 0, ${asText(job.id)} WHERE ${roomFor(high)}
			ON CONFLICT (owner, other) DO UPDATE SET friend_hold = excluded.friend_hold WHERE relations.friend_hold IS NULL
			RETURNING 1`;
		return this.#writes(high, write, job);
	}

	/** Whether an account has as many friends as it can have, counting the places that are held. */
	async isFull(owner: Id): Promise<boolean> {
		const [row] = await this.#shards.of(owner).all<{ room: unknown }>(sql`SELECT ${roomFor(owner)} AS room`);
		return !row?.room;
	}

	/**
	 * The job that holds a place among the higher id's friends for this pair, or null when they are friends there.
	 *
	 * @returns undefined when neither is so.
	 */
	async holder({ low, high }: Pair): Promise<Id | null | undefined> {
		const [row] = await this.#shards
			.of(high)
			.all<{ friendAt: number | null; hold: Id | null }>(
				sql`SELECT friend_at AS "friendAt", friend_hold AS hold FROM relations WHERE owner = ${high} AND other = ${low}`,
			);
		if (!row) return undefined;
		return row.friendAt === null ? (row.hold ?? undefined) : null;
	}

	/** The version that the higher id's side has. */
	async mirrored({ low, high }: Pair): Promise<number> {
		return (await this.ties(high, [low])).get(low)?.version ?? 0;
	}

	/** Brings the higher id's side up to the authority's tie, and gives the place back that `hold` held. */
	async mirror({ low, high }: Pair, tie: Tie, hold?: Id): Promise<void> {
		await this.#shards.of(high).batch([this.#upsert(high, low, flip(tie), sql`true`, hold)], ownCounts(high));
	}

	/** Runs a write and promises `job`, in one atomic batch, after any other that changes the owner's counts. */
	async #writes(owner: Id, write: SQL, job: Job): Promise<boolean> {
		const [written] = await this.#shards.of(owner).batch([write, promise(job, this.#now())], ownCounts(owner));
		return written !== undefined && written.length > 0;
	}

	#upsert(owner: Id, other: Id, tie: Tie, condition: SQL, hold?: string) {
		const { version, friendAt, requestedAt, requestedByAt, followingAt, followerAt, blockingAt, blockedByAt } = tie;
		// An older version must not undo a newer one, but a hold is given back in any case.
		const newer = (column: string) =>
			sql.raw(
				`${column} = CASE WHEN excluded.version >= relations.version THEN excluded.${column} ELSE relations.${column} END`,
			);
		const held = hold === undefined ? sql`` : sql`, friend_hold = nullif(relations.friend_hold, ${hold})`;
		return sql`INSERT INTO relations (owner, other, version, friend_at, requested_at, requested_by_at,
				following_at, follower_at, blocking_at, blocked_by_at)
			SELECT ${asText(owner)}, ${asText(other)}, ${asInteger(version)}, ${asInteger(friendAt)}, ${asInteger(requestedAt)},
				${asInteger(requestedByAt)}, ${asInteger(followingAt)}, ${asInteger(followerAt)}, ${asInteger(blockingAt)},
				${asInteger(blockedByAt)} WHERE ${condition}
			ON CONFLICT (owner, other) DO UPDATE SET ${newer("version")}, ${newer("friend_at")}, ${newer("requested_at")},
				${newer("requested_by_at")}, ${newer("following_at")}, ${newer("follower_at")}, ${newer("blocking_at")},
				${newer("blocked_by_at")} ${held}
			RETURNING 1`;
	}

	async #page(
		owner: Id,
		at: (typeof LIST_COLUMNS)[RelationList],
		condition: SQL,
		order: SQL,
		limit: number,
	): Promise<RelationKey[]> {
		return this.#shards.of(owner).all<RelationKey>(sql`SELECT ${at} AS at, other FROM relations
			WHERE owner = ${owner} AND ${at} IS NOT NULL AND ${condition} ORDER BY ${order} LIMIT ${limit}`);
	}
}

function roomFor(owner: Id): SQL {
	return sql`((SELECT friend_count FROM profiles WHERE id = ${owner}) < ${FRIEND_LIMIT})`;
}

/** The row with the owner's counts: what changes them, or depends on them, comes one after the other. */
function ownCounts(owner: Id): SQL {
	return sql`profiles WHERE id = ${owner}`;
}
