/** Code points that a post may have. */
export const LONGEST = 5000;
/** The counter is shown when so many are left. */
const NEAR = 200;

/** As the server counts: an emoji outside the basic plane is one. */
export function lengthOf(text: string): number {
	let length = 0;
	for (const _ of text) length++;
	return length;
}

/** How many are left, when that is worth saying; null when there is room. */
export function roomLeft(text: string): number | null {
	// A text has at most as many code points as code units.
	if (text.length < LONGEST - NEAR) return null;
	const left = LONGEST - lengthOf(text);
	return left > NEAR ? null : left;
}
