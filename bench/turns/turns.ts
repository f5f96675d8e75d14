/**
 * `npm run bench -- turns CHECKOUT [--only ROWS] [--slices N] [--seconds S]`: whether this build reads slower than that of
 * another checkout, whose packages are installed. Both run at once and are asked in turns, a second each: what is compared
 * is the processor's time for a request, which other programs disturb less than the time on the clock. The smallest tenth
 * of the slices is what was least disturbed.
 */
import { type ChildProcess, fork } from "node:child_process";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../scripts/client.ts";
import { makePopulation } from "../read/population.ts";
import { type Row, rowsOf } from "../read/rows.ts";
import { requireWrk } from "../read/wrk.ts";
import { atMost, type Check, figure, quantile, table } from "../results.ts";

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
const LEAST_DISTURBED = 0.1;
/** Of the other's time for a request. */
const SLOWER = 1.05;

const OPTIONS = {
	only: { type: "string", default: "cached,poll,profile,memory" },
	slices: { type: "string", default: "40" },
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
		const found = new Map<Row, [Found[], Found[]]>();
		for (const [, group] of Map.groupBy(rows, ({ caches }) => caches)) {
			for (const side of sides) await side.ask({ do: "open", keys: group.map(({ key }) => key) });
			for (const row of group) found.set(row, [[], []]);
			for (let slice = 0; slice < Number(values.slices); slice++) {
				for (const row of group) {
					// Neither is always the first.
					for (const n of slice % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
						const asked = { do: "ask", key: row.key, seconds: Number(values.seconds) } as const;
						found.get(row)?.[n].push((await sides[n].ask(asked)) as Found);
					}
				}
			}
		}
		return judge(found);
	} finally {
		for (const side of sides) side.end();
	}
}

function judge(found: ReadonlyMap<Row, [Found[], Found[]]>): Check[] {
	const least = (slices: Found[], fraction = LEAST_DISTURBED) =>
		quantile(
			slices.map(({ microseconds }) => microseconds),
			fraction,
		);
	const most = (slices: Found[]) =>
		quantile(
			slices.map(({ perSecond }) => perSecond),
			1 - LEAST_DISTURBED,
		);
	const lines = [...found].map(([{ name }, sides]) => [
		name,
		...sides.flatMap((slices) => [least(slices), least(slices, 0.5), most(slices)].map((value) => value.toFixed(0))),
	]);
	const head = ["", "µs", "median", "a second", "other: µs", "median", "a second"];
	console.log(`\n${table(head, lines)}`);
	return [...found].flatMap(([{ name }, [ours, theirs]]) => [
		atMost(`${name}: CPU of a request`, least(ours) / least(theirs), "of the other build's", SLOWER),
		figure(`${name}: requests a second`, most(ours) / most(theirs), "of the other build's"),
		atMost(
			`${name}: errors`,
			ours.reduce((sum, { errors }) => sum + errors, 0),
			"requests",
			0,
		),
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
