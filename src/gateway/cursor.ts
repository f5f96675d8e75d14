import { Problem } from "./problem.ts";

/**
 * Cursors: where a list goes on, opaque to clients. A cursor holds the sort key of the last item,
 * never an offset, so that it stays good while the list changes and after its item is deleted.
 */

/** The kinds of lists, so that a cursor of one is refused by another. */
export type CursorKind =
	| "accounts"
	| "audit-log"
	| "feed"
	| "flags"
	| "letters"
	| "people"
	| "posts"
	| "search"
	| "shards"
	| "verify"
	| "versions";

/** `parts` are free of dots. */
export function encodeCursor(kind: CursorKind, ...parts: (string | number)[]): string {
	return btoa(`${kind}.${parts.join(".")}`)
		.replaceAll("+", "-")
		.replaceAll("/", "_")
		.replaceAll("=", "");
}

/**
 * @returns the parts, each of which fits its pattern.
 * @throws Problem `invalid_cursor` when the text was not made by {@link encodeCursor} for this kind.
 */
export function decodeCursor<const P extends readonly RegExp[]>(
	kind: CursorKind,
	cursor: string,
	...patterns: P
): { [K in keyof P]: string } {
	const [found, ...parts] = decodeText(cursor).split(".");
	const fits = found === kind && parts.length === patterns.length && parts.every((part, i) => patterns[i]?.test(part));
	// Base64 has several texts for some bytes; only the one that was given out is accepted.
	if (!fits || encodeCursor(kind, ...parts) !== cursor)
		throw new Problem("invalid_cursor", undefined, [{ path: "cursor", message: "not a cursor of this list" }]);
	return parts as { [K in keyof P]: string };
}

function decodeText(cursor: string): string {
	try {
		return atob(cursor.replaceAll("-", "+").replaceAll("_", "/"));
	} catch {
		return "";
	}
}
