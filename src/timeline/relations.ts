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
}

/** The sets as they are stored: one row each, `docs/storage.md` has the format. */
export interface RelationSets {
	/** Ids in order, without separators. */
	friends: string;
	/** Those who are no friends. */
	follows: string;
	/** JSON object of id and when the mute ends: Unix milliseconds, or null for never. */
	mutes: string;
}

export type SetName = keyof RelationSets;

/** Whose posts a feed is read from: id and tie. */
export type Authors = ReadonlyMap<Id, Reason>;

/** The same, packed: as it travels. */
export type PackedAuthors = Pick<RelationSets, "friends" | "follows">;

export const STRANGER: Relation = { tie: undefined, mutedUntil: 0 };

const WIDTH = 13;
const SETS = { friend: "friends", follow: "follows" } as const satisfies Record<Tie, SetName>;

export class Relations {
	readonly #ids: { friends: string; follows: string };
	readonly #mutes: Map<Id, number>;

	constructor({ friends, follows, mutes }: RelationSets) {
		this.#ids = { friends, follows };
		const ends: [Id, number | null][] = Object.entries(JSON.parse(mutes)) as [Id, number | null][];
		this.#mutes = new Map(ends.map(([id, end]) => [id, end ?? Number.POSITIVE_INFINITY]));
	}

	/** The sets of accounts with a tie; what has none is left out. */
	static of(known: Iterable<readonly [Id, Relation]>): Relations {
		const relations = new Relations({ friends: "", follows: "", mutes: "{}" });
		const ids: Record<Tie, Id[]> = { friend: [], follow: [] };
		for (const [id, { tie, mutedUntil }] of known) {
			if (!tie) continue;
			ids[tie].push(id);
			if (mutedUntil > 0) relations.#mutes.set(id, mutedUntil);
		}
		relations.#ids.friends = ids.friend.sort().join("");
		relations.#ids.follows = ids.follow.sort().join("");
		return relations;
	}

	get sets(): RelationSets {
		const ends = [...this.#mutes].map(([id, end]) => [id, Number.isFinite(end) ? end : null]);
		return { ...this.#ids, mutes: JSON.stringify(Object.fromEntries(ends)) };
	}

	of(id: Id): Relation {
		const tie = has(this.#ids.friends, id) ? "friend" : has(this.#ids.follows, id) ? "follow" : undefined;
		return { tie, mutedUntil: this.#mutes.get(id) ?? 0 };
	}

	/** The tie to an author whose posts are shown at `now`; undefined when they are not. */
	shown(id: Id, now: number): Tie | undefined {
		const { tie, mutedUntil } = this.of(id);
		return mutedUntil > now ? undefined : tie;
	}

	/** Writes down what the owner makes of another account. @returns the sets that changed. */
	put(id: Id, { tie, mutedUntil }: Relation): Partial<RelationSets> {
		const before = this.of(id);
		const until = tie ? mutedUntil : 0;
		const changed: SetName[] = [];
		if (before.tie !== tie) {
			if (before.tie) {
				const name = SETS[before.tie];
				this.#ids[name] = without(this.#ids[name], id);
				changed.push(name);
			}
			if (tie) {
				const name = SETS[tie];
				this.#ids[name] = including(this.#ids[name], id);
				changed.push(name);
			}
		}
		if (before.mutedUntil !== until) {
			if (until > 0) this.#mutes.set(id, until);
			else this.#mutes.delete(id);
			changed.push("mutes");
		}
		const { sets } = this;
		return Object.fromEntries(changed.map((name) => [name, sets[name]]));
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
		const shown = (ids: string) => unpack(ids).filter((id) => (this.#mutes.get(id) ?? 0) <= now);
		return { friends: shown(friends).join(""), follows: shown(follows).join("") };
	}

	/** Whom two states of the sets do not agree about. */
	differing(other: Relations): Id[] {
		const known = new Set(
			[this, other].flatMap((each) => [each.#ids.friends, each.#ids.follows].flatMap((ids) => unpack(ids))),
		);
		return [...known].filter((id) => {
			const [a, b] = [this.of(id), other.of(id)];
			return a.tie !== b.tie || a.mutedUntil !== b.mutedUntil;
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
	return Array.from({ length: ids.length / WIDTH }, (_, n) => ids.slice(n * WIDTH, (n + 1) * WIDTH) as Id);
}

/** Where in `ids` the first one that is not below `id` begins. */
function placeOf(ids: string, id: Id): number {
	let low = 0;
	let high = ids.length / WIDTH;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (ids.slice(middle * WIDTH, (middle + 1) * WIDTH) < id) low = middle + 1;
		else high = middle;
	}
	return low * WIDTH;
}

function has(ids: string, id: Id): boolean {
	return ids.startsWith(id, placeOf(ids, id));
}

function including(ids: string, id: Id): string {
	const at = placeOf(ids, id);
	return ids.slice(0, at) + id + ids.slice(at);
}

function without(ids: string, id: Id): string {
	const at = placeOf(ids, id);
	return ids.slice(0, at) + ids.slice(at + WIDTH);
}
