import type { Id } from "../store/ids.ts";
import type { Arrival, Reason, Via, View } from "./changes.ts";
import { ID_LENGTH } from "./rows.ts";

/** A view as one text: on its way from the object a tree of objects costs half as much again as the whole call. */

const REASONS: readonly Reason[] = ["own", "friend", "follow"];
const VIAS: readonly Via[] = ["push", "pull", "backfill", "build"];
const WIDTH = 2 * ID_LENGTH + 2;

/** What goes as it is. Objects are not spread here: it takes longer than the rest. */
type Plain = Omit<View, "entries" | "touched">;
interface Packed extends Plain {
	entries: string;
	touched: (readonly [Id, number])[];
}

export function packView({ seq, floor, building, changedAt, authors, liked, entries, touched }: View): string {
	let packed = "";
	for (const { postId, authorId, reason, via } of entries) {
		packed += `${postId}${authorId}${REASONS.indexOf(reason)}${VIAS.indexOf(via)}`;
	}
	const view: Packed = { seq, floor, building, changedAt, authors, liked, entries: packed, touched: [...touched] };
	return JSON.stringify(view);
}

export function unpackView(text: string): View {
	const { seq, floor, building, changedAt, authors, liked, entries, touched } = JSON.parse(text) as Packed;
	return {
		seq,
		floor,
		building,
		changedAt,
		authors,
		liked,
		entries: unpackEntries(entries),
		touched: new Map(touched),
	};
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
