import { sql } from "drizzle-orm";
import type { ShardDatabase } from "../store/database.ts";
import { asInteger, assignments, asText, columns, isServed, list } from "../store/dialect.ts";
import { firstIdAt, type Id } from "../store/ids.ts";
import { type Job, promiseWhere } from "../store/outbox.ts";
import { media } from "../store/schema.ts";
import type { Shards } from "../store/shards.ts";
import { ORPHAN_LIFETIME } from "./limits.ts";
import { discard } from "./ties.ts";

export type MediaRow = typeof media.$inferSelect;
export type NewMedia = Pick<MediaRow, "id" | "owner" | "purpose" | "type" | "size" | "alt">;
/** What is known of a file once it was read. */
export type Findings = Pick<MediaRow, "width" | "height" | "duration" | "blurhash" | "widths">;

/** Characters of the notes of an upload's parts: many times what it takes to send each once. */
const NOTES = 1_000_000;

/** The rows of media, each on its owner's shard. */
export class MediaStore {
	readonly #shards: Shards;
	readonly #now: () => number;

	constructor(shards: Shards, now: () => number) {
		this.#shards = shards;
		this.#now = now;
	}

	/** @returns undefined when the id is taken. */
	async insert({ id, owner, purpose, type, size, alt }: NewMedia): Promise<MediaRow | undefined> {
		const [row] = await this.#shards.of(id).all<MediaRow>(sql`INSERT INTO media
			(id, owner, purpose, status, type, size, alt, due_at)
			VALUES (${id}, ${owner}, ${purpose}, 'uploading', ${type}, ${size}, ${alt}, ${this.#now() + ORPHAN_LIFETIME})
			ON CONFLICT (id) DO NOTHING RETURNING ${columns(media)}`);
		return row;
	}

	async byId(id: Id): Promise<MediaRow | undefined> {
		return (await this.byIds(id, [id])).get(id);
	}

	/** Media on the shard of `place`, by id. */
	async byIds(place: Id, ids: readonly Id[]): Promise<Map<Id, MediaRow>> {
		const database = this.#shards.of(place);
		const rows = await database.all<MediaRow>(
			sql`SELECT ${columns(media)} FROM media WHERE id IN ${list(database.dialect, ids)}`,
		);
		return new Map(rows.map((row) => [row.id, row]));
	}

	/** A row that is to be served: of an account that is shown. */
	async served(id: Id): Promise<MediaRow | undefined> {
		const [row] = await this.#shards.of(id).all<MediaRow>(sql`SELECT ${columns(media)} FROM media
			JOIN profiles ON profiles.id = media.owner AND profiles.hidden % 2 = 0
			WHERE media.id = ${id} AND media.status = 'ready'`);
		return row;
	}

	/** An account's, in order, after `after` (exclusive). */
	async ofOwner(owner: Id, after: string, limit: number): Promise<MediaRow[]> {
		return this.#shards.of(owner).all<MediaRow>(sql`SELECT ${columns(media)} FROM media
			WHERE owner = ${owner} AND id > ${after} ORDER BY id LIMIT ${limit}`);
	}

	/** What an account has uploaded in the last so many milliseconds: bytes, and how many belong to nothing. */
	async recent(owner: Id, span: number): Promise<{ bytes: number; pending: number }> {
		const [row] = await this.#shards.of(owner).all<{ bytes: number; pending: number }>(
			sql`SELECT CAST(coalesce(sum(size), 0) AS bigint) AS bytes,
					count(CASE WHEN due_at IS NOT NULL AND status <> 'discarded' THEN 1 END) AS pending
				FROM media WHERE owner = ${owner} AND id >= ${firstIdAt(this.#now() - span)}`,
		);
		return { bytes: Number(row?.bytes ?? 0), pending: Number(row?.pending ?? 0) };
	}

	/** Notes the name of an upload in parts, unless there is one. @returns whether it was noted */
	async begin(id: Id, uploadId: string): Promise<boolean> {
		const rows = await this.#shards.of(id).all(sql`UPDATE media SET upload_id = ${uploadId}
			WHERE id = ${id} AND status = 'uploading' AND upload_id IS NULL RETURNING 1`);
		return rows.length > 0;
	}

	/** Notes that a part has come. @returns false when none is expected any more */
	async notePart(id: Id, part: number, etag: string): Promise<boolean> {
		const rows = await this.#shards.of(id).all(sql`UPDATE media SET parts = parts || ${`${part} ${etag}\n`}
			WHERE id = ${id} AND status = 'uploading' AND length(parts) < ${NOTES} RETURNING 1`);
		return rows.length > 0;
	}

	/** Nothing more comes: promises that it is processed, in one atomic batch. What is complete already stays so. */
	async complete({ id }: Pick<MediaRow, "id">, parts: string, job: Job): Promise<void> {
		const database = this.#shards.of(id);
		await database.batch(
			[
				sql`UPDATE media SET status = 'processing', parts = ${parts} WHERE id = ${id} AND status = 'uploading'`,
				promiseWhere(
					job,
					this.#now(),
					sql`EXISTS (SELECT 1 FROM media WHERE id = ${id} AND status = 'processing')
						AND NOT EXISTS (SELECT 1 FROM outbox WHERE id = ${job.id})`,
				),
			],
			sql`media WHERE id = ${id}`,
		);
	}

	/** @returns false when it was discarded meanwhile. */
	async ready(id: Id, found: Findings): Promise<boolean> {
		return this.#processed(id, { ...found, status: "ready" });
	}

	/** @returns false when it was discarded meanwhile. */
	async fail(id: Id, error: string): Promise<boolean> {
		return this.#processed(id, { error, status: "failed" });
	}

	async #processed(id: Id, change: Partial<MediaRow>): Promise<boolean> {
		const set = assignments(media, { ...change, uploadId: null, parts: "" });
		const rows = await this.#shards.of(id).all(sql`UPDATE media SET ${set}, version = version + 1
			WHERE id = ${id} AND status = 'processing' RETURNING 1`);
		return rows.length > 0;
	}

	/** What a post shows, as it is kept with it. */
	async shownBy(post: Id): Promise<string | null> {
		const [row] = await this.#shards
			.of(post)
			.all<{ media: string | null }>(sql`SELECT media FROM posts WHERE id = ${post}`);
		return row?.media ?? null;
	}

	/**
	 * Says something else of a medium, there and in the post that shows it.
	 *
	 * @param shown what the post says, and is to say; undefined when no post shows it
	 * @returns false when either has changed meanwhile: then nothing is written.
	 */
	async describe(
		{ id, version, attachedTo }: MediaRow,
		alt: string | null,
		shown: { before: string; after: string } | undefined,
	): Promise<boolean> {
		const still = shown && sql`AND EXISTS (SELECT 1 FROM posts WHERE id = ${attachedTo} AND media = ${shown.before})`;
		const [changed = []] = await this.#shards.of(id).batch(
			[
				sql`UPDATE media SET alt = ${alt}, version = ${version + 1} WHERE id = ${id} AND version = ${version}
					AND attached_to IS NOT DISTINCT FROM ${asText(attachedTo)} ${still} RETURNING 1`,
				...(shown
					? [
							sql`UPDATE posts SET media = ${shown.after} WHERE id = ${attachedTo} AND media = ${shown.before}
								AND EXISTS (SELECT 1 FROM media WHERE id = ${id} AND version = ${version + 1})`,
						]
					: []),
			],
			attachedTo ? sql`posts WHERE id = ${attachedTo}` : sql`media WHERE id = ${id}`,
		);
		return changed.length > 0;
	}

	/** Gives a video that no post shows another still, or none. @returns false when one of them has changed meanwhile */
	async setPoster({ id, owner, version }: MediaRow, poster: MediaRow | null): Promise<boolean> {
		const good =
			poster === null
				? undefined
				: sql`AND EXISTS (SELECT 1 FROM media WHERE id = ${poster.id} AND owner = ${owner} AND purpose = 'poster'
					AND status = 'ready' AND (attached_to IS NULL OR attached_to = ${id}))`;
		const done = sql`EXISTS (SELECT 1 FROM media WHERE id = ${id} AND version = ${version + 1})`;
		const posterId = poster?.id ?? null;
		const { dialect } = this.#shards.of(id);
		const [changed = []] = await this.#shards.of(id).batch(
			[
				sql`UPDATE media SET poster = ${posterId}, version = ${version + 1} WHERE id = ${id} AND version = ${version}
					AND attached_to IS NULL AND status <> 'discarded' ${good} RETURNING 1`,
				sql`UPDATE media SET attached_to = ${id}, due_at = NULL WHERE id = ${posterId} AND ${done}`,
				sql`${discard(dialect, id, poster ? [poster.id] : [], this.#now())} AND ${done}`,
			],
			sql`media WHERE id IN ${list(dialect, [id, ...(poster ? [poster.id] : [])])} ORDER BY id`,
		);
		return changed.length > 0;
	}

	/** Gives up what belongs to nothing. @returns false when it is shown somewhere, or gone */
	async discardOrphan(id: Id, dueBefore = Number.MAX_SAFE_INTEGER): Promise<boolean> {
		const database = this.#shards.of(id);
		const gone = sql`EXISTS (SELECT 1 FROM media WHERE id = ${id} AND status = 'discarded')`;
		const [changed = []] = await database.batch(
			[
				sql`UPDATE media SET status = 'discarded', due_at = ${this.#now()}
					WHERE id = ${id} AND attached_to IS NULL AND due_at <= ${dueBefore} RETURNING 1`,
				sql`${discard(database.dialect, id, [], this.#now())} AND ${gone}`,
			],
			sql`media WHERE id = ${id}`,
		);
		return changed.length > 0;
	}

	/** Gives up all that an account has, a page of it. @returns what was given up */
	async discardAll(owner: Id, limit: number): Promise<MediaRow[]> {
		return this.#shards.of(owner).all<MediaRow>(sql`UPDATE media SET status = 'discarded', due_at = ${this.#now()}
			WHERE id IN (SELECT id FROM media WHERE owner = ${owner} ORDER BY id LIMIT ${limit})
			RETURNING ${columns(media)}`);
	}

	/** What is due on a database: discarded, or never used. */
	async due(database: ShardDatabase, now: number, limit: number): Promise<MediaRow[]> {
		return database.all<MediaRow>(sql`SELECT ${columns(media)} FROM media
			WHERE due_at <= ${now} AND ${isServed(database.dialect, sql`id`)} ORDER BY due_at LIMIT ${limit}`);
	}

	/** Puts off what could not be deleted. */
	async putOff(id: Id, until: number): Promise<void> {
		await this.#shards.of(id).all(sql`UPDATE media SET due_at = ${asInteger(until)} WHERE id = ${id}`);
	}

	/** Deletes the row of what has no files any more; a still that is left of a video goes next. */
	async remove(id: Id): Promise<void> {
		const database = this.#shards.of(id);
		const gone = sql`EXISTS (SELECT 1 FROM media WHERE id = ${id} AND status = 'discarded')`;
		await database.batch(
			[
				sql`${discard(database.dialect, id, [], this.#now())} AND ${gone}`,
				sql`DELETE FROM media WHERE id = ${id} AND status = 'discarded'`,
			],
			sql`media WHERE id = ${id}`,
		);
	}

	/** Crosses a job off. */
	async finish(job: Id): Promise<void> {
		await this.#shards.of(job).all(sql`DELETE FROM outbox WHERE id = ${job}`);
	}
}

/** The parts that have come, in their order, each with its latest tag. */
export function partsIn(notes: string): R2UploadedPart[] {
	const found = new Map<number, string>();
	for (const line of notes.split("\n")) {
		const [part, etag] = line.split(" ");
		if (part && etag) found.set(Number(part), etag);
	}
	return Array.from(found, ([partNumber, etag]) => ({ partNumber, etag })).sort((a, b) => a.partNumber - b.partNumber);
}

/** Written the way {@link partsIn} reads it. */
export function notesOf(parts: readonly R2UploadedPart[]): string {
	return parts.map(({ partNumber, etag }) => `${partNumber} ${etag}\n`).join("");
}
