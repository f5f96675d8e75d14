import "./style/base.css";
import "./style/ui.css";
import "./style/layout.css";
import "./style/post.css";
import "./style/feed.css";
import { rememberScroll } from "./scroll-memory.ts";
import { registerServiceWorker, reloadWhenPartsAreGone } from "./service-worker.ts";
import { openSession } from "./start.ts";
import { keptLanguage, loadLanguage, preferredLanguage } from "./texts/texts.ts";
import { applyAppearance } from "./theme.ts";

applyAppearance();
requireReadablePath();
reloadWhenPartsAreGone();
rememberScroll();
// Nothing that is drawn with is waited for: the session, the feed and the texts are asked for while it is on its way
// (index.html preloads it). On a slow phone each round trip counts.
const opened = openSession();
const texts = loadLanguage(preferredLanguage(keptLanguage(), navigator.languages));
// Not awaited at the top: what is imported here imports the chunk that this is in.
void Promise.all([import("./app.tsx"), texts, opened]).then(([{ draw }]) => {
	draw();
	registerServiceWorker();
});

/** An address that cannot be decoded leads nowhere; the router would fail on it. */
function requireReadablePath(): void {
	try {
		decodeURIComponent(location.pathname);
	} catch {
		history.replaceState(null, "", "/not-found");
	}
}
