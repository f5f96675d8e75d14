import type { Liker, Post, PostVersion } from "@edgefeed/sdk";
import { useList } from "../lists.ts";
import { PeopleList } from "../people/people-list.tsx";
import { edgefeed } from "../session.ts";
import { t, tWith } from "../texts/texts.ts";
import { Dialog } from "../ui/dialog.tsx";
import { ErrorState, LoadMore, Spinner } from "../ui/states.tsx";
import { Text } from "../ui/text.tsx";
import { Time } from "../ui/time.tsx";

/** Who likes a post or comment. */
export function LikersDialog({ post, onClose }: { post: Post; onClose: () => void }) {
	const likers = useList<Liker>(
		post.id,
		(cursor, signal) => edgefeed.likes.page(post.id, { ...(cursor ? { cursor } : {}), signal }),
		({ id }) => id,
	);
	return (
		<Dialog title={t("thread.likers")} onClose={onClose}>
			<PeopleList people={likers} label={t("thread.likers")} rows={1} empty={<p>{t("thread.noLikers")}</p>} />
		</Dialog>
	);
}

/** What a post or comment says now and has said before. */
export function EditsDialog({ post, onClose }: { post: Post; onClose: () => void }) {
	const edits = useList<PostVersion>(
		post.id,
		(cursor, signal) => edgefeed.posts.edits.page(post.id, { ...(cursor ? { cursor } : {}), signal }),
		({ writtenAt }) => writtenAt,
	);
	return (
		<Dialog title={t("thread.history")} onClose={onClose} wide>
			<ol class="versions">
				<li>
					<p class="hint">{t("thread.historyNow")}</p>
					<Text text={post.text} />
				</li>
				{edits.items.map((version) => (
					<li key={version.writtenAt}>
						<p class="hint">{tWith("thread.historyAt", { time: <Time at={version.writtenAt} /> })}</p>
						<Text text={version.text} />
					</li>
				))}
			</ol>
			{edits.loading && <Spinner />}
			{!edits.loading && edits.error === undefined && edits.items.length === 0 && <p>{t("thread.historyEmpty")}</p>}
			{edits.error !== undefined && edits.items.length === 0 && (
				<ErrorState error={edits.error} onRetry={edits.reload} />
			)}
			{edits.hasMore && <LoadMore onMore={edits.loadMore} loading={edits.loadingMore} error={edits.error} />}
		</Dialog>
	);
}
