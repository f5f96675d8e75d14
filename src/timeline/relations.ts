import type { Id } from "../store/ids.ts";
import type { Reason } from "./changes.ts";

/**
 * Whose posts belong into a timeline: its owner's friends, those she only follows, and whom of them she
 * mutes. Pure.
 *
 * Each set is one text of ids in order, so that five thousand friends wake as fast as fifty: nothing is
 * parsed, a look-up is a binary search. A block needs no set of its own, because it ends every tie: who
 * is blocked is in none. Each set is bounded by the limits on friends and follows.
 */

/** Why an author's posts are in a feed that is not her own. */
export type Tie = Exclude<Reason, "own">;

/** What the owner's feed makes of another account. */
export interface Relation {
	/** Undefined when the account's posts do not belong into the feed. */
	tie: Tie | undefined;
	/** Until when the owner mutes it, in Unix milliseconds: infinite for good, 0 for not at all. */
	mutedUntil: number;
	/** That of the pair when it was looked at: a tie that ended and was made again is another one. */
	version: number;
	/** It has so many followers that its posts are not pushed to them: the timeline pulls them. */
	heavy: boolean;
}

/** The sets as they are stored: one row each, `docs/storage.md` has the format. */
export interface RelationSets {
	/** Ids in order, each with the version of its tie (five characters, base 32), without separators. */
	friends: string;
	/** Those who are no friends. */
	follows: string;
	/** Those of `follows` who are heavy, with a version of zero. */
	heavy: string;
	/** JSON object of id and when the mute ends: Unix milliseconds, or null for never. */
	mutes: string;
}

export type SetName = keyof RelationSets;

/** Whose posts a feed is read from: id and tie. */
export type Authors = ReadonlyMap<Id, Reason>;

/** The same, packed: as it travels. */
export type PackedAuthors = Pick<RelationSets, "friends" | "follows">;

const NOTHING: RelationSets = { friends: "", follows: "", heavy: "", mutes: "{}" };

const ID = 13;
const VERSION = 5;
const WIDTH = ID + VERSION;

export class Relations {
	readonly #ids: Omit<RelationSets, "mutes">;
	readonly #mutes: Map<Id, number>;

	constructor({ mutes, ...ids }: RelationSets) {
		this.#ids = ids;
		const ends: [Id, number | null][] = Object.entries(JSON.parse(mutes)) as [Id, number | null][];
		this.#mutes = new Map(ends.map(([id, end]) => [id, end ?? Number.POSITIVE_INFINITY]));
	}

	/** The sets of accounts with a tie; what has none is left out. */
	static of(known: Iterable<readonly [Id, Relation]>): Relations {
		const relations = new Relations(NOTHING);
		const ids: Record<Tie | "heavy", string[]> = { friend: [], follow: [], heavy: [] };
		for (const [id, { tie, mutedUntil, version, heavy }] of known) {
			if (!tie) continue;
			ids[tie].push(packed(id, version));
			if (heavy && tie === "follow") ids.heavy.push(packed(id, 0));
			if (mutedUntil > 0) relations.#mutes.set(id, mutedUntil);
		}
		relations.#ids.friends = ids.friend.sort().join("");
		relations.#ids.follows = ids.follow.sort().join("");
		relations.#ids.heavy = ids.heavy.sort().join("");
		return relations;
	}

