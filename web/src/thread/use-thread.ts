import type { Author, OutboxState } from "@edgefeed/sdk";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { homeFeed } from "../home-feed.ts";
import { useMe } from "../me.ts";
import { edgefeed, useAccountId } from "../session.ts";
import { useWatched } from "../store.ts";
import { threadCalls } from "./calls.ts";
import { type KeptComment, Thread, type ThreadState } from "./thread.ts";

/** Milliseconds between looks for new comments: nobody is told of those by the stream. */
const LOOK = 15_000;

/** The thread of a post while it is on the screen: kept up to date as long as somebody looks. */
export function useThread(id: string): { thread: Thread; state: ThreadState } {
	const me = useMe();
	const accountId = useAccountId();
	const author = useRef<Author>({ id: accountId, username: "", displayName: "", avatarUrl: null });
	if (me) author.current = me;
	const thread = useMemo(() => new Thread(id, threadCalls, () => author.current), [id]);

	useEffect(() => {
		const inFeed = () => homeFeed().state.items.find((post) => post.id === id);
		let known = inFeed();
		const { outbox } = edgefeed;
		const keep = () => thread.kept(keptComments(outbox.state));
		const ends = [
			outbox.subscribe(keep),
			outbox.onSent(({ item, post }) => item.parentId !== null && thread.arrived(item.id, post)),
		];
		keep();
		void thread.open(known);
		const look = () => {
			if (document.visibilityState === "visible") void thread.refresh();
		};
		const timer = setInterval(look, LOOK);
		document.addEventListener("visibilitychange", look);
		// The feed is told of the post at once; what it says of it is a reason to look.
		ends.push(
			homeFeed().subscribe(() => {
				const now = inFeed();
				if (known !== undefined && now !== known) look();
				known = now;
			}),
		);
		window.addEventListener("online", keep);
		window.addEventListener("offline", keep);
		return () => {
			clearInterval(timer);
			window.removeEventListener("online", keep);
			window.removeEventListener("offline", keep);
			document.removeEventListener("visibilitychange", look);
			for (const end of ends) end();
		};
	}, [thread, id]);

	return { thread, state: useWatched(thread.state) };
}

function keptComments({ items }: OutboxState): KeptComment[] {
	const unsent = navigator.onLine ? "waiting" : "kept";
	return items.flatMap(({ id, parentId, content, createdAt, problem }) =>
		parentId === null ? [] : [{ id, parentId, text: content.text, createdAt, sending: problem ? "failed" : unsent }],
	);
}
