import type { Account, Relation } from "@edgefeed/sdk";
import { useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { type TextKey, t } from "../texts/texts.ts";
import { confirm } from "../ui/dialog.tsx";
import type { IconName } from "../ui/icon.tsx";
import { toast } from "../ui/toast.tsx";
import { type Act, accountAfter } from "./relation.ts";

/** An account as the viewer sees it who is somebody else. */
export type Other = Account & { relation: Relation };

export function isOther(account: Account): account is Other {
	return account.relation !== undefined;
}

export const ICONS: Partial<Record<Act, IconName>> = {
	addFriend: "friends",
	accept: "check",
	follow: "followers",
	mute: "mute",
	unmute: "mute",
	block: "block",
};

/** What the button or menu item says. */
export function actText(act: Act, name: string): string {
	return act === "mute" || act === "unmute" || act === "block" ? t(`people.${act}`, { name }) : t(`people.${act}`);
}

export function doneText(act: Act, name: string): string {
	const key = `people.${act}Done` as const satisfies TextKey;
	return (t as (key: TextKey, values: { name: string }) => string)(key, { name });
}

/** Does it on the server. */
export function perform(act: Act, id: string): Promise<unknown> {
	switch (act) {
		case "addFriend":
			return edgefeed.friends.requests.send(id);
		case "accept":
			return edgefeed.friends.requests.accept(id);
		case "cancelRequest":
		case "decline":
			return edgefeed.friends.requests.drop(id);
		case "unfriend":
			return edgefeed.friends.remove(id);
		case "follow":
			return edgefeed.follows.follow(id);
		case "unfollow":
			return edgefeed.follows.unfollow(id);
		case "mute":
			return edgefeed.mutes.mute(id);
		case "unmute":
			return edgefeed.mutes.unmute(id);
		case "block":
			return edgefeed.blocks.block(id);
		case "unblock":
			return edgefeed.blocks.unblock(id);
	}
}

/** What ends much asks first. */
export async function asked(act: Act, name: string): Promise<boolean> {
	if (act !== "unfriend" && act !== "block") return true;
	return confirm({
		title: t(`people.${act}Title`, { name }),
		body: act === "unfriend" ? t("people.unfriendBody", { name }) : t("people.blockBody"),
		action: actText(act, name),
		danger: true,
	});
}

/**
 * Does something about an account: what is shown changes at once, and back if it is refused.
 *
 * @param change takes the account as it is shown from now on, and what was done when the server agreed
 */
export function useAct(account: Other, change: (account: Account, done?: Act) => void) {
	const [doing, setDoing] = useState<Act | null>(null);
	const name = account.displayName;
	const [run, busy] = useAction(async (act: Act) => {
		if (!(await asked(act, name))) return;
		setDoing(act);
		const then = accountAfter(account, act);
		change(then);
		try {
			await perform(act, account.id);
			toast(doneText(act, name));
			change(then, act);
		} catch (error) {
			change(account);
			toast(problemText(error), { kind: "problem" });
		} finally {
			setDoing(null);
		}
	});
	return { run, busy, doing };
}
