import { t } from "../texts/texts.ts";

/** How far a post has come on its way to its author's friends and followers. */
export interface Delivery {
	followers: number;
	delivered: number;
	failed: number;
	startedAt: string | null;
	completedAt: string | null;
}

/** What to say of it; nothing before it has begun. */
export function deliveryText({ followers, delivered, failed, startedAt, completedAt }: Delivery): string | null {
	if (startedAt === null) return null;
	if (followers === 0) return completedAt === null ? null : t("thread.reachedNobody");
	const reached =
		delivered >= followers
			? t("thread.reachedAll", { count: followers })
			: t("thread.reached", { delivered, followers });
	return failed > 0 ? `${reached} · ${t("thread.notReached", { count: failed })}` : reached;
}
