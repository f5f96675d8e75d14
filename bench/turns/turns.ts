/**
 * `npm run bench -- turns CHECKOUT [--only ROWS] [--rounds N] [--slices N] [--seconds S]`: whether this build reads slower
 * than that of another checkout, whose packages are installed. Both run at once and are asked in turns. What is compared is
 * the processor's time for a request, which other programs disturb less than the time on the clock. Two processes of one
 * build differ as well, by what the compiler made of it: so both are started anew for each round, and the median of the
 * rounds' ratios is told, with the least and the greatest. At most for a quarter of an hour: then the tokens are too old.
 */
import { type ChildProcess, fork } from "node:child_process";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../scripts/client.ts";
import { makePopulation } from "../read/population.ts";
import { type Row, rowsOf } from "../read/rows.ts";
import { requireWrk } from "../read/wrk.ts";
import { atMost, type Check, figure, median, quantile, table } from "../results.ts";

/** What a side is asked for; it answers `{ok}` or `{error}`. */
export type Asked = { do: "open"; keys: string[] } | { do: "ask"; key: string; seconds: number } | { do: "end" };

/** Of one slice. */
export interface Found {
	/** Of the processor, for a request. */
	microseconds: number;
	perSecond: number;
	errors: number;
}

/** Few, so that both fit beside each other. */
export const SMALL = { people: 300, graph: undefined, friendsOfWide: 1000, friendsOfNarrow: 50 };
/** Of the slices of a round. */
const LEAST_DISTURBED = 0.25;
/** Of the other's time for a request. */
const SLOWER = 1.05;

const OPTIONS = {
	only: { type: "string", default: "cached,poll,profile,memory" },
	rounds: { type: "string", default: "7" },
	slices: { type: "string", default: "4" },
	seconds: { type: "string", default: "1" },
} as const;

export async function turns(args: string[]): Promise<Check[]> {
	const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
	const [other] = positionals;
	if (other === undefined) throw new Error("npm run bench -- turns CHECKOUT: beside what?");
	requireWrk();
	const wanted = values.only.split(",");
	const rows = rowsOf({ population: makePopulation(SMALL) }).filter(({ key }) => wanted.includes(key));
	const sides = [new Side(ROOT), new Side(resolve(other))] as const;
	try {
		// One after the other: each builds, and fills its databases.
		for (const side of sides) await side.ready;
		const found = new Map<Row, Round[]>(rows.map((row) => [row, []]));
		for (let round = 0; round < Number(values.rounds); round++) {
			// Neither is always the first.
			const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
			for (const [, group] of Map.groupBy(rows, ({ caches }) => caches)) {
				for (const n of order) await sides[n].ask({ do: "open", keys: group.map(({ key }) => key) });
				for (const row of group) found.get(row)?.push([[], []]);
				for (let slice = 0; slice < Number(values.slices); slice++) {
					for (const row of group) {
						for (const n of order) {
							const asked = { do: "ask", key: row.key, seconds: Number(values.seconds) } as const;
							found
								.get(row)
								?.at(-1)
								?.[n].push((await sides[n].ask(asked)) as Found);
						}
					}
				}
			}
		}
		return judge(found);
	} finally {
		for (const side of sides) side.end();
	}
}

/** Slices of this build and of the other. */
type Round = [ours: Found[], theirs: Found[]];

function judge(found: ReadonlyMap<Row, Round[]>): Check[] {
	const cost = (slices: Found[]) =>
		quantile(
			slices.map(({ microseconds }) => microseconds),
			LEAST_DISTURBED,
		);
	const pace = (slices: Found[]) => median(slices.map(({ perSecond }) => perSecond));
	const told = [...found].map(([{ name }, rounds]) => {
		const [ours, theirs] = [rounds.map(([ours]) => cost(ours)), rounds.map(([, theirs]) => cost(theirs))];
		return {
			name,
			ours: median(ours),
			theirs: median(theirs),
			ratios: rounds.map(([ours, theirs]) => cost(ours) / cost(theirs)).toSorted((a, b) => a - b),
			pace: median(rounds.map(([ours, theirs]) => pace(ours) / pace(theirs))),
			errors: rounds.flat(2).reduce((sum, { errors }) => sum + errors, 0),
		};
	});
	const lines = told.map(({ name, ours, theirs, ratios }) => [
		name,
		...[ours, theirs].map((value) => value.toFixed(0)),
		...[median(ratios), ratios[0], ratios.at(-1)].map((value) => value?.toFixed(3) ?? ""),
	]);
	console.log(`\n${table(["µs of the processor", "this", "other", "ratio", "least", "greatest"], lines)}`);
	return told.flatMap(({ name, ratios, pace, errors }) => [
		atMost(`${name}: CPU of a request`, median(ratios), "of the other build's", SLOWER),
		figure(`${name}: requests a second`, pace, "of the other build's"),
		atMost(`${name}: errors`, errors, "requests", 0),
	]);
}

/** The process that has a checkout's Worker. */
class Side {
	/** Resolves when it can be asked. */
	readonly ready: Promise<unknown>;
	readonly #child: ChildProcess;

	constructor(checkout: string) {
		this.#child = fork(join(import.meta.dirname, "side.ts"), [checkout], { cwd: checkout });
		this.ready = this.#answer();
	}

	ask(asked: Asked): Promise<unknown> {
		const answer = this.#answer();
		this.#child.send(asked);
		return answer;
	}

	end(): void {
		if (this.#child.connected) this.#child.send({ do: "end" } satisfies Asked);
	}

	#answer(): Promise<unknown> {
		return new Promise((resolve, reject) => {
			const ended = () => reject(new Error("a side has ended"));
			this.#child.once("exit", ended);
			this.#child.once("message", (message: { ok: unknown } | { error: string }) => {
				this.#child.off("exit", ended);
				if ("error" in message) reject(new Error(message.error));
				else resolve(message.ok);
			});
		});
	}
}
