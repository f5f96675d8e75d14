import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { confirm } from "../ui/dialog.tsx";
import { toast } from "../ui/toast.tsx";

/** Takes back what waits to be sent; says so when it is too late. */
export async function takeBack(id: string): Promise<void> {
	if (!(await edgefeed.outbox.cancel(id))) toast(t("feed.sentAlready"));
}

/** Asks before what waits to be sent is deleted with everything else of who signs out. */
export async function surelyForgetsUnsent(): Promise<boolean> {
	if (edgefeed.outbox.state.items.length === 0) return true;
	return confirm({
		title: t("offline.unsentTitle"),
		body: t("offline.unsentBody"),
		action: t("offline.signOutAnyway"),
		danger: true,
	});
}
