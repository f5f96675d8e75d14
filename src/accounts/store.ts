import { sql } from "drizzle-orm";
import { Problem } from "../gateway/problem.ts";
import type { ShardDatabase } from "../store/database.ts";
import { assignments, columns, isServed, list } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import { profiles } from "../store/schema.ts";
import type { Region } from "../store/shard-map.ts";
import type { Shards } from "../store/shards.ts";
import { writeWords } from "./name-store.ts";

export type Profile = typeof profiles.$inferSelect;
/** What is shown of an account beside what it wrote. */
export type AuthorProfile = Pick<Profile, "id" | "username" | "displayName" | "avatarUrl">;

export interface NewProfile {
	id: Id;
	username: string;
	displayName: string;
	region: Region;
}

export interface ProfileChange {
	username?: string | undefined;
	displayName?: string | undefined;
	bio?: string | undefined;
	avatarUrl?: string | null | undefined;
	region?: Region | undefined;
}

/** Whether a profile is shown: {@link AccountStore.setHidden}. */
const SHOWN = sql`hidden % 2 = 0`;

/** The profiles, each on its account's shard. One that is hidden is found by {@link own} only. */
export class AccountStore {
	readonly #shards: Shards;

	constructor(shards: Shards) {
		this.#shards = shards;
	}

	/** Makes a profile; of an existing one only the username is brought up to date, should a change have died halfway. */
	async ensure({ id, username, displayName, region }: NewProfile): Promise<void> {
		await this.#shards.of(id).all(sql`INSERT INTO profiles (id, username, display_name, region, words)
			VALUES (${id}, ${username}, ${displayName}, ${region}, ${writeWords(displayName)})
			ON CONFLICT (id) DO UPDATE SET username = excluded.username WHERE profiles.username <> excluded.username`);
	}

	async byId(id: Id): Promise<Profile | undefined> {
		const profile = await this.own(id);
		return profile && profile.hidden % 2 === 0 ? profile : undefined;
	}

	/** As its owner has it: also when it is hidden from everybody else. */
	async own(id: Id): Promise<Profile | undefined> {
		const [profile] = await this.#shards
			.of(id)
			.all<Profile>(sql`SELECT ${columns(profiles)} FROM profiles WHERE id = ${id}`);
		return profile;
	}

	/**
	 * Hides an account, at an odd `turn`, or shows it again, at an even one. The highest turn wins, so that what is
	 * late cannot undo what came after it.
	 */
	async setHidden(id: Id, turn: number): Promise<void> {
		await this.#shards.of(id).all(sql`UPDATE profiles SET hidden = ${turn} WHERE id = ${id} AND hidden < ${turn}`);
	}

	async remove(id: Id): Promise<void> {
		await this.#shards.of(id).all(sql`DELETE FROM profiles WHERE id = ${id}`);
	}

	/** @throws Problem `account_not_found` */
	async require(id: Id): Promise<Profile> {
		const profile = await this.byId(id);
		if (!profile) throw new Problem("account_not_found");
		return profile;
	}

	/** The profiles that exist and are shown, by id, with one query to each shard. */
	async byIds(ids: Iterable<Id>): Promise<Map<Id, Profile>> {
		const rows = await this.#shards.gather(ids, (database, group) =>
			database.all<Profile>(
				sql`SELECT ${columns(profiles)} FROM profiles WHERE id IN ${list(database.dialect, group)} AND ${SHOWN}`,
			),
		);
		return new Map(rows.map((row) => [row.id, row]));
	}

	/** Those of `ids` whose posts are pulled by their followers. */
	async heavyAmong(ids: Iterable<Id>): Promise<Set<Id>> {
		const rows = await this.#shards.gather(ids, async (database, group) =>
			database.all<{ id: Id }>(sql`SELECT id FROM profiles WHERE id IN ${list(database.dialect, group)} AND heavy = 1`),
		);
		return new Set(rows.map((row) => row.id));
	}

	/** Ids of accounts on one physical shard, in order, after `after` (exclusive). */
	async idsOn(database: ShardDatabase, after: string, limit: number): Promise<Id[]> {
		const rows = await database.all<{ id: Id }>(
			sql`SELECT id FROM profiles
				WHERE id > ${after} AND ${isServed(database.dialect, sql`id`)} ORDER BY id LIMIT ${limit}`,
		);
		return rows.map((row) => row.id);
	}

	/**
	 * @returns the profile as it is afterwards.
	 * @throws Problem `account_not_found`
	 */
	async update(id: Id, change: ProfileChange): Promise<Profile> {
		if (Object.values(change).every((value) => value === undefined)) return this.require(id);
		const { displayName } = change;
		const words = displayName === undefined ? undefined : writeWords(displayName);
		const [profile] = await this.#shards
			.of(id)
			.all<Profile>(
				sql`UPDATE profiles SET ${assignments(profiles, { ...change, words })} WHERE id = ${id} RETURNING ${columns(profiles)}`,
			);
		if (!profile) throw new Problem("account_not_found");
		return profile;
	}
}
