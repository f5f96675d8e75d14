import type { Id } from "../store/ids.ts";
import type { Arrival } from "./changes.ts";

/**
 * Where a timeline comes from: the posts and relations in the store, of which it is a projection.
 * The object builds itself from it, and pages below the object's floor are read from it.
 */
export interface TimelineSource {
	/** The newest posts below `before` (exclusive) that belong into the owner's feed, newest first. */
	older(owner: Id, before: Id | undefined, limit: number): Promise<Arrival[]>;
	/** The oldest posts above `after` (exclusive) and up to `upTo` (inclusive), newest first. */
	newer(owner: Id, after: Id, upTo: Id, limit: number): Promise<Arrival[]>;
}
