import { useEffect, useState } from "preact/hooks";
import { homeFeed } from "../home-feed.ts";
import { useWatched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { Icon } from "../ui/icon.tsx";

/** Whether the browser says that there is a network. */
export function useOnline(): boolean {
	const [online, setOnline] = useState(navigator.onLine);
	useEffect(() => {
		const look = () => setOnline(navigator.onLine);
		look();
		addEventListener("online", look);
		addEventListener("offline", look);
		return () => {
			removeEventListener("online", look);
			removeEventListener("offline", look);
		};
	}, []);
	return online;
}

/** Milliseconds that the service may be out of reach before that is said: every start begins so. */
const PATIENCE = 4000;

const feed = {
	get: () => homeFeed().state.status,
	subscribe: (listener: () => void) => homeFeed().subscribe(listener),
};

/** Whether the service cannot be reached although there is a network. */
function useOutOfReach(online: boolean): boolean {
	const failing = useWatched(feed) === "offline" && online;
	const [long, setLong] = useState(false);
	useEffect(() => {
		setLong(false);
		if (!failing) return;
		const timer = setTimeout(() => setLong(true), PATIENCE);
		return () => clearTimeout(timer);
	}, [failing]);
	return failing && long;
}

/** The region is always there, so that screen readers hear when something comes into it. */
export function OfflineBanner() {
	const online = useOnline();
	const outOfReach = useOutOfReach(online);
	const said = online ? (outOfReach ? t("common.noNetwork") : undefined) : t("common.offline");
	return (
		<div class={said ? "offline" : "offline offline-hidden"} role="status">
			{said && (
				<>
					<Icon name="offline" />
					{said}
				</>
			)}
		</div>
	);
}
