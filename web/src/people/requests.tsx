import type { Author, FriendRequest } from "@edgefeed/sdk";
import { useRef } from "preact/hooks";
import { useAction } from "../actions.ts";
import type { List } from "../lists.ts";
import { hasCode } from "../problems.ts";
import { t, tWith } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { ErrorState, LoadMore, Skeleton } from "../ui/states.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { actText, doneText, perform } from "./acts.ts";
import { PersonRow } from "./person-row.tsx";
import type { Act } from "./relation.ts";

interface RequestsProps {
	direction: "incoming" | "outgoing";
	requests: List<FriendRequest>;
	/** Somebody has become a friend. */
	onFriend: (person: Author) => void;
}

/** Requests that wait for an answer: one's own to give, or the others'. Outgoing ones are shown when there are any. */
export function Requests({ direction, requests, onFriend }: RequestsProps) {
	const heading = useRef<HTMLHeadingElement>(null);
	const { items, loading, loadingMore, hasMore, error } = requests;
	const incoming = direction === "incoming";
	if (!incoming && items.length === 0) return null;

	const done = (request: FriendRequest, act: Act) => {
		requests.change((all) => all.filter(({ accountId }) => accountId !== request.accountId));
		if (act === "accept") onFriend(request.account);
		heading.current?.focus();
	};
	return (
		<section aria-labelledby={direction}>
			<h2 id={direction} class="section-title" ref={heading} tabIndex={-1}>
				{incoming ? t("people.incoming") : t("people.outgoing")}
				{items.length > 0 && !hasMore && <span class="chip">{items.length}</span>}
			</h2>
			{loading && <Skeleton rows={1} />}
			{error !== undefined && items.length === 0 && (
				<ErrorState title={t("people.listFailed")} error={error} onRetry={requests.reload} />
			)}
			{incoming && !loading && error === undefined && items.length === 0 && !hasMore && (
				<p class="people-empty">{t("people.noIncoming")}</p>
			)}
			{items.length > 0 && (
				<ul class="people">
					{items.map((request) => (
						<Request key={request.accountId} request={request} onDone={(act) => done(request, act)} />
					))}
				</ul>
			)}
			{hasMore && <LoadMore onMore={requests.loadMore} loading={loadingMore} error={error} />}
		</section>
	);
}

function Request({ request, onDone }: { request: FriendRequest; onDone: (act: Act) => void }) {
	const { account, createdAt, direction } = request;
	const name = account.displayName;
	const [run, busy] = useAction(async (act: Act) => {
		try {
			await perform(act, request.accountId);
			toast(doneText(act, name));
		} catch (error) {
			// It was taken back, or answered on another device.
			if (!hasCode(error, "friend_request_not_found", "account_not_found")) throw error;
			onDone("decline");
			throw error;
		}
		onDone(act);
	});
	return (
		<PersonRow person={account} note={tWith("people.asked", { time: <Time at={createdAt} /> })}>
			<fieldset class="relation-buttons" aria-label={t("people.acts", { name })}>
				{direction === "incoming" ? (
					<>
						<Button kind="primary" small busy={busy} onClick={() => run("accept")}>
							{actText("accept", name)}
						</Button>
						<Button small busy={busy} onClick={() => run("decline")}>
							{actText("decline", name)}
						</Button>
					</>
				) : (
					<Button small busy={busy} onClick={() => run("cancelRequest")}>
						{actText("cancelRequest", name)}
					</Button>
				)}
			</fieldset>
		</PersonRow>
	);
}
