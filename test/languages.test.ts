import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LANGUAGES, languageFor } from "../src/gateway/language.ts";
import { PROBLEMS, type ProblemCode, titleOf } from "../src/gateway/problem.ts";
import { ja } from "../src/gateway/texts/ja.ts";
import { ko } from "../src/gateway/texts/ko.ts";
import { zhHans } from "../src/gateway/texts/zh-hans.ts";
import { call } from "./api.ts";

const CODES = Object.keys(PROBLEMS) as ProblemCode[];

it("every problem has a title of its own in every language, and no other code has one", () => {
	for (const texts of [ko, ja, zhHans]) expect(Object.keys(texts).sort()).toEqual([...CODES].sort());
	for (const language of LANGUAGES) {
		const titles = CODES.map((code) => titleOf(code, language));
		expect(new Set(titles).size, language).toBe(CODES.length);
		for (const title of titles) expect(title.trim(), language).toMatch(/\S/);
	}
	for (const code of CODES) expect(new Set(LANGUAGES.map((language) => titleOf(code, language))).size, code).toBe(4);
});

describe("the language of a problem", () => {
	it("is the one that is liked best of those that there are", () => {
		const wanted: Record<string, string> = {
			"": "en",
			ko: "ko",
			"ko-KR": "ko",
			"KO-kr": "ko",
			ja: "ja",
			"ja-JP-u-ca-japanese": "ja",
			zh: "zh-Hans",
			"zh-CN": "zh-Hans",
			"zh-SG": "zh-Hans",
			"zh-Hans-TW": "zh-Hans",
			"zh-TW": "en",
			"zh-Hant-HK, ko;q=0.1": "ko",
			"en-GB,ko;q=0.9": "en",
			"fr, ja;q=0.5, ko;q=0.7, *;q=0.1": "ko",
			"fr, *": "en",
			"*": "en",
			"ko;q=0, ja;q=0.001": "ja",
			"ko;q=0": "en",
			"ko;q=x, ja;q=0.9": "ko",
			"x-nonsense, _, ja": "ja",
			"k, 한국어, 日本語": "en",
		};
		for (const [header, language] of Object.entries(wanted)) expect(languageFor(header), header).toBe(language);
		expect(languageFor(undefined)).toBe("en");
	});

	it("is one of ours whatever is sent", () => {
		fc.assert(
			fc.property(fc.string({ maxLength: 600 }), (header) => {
				expect(LANGUAGES).toContain(languageFor(header));
			}),
			{ numRuns: 500 },
		);
	});

	it("is that of title and detail, never of the code, and is said so", async () => {
		const english = await call("GET", "/v1/feed");
		expect(english.headers.get("content-language")).toBe("en");
		expect(english.headers.get("vary")).toMatch(/accept-language/i);
		expect(english.body.title).toBe(PROBLEMS.token_missing[1]);
		for (const [header, language] of [
			["ko-KR,ko;q=0.9,en;q=0.8", "ko"],
			["ja", "ja"],
			["zh-CN", "zh-Hans"],
		] as const) {
			const answer = await call("GET", "/v1/feed", { headers: { "accept-language": header } });
			expect(answer.headers.get("content-language")).toBe(language);
			const title = titleOf("token_missing", language);
			expect(answer.body).toEqual({ ...english.body, title, detail: title, requestId: expect.any(String) });
		}
	});
});
