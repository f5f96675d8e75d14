import { base64url } from "jose";
import { type AccountView, presentAccount } from "../accounts/account.ts";
import { hasWord, inOrder, type Named, type NameStore } from "../accounts/name-store.ts";
import { searched } from "../accounts/names.ts";
import type { AccountStore } from "../accounts/store.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { Problem } from "../gateway/problem.ts";
import { ID_PATTERN, type Id } from "../store/ids.ts";
import type { Graph } from "./graph.ts";
import type { RelationStore } from "./store.ts";

export interface SearchServices {
	accounts: AccountStore;
	names: NameStore;
	relations: RelationStore;
	graph: Graph;
}

/** Where a list goes on: among the friends or among everybody else, after somebody or at the start. */
interface Place {
	part: "friends" | "others";
	after: Named | undefined;
}

/** How often the next of everybody are asked for when many of a page were friends, who have had their turn. */
const ROUNDS = 3;

/** Looks for people by the beginning of a username or of a word of their names. */
export class AccountSearch {
	readonly #services: SearchServices;

	constructor(services: SearchServices) {
		this.#services = services;
	}

	/**
	 * A page: friends first, then everybody else, each by the word that fits. Whoever is hidden is not found, nor those
	 * between whom and the viewer there is a block; a page may come out short of these.
	 *
	 * @throws Problem `invalid_cursor`, also for a cursor of another search
	 */
	async page(
		viewer: Id,
		text: string,
		{ limit, cursor }: { limit: number; cursor?: string | undefined },
	): Promise<{ items: AccountView[]; next: string | null }> {
		const prefix = searched(text);
		const place = decodePlace(cursor, prefix);
		if (prefix === "") return { items: [], next: null };
		const { names, relations } = this.#services;
		const friends = await relations.friends(viewer);
		const found: Named[] = [];
		let next: Place | undefined;
		if (place.part === "friends") {
			const { after } = place;
			const fitting = (await names.among(friends, prefix)).filter((each) => !after || inOrder(each, after) > 0);
			found.push(...fitting.slice(0, limit));
			if (fitting.length > limit) next = { part: "friends", after: found.at(-1) };
		}
		if (next === undefined) {
			const known = new Set([viewer, ...friends]);
			next = { part: "others", after: place.part === "others" ? place.after : undefined };
			for (let round = 0; next && found.length < limit && round < ROUNDS; round++) {
				const wanted = limit - found.length;
				const more: Named[] = await names.find(prefix, next.after, wanted + 1);
				const shown = more.slice(0, wanted);
				found.push(...shown.filter(({ id }) => !known.has(id)));
				next = more.length > wanted ? { part: "others", after: shown.at(-1) } : undefined;
			}
		}
		return { items: await this.#present(viewer, found), next: next ? encodePlace(next) : null };
	}

	async #present(viewer: Id, found: readonly Named[]): Promise<AccountView[]> {
		const { accounts, graph } = this.#services;
		const ids = found.map(({ id }) => id);
		if (ids.length === 0) return [];
		const [profiles, views, unblocked] = await Promise.all([
			accounts.byIds(ids),
			graph.views(viewer, ids),
			graph.unblocked(viewer, ids),
		]);
		return found.flatMap(({ id, word }) => {
			const profile = profiles.get(id);
			if (!profile || !hasWord(profile, word) || !unblocked.has(id)) return [];
			return [presentAccount(profile, views.get(id))];
		});
	}
}

/** A word may have anything in it that names have, so it is in the cursor as base64. */
function encodePlace({ part, after }: Place): string {
	return encodeCursor("search", part, after ? base64url.encode(after.word) : "", after?.id ?? "");
}

const PART = /^(?:friends|others)$/;
const WORD = /^[\w-]{0,600}$/;
const NOBODY_OR_ID = new RegExp(`^$|${ID_PATTERN.source}`);

function decodePlace(cursor: string | undefined, prefix: string): Place {
	if (cursor === undefined) return { part: "friends", after: undefined };
	const [part, encoded, id] = decodeCursor("search", cursor, PART, WORD, NOBODY_OR_ID);
	if (id === "") return { part: part as Place["part"], after: undefined };
	const word = decodeWord(encoded);
	if (!word?.startsWith(prefix))
		throw new Problem("invalid_cursor", undefined, [{ path: "cursor", message: "not a cursor of this search" }]);
	return { part: part as Place["part"], after: { id: id as Id, word } };
}

/** Undefined for what no word is: it may have characters in it that a database refuses. */
function decodeWord(encoded: string): string | undefined {
	try {
		const word = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(base64url.decode(encoded));
		return /\p{C}/u.test(word) ? undefined : word;
	} catch {
		return undefined;
	}
}
