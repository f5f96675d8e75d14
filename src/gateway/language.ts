import { parseAccept } from "hono/utils/accept";

/** The languages of the texts that people may be shown; the first one is for everybody else. */
export const LANGUAGES = ["en", "ko", "ja", "zh-Hans"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Characters of an `Accept-Language` that are looked at, and languages of it. */
const LONGEST = 500;
const MOST = 20;

/** The language of ours that whoever sends this `Accept-Language` likes best (RFC 9110, section 12.5.4). */
export function languageFor(header: string | undefined): Language {
	for (const { type, q } of parseAccept((header ?? "").slice(0, LONGEST)).slice(0, MOST)) {
		const language = q > 0 ? languageOf(type) : undefined;
		if (language) return language;
	}
	return LANGUAGES[0];
}

/** By language and script, the likely one where the tag says none: `zh-CN` and `zh` are `zh-Hans`, `zh-TW` is none of ours. */
function languageOf(tag: string): Language | undefined {
	if (tag === "*") return LANGUAGES[0];
	try {
		const { language, script } = new Intl.Locale(tag).maximize();
		return LANGUAGES.find((each) => each === language || each === `${language}-${script}`);
	} catch {
		// A tag that is none.
		return undefined;
	}
}
