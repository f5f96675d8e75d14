/** A bar for each design, cut into what is billed. */
import { dollars, KINDS, LABELS, PRICES, PRICES_DATE, type Use } from "./prices.ts";

const COLOURS = ["#2563a8", "#6fa3d8", "#b9d3ec", "#d9e6f4", "#c2622d", "#3f8f5b", "#a3d2b3", "#8a5fb0", "#cdb6de"];
const [LEFT, WIDTH, BAR, GAP, TOP] = [20, 680, 34, 34, 56];

/** @returns an SVG; `target` is a line across the bars. */
export function chart(bars: readonly (readonly [string, Use])[], target: number): string {
	const most = Math.max(target, ...bars.map(([, use]) => dollars(use)));
	const at = (amount: number) => LEFT + (amount / most) * (WIDTH - 60);
	const parts: string[] = [text(LEFT, 22, `Dollars for a million deliveries, prices of ${PRICES_DATE}`, "bold")];
	for (const [row, [name, use]] of bars.entries()) {
		const y = TOP + row * (BAR + GAP);
		parts.push(text(LEFT, y - 6, name));
		let sum = 0;
		for (const [n, kind] of KINDS.entries()) {
			const amount = use[kind] * PRICES[kind];
			const width = at(sum + amount) - at(sum);
			const title = `${LABELS[kind]}: ${amount.toFixed(3)}`;
			parts.push(
				`<rect x="${fix(at(sum))}" y="${y}" width="${fix(width)}" height="${BAR}" fill="${COLOURS[n]}"><title>${title}</title></rect>`,
			);
			sum += amount;
		}
		parts.push(text(at(sum) + 6, y + BAR / 2 + 4, sum.toFixed(2), "bold"));
	}
	const bottom = TOP + bars.length * (BAR + GAP) - GAP + 12;
	const line = fix(at(target));
	parts.push(`<path d="M${line} ${TOP - 2}V${bottom}" stroke="#111" stroke-dasharray="4 3"/>`);
	parts.push(text(at(target) + 4, bottom + 2, `target ${target}`));
	for (const [n, kind] of KINDS.entries()) {
		const [x, y] = [LEFT + (n % 3) * 225, bottom + 26 + Math.floor(n / 3) * 20];
		parts.push(
			`<rect x="${x}" y="${y - 10}" width="12" height="12" fill="${COLOURS[n]}"/>`,
			text(x + 18, y, LABELS[kind]),
		);
	}
	const height = bottom + 26 + Math.ceil(KINDS.length / 3) * 20;
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH + 40} ${height}" font-family="sans-serif" font-size="13" fill="#111">
<title>What a million deliveries cost</title>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}

export function text(x: number, y: number, content: string, weight = "normal"): string {
	return `<text x="${fix(x)}" y="${y}" font-weight="${weight}">${content}</text>`;
}

export function fix(value: number): string {
	return value.toFixed(1);
}
