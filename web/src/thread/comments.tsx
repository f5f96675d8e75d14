import type { Post } from "@edgefeed/sdk";
import { useEffect, useRef, useState } from "preact/hooks";
import { problemText } from "../problems.ts";
import { edgefeed, useAccountId } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { ErrorState, LoadMore, Spinner } from "../ui/states.tsx";
import { toast } from "../ui/toast.tsx";
import { Comment } from "./comment.tsx";
import { CommentForm } from "./comment-form.tsx";
import { type Conversation, type Row, rowsOf, type Said } from "./conversation.ts";
import type { Thread, ThreadState } from "./thread.ts";

interface CommentsProps {
	thread: Thread;
	state: ThreadState;
	conversation: Conversation;
	root: Post;
	onShow: (shown: { kind: "likers" | "edits"; post: Post }) => void;
}

/** What was said to a post, and a place to say something. */
export function Comments({ thread, state, conversation, root, onShow }: CommentsProps) {
	const accountId = useAccountId();
	const heading = useRef<HTMLHeadingElement>(null);
	const [draft, setDraft] = useState("");
	/** Which comment is being answered, and with what. */
	const [answer, setAnswer] = useState<{ to: Said; text: string } | null>(null);
	const [news, setNews] = useState("");
	const rows = rowsOf(conversation, state.open);
	const known = conversation.branches.has(root.id);
	const fault = state.faults.get(root.id);

	useEffect(() => edgefeed.outbox.onSent(({ item }) => item.parentId !== null && setNews(t("thread.sent"))), []);
	/** @param restore puts the text back where it was written, when it could not be kept */
	const send = async (text: string, parentId: string, restore: () => void) => {
		setNews("");
		try {
			await thread.comment(text, parentId);
		} catch (error) {
			restore();
			toast(problemText(error), { kind: "problem" });
		}
	};

	const rowOf = (row: Row) => {
		if (row.kind === "more") return <More key={`more ${row.parentId}`} row={row} thread={thread} state={state} />;
		const { comment, depth, answers } = row;
		return (
			<li key={comment.id} class={`thread-row thread-depth-${depth}`}>
				<Comment
					comment={comment}
					thread={thread}
					answers={answers}
					own={comment.author.id === accountId}
					removable={comment.author.id === accountId || root.author.id === accountId}
					onReply={() => setAnswer({ to: comment, text: "" })}
					onRemoved={() => heading.current?.focus()}
					showLikers={() => onShow({ kind: "likers", post: comment })}
					showEdits={() => onShow({ kind: "edits", post: comment })}
				/>
				{answer && answer.to.id === comment.id && (
					<CommentForm
						label={t("thread.writeTo", { name: comment.author.displayName })}
						action={t("thread.send")}
						text={answer.text}
						onText={(text) => setAnswer({ to: comment, text })}
						onSend={(text) => {
							setAnswer(null);
							return send(text, comment.id, () => setAnswer({ to: comment, text }));
						}}
						onCancel={() => setAnswer(null)}
						focus
					/>
				)}
				{state.open.has(comment.id) && (conversation.branches.get(comment.id)?.ids.length ?? 0) > 0 && (
					<Button kind="quiet" small onClick={() => thread.hide(comment.id)}>
						{t("thread.hideReplies")}
					</Button>
				)}
			</li>
		);
	};

	return (
		<>
			<h2 class="thread-title" ref={heading} tabIndex={-1}>
				{root.commentCount > 0 ? t("thread.comments", { count: root.commentCount }) : t("post.comments")}
			</h2>
			{/* One place to write at a time: whoever answers a comment writes below it. */}
			{!answer && (
				<CommentForm
					label={t("thread.write")}
					action={t("thread.send")}
					text={draft}
					onText={setDraft}
					onSend={(text) => {
						setDraft("");
						return send(text, root.id, () => setDraft(text));
					}}
				/>
			)}
			<p class="visually-hidden" role="status">
				{news}
			</p>
			{!known && state.reading.has(root.id) && <Spinner />}
			{!known && fault !== undefined && <ErrorState error={fault} onRetry={() => void thread.more(root.id)} />}
			{known && rows.length === 0 && <p class="people-empty">{t("thread.noComments")}</p>}
			{rows.length > 0 && <ul class="thread">{rows.map(rowOf)}</ul>}
		</>
	);
}

function More({ row, thread, state }: { row: Row & { kind: "more" }; thread: Thread; state: ThreadState }) {
	const { parentId, depth, count } = row;
	const busy = state.reading.has(parentId);
	const fault = state.faults.get(parentId);
	const more = () => void thread.more(parentId);
	if (depth === 0) {
		return (
			<li class="thread-row">
				<LoadMore onMore={more} loading={busy} error={fault} label={t("thread.olderComments")} />
			</li>
		);
	}
	return (
		<li class={`thread-row thread-depth-${depth}`}>
			{fault !== undefined && (
				<p class="field-error" role="alert">
					{problemText(fault)}
				</p>
			)}
			<Button kind="quiet" small busy={busy} onClick={more}>
				{busy ? t("common.loading") : count === null ? t("thread.earlierReplies") : t("thread.showReplies", { count })}
			</Button>
		</li>
	);
}
