import { firstIdAt, type Id } from "../store/ids.ts";
import type { Audit } from "./changes.ts";
import { LOG_OPTIONS, type TimelineLog } from "./log.ts";
import { ON_ITS_WAY, type Projection } from "./projection.ts";
import { authorsOf } from "./relations.ts";
import type { TimelineSource } from "./source.ts";

/** Entries that are compared, unless a sample is. */
const AUDITED = 2 * LOG_OPTIONS.keep;

export interface AuditOptions {
	/** Mends what differs. */
	repair: boolean;
	/** Compares so many entries from anywhere instead of the newest. */
	sample?: number;
}

/** Compares a timeline with the store, of which it is a projection. */
export async function audit(
	timeline: Projection,
	source: TimelineSource,
	owner: Id,
	{ repair, sample }: AuditOptions,
): Promise<Audit> {
	const nothing: Audit = { cold: true, checked: 0, missing: 0, stale: 0, relations: 0, likes: 0 };
	if (timeline.cold) return nothing;
	// What is to be pulled is not missing.
	await timeline.pull();
	const { log, relations } = await timeline.warm();
	const differing = async () => relations.differing(await timeline.storedRelations());
	const unclear = await differing();
	const limit = sample ?? AUDITED;
	const top = sample === undefined ? undefined : anywhere(log, sample);
	const before = log.page({ before: top, limit });
	const { seq } = log;
	const mistaken = async () => {
		const postIds = before.entries.map(({ postId }) => postId);
		const liked = await source.liked(owner, postIds);
		return postIds.filter((id) => log.likes(id) !== liked.has(id) && !timeline.touched.has(id));
	};
	const unsure = await mistaken();
	const stored = await source.older(authorsOf(owner, relations.packed(Number.POSITIVE_INFINITY)), top, limit);
	// What only lagged behind agrees by now.
	const still = unclear.length === 0 ? [] : await differing();
	const sure = unsure.length === 0 ? [] : await mistaken();
	if (!timeline.isCurrent(log)) return nothing;
	const likes = sure.filter((id) => unsure.includes(id));
	const wrong = still.filter((id) => unclear.includes(id));
	const { missing, stale } = log.compare(before, stored, stored.length < limit, firstIdAt(Date.now() - ON_ITS_WAY));
	if (repair) {
		// What came into view while the store was read looks stale, and is not.
		const mend = log.seq === seq ? [...stale, ...missing] : missing;
		if (mend.length > 0) timeline.apply(mend);
		// As if it were the first that is heard of them.
		for (const postId of likes) timeline.like(postId, !log.likes(postId), 1);
		for (const other of wrong) await timeline.retie(other);
	}
	return {
		cold: false,
		checked: Math.max(before.entries.length, stored.length),
		missing: missing.length,
		stale: stale.length,
		relations: wrong.length,
		likes: likes.length,
	};
}

/** Where `sample` entries can be read from: at the top as often as anywhere else. */
function anywhere(log: TimelineLog, sample: number): Id | undefined {
	const { entries } = log.page({ limit: Number.POSITIVE_INFINITY });
	return entries[Math.floor(Math.random() * (entries.length - sample + 1)) - 1]?.postId;
}
