/** What an account can be found by: pure, the same for what is kept and for what is asked. */

/** Code points of a word before it is taken apart; what is asked is cut to as many. */
const LENGTH = 24;
/** Words of one display name. */
const MOST = 32;

/** Neither a letter, a mark or a digit, nor what usernames have beside these. */
const SEPARATORS = /[^\p{L}\p{M}\p{N}_.]+/gu;
/** Scripts whose names are written without spaces, so that any character may begin one. */
const SPACELESS = "\\p{Script=Hangul}\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}ー";
const isSpaceless = new RegExp(`[${SPACELESS}]`, "u");
const SPACE_WITHIN = new RegExp(`(?<=[${SPACELESS}]) (?=[${SPACELESS}])`, "gu");
/** Accents, of Latin, Greek and Cyrillic letters: vowels and voicing of other scripts are marks as well, and stay. */
const ACCENTS = /[\u0300-\u036f]/g;

/**
 * A name as it is compared: small letters of one width without accents, words parted by one space, none between characters of scripts
 * that need none.
 */
function plain(text: string): string {
	return text
		.normalize("NFKD")
		.toLowerCase()
		.replace(ACCENTS, "")
		.normalize("NFC")
		.replace(/['’]/g, "")
		.replace(SEPARATORS, " ")
		.trim()
		.replace(SPACE_WITHIN, "");
}

/**
 * The form that prefixes are looked for in. A syllable of Hangul is taken apart into its letters, so
 * that what is typed finds it before its last syllable is finished: 민주 is a prefix of 민준.
 */
function taken(characters: readonly string[]): string {
	return characters.slice(0, LENGTH).join("").normalize("NFD");
}

/** What is asked for, as {@link wordsOf} writes it; empty when there is no letter or digit in it. */
export function searched(text: string): string {
	return taken([...plain(text)]);
}

/**
 * The words of a display name: what it is from each word on, so that a prefix of several words is found too; and from
 * each character on where names have no spaces, so that 민준 finds 김민준.
 */
export function wordsOf(displayName: string): string[] {
	const characters = [...plain(displayName)];
	const starts = characters.flatMap((character, at) => {
		const begins = at === 0 || characters[at - 1] === " " || isSpaceless.test(character);
		return begins && character !== " " ? [at] : [];
	});
	const words = starts.slice(0, MOST).map((at) => taken(characters.slice(at)));
	return [...new Set(words)].filter((word) => word !== "");
}

/** The first text after all that begin with a word: no name has the last code point in it. */
export function endOf(prefix: string): string {
	return `${prefix}\u{10ffff}`;
}

/** By code points, which is the order of UTF-8 and so of the databases; `<` compares halves of surrogate pairs. */
export function byCodePoint(a: string, b: string): number {
	const [left, right] = [[...a], [...b]];
	const length = Math.min(left.length, right.length);
	for (let at = 0; at < length; at++) {
		const difference = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
		if (difference !== 0) return difference;
	}
	return left.length - right.length;
}
