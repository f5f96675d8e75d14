import type { Id } from "../store/ids.ts";
import type { Arrival, Reason, Via, View } from "./changes.ts";
import { ID_LENGTH } from "./rows.ts";

/** A view as one text: on its way from the object a tree of objects costs half as much again as the whole call. */

const REASONS: readonly Reason[] = ["own", "friend", "follow"];
const VIAS: readonly Via[] = ["push", "pull", "backfill", "build"];
const WIDTH = 2 * ID_LENGTH + 2;

export function packView({ entries, touched, ...view }: View): string {
	const packed = entries.map(
		({ postId, authorId, reason, via }) => `${postId}${authorId}${REASONS.indexOf(reason)}${VIAS.indexOf(via)}`,
	);
	return JSON.stringify({ ...view, entries: packed.join(""), touched: [...touched] });
}

export function unpackView(text: string): View {
	const { entries, touched, ...view } = JSON.parse(text);
	return { ...view, entries: unpackEntries(entries), touched: new Map(touched) };
}

function unpackEntries(text: string): Arrival[] {
	return Array.from({ length: text.length / WIDTH }, (_, n) => {
		const at = n * WIDTH;
		return {
			postId: text.slice(at, at + ID_LENGTH) as Id,
			authorId: text.slice(at + ID_LENGTH, at + 2 * ID_LENGTH) as Id,
			reason: REASONS[Number(text[at + 2 * ID_LENGTH])] ?? "follow",
			via: VIAS[Number(text[at + 2 * ID_LENGTH + 1])] ?? "push",
		};
	});
}
