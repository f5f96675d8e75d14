import { z } from "@hono/zod-openapi";
import { Problem } from "../gateway/problem.ts";

/** Pages of the web app that the Worker serves: people are sent back to these on the service's own origin. */
const APP_PAGES: ReadonlySet<string> = new Set(["/sign-in", "/reset-password", "/settings/sessions"]);

/** Where a link leads, and where somebody comes back to. */
export const redirectSchema = z.url().max(2048).openapi({
	description: "an address of yours, exactly as it is in the setting TRUSTED_REDIRECTS, or a page of the web app",
});

/** The addresses that people may be sent to: those that operators have listed, and the web app's. */
export class Redirects {
	readonly #listed: ReadonlySet<string>;
	readonly #originOf: (request: Request) => string;

	/** @param originOf where the service is for who asks */
	constructor(listed: readonly string[], originOf: (request: Request) => string) {
		this.#listed = new Set(listed);
		this.#originOf = originOf;
	}

	/** @throws Problem `invalid_request` when it is none of them */
	require(redirectTo: string | undefined, request: Request): void {
		if (redirectTo === undefined || this.#listed.has(redirectTo)) return;
		const { origin, pathname, href } = new URL(redirectTo);
		// Nothing but the page: what a query or a fragment would say is not ours.
		if (origin === this.#originOf(request) && APP_PAGES.has(pathname) && href === origin + pathname) return;
		const message = "is not one of TRUSTED_REDIRECTS";
		throw new Problem("invalid_request", undefined, [{ path: "redirectTo", message }]);
	}
}
