/** `npm run bench -- NAME`: runs one of the benchmarks of this folder against the built Worker in workerd. */
import { delivery } from "./delivery.ts";

const BENCHMARKS: Readonly<Record<string, () => Promise<void>>> = { delivery };

const name = process.argv[2] ?? "";
const benchmark = BENCHMARKS[name];
if (!benchmark) {
	console.error(`npm run bench -- ${Object.keys(BENCHMARKS).join("|")}`);
	process.exit(2);
}
await benchmark();
