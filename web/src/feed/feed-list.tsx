import type { Post } from "@edgefeed/sdk";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { WindowVirtualizer, type WindowVirtualizerHandle } from "virtua";
import { t } from "../texts/texts.ts";
import { rememberPlace } from "./place-memory.ts";
import { PostRow } from "./post-row.tsx";
import { furthest, grownAbove, lineAbove, type Opening } from "./reading.ts";
import { SeenPosts } from "./seen.ts";

interface FeedListProps {
	accountId: string;
	posts: readonly Post[];
	/** Where it opens; read once. */
	opening: Opening;
	/** The newest post that was read before this visit; null: no line. */
	line: string | null;
	/** How far was read, as the server knows it. */
	mark: string | null;
	/** A post was looked at that is newer than the mark. */
	onRead: (postId: string) => void;
	onGone: (postId: string) => void;
	/** Older posts are being read. */
	busy: boolean;
}

/** Room that is guessed for a post that was not drawn yet, in pixels. */
const ROW = 220;
/** No post is lower, in pixels: so many at most fill a screen. */
const LOWEST = 100;
/** A post is at the reading line when its upper edge is not above this. */
const EDGE = 8;

/** The posts of the feed: only those near the window are in the document, however far down one goes. */
export function FeedList({ accountId, posts, opening, line, mark, onRead, onGone, busy }: FeedListProps) {
	const list = useRef<WindowVirtualizerHandle>(null);
	const [seen, setSeen] = useState<SeenPosts>();
	const ids = useMemo(() => posts.map(({ id }) => id), [posts]);
	const lineIndex = line === null ? undefined : lineAbove(ids, line);

	const latest = useRef({ ids, mark });
	// What came above the first post in sight moves the list by its height, and not what is read.
	const anchor = useRef<string | undefined>(undefined);
	const shift = grownAbove(latest.current.ids, ids, anchor.current);
	latest.current = { ids, mark };

	useLayoutEffect(() => {
		if (opening.kind === "post")
			list.current?.scrollToIndex(opening.index, { align: "start", offset: -opening.offset });
	}, []);

	useEffect(() => {
		const observer = new SeenPosts((inSight) => {
			const post = furthest(inSight, latest.current.mark);
			if (post !== undefined) onRead(post);
		});
		setSeen(observer);
		return () => observer.close();
	}, [onRead]);

	const remember = useCallback(() => {
		const rows = list.current;
		if (!rows) return;
		const index = rows.findItemIndex(rows.scrollOffset + EDGE);
		const postId = latest.current.ids[index];
		anchor.current = index > 0 ? postId : undefined;
		const atTop = postId === undefined || (index === 0 && rows.scrollOffset <= EDGE);
		rememberPlace(
			accountId,
			atTop ? null : { postId, offset: Math.round(rows.getItemOffset(index) - rows.scrollOffset) },
		);
	}, [accountId]);

	return (
		<div role="feed" aria-busy={busy} aria-label={t("feed.feedLabel")} class="feed">
			<WindowVirtualizer
				ref={list}
				data={posts}
				itemSize={ROW}
				bufferSize={600}
				// Drawn before the window is measured; these and no others until something is scrolled, so the whole screen's.
				{...(opening.kind === "top" ? { ssrCount: Math.ceil(Math.max(innerHeight, screen.height) / LOWEST) } : {})}
				shift={shift}
				onScroll={() => {
					const rows = list.current;
					const index = rows?.findItemIndex(rows.scrollOffset + EDGE) ?? 0;
					anchor.current = index > 0 ? latest.current.ids[index] : undefined;
				}}
				onScrollEnd={remember}
			>
				{(post, index) => (
					<PostRow key={post.id} post={post} line={index === lineIndex && index > 0} seen={seen} onGone={onGone} />
				)}
			</WindowVirtualizer>
		</div>
	);
}
