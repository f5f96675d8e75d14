import { decodeHTML, decodeHTMLAttribute } from "entities/decode";

/** What is read of a page, as text of bounded length; undefined where the page does not say it. */
export interface PageFacts {
	title?: string | undefined;
	description?: string | undefined;
	siteName?: string | undefined;
	/** Whole http(s) address. */
	image?: string | undefined;
}

/** Code points of each. */
const LENGTHS = { title: 200, description: 400, siteName: 80 } as const;
const LONGEST_ADDRESS = 2048;
/** Bytes in which a page says how it is encoded: the standard wants it in 1,024. */
const PRESCAN = 4096;

/** The names under which pages say something, the better first. */
const NAMES = {
	title: ["og:title", "twitter:title"],
	description: ["og:description", "twitter:description", "description"],
	siteName: ["og:site_name", "application-name"],
	image: ["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src"],
} as const;
const KNOWN = new Set<string>(Object.values(NAMES).flat());

/**
 * The text of a page: in the encoding that its mark, its header or itself names, in this order.
 *
 * @param contentType as the server sent it.
 */
export function decodePage(bytes: Uint8Array, contentType: string): string {
	const start = new TextDecoder("windows-1252").decode(bytes.subarray(0, PRESCAN));
	const said = /;\s*charset\s*=\s*["']?([\w.:-]+)/i.exec(contentType)?.[1];
	const written = /<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)/i.exec(start)?.[1];
	const declared = /^\s*<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)/i.exec(start)?.[1];
	// Who can read that the page is UTF-16 has read something else.
	const label = markOf(bytes) ?? said ?? (written ?? declared)?.replace(/^utf-?16.*$/i, "utf-8") ?? "utf-8";
	return decoderFor(label).decode(bytes);
}

function markOf([a, b, c]: Uint8Array): string | undefined {
	if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
	if (a === 0xfe && b === 0xff) return "utf-16be";
	if (a === 0xff && b === 0xfe) return "utf-16le";
	return undefined;
}

function decoderFor(label: string): TextDecoder {
	try {
		return new TextDecoder(label);
	} catch {
		return new TextDecoder("utf-8");
	}
}

/** Reads what a page says of itself. Scripts are not run, and markup in what it says stays text. */
export async function readPage(html: string, url: URL): Promise<PageFacts> {
	const found = new Map<string, string>();
	let title = "";
	let titles = 0;
	const reader = new HTMLRewriter()
		.on("meta", {
			element(element) {
				const name = (element.getAttribute("property") ?? element.getAttribute("name") ?? "").trim().toLowerCase();
				const content = element.getAttribute("content") ?? "";
				if (KNOWN.has(name) && !found.has(name) && content.trim() !== "") found.set(name, decodeHTMLAttribute(content));
			},
		})
		.on("title", {
			element() {
				titles++;
			},
			// The first one is the page's; a picture in it may have others.
			text(chunk) {
				if (titles === 1 && title.length < LONGEST_ADDRESS) title += chunk.text;
			},
		});
	await reader.transform(new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } })).arrayBuffer();
	const said = (names: readonly string[]) => names.map((name) => found.get(name)).find((value) => value !== undefined);
	const image = said(NAMES.image);
	return {
		title: plainText(said(NAMES.title) ?? decodeHTML(title), LENGTHS.title),
		description: plainText(said(NAMES.description), LENGTHS.description),
		siteName: plainText(said(NAMES.siteName), LENGTHS.siteName),
		image: image === undefined ? undefined : webAddress(image, url),
	};
}

/** Line breaks and other control characters, and what makes text run the other way from there on. */
const UNSEEN = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

function plainText(said: string | undefined, length: number): string | undefined {
	if (said === undefined) return undefined;
	const text = said.toWellFormed().replace(UNSEEN, " ").replace(/\s+/g, " ").trim();
	const characters = [...text];
	if (characters.length <= length) return text || undefined;
	return `${characters
		.slice(0, length - 1)
		.join("")
		.trimEnd()}…`;
}

function webAddress(text: string, base: URL): string | undefined {
	if (!URL.canParse(text.trim(), base.href)) return undefined;
	const { protocol, href } = new URL(text.trim(), base.href);
	return /^https?:$/.test(protocol) && href.length <= LONGEST_ADDRESS ? href : undefined;
}
