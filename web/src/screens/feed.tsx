import type { LiveFeed, LiveFeedState } from "@edgefeed/sdk";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { WaitingPosts } from "../compose/waiting-posts.tsx";
import { FeedList } from "../feed/feed-list.tsx";
import { FeedProblem, useFeedProblem } from "../feed/feed-problem.tsx";
import { useOpening } from "../feed/opening.ts";
import { Pill } from "../feed/pill.tsx";
import { ToTop } from "../feed/to-top.tsx";
import { homeFeed, onNewestWanted } from "../home-feed.ts";
import { useAccountId } from "../session.ts";
import { useWatched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { Button, ButtonLink } from "../ui/button.tsx";
import { Screen } from "../ui/screen.tsx";
import { EmptyState, LoadMore, Skeleton } from "../ui/states.tsx";

/** The home feed: it opens where its owner stopped reading, and goes on both ways. */
export function FeedScreen() {
	const accountId = useAccountId();
	const feed = useMemo(() => homeFeed(), [accountId]);
	const state = useWatched(useMemo(() => watched(feed), [feed]));
	const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
	const onGone = useCallback((postId: string) => setGone((before) => new Set(before).add(postId)), []);
	const fresh = useMemo(() => new Set(state.fresh), [state.fresh]);
	const posts = useMemo(
		() => state.items.filter(({ id }) => !fresh.has(id) && !gone.has(id)),
		[state.items, fresh, gone],
	);
	const { opening, settled, key, goToPlace } = useOpening(feed, state, accountId);
	const { line, onRead } = useLine(feed, state, settled);
	const content = useRef<HTMLDivElement>(null);
	const [olderError, setOlderError] = useState<unknown>();
	const loadOlder = () => {
		setOlderError(undefined);
		feed.loadOlder().catch(setOlderError);
	};

	const toTop = useCallback(() => {
		feed.show();
		// After the fresh ones are drawn.
		requestAnimationFrame(() => scrollTo({ top: 0 }));
		content.current?.focus({ preventScroll: true });
	}, [feed]);
	useEffect(() => onNewestWanted(toTop), [toTop]);

	const problem = useFeedProblem(state);
	return (
		<Screen title={t("feed.title")} hideTitle>
			<Pill count={settled ? state.fresh.length : 0} onShow={toTop} />
			<div ref={content} tabIndex={-1} class="feed-content">
				<WaitingPosts />
				{state.building && (
					<p class="feed-note" role="status">
						{t("feed.building")}
					</p>
				)}
				{opening?.kind === "far" && (
					<Button kind="plain" wide icon="down" onClick={goToPlace}>
						{t("feed.backToPlace")}
					</Button>
				)}
				{problem !== undefined && (
					<FeedProblem error={problem} onRetry={() => void feed.refresh().catch(() => undefined)} />
				)}
				{!opening && problem === undefined && <Skeleton rows={4} />}
				{opening && posts.length === 0 && <Empty building={state.building} />}
				{opening && posts.length > 0 && (
					<>
						<FeedList
							key={key}
							accountId={accountId}
							posts={posts}
							opening={opening}
							line={line}
							mark={state.marker?.postId ?? null}
							onRead={onRead}
							onGone={onGone}
							busy={state.loadingOlder}
						/>
						{state.hasOlder ? (
							<LoadMore
								key={state.items.length}
								onMore={loadOlder}
								error={olderError}
								loading={state.loadingOlder}
								label={t("feed.loadOlder")}
							/>
						) : (
							!state.building && <p class="feed-end">{t("feed.end")}</p>
						)}
					</>
				)}
			</div>
			<ToTop />
		</Screen>
	);
}

function watched(feed: LiveFeed) {
	return { get: () => feed.state, subscribe: (listener: () => void) => feed.subscribe(listener) };
}

/**
 * The newest post that had been read when this visit began: what is newer is new. It moves when another tab or device
 * has read on, and not with what is read here.
 */
function useLine(feed: LiveFeed, state: LiveFeedState, settled: boolean) {
	const [line, setLine] = useState<string | null>(null);
	/** The newest post that was marked here; undefined before the visit began. */
	const ours = useRef<string | undefined>(undefined);
	const markedId = state.marker?.postId ?? null;
	const unread = state.marker?.unreadCount ?? 0;
	useEffect(() => {
		if (!settled || markedId === null || (ours.current !== undefined && markedId <= ours.current)) return;
		if (ours.current !== undefined || unread > 0) setLine(markedId);
		ours.current = markedId;
	}, [settled, markedId, unread]);
	const onRead = useCallback(
		(postId: string) => {
			ours.current = postId;
			feed.mark(postId);
		},
		[feed],
	);
	return { line, onRead };
}

function Empty({ building }: { building: boolean }) {
	if (building) return <Skeleton rows={3} />;
	return (
		<EmptyState icon="friends" title={t("feed.emptyTitle")} body={t("feed.emptyBody")}>
			<ButtonLink kind="primary" href="/search" icon="search">
				{t("feed.findPeople")}
			</ButtonLink>
			<ButtonLink href="/compose" icon="compose">
				{t("common.newPost")}
			</ButtonLink>
		</EmptyState>
	);
}
