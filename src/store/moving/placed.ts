import type { PlacedRange, Placement } from "../shard-map.ts";

/** A placement in which one range has another place: those it lies in are cut, and what is alike is joined. */
export function placed(placement: Placement, range: PlacedRange): Placement {
	const cut = placement.ranges.flatMap((each): PlacedRange[] => {
		if (each.to < range.from || range.to < each.from) return [each];
		return [
			...(each.from < range.from ? [{ ...each, to: range.from - 1 }] : []),
			...(each.to > range.to ? [{ ...each, from: range.to + 1 }] : []),
		];
	});
	const ranges: PlacedRange[] = [];
	for (const each of [...cut, range].sort((a, b) => a.from - b.from)) {
		const last = ranges.at(-1);
		const alike = last?.database === each.database && last.state === "active" && each.state === "active";
		if (last && alike) ranges[ranges.length - 1] = { ...last, to: each.to };
		else ranges.push(each);
	}
	return { ...placement, ranges };
}
