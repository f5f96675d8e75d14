import "../style/people.css";
import type { Account } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { setMe, useMe } from "../me.ts";
import { isOther } from "../people/acts.ts";
import { ProfileHead } from "../people/profile-head.tsx";
import { ProfileLists } from "../people/profile-lists.tsx";
import { hasCode } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Screen } from "../ui/screen.tsx";
import { EmptyState, ErrorState, Skeleton } from "../ui/states.tsx";

/** @param props.list what stands after the name in the address: friends, followers, following */
export function ProfileScreen({ username, list }: { username: string; list?: string | undefined }) {
	const me = useMe();
	const own = me !== null && me.username.toLowerCase() === username.toLowerCase();
	const [found, setFound] = useState<Account | null>(null);
	const [error, setError] = useState<unknown>();
	const [asked, setAsked] = useState(0);

	useEffect(() => {
		let wanted = true;
		setError(undefined);
		edgefeed.accounts.byUsername(username).then(
			(account) => {
				if (!wanted) return;
				setFound(account);
				if (!isOther(account)) setMe(account);
			},
			(fault: unknown) => {
				if (!wanted) return;
				setError(fault);
				if (hasCode(fault, "account_not_found")) setFound(null);
			},
		);
		return () => {
			wanted = false;
		};
	}, [username, asked]);

	// One's own is there offline too.
	const account = own ? me : found;
	if (!account) {
		if (error === undefined) {
			return (
				<Screen title={`@${username}`} back>
					<Skeleton />
				</Screen>
			);
		}
		return (
			<Screen title={`@${username}`} back>
				{hasCode(error, "account_not_found", "invalid_request") ? (
					<EmptyState icon="user" title={t("people.missingTitle")} body={t("people.missingBody")} />
				) : (
					<ErrorState title={t("people.failedTitle")} error={error} onRetry={() => setAsked((count) => count + 1)} />
				)}
			</Screen>
		);
	}
	return (
		<Screen title={account.displayName} back>
			<ProfileHead account={account} onChange={setFound} />
			{account.relation?.blocking ? (
				<EmptyState icon="block" title={t("people.youBlock")} />
			) : (
				<ProfileLists account={account} list={list} onRelation={() => setAsked((count) => count + 1)} />
			)}
		</Screen>
	);
}
