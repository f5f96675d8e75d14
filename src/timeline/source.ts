import type { Id } from "../store/ids.ts";
import type { Arrival } from "./changes.ts";
import type { Authors, Relation, Tie } from "./relations.ts";

/**
 * Where a timeline comes from: the posts and relations in the store, of which it is a projection.
 * The object builds itself from it, and pages below the object's floor are read from it.
 */
export interface TimelineSource {
	/** Everyone with whom the owner has a tie. */
	relations(owner: Id): Promise<[Id, Relation][]>;
	/** What the owner makes of one account, as whoever decides it knows it: not a copy that may lag behind. */
	relation(owner: Id, other: Id): Promise<Relation>;
	/** The newest posts of `authors` below `before` (exclusive), newest first. */
	older(authors: Authors, before: Id | undefined, limit: number): Promise<Arrival[]>;
	/** Their oldest posts above `after` (exclusive) and up to `upTo` (inclusive), newest first. */
	newer(authors: Authors, after: Id, upTo: Id, limit: number): Promise<Arrival[]>;
	/** An author's newest posts that one with such a tie gets, newest first; `complete` when she has no older ones. */
	newest(author: Id, tie: Tie, limit: number): Promise<{ ids: Id[]; complete: boolean }>;
	/** `authors` by the database that they are on: each group can be read while another cannot. */
	groups(authors: Authors): Authors[];
	/**
	 * Tells the store whether fan-out from `authors` should reach the owner: at an even `turn` it does, at an odd
	 * one she is dormant. The highest turn wins, whenever it arrives.
	 */
	setTurn(owner: Id, authors: Iterable<Id>, turn: number): Promise<void>;
}
