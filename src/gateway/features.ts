import type { Context, MiddlewareHandler, Next } from "hono";
import { matchedRoutes } from "hono/route";
import { waitFor } from "./limits.ts";
import type { Gateway } from "./openapi.ts";
import { Problem } from "./problem.ts";

/** What operators can switch off, each by a flag of its name. */
export const FEATURES = [
	"sign-up",
	"sign-in",
	"profiles",
	"search",
	"friend-requests",
	"follows",
	"blocks",
	"posting",
	"media",
	"comments",
	"reactions",
	"sockets",
	"markers",
	"export",
] as const;
export type Feature = (typeof FEATURES)[number];

/**
 * The feature that a route belongs to; null: never switched off, because it only takes something back, ends
 * something or keeps an account safe. A test wants every route here that changes something, save those of operators.
 */
export const ROUTE_FEATURES: Readonly<Record<string, Feature | null>> = {
	"POST /auth/sign-up/email": "sign-up",
	"POST /auth/sign-in/email": "sign-in",
	"POST /auth/sign-in/username": "sign-in",
	"POST /auth/sign-in/social": "sign-in",
	"POST /auth/sign-in/code": "sign-in",
	"POST /auth/sign-in/anonymous": "sign-up",
	"POST /auth/upgrade": "sign-up",
	"POST /auth/callback/{provider}": "sign-in",
	"POST /auth/link-social": "sign-in",
	"POST /auth/unlink-social": null,
	"POST /auth/two-factor/verify-totp": "sign-in",
	"POST /auth/two-factor/verify-backup-code": "sign-in",
	"POST /auth/two-factor/enable": null,
	"POST /auth/two-factor/disable": null,
	"POST /auth/two-factor/generate-backup-codes": null,
	"POST /auth/passkey/verify-authentication": "sign-in",
	"POST /auth/passkey/verify-registration": null,
	"POST /auth/passkey/delete-passkey": null,
	"POST /auth/refresh": null,
	"POST /auth/sign-out": null,
	"POST /auth/change-email": null,
	"POST /auth/change-password": null,
	"POST /auth/request-password-reset": null,
	"POST /auth/reset-password": null,
	"POST /auth/send-verification-email": null,
	"DELETE /v1/sessions": null,
	"DELETE /v1/sessions/{id}": null,
	"DELETE /v1/accounts/me": null,
	"POST /v1/accounts/me/deactivate": null,
	"POST /v1/accounts/me/reactivate": null,
	"POST /v1/accounts/me/export": "export",
	"GET /v1/accounts": "search",
	"GET /v1/search/accounts": "search",
	"PATCH /v1/accounts/me": "profiles",
	"POST /v1/friend-requests": "friend-requests",
	"POST /v1/friend-requests/{id}/accept": "friend-requests",
	"DELETE /v1/friend-requests/{id}": null,
	"DELETE /v1/friends/{id}": null,
	"PUT /v1/following/{id}": "follows",
	"DELETE /v1/following/{id}": null,
	"PUT /v1/blocks/{id}": "blocks",
	"DELETE /v1/blocks/{id}": "blocks",
	"PUT /v1/mutes/{id}": "blocks",
	"DELETE /v1/mutes/{id}": "blocks",
	"POST /v1/posts": "posting",
	"POST /v1/link-previews": "posting",
	"PATCH /v1/posts/{id}": "posting",
	"POST /v1/media": "media",
	"PUT /v1/media/{id}/parts/{part}": "media",
	"POST /v1/media/{id}/complete": "media",
	"PATCH /v1/media/{id}": "media",
	"DELETE /v1/media/{id}": null,
	"DELETE /v1/posts/{id}": null,
	"POST /v1/posts/{id}/comments": "comments",
	"PUT /v1/posts/{id}/like": "reactions",
	"DELETE /v1/posts/{id}/like": "reactions",
	"GET /v1/feed/stream": "sockets",
	"GET /v1/feed/events": "sockets",
	"POST /v1/feed/tickets": "sockets",
	"PUT /v1/feed/marker": "markers",
};

/** Seconds after which a client may ask again for what is switched off. */
const RETRY = 60;

/** What is switched off, as an isolate knows it. */
export interface Switches {
	/** Whether it can be told now; what is not quite fresh is fetched behind the request's back. */
	current(): boolean;
	/** Waits until it can be told. Never fails: what cannot be known is on. */
	fresh(): Promise<void>;
	isOff(feature: Feature): boolean;
}

/** Refuses what is switched off, before anything is looked at. */
export function refuseSwitchedOff(switches: Switches): MiddlewareHandler<Gateway> {
	const look = async (c: Context<Gateway>, next: Next, feature: Feature) => {
		if (!switches.current()) await switches.fresh();
		if (switches.isOff(feature)) {
			waitFor(c, RETRY);
			throw new Problem("feature_disabled");
		}
		await next();
	};
	return (c, next) => {
		const feature = READS.has(c.req.path) || !/^(?:GET|HEAD)$/.test(c.req.method) ? featureOf(c) : null;
		return feature === null ? next() : look(c, next, feature);
	};
}

/** The paths of reads that can be switched off: they have no ids, so that other reads cost a look-up. */
const READS = new Set(
	Object.keys(ROUTE_FEATURES).flatMap((route) => (route.startsWith("GET ") ? [route.slice("GET ".length)] : [])),
);

function featureOf(c: Context<Gateway>): Feature | null {
	const method = c.req.method === "HEAD" ? "GET" : c.req.method;
	// Middleware matches as well, before the route and after it.
	for (const { path } of matchedRoutes(c)) {
		const feature = ROUTE_FEATURES[`${method} ${path.replace(/:(\w+)/g, "{$1}")}`];
		if (feature !== undefined) return feature;
	}
	return null;
}
