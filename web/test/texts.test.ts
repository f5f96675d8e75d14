import { expect, it } from "vitest";
import { dictionary as english } from "../src/texts/en/index.ts";
import { dictionary as japanese } from "../src/texts/ja/index.ts";
import { dictionary as korean } from "../src/texts/ko/index.ts";
import { type Dictionary, type Plural, preferredLanguage, split, t, useDictionary } from "../src/texts/texts.ts";

const blanks = (text: string | Plural) => {
	const forms = typeof text === "string" ? [text] : Object.values(text);
	return [...new Set(forms.flatMap((form: string) => form.match(/\{\w+\}/g) ?? []))].sort();
};

it.each([
	["ko", korean],
	["ja", japanese],
] as const)("every text is there in %s, with the same blanks", (_, dictionary: Dictionary) => {
	expect(Object.keys(dictionary)).toEqual(Object.keys(english));
	for (const [area, texts] of Object.entries(english)) {
		const others = dictionary[area as keyof Dictionary] as Record<string, string | Plural>;
		expect(Object.keys(others), area).toEqual(Object.keys(texts));
		for (const [key, text] of Object.entries(texts as Record<string, string | Plural>)) {
			expect(blanks(others[key] ?? ""), `${area}.${key}`).toEqual(blanks(text));
		}
	}
});

it("a number chooses its form, and is written as the language does", () => {
	useDictionary("en", english);
	expect(t("feed.newPosts", { count: 1 })).toBe("1 new post");
	expect(t("feed.newPosts", { count: 1200 })).toBe("1,200 new posts");
	useDictionary("ko", korean);
	expect(t("feed.newPosts", { count: 1 })).toBe("새 글 1개");
});

it("what stands in a blank is not looked at again", () => {
	expect(split("a {b} {c}", { b: "{c}", c: "d" }).join("")).toBe("a {c} d");
	expect(split("{constructor}", {}).join("")).toBe("{constructor}");
});

it("the language is the chosen one, else the browser's first that there is", () => {
	expect(preferredLanguage(null, ["fr", "ko-KR", "en"])).toBe("ko");
	expect(preferredLanguage("ja", ["ko"])).toBe("ja");
	expect(preferredLanguage("xx", [])).toBe("en");
});
