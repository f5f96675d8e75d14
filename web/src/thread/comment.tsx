import type { Author } from "@edgefeed/sdk";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { LikeButton } from "../post/like-button.tsx";
import { problemText } from "../problems.ts";
import { t } from "../texts/texts.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Menu, type MenuItem } from "../ui/menu.tsx";
import { Text } from "../ui/text.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { CommentForm } from "./comment-form.tsx";
import type { Said } from "./conversation.ts";
import type { Thread } from "./thread.ts";

interface CommentProps {
	comment: Said;
	thread: Thread;
	/** The reader has written it. */
	own: boolean;
	/** The reader may delete it: it is hers, or on her post. */
	removable: boolean;
	/** Whom it answers, where that cannot be seen. */
	answers?: Author | null | undefined;
	onReply: () => void;
	onRemoved: () => void;
	showLikers: () => void;
	showEdits: () => void;
}

/** A comment and what can be done with it. */
export function Comment(props: CommentProps) {
	const { comment, thread, own, removable, answers, onReply, onRemoved, showLikers, showEdits } = props;
	const id = useId();
	const box = useRef<HTMLElement>(null);
	const [editing, setEditing] = useState(false);
	const wasEditing = useRef(false);
	const { author } = comment;
	const name = author.displayName;

	useEffect(() => {
		if (wasEditing.current && !editing) box.current?.querySelector<HTMLElement>(".menu button")?.focus();
		wasEditing.current = editing;
	}, [editing]);

	const [remove] = useAction(async () => {
		const sure = {
			title: t("thread.deleteTitle"),
			body: t("thread.deleteBody"),
			action: t("common.delete"),
			danger: true,
		};
		if (!(await confirm(sure))) return;
		onRemoved();
		await thread.remove(comment.id);
		toast(t("thread.deleted"));
	});

	const items: MenuItem[] = [
		...(comment.likeCount > 0 ? [{ label: t("thread.showLikers"), icon: "heart", onSelect: showLikers } as const] : []),
		...(own ? [{ label: t("common.edit"), icon: "edit", onSelect: () => setEditing(true) } as const] : []),
		...(removable
			? [{ label: t("common.delete"), icon: "trash", danger: true, onSelect: () => void remove() } as const]
			: []),
	];

	return (
		<article class="comment" ref={box} aria-labelledby={`${id}-who`}>
			<span class="comment-avatar">
				<Avatar person={author} size="small" />
			</span>
			<div class="comment-body">
				<header class="comment-head">
					<span class="visually-hidden" id={`${id}-who`}>
						{t("thread.by", { name })}
					</span>
					<a class="post-author" href={`/@${author.username}`} dir="auto">
						{name}
					</a>
					<span class="post-facts">
						{answers && <span>{t("thread.answers", { name: answers.displayName })}</span>}
						{comment.sending ? null : (
							<a class="post-time" href={`/posts/${comment.id}`}>
								<Time at={comment.createdAt} />
							</a>
						)}
						{comment.editedAt && (
							<button type="button" class="link-button" aria-haspopup="dialog" onClick={showEdits}>
								{t("post.edited")}
							</button>
						)}
					</span>
				</header>
				{editing ? (
					<EditForm comment={comment} thread={thread} onClose={() => setEditing(false)} />
				) : (
					<Text text={comment.text} class="comment-text" />
				)}
				{comment.sending ? (
					<Sending comment={comment} thread={thread} />
				) : (
					<footer class="comment-actions">
						<LikeButton post={comment} onChanged={(post) => thread.changed({ ...post })} />
						<button type="button" class="post-action" aria-label={t("thread.replyTo", { name })} onClick={onReply}>
							{t("thread.reply")}
						</button>
						{items.length > 0 && <Menu label={t("common.more")} items={items} />}
					</footer>
				)}
			</div>
		</article>
	);
}

function Sending({ comment, thread }: { comment: Said; thread: Thread }) {
	const [again, busy] = useAction(() => thread.again(comment.id));
	const [discard] = useAction(() => thread.discard(comment.id));
	const failed = comment.sending === "failed";
	const waiting = comment.sending === "waiting" ? t("thread.sending") : t("feed.waiting");
	return (
		<div class="comment-unsent">
			<span class={failed ? "field-error" : "hint"} role={failed ? "alert" : "status"}>
				{failed ? t("thread.notSent") : waiting}
			</span>
			{failed && (
				<Button small busy={busy} onClick={again}>
					{t("common.retry")}
				</Button>
			)}
			<Button small kind="quiet" onClick={discard}>
				{t("thread.discard")}
			</Button>
		</div>
	);
}

function EditForm({ comment, thread, onClose }: { comment: Said; thread: Thread; onClose: () => void }) {
	const [text, setText] = useState(comment.text);
	const [error, setError] = useState<string>();
	const [save, busy] = useAction(
		async (changed: string) => {
			setError(undefined);
			if (changed !== comment.text) {
				await thread.edit(comment.id, changed);
				toast(t("thread.saved"));
			}
			onClose();
		},
		(fault) => setError(problemText(fault)),
	);
	return (
		<CommentForm
			label={t("thread.editLabel")}
			action={t("common.save")}
			text={text}
			onText={setText}
			onSend={save}
			onCancel={onClose}
			busy={busy}
			error={error}
			focus
		/>
	);
}
