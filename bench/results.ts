/** What a benchmark found, held against its targets: printed, and kept in `bench/results`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const RESULTS = join(import.meta.dirname, "results");

export interface Check {
	name: string;
	value: number;
	unit: string;
	/** Null for a figure that is only told. */
	target: number | null;
	pass: boolean;
}

export function atLeast(name: string, value: number, unit: string, target: number): Check {
	return { name, value: round(value), unit, target, pass: value >= target };
}

export function atMost(name: string, value: number, unit: string, target: number): Check {
	return { name, value: round(value), unit, target, pass: value <= target };
}

export function figure(name: string, value: number, unit: string): Check {
	return { name, value: round(value), unit, target: null, pass: true };
}

/** Prints the checks and writes them to `bench/results/NAME.json`. @returns whether all targets are met. */
export function record(name: string, checks: readonly Check[]): boolean {
	mkdirSync(RESULTS, { recursive: true });
	const file = join(RESULTS, `${name}.json`);
	writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), checks }, null, "\t")}\n`);
	console.log();
	for (const { name, value, unit, target, pass } of checks) {
		const verdict = target === null ? "" : pass ? `  met (target ${target})` : `  MISSED (target ${target})`;
		console.log(`${String(value).padStart(10)}  ${name}, ${unit}${verdict}`);
	}
	console.log(`\n${file}`);
	return checks.every(({ pass }) => pass);
}

/** A table whose first column is on the left. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
	const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
	const line = (cells: readonly string[]) =>
		cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
	return [line(head), ...rows.map(line)].join("\n");
}

export function median(values: readonly number[]): number {
	return quantile(values, 0.5);
}

export function quantile(values: readonly number[], fraction: number): number {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

function round(value: number): number {
	return Number(value.toPrecision(4));
}
