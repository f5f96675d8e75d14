import type { Post } from "@edgefeed/sdk";
import { memo } from "preact/compat";
import { useEffect, useRef } from "preact/hooks";
import { PostCard } from "../post/post-card.tsx";
import { t } from "../texts/texts.ts";
import type { SeenPosts } from "./seen.ts";

interface PostRowProps {
	post: Post;
	/** The newest post that was read at the last visit: what is new stands above. */
	line: boolean;
	seen: SeenPosts | undefined;
	onGone: (postId: string) => void;
}

/** A post in the feed. It is drawn anew only when it has changed. */
export const PostRow = memo(function PostRow({ post, line, seen, onGone }: PostRowProps) {
	const element = useRef<HTMLDivElement>(null);
	useEffect(() => (element.current && seen ? seen.watch(element.current, post.id) : undefined), [seen, post.id]);
	return (
		<div class="feed-row" ref={element}>
			{line && <p class="feed-line">{t("feed.sinceLastVisit")}</p>}
			<PostCard post={post} onGone={onGone} />
		</div>
	);
});
