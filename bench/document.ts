/** The tables of `docs/performance.md` that a benchmark writes by itself. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../scripts/client.ts";

const DOCUMENT = join(ROOT, "docs/performance.md");

/** Replaces what stands between `<!-- table of NAME -->` and `<!-- end of table of NAME -->`. */
export function publishTable(name: string, table: string): void {
	const [begin, end] = [`<!-- table of ${name} -->`, `<!-- end of table of ${name} -->`];
	const [before, rest] = readFileSync(DOCUMENT, "utf8").split(begin);
	const [, after] = rest?.split(end) ?? [];
	if (after === undefined) throw new Error(`${DOCUMENT} has no place for the table of ${name}`);
	const date = new Date().toISOString().slice(0, 10);
	writeFileSync(DOCUMENT, `${before}${begin}\nMeasured ${date}.\n\n${table}\n${end}${after}`);
}
