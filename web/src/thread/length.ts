/** What the API takes of a comment. */
export const CHARACTERS = 5000;

/** Characters as the API counts them: code points, so that most emoji are one. */
export function lengthOf(text: string): number {
	let length = 0;
	for (const _ of text) length++;
	return length;
}
