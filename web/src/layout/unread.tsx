import { homeFeed } from "../home-feed.ts";
import { useWatched } from "../store.ts";
import { shortNumber, t } from "../texts/texts.ts";

const feed = { get: () => homeFeed().state, subscribe: (listener: () => void) => homeFeed().subscribe(listener) };

/** How many posts of others are newer than the reading position. */
export function UnreadBadge({ id }: { id: string }) {
	const count = useWatched(feed).marker?.unreadCount ?? 0;
	return (
		// Hidden from the link's name; its description may be what is hidden.
		<span id={id} class={count > 0 ? "badge" : "badge badge-none"} data-count={shortNumber(count)} aria-hidden="true">
			{count > 0 && <span class="visually-hidden">{t("common.unread", { count })}</span>}
		</span>
	);
}
