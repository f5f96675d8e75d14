import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byCodePoint, endOf, searched, wordsOf } from "../src/accounts/names.ts";

/** Whether somebody of this name is found by a text. */
function finds(text: string, name: string): boolean {
	const prefix = searched(text);
	return wordsOf(name).some((word) => byCodePoint(word, prefix) >= 0 && byCodePoint(word, endOf(prefix)) < 0);
}

describe("a name is found", () => {
	it.each([
		["kim", "Kim Min-jun"],
		["KIM MIN", "kim min jun"],
		["min", "Kim Min-jun"],
		["jun", "Kim Min-jun"],
		["ｋｉｍ", "Kim"],
		["Ｋｉｍ", "ＫＩＭ"],
		["김", "김민준"],
		["민준", "김민준"],
		["준", "김민준"],
		["김민", "김 민준"],
		["김 민준", "김민준"],
		// While it is typed.
		["김ㅁ", "김민준"],
		["김미", "김민준"],
		["김민주", "김민준"],
		["田", "田中さくら"],
		["さくら", "田中さくら"],
		["ﾀﾅｶ", "タナカ"],
		["ﾀﾅｶ", "タナカ ハナ"],
		["ガ", "ｶﾞｸ"],
		["王小", "王小明"],
		["小明", "王小明"],
		["吉", "𠮷野家 吉"],
		["𠮷", "𠮷野家"],
		["jose", "José"],
		["josé", "Jose"],
		["ERIĆ", "Eric"],
		["o'brien", "O’Brien"],
		["obrien", "O'Brien"],
		["fox", "🦊 Fox 🦊"],
		["สม", "สมชาย"],
		["@kim", "Kim"],
		["kim", "kim_min.jun"],
		["7", "7even"],
	])("by %s: %s", (text, name) => expect(finds(text, name)).toBe(true));

	it.each([
		["im", "Kim"],
		["junn", "Kim Min-jun"],
		["민김", "김민준"],
		["か", "タナカ"],
		["kim jun", "Kim Min-jun"],
	])("and not by %s: %s", (text, name) => expect(finds(text, name)).toBe(false));

	it("by nothing that has no letter", () => {
		// What stands for an accent alone is a space with one.
		expect(wordsOf("\u00a8 \u00a8 \u309b")).not.toContain(" ");
		for (const text of ["", " ", "🦊", "!?", "\0", "\ud800"]) expect(searched(text)).toBe("");
		expect(wordsOf("🦊🦊")).toEqual([]);
	});
});

const name = fc.oneof(
	fc.string({ unit: "binary", maxLength: 80 }),
	fc.string({ unit: fc.constantFrom(..."김민준이아름田中さくらタナカ𠮷野王Kim jun-é. _"), maxLength: 80 }),
);

it("whatever it is, it is found by each of its beginnings, and its words are few and short", () => {
	fc.assert(
		fc.property(name, fc.nat(30), (display, length) => {
			const words = wordsOf(display);
			expect(words.length).toBeLessThanOrEqual(32);
			expect(new Set(words).size).toBe(words.length);
			for (const word of words) {
				expect(word.isWellFormed()).toBe(true);
				expect(word).not.toMatch(/\p{C}/u);
				expect([...word].length).toBeLessThanOrEqual(24 * 18);
				expect(searched(word.normalize("NFC"))).toBe(word);
			}
			const beginning = [...display.normalize("NFKC")].slice(0, length).join("");
			if (searched(beginning) !== "" && !/\p{M}/u.test(display.normalize("NFKC")))
				expect(finds(beginning, display)).toBe(true);
		}),
		{ numRuns: 2000 },
	);
});

it("texts are compared as the databases compare them", () => {
	fc.assert(
		fc.property(name, name, (a, b) => {
			const [left, right] = [a.toWellFormed(), b.toWellFormed()];
			const bytes = (text: string) =>
				Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
			const wanted = bytes(left) < bytes(right) ? -1 : bytes(left) > bytes(right) ? 1 : 0;
			expect(Math.sign(byCodePoint(left, right))).toBe(wanted);
		}),
	);
});
