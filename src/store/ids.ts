/**
 * Ids: 63 bits of time, place and chance, written as 13 characters.
 *
 * ```
 * bit 62 ........ 22 21 ..... 12 11 ...... 0
 *     milliseconds   logical     tail: sequence
 *     since EPOCH    shard       or randomness
 * ```
 *
 * The text form is Crockford base32, fixed width and upper case, so that text order is
 * number order and so time order. An id is never held in a JavaScript number: all
 * arithmetic works on its upper 38 and lower 25 bits, which both fit one exactly.
 */

declare const brand: unique symbol;

/** 13 characters of Crockford base32, first character `0`-`7`. */
export type Id = string & { readonly [brand]: "Id" };

/** What an id says of the thing it names. */
export interface IdParts {
	/** Unix milliseconds, at or after {@link EPOCH}. */
	time: number;
	/** Logical shard, 0-1023. */
	shard: number;
	/** 0-4095. */
	tail: number;
}

/** 2024-01-01 UTC in Unix milliseconds; 41 bits of milliseconds last until September 2093. */
export const EPOCH = Date.UTC(2024, 0, 1);
/** How many logical shards there are: 10 bits. */
export const LOGICAL_SHARDS = 1024;

const TIME_LIMIT = 2 ** 41;
const TAILS = 4096;
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));
const SHAPE = /^[0-7][0-9A-HJKMNP-TV-Z]{12}$/;

/** The pattern of an id's text, for schemas. */
export const ID_PATTERN = SHAPE;

/** True when `text` is an id in its one canonical form. */
export function isId(text: string): text is Id {
	return SHAPE.test(text);
}

/** @throws RangeError when `text` is not an id. For text from inside; input is checked by a schema. */
export function asId(text: string): Id {
	if (!isId(text)) throw new RangeError("not an id");
	return text;
}

/** @throws RangeError when a part is out of its range. */
export function encodeId({ time, shard, tail }: IdParts): Id {
	const elapsed = time - EPOCH;
	if (!Number.isInteger(elapsed) || elapsed < 0 || elapsed >= TIME_LIMIT) throw new RangeError("time out of range");
	if (!Number.isInteger(shard) || shard < 0 || shard >= LOGICAL_SHARDS) throw new RangeError("shard out of range");
	if (!Number.isInteger(tail) || tail < 0 || tail >= TAILS) throw new RangeError("tail out of range");
	const lower = (elapsed % 8) * 2 ** 22 + shard * TAILS + tail;
	return (digits(Math.floor(elapsed / 8), 8) + digits(lower, 5)) as Id;
}

export function decodeId(id: Id): IdParts {
	const lower = number(id, 8, 13);
	return {
		time: EPOCH + number(id, 0, 8) * 8 + Math.floor(lower / 2 ** 22),
		shard: logicalShardOf(id),
		tail: lower % TAILS,
	};
}

/** The logical shard that an id carries, 0-1023. */
export function logicalShardOf(id: Id): number {
	return Math.floor(number(id, 8, 13) / TAILS) % LOGICAL_SHARDS;
}

/** When the thing was made: Unix milliseconds. */
export function timeOf(id: Id): number {
	return decodeId(id).time;
}

/** The smallest id of a moment: every id made earlier sorts before it. */
export function firstIdAt(time: number): Id {
	return encodeId({ time, shard: 0, tail: 0 });
}

/** The id right after `id`: what is before it is `id` or older. */
export function successor(id: Id): Id {
	let at = id.length - 1;
	while (at > 0 && id[at] === "Z") at--;
	const digit = VALUES.get(id.charAt(at)) ?? 0;
	return `${id.slice(0, at)}${ALPHABET.charAt(digit + 1)}${"0".repeat(id.length - at - 1)}` as Id;
}

/**
 * Makes ids that never repeat and always grow within one minter.
 *
 * Two isolates may mint the same id in the same millisecond; the primary key refuses the
 * second, and its writer mints again.
 */
export class IdMinter {
	readonly #now: () => number;
	readonly #random: () => number;
	#last = 0;
	#tail = 0;

	/** `now` gives Unix milliseconds, `random` a fraction in [0, 1). */
	constructor(now: () => number, random: () => number) {
		this.#now = now;
		this.#random = random;
	}

	mint(shard: number): Id {
		const now = Math.max(this.#now(), this.#last);
		if (now > this.#last) {
			this.#last = now;
			// The lower half, so that at least 2,048 more fit into this millisecond.
			this.#tail = Math.floor(this.#random() * (TAILS / 2));
		} else if (++this.#tail >= TAILS) {
			// A busy millisecond borrows from the next one; order is kept.
			this.#last += 1;
			this.#tail = 0;
		}
		return encodeId({ time: this.#last, shard, tail: this.#tail });
	}
}

function digits(value: number, width: number): string {
	let text = "";
	for (let rest = value, i = 0; i < width; i++, rest = Math.floor(rest / 32)) text = ALPHABET.charAt(rest % 32) + text;
	return text;
}

function number(id: Id, from: number, to: number): number {
	let value = 0;
	for (let i = from; i < to; i++) value = value * 32 + (VALUES.get(id.charAt(i)) ?? 0);
	return value;
}
