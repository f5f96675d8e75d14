import { type SQL, sql } from "drizzle-orm";
import type { Graph } from "../graph/graph.ts";
import { flip, type Tie } from "../graph/rules.ts";
import type { ShardDatabase } from "../store/database.ts";
import { columns, jsonRows } from "../store/dialect.ts";
import { type Id, timeOf } from "../store/ids.ts";
import { relations } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";
import type { Check, Finding } from "./checks.ts";

/** For so long, in milliseconds, a change between two shards may be under way. */
const UNDER_WAY = 1000;
/** After so long, in milliseconds, a job is stuck: the sweeper tries once an hour at least. */
const STUCK = 3 * 3_600_000;

type Row = typeof relations.$inferSelect;

/** Compares what is kept twice, or counted, with what it is kept or counted from. */
export class Verifier {
	readonly #shards: Shards;
	readonly #graph: Graph;
	readonly #now: () => number;

	constructor(shards: Shards, graph: Graph, now: () => number) {
		this.#shards = shards;
		this.#graph = graph;
		this.#now = now;
	}

	/** Runs a part of a check on one physical shard, `limit` rows from `after` (exclusive; empty at the start). */
	async run(check: Check, database: ShardDatabase, after: string, limit: number, repair: boolean): Promise<Finding> {
		switch (check) {
			case "ties":
				return this.#ties(database, after, limit, repair);
			case "profiles":
				return this.#counts(database, PROFILES, after, limit, repair);
			case "posts":
				return this.#counts(database, POSTS, after, limit, repair);
			case "outbox":
				return this.#outbox(database);
			case "orphans":
				return this.#orphans(database, limit, repair);
		}
	}

	/** Both sides of a pair say the same, with the same version; a mute is one side's alone. */
	async #ties(database: ShardDatabase, after: string, limit: number, repair: boolean): Promise<Finding> {
		const [owner = "", other = ""] = after.split(" ");
		const rows = await database.all<Row>(
			sql`SELECT ${columns(relations)} FROM relations WHERE (owner, other) > (${owner}, ${other})
				ORDER BY owner, other LIMIT ${limit}`,
		);
		let differing = await this.#differing(rows);
		if (differing.length > 0) {
			await new Promise((resolve) => setTimeout(resolve, UNDER_WAY));
			const again = await this.#rows(differing);
			differing = await this.#differing(again);
		}
		if (repair) for (const { owner, other } of differing) await this.#graph.reconcile(owner, other);
		const last = rows.at(-1);
		return {
			checked: rows.length,
			faults: differing.map((row) => `${row.owner} and ${row.other} do not agree about each other`),
			repaired: repair ? differing.length : 0,
			next: last && rows.length === limit ? `${last.owner} ${last.other}` : null,
		};
	}

	async #differing(rows: readonly Row[]): Promise<Row[]> {
		const mirrors = await this.#rows(rows.map(({ owner, other }) => ({ owner: other, other: owner })));
		const found = new Map(mirrors.map((row) => [`${row.owner} ${row.other}`, row]));
		return rows.filter((row) => {
			const mirror = found.get(`${row.other} ${row.owner}`);
			return !same(row, mirror && flip(mirror)) || isHeldTooLong(row, this.#now());
		});
	}

	async #rows(pairs: readonly { owner: Id; other: Id }[]): Promise<Row[]> {
		const byOwner = new Map<Id, Id[]>();
		for (const { owner, other } of pairs) byOwner.set(owner, [...(byOwner.get(owner) ?? []), other]);
		return this.#shards.gather(byOwner.keys(), (database, owners) => {
			const wanted = owners.flatMap((owner) => (byOwner.get(owner) ?? []).map((other) => [owner, other]));
			return database.all<Row>(
				sql`SELECT ${columns(relations)} FROM ${jsonRows(database.dialect, JSON.stringify(wanted))} AS pair
					JOIN relations ON relations.owner = pair.value->>0 AND relations.other = pair.value->>1`,
			);
		});
	}

	/** What is counted beside a row is what there is. */
	async #counts(
		database: ShardDatabase,
		{ table, counts }: Counted,
		after: string,
		limit: number,
		repair: boolean,
	): Promise<Finding> {
		const name = sql.identifier(table);
		const pairs = Object.entries(counts);
		const fields = pairs.flatMap(([column, count], n) => [
			sql`${sql.identifier(column)} AS ${sql.identifier(`is${n}`)}`,
			sql`(${count}) AS ${sql.identifier(`should${n}`)}`,
		]);
		const rows = await database.all<{ id: Id } & Record<string, number>>(
			sql`SELECT id, ${sql.join(fields, sql`, `)} FROM ${name} WHERE id > ${after} ORDER BY id LIMIT ${limit}`,
		);
		const faults: string[] = [];
		const wrong = new Set<Id>();
		for (const row of rows) {
			for (const [n, [column]] of pairs.entries()) {
				if (row[`is${n}`] === row[`should${n}`]) continue;
				faults.push(`${column} of ${row.id} is ${row[`is${n}`]} and not ${row[`should${n}`]}`);
				wrong.add(row.id);
			}
		}
		if (repair) {
			const set = sql.join(
				pairs.map(([column, count]) => sql`${sql.identifier(column)} = (${count})`),
				sql`, `,
			);
			// The row is locked before its count is taken: whoever changes what is counted changes the row as well.
			for (const id of wrong)
				await database.batch([sql`UPDATE ${name} SET ${set} WHERE id = ${id}`], sql`${name} WHERE id = ${id}`);
		}
		const last = rows.at(-1);
		return {
			checked: rows.length,
			faults,
			repaired: repair ? wrong.size : 0,
			next: last && rows.length === limit ? last.id : null,
		};
	}

	/** Nothing that was promised is stuck. */
	async #outbox(database: ShardDatabase): Promise<Finding> {
		const stuck = await database.all<{ id: Id; attempts: number; error: string | null }>(
			sql`SELECT id, attempts, error FROM outbox WHERE due_at < ${this.#now() - STUCK} LIMIT 100`,
		);
		const faults = stuck.map(({ id, attempts, error }) => `job ${id} is stuck after ${attempts} rounds: ${error}`);
		const [row] = await database.all<{ count: number }>(sql`SELECT count(*) AS count FROM outbox`);
		return { checked: row?.count ?? 0, faults, repaired: 0, next: null };
	}

	/** Nothing hangs on what is gone, unless it is still being cleared up. */
	async #orphans(database: ShardDatabase, limit: number, repair: boolean): Promise<Finding> {
		const [pending] = await database.all(sql`SELECT 1 FROM outbox WHERE task LIKE '%"kind":"remove"%' LIMIT 1`);
		const finding: Finding = { checked: 0, faults: [], repaired: 0, next: null };
		if (pending) return finding;
		for (const [what, rows, where, mend = sql`DELETE FROM ${rows}`] of ORPHANS) {
			const [found] = await database.all<{ count: number }>(
				sql`SELECT count(*) AS count FROM (SELECT 1 FROM ${rows} WHERE ${where} LIMIT ${limit}) AS some`,
			);
			const count = found?.count ?? 0;
			finding.checked += count;
			if (count === 0) continue;
			finding.faults.push(`${count}${count === limit ? " or more" : ""} ${what}`);
			if (!repair) continue;
			await database.all(sql`${mend} WHERE ${where}`);
			finding.repaired += count;
		}
		return finding;
	}
}

