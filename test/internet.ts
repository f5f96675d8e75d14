import { inject } from "vitest";
import type { Asked, Page } from "../scripts/page.ts";

/** The internet of the tests: `scripts/pages.ts`. */
export const INTERNET = inject("outsideUrl");

let pages = 0;

/** Puts a page on the internet. @returns its address */
export async function page(...answers: Page[]): Promise<string> {
	const address = `${INTERNET}/pages/${Date.now()}-${++pages}`;
	await fetch(address, { method: "PUT", body: JSON.stringify(answers) });
	return address;
}

/** An HTML page with something in its head. */
export async function html(head: string, more: Page = {}): Promise<string> {
	const headers = { "content-type": "text/html; charset=utf-8", ...more.headers };
	return page({ text: `<!doctype html><html><head>${head}</head><body>…</body></html>`, ...more, headers });
}

/** Lets go of those who wait for a page that is held. */
export async function release(address: string): Promise<void> {
	await fetch(address, { method: "POST" });
}

export async function asked(address: string): Promise<Asked> {
	const { origin, pathname } = new URL(address);
	return (await fetch(`${origin}/asked${pathname}`)).json();
}

/** Gives a name addresses, by type of record. */
export async function named(name: string, records: Record<string, string[]>): Promise<void> {
	await fetch(`${INTERNET}/dns-query?name=${name}`, { method: "PUT", body: JSON.stringify(records) });
}
