/**
 * Which database holds what, and how that changes (docs/sharding.md):
 *
 *   npm run shards -- list
 *   npm run shards -- add --database SHARD_2
 *   npm run shards -- move --shard 0-159 --to SHARD_2
 *   npm run shards -- move --shard 0-159 --abort
 *   npm run shards -- verify
 *
 * `--url` is the server, by default the local one. Whatever interrupts a move, the same command goes on with it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client, Failure, operatorSecret } from "./client.ts";

interface Range {
	from: number;
	to: number;
	database: string;
}
interface Shards {
	map: {
		version: number;
		ranges: (Range & { state: string; target?: string })[];
		leaving: Range[];
	};
	databases: { name: string; dialect: string; rows: Record<string, number> }[];
}
interface Report {
	step: string;
	rows: number;
	checksum: number;
	differing: number;
}
interface Part {
	database: string;
	rows: number;
	strays: { shard: number; count: number }[];
	next: string | null;
}

/** Tries of a call that the server could not answer; it goes on where it was. */
const TRIES = 20;

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		url: { type: "string", default: "http://localhost:8787" },
		database: { type: "string" },
		shard: { type: "string" },
		to: { type: "string" },
		abort: { type: "boolean", default: false },
	},
});
const client = new Client(values.url);
const headers = { "x-operator-secret": operatorSecret() };
const get = <T>(path: string) => client.call<T>("GET", `/ops/shards${path}`, { headers });
const send = <T>(path: string, body: unknown) => client.call<T>("POST", `/ops/shards${path}`, { headers, body });

const commands: Record<string, () => Promise<void>> = { list, add, move, verify };
const command = commands[positionals[0] ?? ""];
if (!command) usage();
await command();

async function list(): Promise<void> {
	const { map, databases } = await get<Shards>("");
	console.log(`version ${map.version}`);
	for (const { from, to, database, state, target } of map.ranges)
		console.log(`  ${span({ from, to }).padEnd(12)} ${database}${state === "moving" ? ` → ${target}` : ""}`);
	for (const left of map.leaving) console.log(`  ${span(left).padEnd(12)} still to be erased from ${left.database}`);
	for (const { name, dialect, rows } of databases) {
		const counts = Object.entries(rows).map(([table, count]) => `${table} ${count}`);
		console.log(`${name} (${dialect}): ${counts.join(", ")}`);
	}
}

async function add(): Promise<void> {
	if (!values.database) usage();
	await send("/databases", { database: values.database });
	console.log(`${values.database} can take shards`);
}

async function move(): Promise<void> {
	const [, from, to] = /^(\d+)(?:-(\d+))?$/.exec(values.shard ?? "") ?? usage();
	const range = { from: Number(from), to: Number(to ?? from) };
	let database = values.to;
	if (values.abort) {
		await send("/abort", range);
		const { map } = await get<Shards>("");
		database = map.ranges.find((each) => each.from <= range.from && range.from <= each.to)?.database;
	}
	if (!database) usage();
	const began = performance.now();
	let last = "";
	for (let failures = 0; last !== "done"; ) {
		try {
			const { step, rows, checksum, differing } = await send<Report>("/move", { ...range, database });
			const seconds = ((performance.now() - began) / 1000).toFixed(1);
			if (step !== last || step === "compare")
				console.log(
					`${seconds.padStart(8)} s  ${step}${rows ? `: ${rows} rows, sum ${checksum}, ${differing} copied again` : ""}`,
				);
			last = step;
			failures = 0;
			if (step === "wait") await sleep(1000);
		} catch (error) {
			if ((error instanceof Failure && error.status < 500) || ++failures === TRIES) throw error;
			console.log(`          again: ${(error as Error).message}`);
			await sleep(1000);
		}
	}
}

async function verify(): Promise<void> {
	const rows = new Map<string, number>();
	let lost = 0;
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const part: Part = await send<Part>("/verify", cursor ? { cursor } : {});
		rows.set(part.database, (rows.get(part.database) ?? 0) + part.rows);
		for (const { shard, count } of part.strays) console.log(`${part.database} has ${count} rows of shard ${shard}`);
		lost += part.strays.reduce((sum, { count }) => sum + count, 0);
		cursor = part.next;
	}
	for (const [database, count] of rows) console.log(`${database.padEnd(12)} ${count} rows`);
	console.log(lost === 0 ? "OK: every row is where the map says" : `${lost} rows are where the map does not say`);
	process.exit(lost === 0 ? 0 : 1);
}

function span({ from, to }: { from: number; to: number }): string {
	return from === to ? String(from) : `${from}-${to}`;
}

function usage(): never {
	console.error("npm run shards -- list | add --database NAME | move --shard N[-M] (--to NAME | --abort) | verify");
	process.exit(2);
}
