import { sql } from "drizzle-orm";
import { sha256 } from "../digest.ts";
import type { Id } from "../store/ids.ts";
import type { previews } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";
import type { Looked } from "./fetch.ts";
import { type Preview, readPreview } from "./preview.ts";

/** What is known of an address; `pending`: somebody is about to look. */
export type Known = { state: "pending" } | { state: "ready"; preview: Preview } | { state: "none" | "failed" };

type Row = typeof previews.$inferSelect;

/** Milliseconds within which who was told to look begins to, and who looks comes back: after that, somebody else may. */
const WANTED = 10_000;
const LEASE = 20_000;
/** Rows that one round of the sweeper deletes on each database. */
const ROUND = 500;

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * What addresses show, for as long as that is true. An address is on a shard of chance, the same each time; it does not
 * move with it, because what is lost is found again.
 */
export class PreviewStore {
	readonly #shards: Shards;
	readonly #now: () => number;

	constructor(shards: Shards, now: () => number) {
		this.#shards = shards;
		this.#now = now;
	}

	/** Undefined when nothing is known, or not any more. */
	async known(url: string): Promise<Known | undefined> {
		const id = await keyOf(url);
		// The key is short enough that two addresses could be made to share one.
		const [row] = await this.#shards
			.of(id)
			.all<Pick<Row, "state" | "preview">>(
				sql`SELECT state, preview FROM previews WHERE id = ${id} AND url = ${url} AND good_until > ${this.#now()}`,
			);
		if (!row) return undefined;
		if (row.state === "wanted" || row.state === "fetching") return { state: "pending" };
		const preview = readPreview(row.preview);
		if (row.state === "ready" && preview) return { state: "ready", preview };
		return { state: row.state === "failed" ? "failed" : "none" };
	}

	/** Notes that somebody wants to know. @returns the key to look under, or undefined when it is known or being looked at */
	async want(url: string): Promise<Id | undefined> {
		const id = await keyOf(url);
		return (await this.#take(id, url, "wanted", WANTED, sql`false`)) ? id : undefined;
	}

	/** Takes it upon the caller to look. @returns false when somebody else is, or it is known */
	async claim(url: string): Promise<boolean> {
		return this.#take(await keyOf(url), url, "fetching", LEASE, sql`previews.state = 'wanted'`);
	}

	/** The address that is kept under a key. */
	async addressOf(id: Id): Promise<string | undefined> {
		const [row] = await this.#shards.of(id).all<Pick<Row, "url">>(sql`SELECT url FROM previews WHERE id = ${id}`);
		return row?.url;
	}

	async save(url: string, { state, preview, lifetime }: Looked): Promise<void> {
		const id = await keyOf(url);
		await this.#shards.of(id).all(sql`INSERT INTO previews (id, url, state, preview, good_until)
			VALUES (${id}, ${url}, ${state}, ${preview && JSON.stringify(preview)}, ${this.#now() + lifetime})
			ON CONFLICT (id) DO UPDATE SET url = excluded.url, state = excluded.state, preview = excluded.preview,
				good_until = excluded.good_until`);
	}

	/** Deletes what is true no more. */
	async sweep(): Promise<void> {
		await this.#shards.fresh();
		await Promise.all(
			this.#shards.all().map((database) =>
				database.all(sql`DELETE FROM previews WHERE id IN
					(SELECT id FROM previews WHERE good_until < ${this.#now()} ORDER BY good_until LIMIT ${ROUND})`),
			),
		);
	}

	async #take(
		id: Id,
		url: string,
		state: Row["state"],
		lifetime: number,
		also: ReturnType<typeof sql>,
	): Promise<boolean> {
		const now = this.#now();
		const taken = await this.#shards.of(id).all(sql`INSERT INTO previews (id, url, state, good_until)
			VALUES (${id}, ${url}, ${state}, ${now + lifetime})
			ON CONFLICT (id) DO UPDATE SET url = excluded.url, state = excluded.state, preview = NULL,
				good_until = excluded.good_until
			WHERE previews.good_until <= ${now} OR previews.url <> excluded.url OR ${also} RETURNING 1`);
		return taken.length > 0;
	}
}

/** 63 bits of the address' hash, as an id: its logical shard is where the address is kept. */
async function keyOf(url: string): Promise<Id> {
	const digits = await sha256(url);
	const byte = (at: number) => Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16);
	return Array.from({ length: 13 }, (_, at) => ALPHABET[byte(at) % (at === 0 ? 8 : 32)]).join("") as Id;
}
