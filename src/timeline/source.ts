import type { Id } from "../store/ids.ts";
import type { Arrival } from "./changes.ts";
import type { Authors, Relation, Tie } from "./relations.ts";

/** How many posts the head of a heavy author has. */
export const HEADS = 20;

/**
 * Where a timeline comes from: the posts and relations in the store, of which it is a projection.
 * The object builds itself from it, and pages below the object's floor are read from it.
 */
export interface TimelineSource {
	/** Everyone with whom the owner has a tie. Who of them is heavy, their own databases know. */
	ties(owner: Id): Promise<[Id, Relation][]>;
	/** Those of `authors` whose posts are not pushed to followers. */
	heavyAmong(authors: readonly Id[]): Promise<ReadonlySet<Id>>;
	/** What the owner makes of one account, as whoever decides it knows it: not a copy that may lag behind. */
	relation(owner: Id, other: Id): Promise<Relation>;
	/** The newest posts of `authors` below `before` (exclusive), newest first. */
	older(authors: Authors, before: Id | undefined, limit: number): Promise<Arrival[]>;
	/** Their oldest posts above `after` (exclusive) and up to `upTo` (inclusive), newest first. */
	newer(authors: Authors, after: Id, upTo: Id, limit: number): Promise<Arrival[]>;
	/** An author's newest posts that one with such a tie gets, newest first; `complete` when she has no older ones. */
	newest(author: Id, tie: Tie, limit: number): Promise<{ ids: Id[]; complete: boolean }>;
	/**
	 * The newest posts, newest first, that followers of each of `authors` get: {@link HEADS} at most. Shared by all
	 * who follow them, and so up to some seconds old.
	 */
	heads(authors: readonly Id[]): Promise<ReadonlyMap<Id, readonly Id[]>>;
	/** Those of some posts that the owner likes. */
	liked(owner: Id, postIds: readonly Id[]): Promise<ReadonlySet<Id>>;
	/** `authors` by the database that they are on: each group can be read while another cannot. */
	groups(authors: Authors): Authors[];
	/**
	 * Tells the store whether fan-out from `authors` should reach the owner: at an even `turn` it does, at an odd
	 * one she is dormant. The highest turn wins, whenever it arrives.
	 */
	setTurn(owner: Id, authors: Iterable<Id>, turn: number): Promise<void>;
}

/** Who is connected. */
export interface Channels {
	/** For an hour the owner comes first in fan-outs, and is told of what heavy `authors` post. */
	join(owner: Id, authors: readonly Id[]): Promise<void>;
}

/** How long a timeline is told before it must join again, in milliseconds. */
export const CHANNEL_LEASE = 3_600_000;
