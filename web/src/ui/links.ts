/** A piece of what somebody wrote. */
export type Piece =
	| { kind: "text"; text: string }
	/** A web address; `href` is always `http:` or `https:`. */
	| { kind: "link"; text: string; href: string }
	| { kind: "mention"; text: string; username: string };

/** Web addresses with their scheme or `www.`, and names after an @ that is not inside a word. */
const CANDIDATES =
	/\b(?:https?:\/\/|www\.)[^\s<>"'`{}|\\^\u3000-\u303f\uff00-\uffef\uac00-\ud7a3\u3040-\u30ff\u4e00-\u9fff]+|(?<![\p{L}\p{N}_.@/])@[A-Za-z0-9_.]{3,30}(?![A-Za-z0-9_@])/giu;

/** Takes text apart into what is said and what leads somewhere. The pieces' texts together are the text. */
export function findLinks(text: string): Piece[] {
	const pieces: Piece[] = [];
	let from = 0;
	const plain = (until: number) => {
		if (until > from) pieces.push({ kind: "text", text: text.slice(from, until) });
	};
	for (const { 0: found, index } of text.matchAll(CANDIDATES)) {
		const piece = found.startsWith("@") ? mention(found) : link(found);
		if (!piece) continue;
		plain(index);
		pieces.push(piece);
		from = index + piece.text.length;
	}
	plain(text.length);
	return pieces;
}

/** The first web address in a text, whole, or undefined. */
export function firstLink(text: string): string | undefined {
	for (const piece of findLinks(text)) if (piece.kind === "link") return piece.href;
	return undefined;
}

function mention(found: string): Piece | undefined {
	// A dot at the end is the sentence's.
	const text = found.replace(/\.+$/, "");
	return text.length < 4 ? undefined : { kind: "mention", text, username: text.slice(1) };
}

function link(found: string): Piece | undefined {
	const text = withoutPunctuation(found);
	const address = URL.parse(/^www\./i.test(text) ? `https://${text}` : text);
	if (!address || (address.protocol !== "https:" && address.protocol !== "http:")) return undefined;
	// Who hides where a link leads behind a name does not get one; neither does a host without a dot.
	if (address.username || address.password) return undefined;
	if (!/[^.]\.[^.]/.test(address.hostname) && address.hostname !== "localhost") return undefined;
	return { kind: "link", text, href: address.href };
}

/** Punctuation at the end is the sentence's, and so is a bracket that was opened before the address. */
function withoutPunctuation(found: string): string {
	let text = found;
	for (;;) {
		const last = text.at(-1) ?? "";
		if (/[.,;:!?…]/.test(last)) text = text.slice(0, -1);
		else if (
			(last === ")" && count(text, ")") > count(text, "(")) ||
			(last === "]" && count(text, "]") > count(text, "["))
		)
			text = text.slice(0, -1);
		else return text;
	}
}

function count(text: string, letter: string): number {
	return text.split(letter).length - 1;
}
