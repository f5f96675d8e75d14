import { z } from "@hono/zod-openapi";
import { Problem } from "../gateway/problem.ts";
import type { Id } from "../store/ids.ts";
import type { Timeline } from "../timeline/client.ts";

/** The header of requests that must not be done twice (draft-ietf-httpapi-idempotency-key-header). */
export const idempotencyHeader = z.object({
	"idempotency-key": z
		.string()
		.regex(/^[\x21-\x7e]{1,255}$/, "1 to 255 visible ASCII characters")
		.optional()
		.openapi({ description: "a repeated request with the same key gets the first one's answer, for 24 hours" }),
});

export interface Attempt {
	key: string | undefined;
	/** Stands for what is asked: the method, the path and the body. */
	request: unknown;
	/** Whether something was made under an id. */
	made: (id: Id) => Promise<boolean>;
}

/**
 * Runs `work` once for a key of the timeline's owner. Whoever repeats it gets the first answer;
 * whoever races it works under the same id, so that the database takes only one of them.
 *
 * @throws Problem `idempotency_key_reused` when the key came with another request before.
 */
export async function once<T>(
	timeline: Timeline,
	{ key, request, made }: Attempt,
	candidate: Id,
	work: (id: Id) => Promise<T>,
): Promise<T> {
	if (key === undefined) return work(candidate);
	const reservation = await timeline.reserve(key, await digest(request), candidate);
	switch (reservation.state) {
		case "mismatch":
			throw new Problem("idempotency_key_reused");
		case "done":
			return JSON.parse(reservation.body);
		case "proceed": {
			// An id tells when its thing was made: one that was claimed in vain an hour ago must not date a post back.
			const vain = reservation.stale && !(await made(reservation.id));
			const id = vain ? await timeline.renew(key, reservation.id, candidate) : reservation.id;
			return JSON.parse(await timeline.complete(key, JSON.stringify(await work(id))));
		}
	}
}

async function digest(request: unknown): Promise<string> {
	const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(request)));
	return btoa(String.fromCharCode(...new Uint8Array(hash)));
}
