import type { Author } from "@edgefeed/sdk";

/** So many people are remembered. */
const MOST = 8;

/** Somebody who was looked for comes first, and once. */
export function withRecent(people: readonly Author[], person: Author): Author[] {
	const { id, username, displayName, avatarUrl } = person;
	return [{ id, username, displayName, avatarUrl }, ...people.filter((other) => other.id !== id)].slice(0, MOST);
}
