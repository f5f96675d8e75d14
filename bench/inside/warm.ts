/** Warms timelines in bulk: built as at a first read, but from what is at hand instead of the databases. */
import type { Env } from "../../src/env.ts";
import { encodeId, type Id } from "../../src/store/ids.ts";
import type { Arrival } from "../../src/timeline/changes.ts";
import type { Relation } from "../../src/timeline/relations.ts";
import type { TimelineSource } from "../../src/timeline/source.ts";

export interface WarmRequest {
	owners: Id[];
	/** Whom all of them follow. */
	authors: Id[];
}

/** Entries of a new timeline: half a row of its log, as it is on average. */
const ENTRIES = 32;

let canned: { relations: [Id, Relation][]; arrivals: Arrival[] } | undefined;

/** Has each of `owners` read her feed. Those whose timeline is built are only woken. */
export async function warm(env: Env, { owners, authors }: WarmRequest): Promise<void> {
	const [author] = authors;
	if (author) {
		const since = Date.now() - 86_400_000;
		canned = {
			relations: authors.map((id) => [id, { tie: "follow", mutedUntil: 0, version: 1, heavy: false }]),
			arrivals: Array.from({ length: ENTRIES }, (_, n): Arrival => {
				return {
					postId: encodeId({ time: since - n, shard: 0, tail: 0 }),
					authorId: author,
					reason: "follow",
					via: "build",
				};
			}),
		};
	}
	await Promise.all(owners.map((owner) => env.TIMELINE.getByName(owner).page({ limit: 1 })));
	canned = undefined;
}

/** The store, or while timelines are warmed in bulk what they are given. */
export function cannedSource(real: TimelineSource): TimelineSource {
	return {
		ties: async (owner) => canned?.relations ?? real.ties(owner),
		heavyAmong: async (authors) => (canned ? new Set<Id>() : real.heavyAmong(authors)),
		heads: (authors) => real.heads(authors),
		liked: async (...values) => (canned ? new Set<Id>() : real.liked(...values)),
		older: async (...values) => canned?.arrivals ?? real.older(...values),
		groups: (authors) => (canned ? [authors] : real.groups(authors)),
		relation: (...values) => real.relation(...values),
		newer: (...values) => real.newer(...values),
		newest: (...values) => real.newest(...values),
		setTurn: (...values) => real.setTurn(...values),
	};
}
