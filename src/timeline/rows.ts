import { firstIdAt, type Id, timeOf } from "../store/ids.ts";
import type { Logged } from "./changes.ts";

/** How the log is stored: rows of changes in fixed widths. `docs/storage.md` has the same. */

/** A stored row: `first` is the `seq` of its first change. */
export interface Row {
	first: number;
	changes: string;
}

/** The format that {@link encode} writes; an object with another one is converted when it wakes. */
export const LOG_FORMAT = 2;

const REASONS = { own: "o", friend: "f", follow: "w" } as const;

const VIAS = { push: "p", pull: "l", backfill: "b", build: "c" } as const;

const CAUSES = { deleted: "d", relation: "r" } as const;

const LIKES = { true: "l", false: "u" } as const;

export const ID_LENGTH = 13;

/** The leading characters of an id are its time, in units of eight milliseconds. */
const TIME_LENGTH = 8;

/** Fixed widths, no separators: the first character tells what it is and so how long. */
export function encode(change: Logged): string {
	switch (change.kind) {
		case "add": {
			const at = firstIdAt(change.at).slice(0, TIME_LENGTH);
			return `+${REASONS[change.reason]}${VIAS[change.via]}${change.postId}${change.authorId}${at}`;
		}
		case "edit":
			return `~${change.postId}`;
		case "remove":
			return `-${CAUSES[change.cause]}${change.postId}`;
		case "marker":
			return `*${change.postId}`;
		case "like":
			return `^${LIKES[`${change.liked}`]}${change.postId}`;
		case "reset":
			return "!";
	}
}

/** @param timed whether additions carry their time; in format 1 they did not, and the post's own stands for it. */
export function decode(text: string, timed = true): Logged[] {
	const changes: Logged[] = [];
	let at = 0;
	const take = (length: number) => {
		at += length;
		return text.slice(at - length, at);
	};
	const takeId = () => take(ID_LENGTH) as Id;
	while (at < text.length) {
		switch (take(1)) {
			case "+": {
				const [reason, via] = [keyOf(REASONS, take(1)), keyOf(VIAS, take(1))];
				const [postId, authorId] = [takeId(), takeId()];
				const time = timed ? (`${take(TIME_LENGTH)}00000` as Id) : postId;
				changes.push({ kind: "add", reason, via, postId, authorId, at: timeOf(time) });
				break;
			}
			case "~":
				changes.push({ kind: "edit", postId: takeId() });
				break;
			case "-":
				changes.push({ kind: "remove", cause: keyOf(CAUSES, take(1)), postId: takeId() });
				break;
			case "*":
				changes.push({ kind: "marker", postId: takeId() });
				break;
			case "^":
				changes.push({ kind: "like", liked: keyOf(LIKES, take(1)) === "true", postId: takeId() });
				break;
			case "!":
				changes.push({ kind: "reset" });
				break;
			default:
				throw new Error(NOT_A_ROW);
		}
	}
	return changes;
}

/** Rows of an older format as they are written now. */
export function upgrade(rows: readonly Row[], format: number): Row[] {
	if (format !== 1) throw new Error(`no timeline format ${format}`);
	return rows.map(({ first, changes }) => ({ first, changes: decode(changes, false).map(encode).join("") }));
}

const NOT_A_ROW = "timeline row is not in this format";

function keyOf<K extends string>(codes: Readonly<Record<K, string>>, code: string): K {
	for (const key in codes) if (codes[key] === code) return key;
	throw new Error(NOT_A_ROW);
}