	get sets(): RelationSets {
		const ends = [...this.#mutes].map(([id, end]) => [id, Number.isFinite(end) ? end : null]);
		return { ...this.#ids, mutes: JSON.stringify(Object.fromEntries(ends)) };
	}

	of(id: Id): Relation {
		const friend = versionIn(this.#ids.friends, id);
		const follow = friend === undefined ? versionIn(this.#ids.follows, id) : undefined;
		return {
			tie: friend !== undefined ? "friend" : follow !== undefined ? "follow" : undefined,
			mutedUntil: this.#mutes.get(id) ?? 0,
			version: friend ?? follow ?? 0,
			heavy: versionIn(this.#ids.heavy, id) !== undefined,
		};
	}

	/** The tie to an author whose posts are shown at `now`; undefined when they are not. */
	shown(id: Id, now: number): Tie | undefined {
		const { tie, mutedUntil } = this.of(id);
		return mutedUntil > now ? undefined : tie;
	}

	/** Writes down what the owner makes of another account. @returns the sets that changed. */
	put(id: Id, { tie, mutedUntil, version, heavy }: Relation): Partial<RelationSets> {
		const before = this.of(id);
		const until = tie ? mutedUntil : 0;
		const changed: SetName[] = [];
		const member = (name: "friends" | "follows" | "heavy", wanted: number | undefined) => {
			if (versionIn(this.#ids[name], id) === wanted) return;
			const others = without(this.#ids[name], id);
			this.#ids[name] = wanted === undefined ? others : including(others, id, wanted);
			changed.push(name);
		};
		member("friends", tie === "friend" ? kept(version) : undefined);
		member("follows", tie === "follow" ? kept(version) : undefined);
		member("heavy", heavy && tie === "follow" ? 0 : undefined);
		if (before.mutedUntil !== until) {
			if (until > 0) this.#mutes.set(id, until);
			else this.#mutes.delete(id);
			changed.push("mutes");
		}
		const { sets } = this;
		return Object.fromEntries(changed.map((name) => [name, sets[name]]));
	}

	/** Whose posts the timeline must pull. */
	get heavy(): Id[] {
		return unpack(this.#ids.heavy);
	}

	/** Whether anybody is muted at `now`: else every entry is shown. */
	hides(now: number): boolean {
		for (const until of this.#mutes.values()) if (until > now) return true;
		return false;
	}

	/** Those whose mute has ended by `now`. */
	ended(now: number): Id[] {
		return [...this.#mutes].flatMap(([id, until]) => (until <= now ? [id] : []));
	}

	/** When the next mute ends after `now`: Unix milliseconds, or infinity. */
	nextEnd(now: number): number {
		return Math.min(Number.POSITIVE_INFINITY, ...[...this.#mutes.values()].filter((until) => until > now));
	}

	/** Whose posts are shown at `now`. */
	packed(now: number): PackedAuthors {
		const { friends, follows } = this.#ids;
		if (!this.hides(now)) return { friends, follows };
		const shown = (ids: string) =>
			unpack(ids)
				.filter((id) => (this.#mutes.get(id) ?? 0) <= now)
				.map((id) => packed(id, 0))
				.join("");
		return { friends: shown(friends), follows: shown(follows) };
	}

	/** Whom, apart from versions, two states of the sets do not agree about. */
	differing(other: Relations): Id[] {
		const known = new Set(
			[this, other].flatMap((each) => [each.#ids.friends, each.#ids.follows].flatMap((ids) => unpack(ids))),
		);
		return [...known].filter((id) => {
			const [a, b] = [this.of(id), other.of(id)];
			return a.tie !== b.tie || a.mutedUntil !== b.mutedUntil || a.heavy !== b.heavy;
		});
	}
}

/** Whose posts the feed of `owner` is read from, herself among them. */
export function authorsOf(owner: Id, { friends, follows }: PackedAuthors): Map<Id, Reason> {
	const authors = new Map<Id, Reason>([[owner, "own"]]);
	for (const id of unpack(friends)) authors.set(id, "friend");
	for (const id of unpack(follows)) authors.set(id, "follow");
	return authors;
}

function unpack(ids: string): Id[] {
	return Array.from({ length: ids.length / WIDTH }, (_, n) => ids.slice(n * WIDTH, n * WIDTH + ID) as Id);
}

/** Versions past what five characters hold stay at the highest: nobody changes a tie so often. */
function kept(version: number): number {
	return Math.min(version, 32 ** VERSION - 1);
}

function packed(id: Id, version: number): string {
	return id + kept(version).toString(32).padStart(VERSION, "0");
}

/** Where in `ids` the first one that is not below `id` begins. */
function placeOf(ids: string, id: Id): number {
	let low = 0;
	let high = ids.length / WIDTH;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (ids.slice(middle * WIDTH, middle * WIDTH + ID) < id) low = middle + 1;
		else high = middle;
	}
	return low * WIDTH;
}

/** Undefined when `id` is not among them. */
function versionIn(ids: string, id: Id): number | undefined {
	const at = placeOf(ids, id);
	return ids.startsWith(id, at) ? Number.parseInt(ids.slice(at + ID, at + WIDTH), 32) : undefined;
}

function including(ids: string, id: Id, version: number): string {
	const at = placeOf(ids, id);
	return ids.slice(0, at) + packed(id, version) + ids.slice(at);
}

function without(ids: string, id: Id): string {
	const at = placeOf(ids, id);
	return ids.startsWith(id, at) ? ids.slice(0, at) + ids.slice(at + WIDTH) : ids;
}
