import type { LiveFeed, LiveFeedState } from "@edgefeed/sdk";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { rememberedPlace } from "./place-memory.ts";
import { type Opening, openingOf } from "./reading.ts";

/** Pages of older posts that are read at most to come to where the reader was. */
const PAGES_TO_PLACE = 8;

interface Opened {
	at: Opening;
	/** What is shown may still be moved: it is what was kept, and what came since is on its way. */
	provisional: boolean;
	/** Another one is another list, which opens anew. */
	key: number;
}

/**
 * Where the feed opens; undefined until that can be told. What this device has kept, or the first page, is shown at
 * once, and when the feed is in step it is moved to where its owner stopped reading, unless she has begun to. A place that is a little
 * below what is held is read up to; the way to one that is far below is offered.
 */
export function useOpening(feed: LiveFeed, state: LiveFeedState, accountId: string) {
	// What was kept is drawn with the first frame.
	const [opened, setOpened] = useState<Opened | undefined>(() =>
		state.items.length === 0 || rememberedPlace(accountId)
			? undefined
			: { at: { kind: "top" }, provisional: true, key: 0 },
	);
	const [wanted, setWanted] = useState(false);
	const pages = useRef(0);
	const touched = useTouched();

	useEffect(() => {
		if (opened && !opened.provisional && !wanted) return;
		if (state.status === "loading" && state.items.length === 0) return;
		const open = (at: Opening, provisional = false) => {
			setWanted(false);
			setOpened((before) => {
				if (before?.at.kind === "top" && at.kind === "top") return { ...before, provisional };
				return { at, provisional, key: (before?.key ?? 0) + 1 };
			});
		};
		const live = state.status === "live";
		if (state.items.length === 0) return live ? open({ kind: "top" }) : undefined;
		if (opened && touched.current && !wanted) return open(opened.at);

		const kept = wanted ? null : rememberedPlace(accountId);
		const held = { ids: state.items.map(({ id }) => id), hasOlder: state.hasOlder };
		if (!live && !kept) return opened ? undefined : open({ kind: "top" }, true);
		// A first look at what came: it stands above the marker, and not behind the button.
		if (live && !kept && state.fresh.length > 0) return feed.show();
		const found = openingOf(held, kept, state.marker);
		const deeper = found.kind === "load" || (wanted && found.kind === "far");
		if (!deeper) return open(found);
		if (pages.current >= PAGES_TO_PLACE || !live) return open({ kind: "top" });
		if (state.loadingOlder) return;
		pages.current++;
		feed.loadOlder().catch(() => open({ kind: "top" }));
	}, [opened, wanted, feed, state, accountId]);

	const goToPlace = useCallback(() => {
		pages.current = 0;
		setWanted(true);
	}, []);
	return { opening: opened?.at, settled: opened?.provisional === false, key: opened?.key, goToPlace };
}

/** Whether the reader has begun to scroll or to press keys. */
function useTouched() {
	const touched = useRef(false);
	useEffect(() => {
		const note = () => {
			touched.current = true;
		};
		const events = ["wheel", "touchmove", "keydown", "pointerdown"] as const;
		for (const name of events) addEventListener(name, note, { passive: true });
		return () => {
			for (const name of events) removeEventListener(name, note);
		};
	}, []);
	return touched;
}
