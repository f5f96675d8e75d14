import type { Post } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { shortNumber, t } from "../texts/texts.ts";
import { Icon } from "../ui/icon.tsx";
import { toast } from "../ui/toast.tsx";

/** Shows the like at once; takes it back when the server does not. */
export function LikeButton({ post, onChanged }: { post: Post; onChanged?: ((post: Post) => void) | undefined }) {
	const [wanted, setWanted] = useState<boolean>();
	// What the server says of the post later is newer than what was wanted here.
	useEffect(() => setWanted(undefined), [post.viewer.liked, post.likeCount]);
	const liked = wanted ?? post.viewer.liked;
	const count = Math.max(0, post.likeCount + Number(liked) - Number(post.viewer.liked));
	const [change] = useAction(
		async () => {
			setWanted(!liked);
			const said = liked ? await edgefeed.likes.unlike(post.id) : await edgefeed.likes.like(post.id);
			onChanged?.({ ...post, likeCount: said.likeCount, viewer: { liked: said.liked } });
		},
		(error) => {
			setWanted(undefined);
			toast(`${t("post.notLiked")} ${problemText(error)}`, { kind: "problem" });
		},
	);
	return (
		<span class="post-like">
			<button
				type="button"
				class={liked ? "post-action post-liked" : "post-action"}
				aria-label={liked ? t("post.unlike") : t("post.like")}
				aria-pressed={liked}
				onClick={change}
			>
				<Icon name="heart" filled={liked} />
			</button>
			{count > 0 && (
				<span class="post-count">
					<span aria-hidden="true">{shortNumber(count)}</span>
					<span class="visually-hidden">{t("post.likes", { count })}</span>
				</span>
			)}
		</span>
	);
}
