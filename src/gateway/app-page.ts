/** What the Worker or the assets answer for themselves: what is not there is not there. */
const NOT_THE_APPS = /^\/(?:v1|auth|ops|media|assets|docs|cdn-cgi|healthz|readyz)(?:\/|$)/;
/** A file's name; names of people, which may have dots, come after an @. */
const FILE = /\/[^/@]*\.\w+$/;

/**
 * Whether a browser goes to an address that the web app may know. What it loads for a page is none: a script of a
 * version that is gone must be told so, and not get a page that caches keep in its place.
 */
export function wantsAppPage({ method, url, headers }: Request): boolean {
	if (method !== "GET" && method !== "HEAD") return false;
	const { pathname } = new URL(url);
	if (NOT_THE_APPS.test(pathname) || FILE.test(pathname)) return false;
	const mode = headers.get("sec-fetch-mode");
	return mode === null ? (headers.get("accept") ?? "").includes("text/html") : mode === "navigate";
}

/** The page of the web app, which finds out itself what the address shows. */
export async function appPage(assets: Fetcher, request: Request): Promise<Response> {
	const { method, url, headers } = request;
	const page = await assets.fetch(new URL("/", url).href, { method, headers });
	return new Response(page.body, page);
}
