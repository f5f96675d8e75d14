import type { AccountStore, Profile } from "../accounts/store.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { Problem } from "../gateway/problem.ts";
import { ID_PATTERN, type Id } from "../store/ids.ts";
import type { Graph } from "./graph.ts";
import type { RelationKey, RelationList, RelationStore } from "./store.ts";

const TIME_PATTERN = /^\d{1,15}$/;

/** A list of people ordered by when something happened: the cursor of each is that time and the account. */
export function encodePeopleCursor({ at, other }: RelationKey): string {
	return encodeCursor("people", at, other);
}

/** @throws Problem `invalid_cursor` */
export function decodePeopleCursor(cursor: string | undefined): RelationKey | undefined {
	if (cursor === undefined) return undefined;
	const [at, other] = decodeCursor("people", cursor, TIME_PATTERN, ID_PATTERN);
	return { at: Number(at), other: other as Id };
}

export interface PeopleServices {
	accounts: AccountStore;
	graph: Pick<Graph, "unblocked">;
}

/**
 * An account that the viewer may know of.
 *
 * @throws Problem `account_not_found`, also where one blocks the other
 */
export async function requireAccount({ accounts, graph }: PeopleServices, viewer: Id, id: Id): Promise<Profile> {
	const profile = await accounts.require(id);
	if (!(await graph.unblocked(viewer, [id])).has(id)) throw new Problem("account_not_found");
	return profile;
}

/**
 * The part of a list of people that every such list shares: one more key than asked for tells
 * whether there is a next page; keys become items with their profiles, without those between whom and the
 * viewer there is a block.
 */
export async function presentPeople<T>(
	{ accounts, graph }: PeopleServices,
	viewer: Id,
	keys: readonly RelationKey[],
	limit: number,
	present: (profile: Profile, at: number) => T,
): Promise<{ items: T[]; next: string | null }> {
	const shown = keys.slice(0, limit);
	const others = shown.map((key) => key.other);
	const [profiles, unblocked] = await Promise.all([accounts.byIds(others), graph.unblocked(viewer, others)]);
	const last = shown.at(-1);
	return {
		items: shown.flatMap(({ at, other }) => {
			const profile = profiles.get(other);
			return profile && unblocked.has(other) ? [present(profile, at)] : [];
		}),
		next: last && keys.length > limit ? encodePeopleCursor(last) : null,
	};
}

const EVERYONE: PeopleServices["graph"] = { unblocked: async (_, others) => new Set(others) };

/** A page of one of an account's lists, newest tie first. */
export async function peoplePage<T>(
	services: PeopleServices & { relations: RelationStore },
	viewer: Id,
	owner: Id,
	list: RelationList,
	{ limit, cursor }: { limit: number; cursor?: string | undefined },
	present: (profile: Profile, at: number) => T,
): Promise<{ items: T[]; next: string | null }> {
	const keys = await services.relations.list(owner, list, decodePeopleCursor(cursor), limit + 1);
	// The list of whom one blocks or mutes is one's own, and shows them all.
	const graph = list === "blocking" || list === "muting" ? EVERYONE : services.graph;
	return presentPeople({ accounts: services.accounts, graph }, viewer, keys, limit, present);
}
