/** `npm run bench -- NAME`: runs one of the benchmarks of this folder against the built Worker in workerd. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../scripts/client.ts";
import { delivery } from "./delivery.ts";
import { memory } from "./memory.ts";

const BENCHMARKS: Readonly<Record<string, () => Promise<void>>> = {
	delivery,
	memory,
	/** Measured inside workerd, where the object's storage can be watched. */
	timeline: async () => {
		const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
		const env = { ...process.env, BENCH: "1" };
		const { status } = spawnSync(process.execPath, [vitest, "run", "timeline"], { cwd: ROOT, env, stdio: "inherit" });
		process.exitCode = status ?? 1;
	},
};

const name = process.argv[2] ?? "";
const benchmark = BENCHMARKS[name];
if (!benchmark) {
	console.error(`npm run bench -- ${Object.keys(BENCHMARKS).join("|")}`);
	process.exit(2);
}
await benchmark();
