import { type SQL, sql } from "drizzle-orm";
import { Problem } from "../gateway/problem.ts";
import type { Dialect } from "../store/database.ts";
import { list } from "../store/dialect.ts";
import type { Id } from "../store/ids.ts";
import { type ShownMedia, shownOf } from "./media.ts";
import type { MediaRow, MediaStore } from "./store.ts";

/** What is to be shown by a post, as it was found: it is written only if it is still so. */
export interface Wanted {
	owner: Id;
	/** In the order in which they are shown. */
	ids: readonly Id[];
	/** Id and version of each. */
	tags: readonly string[];
	/** For the post's column `media`; null when it shows nothing. */
	text: string | null;
}

/**
 * Finds what an account wants a post to show.
 *
 * @param post that may show some of it already
 * @throws Problem `media_not_found` also for what is somebody else's, `media_not_ready`, `media_attached`
 */
export async function wantedBy(store: MediaStore, owner: Id, ids: readonly Id[], post: Id): Promise<Wanted> {
	if (ids.length === 0) return { owner, ids, tags: [], text: null };
	const rows = await store.byIds(owner, ids);
	const posterIds = [...rows.values()].flatMap(({ poster }) => (poster ? [poster] : []));
	const posters = posterIds.length > 0 ? await store.byIds(owner, posterIds) : new Map<Id, MediaRow>();
	const shown: ShownMedia[] = [];
	const tags: string[] = [];
	for (const id of ids) {
		const row = rows.get(id);
		if (row?.owner !== owner || row.purpose !== "post" || row.status === "discarded")
			throw new Problem("media_not_found");
		if (row.attachedTo !== null && row.attachedTo !== post) throw new Problem("media_attached");
		const each = shownOf(row, row.poster ? posters.get(row.poster) : undefined);
		if (!each) throw new Problem("media_not_ready");
		shown.push(each);
		tags.push(`${id}.${row.version}`);
	}
	return { owner, ids, tags, text: JSON.stringify(shown) };
}

/** Whether all that a post is to show is as it was found, and may be shown by it. */
export function stillThere(dialect: Dialect, { owner, ids, tags }: Wanted, post: Id): SQL {
	return sql`(SELECT count(*) FROM media WHERE id IN ${list(dialect, ids)} AND owner = ${owner} AND status = 'ready'
		AND (attached_to IS NULL OR attached_to = ${post}) AND id || '.' || version IN ${list(dialect, tags)}) = ${ids.length}`;
}

/** The statement that ties media to what shows them; a condition may be added to it. */
export function attach(dialect: Dialect, ids: readonly Id[], to: Id): SQL {
	return sql`UPDATE media SET attached_to = ${to}, due_at = NULL WHERE id IN ${list(dialect, ids)}`;
}

/**
 * The statement that gives up what is shown by something, save `but`, with the stills of videos: their rows say so until
 * the sweeper has deleted the files. A condition may be added to it.
 */
export function discard(dialect: Dialect, from: Id, but: readonly Id[], now: number): SQL {
	const kept = but.length > 0 ? sql`AND id NOT IN ${list(dialect, but)}` : undefined;
	const shown = sql`SELECT id FROM media WHERE attached_to = ${from} ${kept}`;
	return sql`UPDATE media SET status = 'discarded', attached_to = NULL, due_at = ${now}
		WHERE id IN (${shown} UNION ALL SELECT id FROM media WHERE attached_to IN (${shown}))`;
}
