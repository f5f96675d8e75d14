import type { Post } from "@edgefeed/sdk";
import { useLocation } from "preact-iso";
import { useAction } from "../actions.ts";
import { openComposer } from "../compose/opened.ts";
import { refreshHomeFeed } from "../home-feed.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { confirm } from "../ui/dialog.tsx";
import type { MenuItem } from "../ui/menu.tsx";
import { toast } from "../ui/toast.tsx";

/** What can be done with a post: one's own is edited and deleted, another's author muted and blocked. */
export function usePostMenu(post: Post, own: boolean, onGone: ((postId: string) => void) | undefined): MenuItem[] {
	const { route } = useLocation();
	const name = `@${post.author.username}`;
	const [remove] = useAction(async () => {
		const sure = { title: t("post.deleteTitle"), body: t("post.deleteBody"), action: t("common.delete"), danger: true };
		if (!(await confirm(sure))) return;
		await edgefeed.posts.delete(post.id);
		toast(t("post.deleted"));
		onGone?.(post.id);
	});
	const [mute] = useAction(async () => {
		await edgefeed.mutes.mute(post.author.id);
		const undo = () => void edgefeed.mutes.unmute(post.author.id).catch(() => undefined);
		refreshHomeFeed();
		toast(t("post.muted", { name }), { action: { label: t("post.undo"), run: undo } });
		onGone?.(post.id);
	});
	const [block] = useAction(async () => {
		const title = t("post.blockTitle", { name });
		const sure = { title, body: t("post.blockBody"), action: t("post.block", { name }), danger: true };
		if (!(await confirm(sure))) return;
		await edgefeed.blocks.block(post.author.id);
		refreshHomeFeed();
		toast(t("post.blocked", { name }));
		onGone?.(post.id);
	});
	const [copy] = useAction(async () => {
		await navigator.clipboard.writeText(new URL(`/posts/${post.id}`, location.origin).href);
		toast(t("common.copied"));
	});
	const link: MenuItem = { label: t("post.copyLink"), icon: "link", onSelect: copy };
	if (own)
		return [
			{ label: t("common.edit"), icon: "edit", onSelect: () => openComposer(`/compose?edit=${post.id}`, route) },
			link,
			{ label: t("common.delete"), icon: "trash", danger: true, onSelect: remove },
		];
	return [
		link,
		{ label: t("post.mute", { name }), icon: "mute", onSelect: mute },
		{ label: t("post.block", { name }), icon: "block", danger: true, onSelect: block },
	];
}
