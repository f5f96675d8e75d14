import type { Post } from "@edgefeed/sdk";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { useAccountId } from "../session.ts";
import { shortNumber, t } from "../texts/texts.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Icon } from "../ui/icon.tsx";
import { Menu } from "../ui/menu.tsx";
import { Time } from "../ui/time.tsx";
import { AudienceMark } from "./audience.tsx";
import { LikeButton } from "./like-button.tsx";
import { LinkPreview } from "./link-preview.tsx";
import { MediaGrid } from "./media-grid.tsx";
import { usePostMenu } from "./post-menu.ts";
import { PostText } from "./post-text.tsx";

interface PostCardProps {
	post: Post;
	/** The post as the server says it is after something was done to it here. */
	onChanged?: ((post: Post) => void) | undefined;
	/** It is gone: deleted, or its author was blocked or muted. */
	onGone?: ((postId: string) => void) | undefined;
	/** On a screen of its own: whole, and without the link to its comments. */
	whole?: boolean | undefined;
	/** Beside the time: "edited" as a link, how far it has come. */
	notes?: ComponentChildren;
	/** In the place of the buttons: of a post that is not on the server yet. */
	footer?: ComponentChildren;
}

/** A post, as it stands in a feed, on a profile and above its comments. */
export function PostCard({ post, onChanged, onGone, whole, notes, footer }: PostCardProps) {
	const id = useId();
	const own = useAccountId() === post.author.id;
	const menu = usePostMenu(post, own, onGone);
	const { author } = post;
	const profile = `/@${author.username}`;
	return (
		<article class="post" aria-labelledby={`${id}-author`} data-post-id={post.id}>
			<header class="post-head">
				{/* biome-ignore lint/a11y/useAnchorContent: for the pointer; the name beside it is the same link. */}
				<a class="post-avatar" href={profile} tabIndex={-1} aria-hidden="true">
					<Avatar person={author} />
				</a>
				<div class="post-names">
					<a class="post-author" id={`${id}-author`} href={profile} dir="auto">
						{author.displayName}
					</a>
					<span class="post-facts">
						<span class="post-username">@{author.username}</span>
						<span aria-hidden="true">·</span>
						<a class="post-time" href={`/posts/${post.id}`}>
							<Time at={post.createdAt} />
						</a>
						<AudienceMark audience={post.audience} />
						{post.editedAt && !notes && <span>{t("post.edited")}</span>}
						{notes}
					</span>
				</div>
				{!footer && <Menu label={t("post.more")} items={menu} />}
			</header>
			{post.text && <PostText text={post.text} whole={whole === true} />}
			{post.media.length > 0 && <MediaGrid postId={post.id} media={post.media} />}
			{post.link && <LinkPreview link={post.link} preview={post.preview} />}
			{footer ?? (
				<footer class="post-actions">
					<LikeButton post={post} onChanged={onChanged} />
					<a class="post-action" href={`/posts/${post.id}`}>
						<Icon name="comment" />
						<span class="visually-hidden">{t("post.comments")}</span>
						{post.commentCount > 0 && <span>{shortNumber(post.commentCount)}</span>}
					</a>
				</footer>
			)}
		</article>
	);
}
