import type { Preview } from "@edgefeed/sdk";
import { useEffect, useMemo, useState } from "preact/hooks";
import { edgefeed } from "../session.ts";
import { firstLink } from "../ui/links.ts";

/** Milliseconds without a keystroke until a link is looked at. */
const QUIET = 600;
/** Milliseconds between two questions for a preview that is being made, and how often it is asked for. */
const AGAIN = 1000;
const TIMES = 10;

export interface ComposedLink {
	/** What the post links to; null when its author wants none. */
	link: string | null;
	preview: Preview | null;
	/** The preview is being made. */
	pending: boolean;
	/** The author does not want it. */
	dismiss: () => void;
	/** The address that the author did not want; null when there is none. */
	dismissed: string | null;
}

/**
 * The link of a post: the first address in its text, or the one that it had before.
 *
 * @param before the link and preview of a post that is edited
 * @param refused the link that a draft's author did not want
 */
export function useLink(
	text: string,
	before: { link: string | null; preview: Preview | null } | undefined,
	refused: string | null,
): ComposedLink {
	const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
	const [found, setFound] = useState<{ link: string; preview: Preview | null; pending: boolean }>();
	const first = useMemo(() => firstLink(text) ?? before?.link ?? null, [text, before]);
	const link = first !== null && !dismissed.has(first) && first !== refused ? first : null;

	useEffect(() => {
		if (link === null || found?.link === link) return;
		if (link === before?.link && before.preview) {
			setFound({ link, preview: before.preview, pending: false });
			return;
		}
		const stop = new AbortController();
		const timer = setTimeout(() => {
			const tell = (preview: Preview | null, pending: boolean) => {
				if (!stop.signal.aborted) setFound({ link, preview, pending });
			};
			look(link, tell, stop.signal).catch(() => tell(null, false));
		}, QUIET);
		return () => {
			clearTimeout(timer);
			stop.abort();
		};
	}, [link, before]);

	const shown = found?.link === link ? found : undefined;
	return {
		link,
		preview: shown?.preview ?? null,
		pending: shown?.pending ?? false,
		dismiss() {
			if (link !== null) setDismissed((now) => new Set(now).add(link));
		},
		dismissed: link === null ? first : null,
	};
}

async function look(
	link: string,
	tell: (preview: Preview | null, pending: boolean) => void,
	signal: AbortSignal,
): Promise<void> {
	for (let time = 0; time < TIMES && !signal.aborted; time++) {
		const { status, preview } = await edgefeed.links.preview(link, { signal });
		tell(preview, status === "pending");
		if (status !== "pending") return;
		await new Promise((resolve) => setTimeout(resolve, AGAIN));
	}
	tell(null, false);
}
