import type { Sight } from "../graph/graph.ts";
import { LEVELS, type Level } from "../graph/rules.ts";
import type { Reason } from "../timeline/changes.ts";

/** Who may see a post, widest first. Friends are followers too. */
export const AUDIENCES = ["public", "followers", "friends", "me"] as const;
export type Audience = (typeof AUDIENCES)[number];

/** How an audience is stored: its place in {@link AUDIENCES}, which is the level that it asks for. */
export type AudienceRank = 0 | 1 | 2 | 3;

export function rankOf(audience: Audience): AudienceRank {
	return AUDIENCES.indexOf(audience) as AudienceRank;
}

/** @throws RangeError when there is no such rank. */
export function audienceAt(rank: number): Audience {
	const audience = AUDIENCES[rank];
	if (!audience) throw new RangeError("no such audience");
	return audience;
}

/** Whether someone at `level` towards the author may see the post. */
export function maySee(rank: number, level: Level): boolean {
	return rank <= level;
}

/** What someone sees of an author for whose posts her feed has a reason. */
export const LEVEL_OF: Readonly<Record<Reason, Level>> = {
	own: LEVELS.self,
	friend: LEVELS.friend,
	follow: LEVELS.follow,
};

/** Whether it belongs into the feed of someone with this sight of the author: a stranger's public post can be seen, but is not fed. */
export function feeds(rank: number, sight: Sight | undefined): boolean {
	return sight !== undefined && !sight.muted && sight.level > LEVELS.none && maySee(rank, sight.level);
}
