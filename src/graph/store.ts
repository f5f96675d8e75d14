import { and, desc, eq, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import type { Id } from "../store/ids.ts";
import { inList } from "../store/json-list.ts";
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
		const rows = await this.#shards
			.of(owner)
			.select()
			.from(relations)
			.where(and(eq(relations.owner, owner), inArray(relations.other, inList(others))));
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
		const columns = sql`other, version, friend_at AS friendAt, following_at AS followingAt, muting_at AS mutingAt, muting_until AS mutingUntil`;
		return this.#shards.of(owner).all<Source>(sql`
			SELECT ${columns} FROM relations INDEXED BY relations_friends
				WHERE owner = ${owner} AND friend_at IS NOT NULL
			UNION ALL
			SELECT ${columns} FROM relations INDEXED BY relations_following
				WHERE owner = ${owner} AND following_at IS NOT NULL AND friend_at IS NULL`);
	}

	/**
	 * Tells `others` whether their fan-out should reach the owner: at an odd `turn` she is dormant. The highest turn
	 * wins, so that what is late cannot undo what came after it.
	 */
	async setTurn(owner: Id, others: Iterable<Id>, turn: number): Promise<void> {
		await this.#shards.gather(others, (database, group) =>
			database
				.update(relations)
				.set({ turn })
				.where(
					and(
						inArray(relations.owner, inList(group)),
						eq(relations.other, owner),
						sql`coalesce(${relations.turn}, 0) < ${turn}`,
					),
				)
				.returning({ owner: relations.owner }),
		);
	}

	/**
	 * Mutes, until Unix milliseconds or for good, or ends a mute, and promises `job`, in one atomic batch. Only the
	 * owner's row knows.
	 */
	async mute(owner: Id, other: Id, mute: Mute, job: Job): Promise<void> {
		const database = this.#shards.of(owner);
		await database.batch([
			database
				.insert(relations)
				.values({ owner, other, version: 0, ...mute })
				.onConflictDoUpdate({ target: [relations.owner, relations.other], set: mute }),
			promise(database, job, this.#now()),
		]);
	}

	/** A page of a list, newest first, from `before` (exclusive). */
	async list(owner: Id, list: RelationList, before: RelationKey | undefined, limit: number): Promise<RelationKey[]> {
		const at = LIST_COLUMNS[list];
		return this.#page(
			owner,
			list,
			before && sql`(${at}, ${relations.other}) < (${before.at}, ${before.other})`,
			[desc(at), desc(relations.other)],
			limit,
		);
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
		const strangers = list === "followers" ? sql`${relations.friendAt} IS NULL` : undefined;
		return this.#page(
			owner,
			list,
			and(
				sql`coalesce(${relations.turn}, 0) % 2 = 0`,
				strangers,
				after && sql`(${at}, ${relations.other}) > (${after.at}, ${after.other})`,
			),
			[at, relations.other],
			limit,
		);
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
		const database = this.#shards.of(pair.low);
		const [written] = await database.batch([write, promise(database, job, this.#now())]);
		return written.length > 0;
	}

	/**
	 * Holds a place among the higher id's friends under the job's id, and promises the job, which gives
	 * the place back or fills it.
	 *
	 * @returns false when there is no place, or somebody else holds one for the same pair.
	 */
	async hold({ low, high }: Pair, job: Job): Promise<boolean> {
		const database = this.#shards.of(high);
		const [held] = await database.batch([
			database
				.insert(relations)
				.select(
					sql`SELECT ${high}, ${low}, 0, NULL, ${job.id}, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE ${roomFor(high)}`,
				)
				.onConflictDoUpdate({
					target: [relations.owner, relations.other],
					set: { friendHold: job.id },
					setWhere: sql`friend_hold IS NULL`,
				})
				.returning({ owner: relations.owner }),
			promise(database, job, this.#now()),
		]);
		return held.length > 0;
	}

	/** Whether an account has as many friends as it can have, counting the places that are held. */
	async isFull(owner: Id): Promise<boolean> {
		const [row] = await this.#shards.of(owner).all<{ room: number }>(sql`SELECT ${roomFor(owner)} AS room`);
		return row?.room !== 1;
	}

	/**
	 * The job that holds a place among the higher id's friends for this pair, or null when they are friends there.
	 *
	 * @returns undefined when neither is so.
	 */
	async holder({ low, high }: Pair): Promise<Id | null | undefined> {
		const [row] = await this.#shards
			.of(high)
			.select({ friendAt: relations.friendAt, hold: relations.friendHold })
			.from(relations)
			.where(and(eq(relations.owner, high), eq(relations.other, low)));
		if (!row) return undefined;
		return row.friendAt === null ? ((row.hold as Id | null) ?? undefined) : null;
	}

	/** The version that the higher id's side has. */
	async mirrored({ low, high }: Pair): Promise<number> {
		return (await this.ties(high, [low])).get(low)?.version ?? 0;
	}

	/** Brings the higher id's side up to the authority's tie, and gives the place back that `hold` held. */
	async mirror({ low, high }: Pair, tie: Tie, hold?: Id): Promise<void> {
		await this.#upsert(high, low, flip(tie), sql`true`, hold);
	}

	#upsert(owner: Id, other: Id, tie: Tie, condition: SQL, hold?: string) {
		const { version, friendAt, requestedAt, requestedByAt, followingAt, followerAt, blockingAt, blockedByAt } = tie;
		// An older version must not undo a newer one, but a hold is given back in any case.
		const newer = (column: string) =>
			sql.raw(`CASE WHEN excluded.version >= version THEN excluded.${column} ELSE ${column} END`);
		return this.#shards
			.of(owner)
			.insert(relations)
			.select(
				sql`SELECT ${owner}, ${other}, ${version}, ${friendAt}, NULL, ${requestedAt}, ${requestedByAt}, ${followingAt}, ${followerAt},
					${blockingAt}, ${blockedByAt}, NULL, NULL, NULL WHERE ${condition}`,
			)
			.onConflictDoUpdate({
				target: [relations.owner, relations.other],
				set: {
					version: newer("version"),
					friendAt: newer("friend_at"),
					requestedAt: newer("requested_at"),
					requestedByAt: newer("requested_by_at"),
					followingAt: newer("following_at"),
					followerAt: newer("follower_at"),
					blockingAt: newer("blocking_at"),
					blockedByAt: newer("blocked_by_at"),
					friendHold: hold === undefined ? sql.raw("friend_hold") : sql`nullif(friend_hold, ${hold})`,
				},
			})
			.returning({ owner: relations.owner });
	}

	async #page(
		owner: Id,
		list: RelationList,
		condition: SQL | undefined,
		order: (SQL | (typeof LIST_COLUMNS)[RelationList] | typeof relations.other)[],
		limit: number,
	) {
		const column = LIST_COLUMNS[list];
		const rows = await this.#shards
			.of(owner)
			.select({ at: column, other: relations.other })
			.from(relations)
			.where(and(eq(relations.owner, owner), isNotNull(column), condition))
			.orderBy(...order)
			.limit(limit);
		return rows.map(({ at, other }) => ({ at: at ?? 0, other }));
	}
}

function roomFor(owner: Id): SQL {
	return sql`((SELECT friend_count FROM profiles WHERE id = ${owner}) < ${FRIEND_LIMIT})`;
}
