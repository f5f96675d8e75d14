import { DurableObject } from "cloudflare:workers";
import { reportFailure } from "../report.ts";
import { type Id, logicalShardOf } from "../store/ids.ts";
import type { Timelines } from "../timeline/client.ts";
import { CHANNEL_LEASE, type Channels } from "../timeline/source.ts";

/** Channels of one author: each tells a part of those who are connected. */
const PARTS = 8;
/** Timelines that a channel tells at once. */
const AT_ONCE = 50;

/** A part of the connected followers of a heavy author. What is lost with it is told by their next read. */
export class ChannelObject extends DurableObject {
	readonly #timelines: Timelines;
	readonly #sql: SqlStorage;

	constructor(ctx: DurableObjectState, env: unknown, timelines: Timelines) {
		super(ctx, env as Cloudflare.Env);
		this.#timelines = timelines;
		this.#sql = ctx.storage.sql;
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS listeners (id TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID`);
	}

	/** Tells a timeline of the author's posts for an hour. */
	async join(listener: Id): Promise<void> {
		const until = Date.now() + CHANNEL_LEASE;
		this.#sql.exec(`INSERT OR REPLACE INTO listeners (id, until) VALUES (?, ?)`, listener, until);
	}

	/** Tells everyone who listens of a new post; whoever is not connected any more is left out from now on. */
	async tell(authorId: Id, postId: Id): Promise<void> {
		this.#sql.exec(`DELETE FROM listeners WHERE until < ?`, Date.now());
		const listeners = this.#sql.exec<{ id: Id }>(`SELECT id FROM listeners`).toArray();
		for (let at = 0; at < listeners.length; at += AT_ONCE) {
			await Promise.all(
				listeners.slice(at, at + AT_ONCE).map(async ({ id }) => {
					try {
						if (!(await this.#timelines.of(id).hear(authorId, postId)))
							this.#sql.exec(`DELETE FROM listeners WHERE id = ?`, id);
					} catch (error) {
						reportFailure("a follower did not hear of a post", error, { listener: id });
					}
				}),
			);
		}
	}
}

/** The channels of heavy authors. */
export class AuthorChannels implements Channels {
	readonly #namespace: DurableObjectNamespace<ChannelObject>;

	constructor(namespace: DurableObjectNamespace<ChannelObject>) {
		this.#namespace = namespace;
	}

	async join(owner: Id, authors: readonly Id[]): Promise<void> {
		const part = logicalShardOf(owner) % PARTS;
		await Promise.all(authors.map((author) => this.#part(author, part).join(owner)));
	}

	/** Tells the connected followers of an author. Never fails: the others find the post when they read. */
	async tell(author: Id, postId: Id): Promise<void> {
		const parts = Array.from({ length: PARTS }, (_, part) => this.#part(author, part).tell(author, postId));
		for (const told of await Promise.allSettled(parts)) {
			if (told.status === "rejected") reportFailure("a channel was not told", told.reason, { author });
		}
	}

	#part(author: Id, part: number) {
		return this.#namespace.getByName(`${author}/${part}`);
	}
}
