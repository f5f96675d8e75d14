import fc from "fast-check";
import { expect, it } from "vitest";
import { findLinks, firstLink } from "../src/ui/links.ts";

const links = (text: string) => findLinks(text).flatMap((piece) => (piece.kind === "text" ? [] : [piece.text]));

it.each([
	["see https://example.com/a?b=c#d.", ["https://example.com/a?b=c#d"]],
	["(https://en.wikipedia.org/wiki/Rust_(language))", ["https://en.wikipedia.org/wiki/Rust_(language)"]],
	["www.example.com!", ["www.example.com"]],
	["여기 https://example.com/길은 봐", ["https://example.com/"]],
	["見て、https://example.com/path。次", ["https://example.com/path"]],
	["hi @demo.user, and @ab", ["@demo.user"]],
	["mail me@example.com", []],
	["javascript:alert(1) data:text/html,x http:// https://", []],
	["https://user:pass@example.com/", []],
	["https://intranet/", []],
	["<img src=x onerror=alert(1)>", []],
])("what leads somewhere in %j", (text, expected) => {
	expect(links(text)).toEqual(expected);
});

it("the pieces are the text, and no address is anything but http or https", () => {
	const word = fc.oneof(
		fc.string(),
		fc.constantFrom(
			"https://",
			"http://a.b",
			"javascript:",
			"www.",
			"@name",
			"(",
			")",
			".",
			"\n",
			" ",
			"한글",
			"https://x.y/@z",
		),
	);
	fc.assert(
		fc.property(fc.array(word), (words) => {
			const text = words.join("");
			const pieces = findLinks(text);
			expect(pieces.map((piece) => piece.text).join("")).toBe(text);
			for (const piece of pieces) if (piece.kind === "link") expect(piece.href).toMatch(/^https?:\/\//);
		}),
		{ numRuns: 500 },
	);
});

it("the first address of a text", () => {
	expect(firstLink("@demo see www.example.com and https://b.example")).toBe("https://www.example.com/");
	expect(firstLink("nothing")).toBeUndefined();
});
