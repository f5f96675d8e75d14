import { forgetAudience } from "./compose/kept-audience.ts";
import { closeComposer } from "./compose/opened.ts";
import { closeHomeFeed, homeFeed } from "./home-feed.ts";
import { forgetMe, loadMe } from "./me.ts";
import { edgefeed } from "./session.ts";

let known: string | null = null;

/** Reads who is signed in, and begins to read what they will see. Follows every change of it, here or in another tab. */
export async function openSession(): Promise<void> {
	await edgefeed.session.ready;
	follow();
	edgefeed.session.subscribe(follow);
}

function follow(): void {
	const now = edgefeed.session.current?.accountId ?? null;
	if (now === known) return;
	if (known !== null) {
		closeHomeFeed();
		forgetMe();
		forgetAudience();
		closeComposer();
	}
	known = now;
	if (now === null) return;
	homeFeed();
	void loadMe(now);
}
