/** `npm run bench -- NAME`: runs one of the benchmarks of this folder against the built Worker in workerd. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../scripts/client.ts";
import { cost } from "./cost.ts";
import { delivery } from "./delivery.ts";
import { fanout } from "./fanout.ts";
import { likes } from "./likes.ts";
import { memory } from "./memory.ts";
import { post } from "./post.ts";
import { read } from "./read/read.ts";
import { type Check, record } from "./results.ts";
import { turns } from "./turns/turns.ts";
import { web } from "./web/web.ts";

/** Those that answer with checks have targets. */
const BENCHMARKS: Readonly<Record<string, (args: string[]) => Promise<readonly Check[] | undefined>>> = {
	fanout,
	post,
	cost,
	likes,
	read,
	turns,
	web,
	delivery: async () => void (await delivery()),
	memory: async () => void (await memory()),
	/** Measured inside workerd, where the object's storage can be watched. */
	timeline: async () => {
		const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
		const env = { ...process.env, BENCH: "1" };
		const { status } = spawnSync(process.execPath, [vitest, "run", "timeline"], { cwd: ROOT, env, stdio: "inherit" });
		process.exitCode = status ?? 1;
		return undefined;
	},
};

const [name = "", ...rest] = process.argv.slice(2);
const benchmark = BENCHMARKS[name];
if (!benchmark) {
	console.error(`npm run bench -- ${Object.keys(BENCHMARKS).join("|")} [--check]`);
	process.exit(2);
}
const strict = rest.includes("--check");
const checks = await benchmark(rest.filter((arg) => arg !== "--check"));
if (checks) {
	const met = record(name, checks);
	if (strict && !met) process.exitCode = 1;
}
