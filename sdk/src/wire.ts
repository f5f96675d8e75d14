import { errorOf, localError } from "./errors.ts";
import type { Platform } from "./platform.ts";
import { reasonOf, throwIfAborted } from "./retry.ts";

/** A request, so that it can be sent more than once. */
export interface Outgoing {
	method: string;
	url: string;
	headers: Headers;
	/** A text, or bytes. */
	body?: BodyInit | undefined;
	signal?: AbortSignal | undefined;
}

/** Milliseconds until an attempt is given up. */
export const ATTEMPT_LASTS = 20_000;

const EMPTY: ReadonlySet<number> = new Set([101, 204, 205, 304]);

/**
 * One attempt, the answer's body included: an answer that breaks off is none.
 *
 * @returns a success, or a 304
 * @throws EdgefeedError for every other answer, and for none; what the signal was aborted with
 */
export async function exchange(
	platform: Pick<Platform, "fetch">,
	{ method, url, headers, body, signal }: Outgoing,
	lasts = ATTEMPT_LASTS,
): Promise<Response> {
	throwIfAborted(signal);
	const attempt = new AbortController();
	const abort = () => attempt.abort();
	signal?.addEventListener("abort", abort);
	const tooLate = localError("request_timed_out");
	const timer = setTimeout(() => attempt.abort(tooLate), lasts);
	let response: Response;
	try {
		const found = await platform.fetch(url, {
			method,
			headers,
			signal: attempt.signal,
			...(body === undefined ? {} : { body }),
		});
		const text = EMPTY.has(found.status) ? null : await found.text();
		throwIfAborted(attempt.signal);
		response = new Response(text, { status: found.status, statusText: found.statusText, headers: found.headers });
	} catch (error) {
		if (signal?.aborted) throw reasonOf(signal);
		throw attempt.signal.aborted ? tooLate : localError("network_error", error);
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener("abort", abort);
	}
	if (response.ok || response.status === 304) return response;
	throw await errorOf(response);
}
