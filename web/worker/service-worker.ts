/**
 * The service worker: the app without a network. It keeps the app itself, as one version, and photos that were seen.
 * What the API says is none of its business: the SDK keeps what is read offline, for the account that it belongs to.
 */
import { clientsClaim } from "workbox-core";
import { ExpirationPlugin } from "workbox-expiration";
import { cleanupOutdatedCaches, createHandlerBoundToURL, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { CacheFirst } from "workbox-strategies";
import { FORGET_MEDIA, MEDIA_CACHE, TAKE_OVER } from "../src/worker-words.ts";

/** The files of this version, and where the API is: put in by the build (web/worker/plugin.ts). */
declare const __PRECACHE__: { url: string; revision: string | null }[];
declare const __API_ORIGIN__: string;
declare const self: ServiceWorkerGlobalScope;

const DAY = 86_400;
/** What the Worker answers itself, and the API reference: no screens of the app. */
const NO_SCREEN = /^\/(v1|auth|ops|media|docs|openapi\.json|healthz|readyz)(\/|\?|$)/;
const MEDIA = /^\/media\/[^/]+\/[^/]+$/;

cleanupOutdatedCaches();
precacheAndRoute(__PRECACHE__, { cleanURLs: false });
registerRoute(new NavigationRoute(createHandlerBoundToURL("/"), { denylist: [NO_SCREEN] }));

const bounds = new ExpirationPlugin({ maxEntries: 400, maxAgeSeconds: 30 * DAY, purgeOnQuotaError: true });
const apiOrigin = __API_ORIGIN__ || self.location.origin;
registerRoute(
	({ request, url }) => request.destination === "image" && url.origin === apiOrigin && MEDIA.test(url.pathname),
	new CacheFirst({
		cacheName: MEDIA_CACHE,
		plugins: [
			// The signature of an address changes every few hours, what is behind its path never does.
			{ cacheKeyWillBeUsed: async ({ request }) => request.url.split("?")[0] ?? request.url },
			bounds,
		],
	}),
);

// From its first visit on the app is kept; a new version waits until its reader wants it.
clientsClaim();
self.addEventListener("message", ({ data }) => {
	if (data === TAKE_OVER) void self.skipWaiting();
	if (data === FORGET_MEDIA) void bounds.deleteCacheAndMetadata();
});
