import { DurableObject } from "cloudflare:workers";
import { nameInLog } from "../log.ts";
import { reportFailure } from "../report.ts";
import { type Id, logicalShardOf } from "../store/ids.ts";
import type { Timelines } from "../timeline/client.ts";
import { type Homes, inJurisdiction, type Jurisdiction } from "../timeline/homes.ts";
import { CHANNEL_LEASE, type Channels } from "../timeline/source.ts";
import { traceparent, underTrace } from "../trace.ts";

/** Channels of one author: each tells a part of those who are connected. */
const PARTS = 8;
/** Logical shards whose connected accounts are in one list. */
const SHARDS_A_LIST = 64;
/** Timelines that a channel tells at once. */
const AT_ONCE = 50;

/**
 * Accounts that are connected: those who follow a heavy author, or all of some shards. What is lost with it costs
 * nothing but time.
 */
export class ChannelObject extends DurableObject {
	readonly #timelines: Timelines;
	readonly #sql: SqlStorage;

	constructor(ctx: DurableObjectState, env: unknown, timelines: Timelines) {
		super(ctx, env as Cloudflare.Env);
		this.#timelines = timelines;
		this.#sql = ctx.storage.sql;
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS listeners (id TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID`);
	}

	/** Lists an account for an hour. */
	async join(listener: Id): Promise<void> {
		const until = Date.now() + CHANNEL_LEASE;
		this.#sql.exec(`INSERT OR REPLACE INTO listeners (id, until) VALUES (?, ?)`, listener, until);
	}

	/** Lists an account no longer. */
	async leave(listener: Id): Promise<void> {
		this.#sql.exec(`DELETE FROM listeners WHERE id = ?`, listener);
	}

	/** Lists nobody any more. */
	async close(): Promise<void> {
		this.#sql.exec(`DELETE FROM listeners`);
	}

	/** Those of some accounts that are listed. */
	async among(ids: readonly Id[]): Promise<Id[]> {
		return this.#sql
			.exec<{ id: Id }>(
				`SELECT id FROM listeners WHERE until >= ? AND id IN (SELECT value FROM json_each(?))`,
				Date.now(),
				JSON.stringify(ids),
			)
			.toArray()
			.map(({ id }) => id);
	}

	/** Tells everyone who listens of a new post; whoever is not connected any more is left out from now on. */
	async tell(authorId: Id, postId: Id, trace?: string): Promise<void> {
		return underTrace(trace, () => this.#tell(authorId, postId));
	}

	async #tell(authorId: Id, postId: Id): Promise<void> {
		this.#sql.exec(`DELETE FROM listeners WHERE until < ?`, Date.now());
		const listeners = this.#sql.exec<{ id: Id }>(`SELECT id FROM listeners`).toArray();
		for (let at = 0; at < listeners.length; at += AT_ONCE) {
			await Promise.all(
				listeners.slice(at, at + AT_ONCE).map(async ({ id }) => {
					try {
						if (!(await this.#timelines.of(id).hear(authorId, postId)))
							this.#sql.exec(`DELETE FROM listeners WHERE id = ?`, id);
					} catch (error) {
						reportFailure("a follower did not hear of a post", error, { account: nameInLog(id) });
					}
				}),
			);
		}
	}
}

/** Who is connected, and the channels of heavy authors. */
export class ConnectedAccounts implements Channels {
	readonly #namespace: DurableObjectNamespace<ChannelObject>;
	readonly #homes: Homes;

	constructor(namespace: DurableObjectNamespace<ChannelObject>, homes: Homes) {
		this.#namespace = namespace;
		this.#homes = homes;
	}

	async join(owner: Id, authors: readonly Id[]): Promise<void> {
		await Promise.all(this.#of(owner, authors).map((channel) => channel.join(owner)));
	}

	/** Takes an account out of the list of who is connected, and out of the channels of some heavy authors. */
	async leave(owner: Id, authors: readonly Id[]): Promise<void> {
		await Promise.all(this.#of(owner, authors).map((channel) => channel.leave(owner)));
	}

	/** Empties the channels of an author. */
	async close(author: Id): Promise<void> {
		const parts = this.#homes.all.flatMap((home) =>
			Array.from({ length: PARTS }, (_, part) => this.#part(author, part, home).close()),
		);
		await Promise.all(parts);
	}

	/** Those of some accounts that are connected, or were within the hour. Never fails: it only decides who comes first. */
	async among(ids: readonly Id[]): Promise<Set<Id>> {
		const groups = new Map<string, Id[]>();
		for (const id of ids) {
			const list = `${listOf(id)}/${this.#homes.jurisdictionOf(id)}`;
			groups.set(list, [...(groups.get(list) ?? []), id]);
		}
		const found = await Promise.allSettled(
			[...groups.values()].flatMap((group) => (group[0] ? [this.#list(group[0]).among(group)] : [])),
		);
		return new Set(found.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : [])));
	}

	/** Tells the connected followers of an author. Never fails: the others find the post when they read. */
	async tell(author: Id, postId: Id): Promise<void> {
		const parts = this.#homes.all.flatMap((home) =>
			Array.from({ length: PARTS }, (_, part) => this.#part(author, part, home).tell(author, postId, traceparent())),
		);
		for (const told of await Promise.allSettled(parts)) {
			if (told.status === "rejected")
				reportFailure("a channel was not told", told.reason, { account: nameInLog(author) });
		}
	}

	/** Where an account is listed when it is connected and follows some heavy authors. */
	#of(owner: Id, authors: readonly Id[]) {
		const part = logicalShardOf(owner) % PARTS;
		const home = this.#homes.jurisdictionOf(owner);
		return [this.#list(owner), ...authors.map((author) => this.#part(author, part, home))];
	}

	#list(account: Id) {
		const home = this.#homes.jurisdictionOf(account);
		return inJurisdiction(this.#namespace, home).getByName(`connected/${listOf(account)}`);
	}

	/** Who is listed there is at home in the jurisdiction, wherever the author is. */
	#part(author: Id, part: number, home: Jurisdiction | undefined) {
		return inJurisdiction(this.#namespace, home).getByName(`${author}/${part}`);
	}
}

function listOf(account: Id): number {
	return Math.floor(logicalShardOf(account) / SHARDS_A_LIST);
}
