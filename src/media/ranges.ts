/** What a `Range` header asks for: a part of a file, given how R2 takes it; undefined: the whole of it. */
export function rangeOf(header: string | undefined): R2Range | undefined {
	// Several ranges, and other units, may be answered with the whole (RFC 9110, section 14.2).
	const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
	if (first === "" && last === "") return undefined;
	if (first === "") return { suffix: Number(last) };
	if (last === "") return { offset: Number(first) };
	// An end before the beginning is no range at all.
	return Number(last) < Number(first) ? undefined : { offset: Number(first), length: Number(last) - Number(first) + 1 };
}

/** The first and last byte of a range of a file of `size` bytes; undefined when it has none of them. */
export function bytesOf(range: R2Range, size: number): { first: number; last: number } | undefined {
	if ("suffix" in range) {
		return range.suffix === 0 || size === 0 ? undefined : { first: Math.max(0, size - range.suffix), last: size - 1 };
	}
	const { offset = 0, length } = range;
	if (offset >= size) return undefined;
	return { first: offset, last: length === undefined ? size - 1 : Math.min(size, offset + length) - 1 };
}
