import "../style/compose.css";
import type { Media, OutboxItem, Post } from "@edgefeed/sdk";
import { useEffect, useMemo, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { useAction } from "../actions.ts";
import { useOnline } from "../layout/offline.tsx";
import { useMe } from "../me.ts";
import { PostCard } from "../post/post-card.tsx";
import { PostText } from "../post/post-text.tsx";
import { edgefeed } from "../session.ts";
import { useWatched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { Button, ButtonLink } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { openComposer } from "./opened.ts";
import { takeBack } from "./unsent.ts";

const outbox = {
	get: () => edgefeed.outbox.state.items,
	subscribe: (listener: () => void) => edgefeed.outbox.subscribe(listener),
};

/**
 * Posts that are made and not sent yet, above the feed: newest first, as there. Comments stand below what they answer;
 * one that the service has refused is told of here too, for its author may never go there again.
 */
export function WaitingPosts() {
	const items = useWatched(outbox).filter(({ parentId, problem }) => parentId === null || problem !== null);
	return items
		.toReversed()
		.map((item) =>
			item.parentId === null ? <WaitingPost key={item.id} item={item} /> : <RefusedComment key={item.id} item={item} />,
		);
}

function RefusedComment({ item: { id, parentId, content, problem } }: { item: OutboxItem }) {
	const [retry] = useAction(() => edgefeed.outbox.retry(id));
	const [cancel] = useAction(() => takeBack(id));
	return (
		<article class="post" aria-label={t("feed.commentNotSent")}>
			<PostText text={content.text} whole={false} />
			<footer class="waiting">
				<p class="waiting-status waiting-failed" role="alert">
					<Icon name="warning" />
					{t("feed.commentNotSent")}: {problem?.title}
				</p>
				<div class="waiting-actions">
					<ButtonLink kind="quiet" small href={`/posts/${parentId}`}>
						{t("thread.showParent")}
					</ButtonLink>
					<Button kind="quiet" small onClick={retry}>
						{t("common.retry")}
					</Button>
					<Button kind="quiet" small onClick={cancel}>
						{t("compose.dontSend")}
					</Button>
				</div>
			</footer>
		</article>
	);
}

function WaitingPost({ item }: { item: OutboxItem }) {
	const me = useMe();
	const online = useOnline();
	const { route } = useLocation();
	const media = useHeldMedia(item);
	const [retry] = useAction(() => edgefeed.outbox.retry(item.id));
	const [cancel] = useAction(() => takeBack(item.id));
	const post = useMemo(() => (me ? draftedPost(item, me, media) : undefined), [item, me, media]);
	if (!post) return null;
	const { problem, progress, status } = item;
	const sending = status === "sending" && online;
	return (
		<PostCard
			post={post}
			footer={
				<footer class="waiting">
					<p class={problem ? "waiting-status waiting-failed" : "waiting-status"} role={problem ? "alert" : "status"}>
						<Icon name={problem ? "warning" : "clock"} />
						{problem ? `${t("feed.notSent")}: ${problem.title}` : sending ? t("feed.sending") : t("feed.waiting")}
					</p>
					{!problem && progress !== null && progress < 1 && (
						<progress value={progress} max={1} aria-label={t("compose.uploadingPost")} />
					)}
					<div class="waiting-actions">
						{problem && (
							<Button kind="quiet" small onClick={retry}>
								{t("common.retry")}
							</Button>
						)}
						{!sending && (
							<Button kind="quiet" small onClick={() => openComposer(`/compose?waiting=${item.id}`, route)}>
								{t("common.edit")}
							</Button>
						)}
						<Button kind="quiet" small onClick={cancel}>
							{t("compose.dontSend")}
						</Button>
					</div>
				</footer>
			}
		/>
	);
}

/** What a post that waits will look like. */
function draftedPost({ content, createdAt, id }: OutboxItem, me: Post["author"], media: Media[]): Post {
	const { audience = "friends", link = null, text } = content;
	return {
		id,
		author: { id: me.id, username: me.username, displayName: me.displayName, avatarUrl: me.avatarUrl },
		parentId: null,
		text,
		audience,
		link,
		media,
		preview: null,
		createdAt: new Date(createdAt).toISOString(),
		editedAt: null,
		likeCount: 0,
		commentCount: 0,
		viewer: { liked: false },
	};
}

/** The photos and videos that are kept on this device, with addresses for as long as they are shown. */
function useHeldMedia({ content }: OutboxItem): Media[] {
	const [media, setMedia] = useState<Media[]>([]);
	const keys = content.media.map(({ blob }) => blob ?? "").join();
	useEffect(() => {
		const made: string[] = [];
		let over = false;
		const addressOf = async (key: string | null): Promise<string | null> => {
			const source = key === null ? null : await edgefeed.outbox.source(key);
			if (!(source instanceof Blob) || over) return null;
			const address = URL.createObjectURL(source);
			made.push(address);
			return address;
		};
		const read = async () => {
			const shown: Media[] = [];
			for (const { alt, blob, height, poster, type, width } of content.media) {
				const url = await addressOf(blob);
				if (url === null || blob === null) continue;
				const kind = type.startsWith("video/") ? "video" : "photo";
				const size = { width: width ?? 4, height: height ?? 3 };
				const still = await addressOf(poster);
				shown.push({ id: blob, kind, ...size, blurhash: null, alt, duration: null, url, variants: [], poster: still });
			}
			if (!over) setMedia(shown);
		};
		read().catch(() => undefined);
		return () => {
			over = true;
			for (const address of made) URL.revokeObjectURL(address);
		};
	}, [keys]);
	return media;
}
