import type { AccountStore, Profile } from "../accounts/store.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { ID_PATTERN, type Id } from "../store/ids.ts";
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

/**
 * The part of a list of people that every such list shares: one more key than asked for tells
 * whether there is a next page; keys become items with their profiles.
 */
export async function presentPeople<T>(
	accounts: AccountStore,
	keys: readonly RelationKey[],
	limit: number,
	present: (profile: Profile, at: number) => T,
): Promise<{ items: T[]; next: string | null }> {
	const shown = keys.slice(0, limit);
	const profiles = await accounts.byIds(shown.map((key) => key.other));
	const last = shown.at(-1);
	return {
		items: shown.flatMap(({ at, other }) => {
			const profile = profiles.get(other);
			return profile ? [present(profile, at)] : [];
		}),
		next: last && keys.length > limit ? encodePeopleCursor(last) : null,
	};
}

/** A page of one of an account's lists, newest tie first. */
export async function peoplePage<T>(
	{ accounts, relations }: { accounts: AccountStore; relations: RelationStore },
	owner: Id,
	list: RelationList,
	{ limit, cursor }: { limit: number; cursor?: string | undefined },
	present: (profile: Profile, at: number) => T,
): Promise<{ items: T[]; next: string | null }> {
	const keys = await relations.list(owner, list, decodePeopleCursor(cursor), limit + 1);
	return presentPeople(accounts, keys, limit, present);
}