interface Counted {
	table: string;
	/** By column: the query that counts. */
	counts: Record<string, SQL>;
}

const PROFILES: Counted = {
	table: "profiles",
	counts: {
		friend_count: sql`SELECT count(*) FROM relations WHERE owner = profiles.id AND (friend_at IS NOT NULL OR friend_hold IS NOT NULL)`,
		follower_count: sql`SELECT count(*) FROM relations WHERE owner = profiles.id AND follower_at IS NOT NULL`,
		following_count: sql`SELECT count(*) FROM relations WHERE owner = profiles.id AND following_at IS NOT NULL`,
		post_count: sql`SELECT count(*) FROM posts WHERE author_id = profiles.id AND parent_id IS NULL AND audience < 3`,
	},
};

const POSTS: Counted = {
	table: "posts",
	counts: {
		like_count: sql`SELECT count(*) FROM likes WHERE post_id = posts.id`,
		comment_count: sql`SELECT count(*) FROM posts AS answers WHERE answers.parent_id = posts.id`,
	},
};

const noPost = (column: SQL) => sql`NOT EXISTS (SELECT 1 FROM posts AS there WHERE there.id = ${column})`;

/** Media that nothing shows although they say so. */
const SHOWN_NOWHERE = sql`media.attached_to IS NOT NULL AND NOT EXISTS (
		SELECT 1 FROM posts WHERE posts.id = media.attached_to AND posts.media LIKE '%' || media.id || '%')
	AND NOT EXISTS (
		SELECT 1 FROM profiles WHERE profiles.id = media.attached_to AND profiles.avatar_url LIKE '%' || media.id || '%')
	AND NOT EXISTS (SELECT 1 FROM media AS video WHERE video.id = media.attached_to AND video.poster = media.id)`;

/** What hangs on what is gone, and how that is mended where it is more than to delete it. */
const ORPHANS: [what: string, rows: SQL, where: SQL, mend?: SQL][] = [
	["likes of posts that are gone", sql`likes`, noPost(sql`likes.post_id`)],
	["versions of posts that are gone", sql`post_versions`, noPost(sql`post_versions.post_id`)],
	["deliveries of posts that are gone", sql`deliveries`, noPost(sql`deliveries.post_id`)],
	["comments on posts that are gone", sql`posts`, sql`posts.root_id IS NOT NULL AND ${noPost(sql`posts.root_id`)}`],
	[
		"names of accounts that are gone or hidden",
		sql`account_names`,
		sql`NOT EXISTS (SELECT 1 FROM profiles WHERE profiles.id = account_names.account_id AND profiles.hidden % 2 = 0)`,
	],
	[
		"photos and videos that nothing shows",
		sql`media`,
		SHOWN_NOWHERE,
		// The row tells of the files.
		sql`UPDATE media SET status = 'discarded', attached_to = NULL, due_at = 0`,
	],
	[
		"posts whose photos and videos are gone",
		sql`posts`,
		sql`posts.media IS NOT NULL AND NOT EXISTS (SELECT 1 FROM media WHERE media.attached_to = posts.id)`,
		sql`UPDATE posts SET media = NULL`,
	],
	[
		"chunks of jobs that are gone",
		sql`outbox_chunks`,
		sql`NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = outbox_chunks.job_id)`,
	],
];

/** Of a pair with nothing between them but a mute, one side may be missing. */
function same(row: Tie, mirror: Tie | undefined): boolean {
	if (!mirror) return row.version === 0;
	const fields = [
		"version",
		"friendAt",
		"requestedAt",
		"requestedByAt",
		"followingAt",
		"followerAt",
		"blockingAt",
		"blockedByAt",
	] as const;
	return fields.every((field) => row[field] === mirror[field]);
}

function isHeldTooLong({ friendHold }: Row, now: number): boolean {
	return friendHold !== null && now - timeOf(friendHold as Id) > STUCK;
}
