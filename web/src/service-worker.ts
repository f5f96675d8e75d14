import { edgefeed } from "./session.ts";
import { t } from "./texts/texts.ts";
import { toast } from "./ui/toast.tsx";
import { FORGET_MEDIA, MEDIA_CACHE, TAKE_OVER } from "./worker-words.ts";

const ADDRESS = "/sw.js";
/** Milliseconds between two looks for a new version, while the app is open. */
const LOOK = 3_600_000;
/** The page was reloaded because a part of an older version is gone: Unix milliseconds, of this tab. */
const RELOADED = "edgefeed.reloaded";

/** A part of a version that is gone from the server and from here: the page as it is now has all its parts. */
export function reloadWhenPartsAreGone(): void {
	addEventListener("vite:preloadError", () => {
		const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
		if (!navigator.onLine || Date.now() - last < 60_000) return;
		sessionStorage.setItem(RELOADED, String(Date.now()));
		location.reload();
	});
}

/**
 * Has the app work without a network, and says when there is a new version. A version is taken over only when its
 * reader wants it: whatever she is writing stays.
 */
export function registerServiceWorker(): void {
	edgefeed.session.subscribe((current) => {
		if (!current) void forgetMedia();
	});
	if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
	// The app comes first, what is kept for later after it.
	if (document.readyState === "complete") void register();
	else addEventListener("load", () => void register(), { once: true });
}

async function register(): Promise<void> {
	const { serviceWorker } = navigator;
	// On the first visit the worker takes over a page of its own version.
	let controlled = serviceWorker.controller !== null;
	let wanted = false;
	serviceWorker.addEventListener("controllerchange", () => {
		if (wanted) location.reload();
		// Another tab has taken the new version.
		else if (controlled) announce(() => location.reload());
		controlled = true;
	});
	let registration: ServiceWorkerRegistration;
	try {
		registration = await serviceWorker.register(trusted(ADDRESS));
	} catch {
		// Private windows of some browsers have none: the app works as a page.
		return;
	}
	const take = (worker: ServiceWorker) => () => {
		wanted = true;
		worker.postMessage(TAKE_OVER);
	};
	const look = () => {
		const { waiting } = registration;
		if (waiting && serviceWorker.controller) announce(take(waiting));
	};
	look();
	registration.addEventListener("updatefound", () => {
		registration.installing?.addEventListener("statechange", look);
	});
	let looked = Date.now();
	document.addEventListener("visibilitychange", () => {
		if (document.visibilityState !== "visible" || Date.now() - looked < LOOK) return;
		looked = Date.now();
		registration.update().catch(() => undefined);
	});
}

let announced: (() => void) | undefined;

function announce(run: () => void): void {
	announced?.();
	announced = toast(t("offline.newVersion"), { stays: true, action: { label: t("offline.reload"), run } });
}

/** Photos were kept for who has signed out. */
async function forgetMedia(): Promise<void> {
	navigator.serviceWorker?.controller?.postMessage(FORGET_MEDIA);
	if ("caches" in globalThis) await caches.delete(MEDIA_CACHE).catch(() => false);
}

interface TrustedTypes {
	createPolicy(
		name: string,
		rules: { createScriptURL: (address: string) => string },
	): { createScriptURL(address: string): string };
}

/** The policy of the page lets nothing be run whose address was not looked at: this is the one that is. */
function trusted(address: typeof ADDRESS): string {
	const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
	if (!trustedTypes) return address;
	return trustedTypes.createPolicy("edgefeed", { createScriptURL: () => ADDRESS }).createScriptURL(address);
}
