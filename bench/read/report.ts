/** The table and the chart of `docs/performance.md`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/client.ts";
import { fix, text } from "../chart.ts";
import { publishTable } from "../document.ts";
import type { Measured } from "./measure.ts";

export interface Line {
	name: string;
	/** Of the constant route, at least. */
	target: number | null;
	measured: Omit<Measured, "bytes">;
	/** One of those that are not ours. */
	baseline: boolean;
}

const CHART = join(ROOT, "docs/read.svg");
const HEAD =
	"| read | of the constant | target | a second | p50 ms | p99 ms | p99 at 1,000/s, ms | of the constant's | errors |";

export function markdown(lines: readonly Line[]): string {
	const rows = lines.map(({ name, target, measured: { ours, ratio, pacedRatio } }) => {
		const late = ours.unanswered > 0;
		const cells = [
			name,
			ratio.toFixed(2),
			target === null ? "" : String(target),
			ours.perSecond.toFixed(0),
			ours.p50.toFixed(1),
			ours.p99.toFixed(1),
			late ? "cannot keep pace" : ours.paced.p99.toFixed(1),
			late ? "" : pacedRatio.toFixed(2),
			String(ours.errors),
		];
		return `| ${cells.join(" | ")} |`;
	});
	return [HEAD, `|${"---|".repeat(9)}`, ...rows].join("\n");
}

/** Writes table and chart into the documents. */
export function publish(lines: readonly Line[]): void {
	publishTable("reads", markdown(lines));
	writeFileSync(CHART, chart(lines));
}

const [OURS, THEIRS] = ["#2563a8", "#c2622d"];
const [LEFT, LABELS, WIDTH, BAR, GAP, TOP] = [20, 330, 340, 22, 12, 44];

/** A bar for each line, as part of the constant route, with its target as a mark. */
export function chart(lines: readonly Line[]): string {
	const most = Math.max(1, ...lines.map(({ measured }) => measured.ratio));
	const at = (ratio: number) => LEFT + LABELS + (ratio / most) * WIDTH;
	const parts = [
		text(LEFT, 22, "Requests a second, as part of a route that answers with as many constant bytes", "bold"),
	];
	for (const [row, { name, target, measured, baseline }] of lines.entries()) {
		const { ratio, ours } = measured;
		const y = TOP + row * (BAR + GAP);
		const width = fix(at(ratio) - at(0));
		const colour = baseline ? THEIRS : OURS;
		parts.push(
			text(LEFT, y + BAR / 2 + 4, name),
			`<rect x="${fix(at(0))}" y="${y}" width="${width}" height="${BAR}" fill="${colour}"><title>${ours.perSecond.toFixed(0)} a second</title></rect>`,
			text(Math.max(at(ratio), at(target ?? 0)) + 8, y + BAR / 2 + 4, ratio.toFixed(2), "bold"),
		);
		if (target !== null)
			parts.push(`<path d="M${fix(at(target))} ${y - 3}v${BAR + 6}" stroke="#111" stroke-width="2"/>`);
	}
	const bottom = TOP + lines.length * (BAR + GAP);
	parts.push(
		`<path d="M${fix(at(1))} ${TOP - 6}V${bottom}" stroke="#111" stroke-dasharray="4 3"/>`,
		text(
			LEFT,
			bottom + 16,
			"dashed: the constant route; marks: targets; blue: Edgefeed; orange: what one would otherwise write",
		),
	);
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + LABELS + WIDTH + 70} ${bottom + 30}" font-family="sans-serif" font-size="13" fill="#111">
<title>How fast feeds are read</title>
<rect width="100%" height="100%" fill="#fff"/>
${parts.join("\n")}
</svg>
`;
}
