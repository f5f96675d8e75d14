import { createStore, useWatched } from "../store.ts";

/** What the composer is for. */
export type Subject =
	/** `text` is put in, as another app shares it. */
	| { kind: "new"; text: string }
	/** A post of one's own is edited. */
	| { kind: "post"; id: string }
	/** So is one that waits to be sent. */
	| { kind: "waiting"; id: string };

/** From here on there is room for the composer as a dialog above the screen that one is on. */
const WIDE = "(min-width: 760px)";

const opened = createStore<Subject | null>(null);

/** What the dialog shows; null when it is closed. */
export function useOpened(): Subject | null {
	return useWatched(opened);
}

export function closeComposer(): void {
	opened.set(null);
}

/** Opens the composer: as a dialog where there is room for one, else as the screen at the same address. */
export function openComposer(address: string, route: (address: string) => void): void {
	if (matchMedia(WIDE).matches) opened.set(subjectOf(address));
	else route(address);
}

/** Has links to the composer open the dialog, where there is room; to be called for clicks around all screens. */
export function takeComposerLinks(event: MouseEvent): void {
	if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
	const link = (event.target as Element).closest("a");
	if (!link || link.origin !== location.origin || link.pathname !== "/compose" || !matchMedia(WIDE).matches) return;
	event.preventDefault();
	event.stopPropagation();
	opened.set(subjectOf(link.href));
}

/** What an address of the composer asks for: `edit` and `waiting` name posts, the rest is what other apps share. */
export function subjectOf(address: string): Subject {
	const { searchParams } = new URL(address, location.origin);
	const edit = searchParams.get("edit");
	if (edit) return { kind: "post", id: edit };
	const waiting = searchParams.get("waiting");
	if (waiting) return { kind: "waiting", id: waiting };
	return { kind: "new", text: sharedText(searchParams) };
}

/** One text of what another app shares; an address that the text has already is not repeated. */
export function sharedText(query: URLSearchParams): string {
	const parts: string[] = [];
	for (const name of ["title", "text", "url"]) {
		const part = query.get(name)?.trim();
		if (part && !parts.some((other) => other.includes(part))) parts.push(part);
	}
	return parts.join("\n");
}
