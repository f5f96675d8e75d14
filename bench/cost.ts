/**
 * `npm run bench -- cost`: what a delivery uses, counted, and what Cloudflare asks for it. For each argument see
 * `ASSUMPTIONS`; the chart goes to `docs/cost.svg`.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../scripts/client.ts";
import { chart } from "./chart.ts";
import { dollars, KINDS, LABELS, OBJECT_GIGABYTE_MONTH, PRICES, PRICES_DATE, scale, type Use } from "./prices.ts";
import { atMost, type Check, figure, table } from "./results.ts";
import { measureUsage } from "./usage.ts";

/** Name, by default, and what it is. */
const ASSUMPTIONS = [
	["friends", 200, "friends of an account"],
	["daily", 10_000_000, "daily users"],
	["reads", 20, "pages of the feed that one reads a day"],
	["days-a-post", 3, "days from one's post to the next"],
	[
		"object-ms",
		20,
		"milliseconds for which an object is billed for a call: a wake-up, the work, and the write on its way to other machines",
	],
	["worker-ms", 20, "milliseconds of CPU that a Worker is billed for a request, or for a batch of a queue"],
] as const;
type Name = (typeof ASSUMPTIONS)[number][0];

const TARGET = 1.25;
const DAYS = 30;
/** Rows that an object writes for the first read of a day: when it was, and the alarm. */
const ROWS_A_DAY = 2;

export async function cost(args: string[]): Promise<Check[]> {
	const options = Object.fromEntries(ASSUMPTIONS.map(([name]) => [name, { type: "string" as const }]));
	const { values } = parseArgs({ args, options });
	const assumed = Object.fromEntries(
		ASSUMPTIONS.map(([name, usual]) => [name, Number(values[name] ?? usual)]),
	) as Record<Name, number>;
	const usage = await measureUsage(assumed.friends, {
		objectMilliseconds: assumed["object-ms"],
		workerMilliseconds: assumed["worker-ms"],
	});

	console.log(`counted: ${usage.deliveries} deliveries to sleeping timelines with full logs, ${usage.reads} pages`);
	for (const [name, , meaning] of ASSUMPTIONS) console.log(`  --${name} ${assumed[name]}: ${meaning}`);
	const million = scale(usage.delivery, 1e6);
	const naive = scale(usage.naive, 1e6);
	console.log(`\na million deliveries, prices of ${PRICES_DATE}\n`);
	console.log(priced({ ours: million, naive }));

	const posts = (assumed.daily * DAYS) / assumed["days-a-post"];
	const reads = assumed.daily * DAYS * assumed.reads;
	const deliveries = posts * assumed.friends;
	const storage = ((assumed.daily * usage.bytes) / 1e9) * OBJECT_GIGABYTE_MONTH;
	const daily = assumed.daily * DAYS * ROWS_A_DAY * PRICES.objectRowsWritten;
	const rows: [string, number][] = [
		[
			`${thousands(deliveries / 1e6)} million deliveries of ${thousands(posts / 1e6)} million posts`,
			dollars(scale(usage.delivery, deliveries)),
		],
		[`${thousands(reads / 1e6)} million pages`, dollars(scale(usage.read, reads))],
		["the first read of each day", daily],
		[`timelines kept, ${(usage.bytes / 1000).toFixed(0)} KB each`, storage],
	];
	const month = rows.reduce((sum, [, amount]) => sum + amount, 0);
	const naiveMonth = month - (rows[0]?.[1] ?? 0) + dollars(scale(usage.naive, deliveries));
	console.log(
		`\na month of ${thousands(assumed.daily)} daily users, without posts' storage, accounts, likes and comments\n`,
	);
	const cells = [...rows, ["in all", month] as const, ["in all with naive deliveries", naiveMonth] as const];
	console.log(
		table(
			["", "dollars"],
			cells.map(([name, amount]) => [name, thousands(amount)]),
		),
	);
	writeFileSync(
		join(ROOT, "docs/cost.svg"),
		chart(
			[
				["Edgefeed", million],
				["a row, an index entry and a delete each", naive],
			],
			TARGET,
		),
	);

	return [
		atMost("a million deliveries", dollars(million), "dollars", TARGET),
		figure("a million deliveries, naive", dollars(naive), "dollars"),
		figure("rows written in objects by a delivery", usage.delivery.objectRowsWritten, "rows"),
		figure("a million pages of a feed", dollars(scale(usage.read, 1e6)), "dollars"),
		figure(`a month of ${thousands(assumed.daily)} daily users`, month, "dollars"),
		figure("the same with naive deliveries", naiveMonth, "dollars"),
	];
}

/** A line for each thing that is billed. */
function priced(uses: Readonly<Record<string, Use>>): string {
	const all = Object.entries(uses);
	const head = ["", ...all.flatMap(([name]) => [name, "dollars"])];
	const lines = KINDS.map((kind) => [
		LABELS[kind],
		...all.flatMap(([, use]) => [thousands(use[kind]), (use[kind] * PRICES[kind]).toFixed(3)]),
	]);
	return table(head, [...lines, ["in all", ...all.flatMap(([, use]) => ["", dollars(use).toFixed(3)])]]);
}

function thousands(value: number): string {
	return Math.round(value).toLocaleString("en-US");
}
