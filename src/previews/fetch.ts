import { reportFailure } from "../report.ts";
import type { PreviewImages } from "./images.ts";
import { type Outside, readAtMost, Unreached, Unusable } from "./outside.ts";
import { decodePage, readPage } from "./page.ts";
import type { Preview } from "./preview.ts";

/** What came of looking at an address; `why` is for the log, and `lifetime` how long it is true, in milliseconds. */
export type Looked =
	| { state: "ready"; preview: Preview; lifetime: number }
	/** There is nothing to show. */
	| { state: "none"; preview: null; why: string; lifetime: number }
	/** Nothing was learned: worth another try. */
	| { state: "failed"; preview: null; why: string; lifetime: number };

/** Bytes of a page that are read: what a page says of itself is at its beginning. */
const PAGE = 512 * 1024;

const HOUR = 3_600_000;
/** How long a preview is kept, whatever its server says. */
const LIFETIMES = { least: HOUR, most: 24 * HOUR, none: HOUR, failed: 45_000 } as const;

const PAGES = "text/html, application/xhtml+xml";
const isPage = (type: string) => /^\s*(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i.test(type);

/** Makes previews of addresses. */
export class PreviewMaker {
	readonly #outside: Outside;
	readonly #images: PreviewImages;
	readonly #patience: number;

	/** @param patience milliseconds for a page with all of its redirects. */
	constructor(outside: Outside, images: PreviewImages, patience: number) {
		this.#outside = outside;
		this.#images = images;
		this.#patience = patience;
	}

	/** Looks at a page. Fails for nothing that a page or its server does. */
	async look(address: string): Promise<Looked> {
		const signal = AbortSignal.timeout(this.#patience);
		try {
			const { url, response } = await this.#outside.get(address, PAGES, signal);
			const type = response.headers.get("content-type") ?? "";
			if (!isPage(type)) {
				await response.body?.cancel();
				throw new Unusable("no page");
			}
			const { bytes } = await readAtMost(response.body, PAGE, signal);
			const { title, description, siteName, image } = await readPage(decodePage(bytes, type), url);
			if (title === undefined) throw new Unusable("no title");
			return {
				state: "ready",
				preview: {
					url: url.href,
					title,
					description: description ?? null,
					siteName: siteName ?? null,
					image: image === undefined ? null : await this.#images.take(image),
				},
				lifetime: lifetimeOf(response.headers.get("cache-control")),
			};
		} catch (error) {
			if (error instanceof Unreached) return nothing("failed", error.message, LIFETIMES.failed);
			// A page that breaks the parser is no better than none.
			if (!(error instanceof Unusable)) reportFailure("a page was not read", error);
			return nothing("none", error instanceof Unusable ? error.message : "unreadable", LIFETIMES.none);
		}
	}
}

function nothing<S extends "none" | "failed">(state: S, why: string, lifetime: number) {
	return { state, preview: null, why, lifetime } as const;
}

/** As the server says (RFC 9111), within bounds. @returns milliseconds */
export function lifetimeOf(cacheControl: string | null): number {
	if (cacheControl === null) return LIFETIMES.most;
	if (/\bno-(?:store|cache)\b/i.test(cacheControl)) return LIFETIMES.least;
	const seconds =
		/\bs-maxage\s*=\s*"?(\d+)/i.exec(cacheControl)?.[1] ?? /\bmax-age\s*=\s*"?(\d+)/i.exec(cacheControl)?.[1];
	if (seconds === undefined) return LIFETIMES.most;
	return Math.min(LIFETIMES.most, Math.max(LIFETIMES.least, Number(seconds) * 1000));
}
