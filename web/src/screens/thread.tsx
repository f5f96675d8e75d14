import "../style/people.css";
import "../style/thread.css";
import type { Post } from "@edgefeed/sdk";
import { useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { PostCard } from "../post/post-card.tsx";
import { useAccountId } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Comment } from "../thread/comment.tsx";
import { Comments } from "../thread/comments.tsx";
import { DeliveryNote } from "../thread/delivery-note.tsx";
import { EditsDialog, LikersDialog } from "../thread/dialogs.tsx";
import { useThread } from "../thread/use-thread.ts";
import { ButtonLink } from "../ui/button.tsx";
import { Screen } from "../ui/screen.tsx";
import { EmptyState, ErrorState, Skeleton } from "../ui/states.tsx";

export function ThreadScreen({ id }: { id?: string }) {
	return <OpenThread key={id} id={id ?? ""} />;
}

type Shown = { kind: "likers" | "edits"; post: Post };

function OpenThread({ id }: { id: string }) {
	const { thread, state } = useThread(id);
	const accountId = useAccountId();
	const { route } = useLocation();
	const [shown, setShown] = useState<Shown | null>(null);
	const form = useRef<HTMLElement>(null);
	const post = state.conversation?.said.get(id);

	if (state.status === "missing" || state.status === "gone") {
		const gone = state.status === "gone";
		return (
			<Screen title={t("thread.title")} back>
				<EmptyState
					icon="trash"
					title={gone ? t("thread.goneTitle") : t("thread.missingTitle")}
					body={gone ? t("thread.goneBody") : t("thread.missingBody")}
				>
					<ButtonLink href="/">{t("common.goHome")}</ButtonLink>
				</EmptyState>
			</Screen>
		);
	}
	if (!state.conversation || !post) {
		return (
			<Screen title={t("thread.title")} back>
				{state.status === "failed" ? (
					<ErrorState title={t("thread.offlineTitle")} error={state.error} onRetry={() => void thread.open()} />
				) : (
					<Skeleton rows={2} />
				)}
			</Screen>
		);
	}

	const own = post.author.id === accountId;
	const showLikers = () => setShown({ kind: "likers", post });
	const showEdits = () => setShown({ kind: "edits", post });
	const leave = () => (history.length > 1 ? history.back() : route("/", true));
	return (
		<Screen title={post.parentId === null ? t("thread.title") : t("thread.commentTitle")} back>
			{post.parentId === null ? (
				<PostCard
					post={post}
					whole
					onChanged={(changed) => thread.changed(changed)}
					onGone={leave}
					notes={
						post.editedAt ? (
							<button type="button" class="link-button" aria-haspopup="dialog" onClick={showEdits}>
								{t("post.edited")}
							</button>
						) : undefined
					}
				/>
			) : (
				<>
					<ButtonLink kind="quiet" icon="up" href={`/posts/${post.parentId}`}>
						{t("thread.showParent")}
					</ButtonLink>
					<Comment
						comment={post}
						thread={thread}
						own={own}
						removable={own}
						onReply={() => form.current?.querySelector("textarea")?.focus()}
						onRemoved={leave}
						showLikers={showLikers}
						showEdits={showEdits}
					/>
				</>
			)}
			<div class="thread-facts">
				{post.likeCount > 0 && (
					<button type="button" class="link-button" aria-haspopup="dialog" onClick={showLikers}>
						{t("post.likes", { count: post.likeCount })}
					</button>
				)}
				{own && post.parentId === null && post.audience !== "me" && <DeliveryNote postId={id} />}
			</div>
			<section class="thread-comments" ref={form}>
				<Comments thread={thread} state={state} conversation={state.conversation} root={post} onShow={setShown} />
			</section>
			{shown?.kind === "likers" && <LikersDialog post={shown.post} onClose={() => setShown(null)} />}
			{shown?.kind === "edits" && <EditsDialog post={shown.post} onClose={() => setShown(null)} />}
		</Screen>
	);
}
