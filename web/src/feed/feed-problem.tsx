import type { LiveFeedState } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { hasCode } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { ErrorState } from "../ui/states.tsx";

/** Why there is nothing to show, when there is nothing: the live feed only says that it tries again. */
export function useFeedProblem(state: LiveFeedState): unknown {
	const [problem, setProblem] = useState<unknown>();
	const failing = state.status === "offline" && state.items.length === 0;
	useEffect(() => {
		setProblem(undefined);
		if (!failing) return;
		const controller = new AbortController();
		edgefeed.feed.marker({ signal: controller.signal }).catch((error: unknown) => {
			if (!controller.signal.aborted) setProblem(error);
		});
		return () => controller.abort();
	}, [failing]);
	return problem;
}

/** Why there is no feed. An account that was to be deleted can be kept here. */
export function FeedProblem({ error, onRetry }: { error: unknown; onRetry: () => void }) {
	const [keep, busy] = useAction(async () => {
		await edgefeed.accounts.reactivate();
		onRetry();
	});
	if (!hasCode(error, "account_deactivated"))
		return <ErrorState title={t("feed.failedTitle")} error={error} onRetry={onRetry} />;
	return (
		<div class="state" role="alert">
			<h2>{t("session.leavingTitle")}</h2>
			<p>{t("session.leavingBody")}</p>
			<div class="state-actions">
				<Button kind="primary" busy={busy} onClick={keep}>
					{t("session.keepAccount")}
				</Button>
				<Button onClick={() => void edgefeed.session.signOut()}>{t("common.signOut")}</Button>
			</div>
		</div>
	);
}
