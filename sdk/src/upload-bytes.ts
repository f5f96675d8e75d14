import type { Fetch } from "./platform.ts";

/** As much of an XMLHttpRequest as is used: it alone tells how much of a body has been sent. */
interface Xhr {
	open(method: string, url: string): void;
	setRequestHeader(name: string, value: string): void;
	getAllResponseHeaders(): string;
	send(body: unknown): void;
	abort(): void;
	upload: { onprogress: ((event: { loaded: number }) => void) | null };
	onload: (() => void) | null;
	onerror: (() => void) | null;
	onabort: (() => void) | null;
	status: number;
	responseText: string;
}

const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * A `fetch` that tells how many bytes of the body have gone out, where there is an XMLHttpRequest: in browsers and in
 * React Native. Elsewhere they are told when all have.
 */
export function tellingFetch(plain: Fetch, onBytes: (bytes: number) => void): Fetch {
	const { XMLHttpRequest } = globalThis as unknown as { XMLHttpRequest?: new () => Xhr };
	if (!XMLHttpRequest) return plain;
	return (url, { method = "GET", headers, body, signal }) =>
		new Promise((resolve, reject) => {
			const request = new XMLHttpRequest();
			const abort = () => request.abort();
			const end = (settle: () => void) => () => {
				signal?.removeEventListener("abort", abort);
				settle();
			};
			request.open(method, url);
			new Headers(headers).forEach((value, name) => {
				request.setRequestHeader(name, value);
			});
			request.upload.onprogress = ({ loaded }) => onBytes(loaded);
			request.onload = end(() => resolve(answerOf(request)));
			request.onerror = end(() => reject(new TypeError("The connection failed")));
			request.onabort = end(() => reject(signal?.reason ?? new TypeError("The request was given up")));
			signal?.addEventListener("abort", abort);
			if (signal?.aborted) request.onabort();
			else request.send(body);
		});
}

function answerOf(request: Xhr): Response {
	const lines = request.getAllResponseHeaders().trim().split(/\r?\n/);
	const pairs = lines.flatMap((line): [string, string][] => {
		const colon = line.indexOf(":");
		return colon > 0 ? [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]] : [];
	});
	const text = EMPTY.has(request.status) ? null : request.responseText;
	return new Response(text, { status: request.status, headers: pairs });
}
