import "../style/people.css";
import type { Author, FriendRequest } from "@edgefeed/sdk";
import { useEffect, useRef } from "preact/hooks";
import { useList } from "../lists.ts";
import { loadMe, setMe, useMe } from "../me.ts";
import { PeopleList } from "../people/people-list.tsx";
import { Requests } from "../people/requests.tsx";
import { edgefeed, useAccountId } from "../session.ts";
import { t } from "../texts/texts.ts";
import { ButtonLink } from "../ui/button.tsx";
import { Screen } from "../ui/screen.tsx";
import { EmptyState } from "../ui/states.tsx";

export function FriendsScreen() {
	const accountId = useAccountId();
	const me = useMe();
	const incoming = useRequests("incoming");
	const outgoing = useRequests("outgoing");
	const friends = useList<Author>(
		accountId,
		(cursor, signal) => edgefeed.friends.page(accountId, { ...(cursor ? { cursor } : {}), signal }),
		({ id }) => id,
	);

	// Nobody is told of requests: who comes back to the screen sees what has come meanwhile.
	const reload = useRef(() => {});
	reload.current = () => {
		incoming.reload();
		outgoing.reload();
	};
	useEffect(() => void loadMe(accountId), [accountId]);
	useEffect(() => {
		const look = () => {
			if (document.visibilityState === "visible") reload.current();
		};
		document.addEventListener("visibilitychange", look);
		return () => document.removeEventListener("visibilitychange", look);
	}, []);

	const befriended = (person: Author) => {
		friends.change((items) => [person, ...items.filter(({ id }) => id !== person.id)]);
		if (me) setMe({ ...me, friendCount: me.friendCount + 1 });
	};
	const find = (
		<ButtonLink href="/search" icon="search">
			{t("people.findPeople")}
		</ButtonLink>
	);
	return (
		<Screen title={t("people.friendsTitle")} actions={find}>
			<Requests direction="incoming" requests={incoming} onFriend={befriended} />
			<section aria-labelledby="friends">
				<h2 id="friends" class="section-title">
					{me ? t("people.friendCount", { count: me.friendCount }) : t("people.friends")}
				</h2>
				<PeopleList
					people={friends}
					label={t("people.friends")}
					empty={<EmptyState icon="friends" title={t("people.noFriends")} body={t("people.noFriendsOwn")} />}
				/>
			</section>
			<Requests direction="outgoing" requests={outgoing} onFriend={befriended} />
		</Screen>
	);
}

function useRequests(direction: "incoming" | "outgoing") {
	return useList<FriendRequest>(
		direction,
		(cursor, signal) => edgefeed.friends.requests.page(direction, { ...(cursor ? { cursor } : {}), signal }),
		({ accountId }) => accountId,
	);
}
