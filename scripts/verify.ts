/**
 * Checks what must hold of a server's store: both sides of every tie, counts, jobs, orphans; and its timelines
 * (`npm run audit`). Prints what does not hold:
 *
 *   npm run verify -- --url http://localhost:8787 [--repair]
 *
 * Exits with 1 when something does not hold and was not repaired.
 */
import { parseArgs } from "node:util";
import { CHECKS, type Finding } from "../src/ops/checks.ts";
import { Client, operatorSecret } from "./client.ts";

const { values } = parseArgs({
	options: { url: { type: "string", default: "http://localhost:8787" }, repair: { type: "boolean", default: false } },
});
const client = new Client(values.url);
const headers = { "x-operator-secret": operatorSecret() };
let faults = 0;
for (const check of CHECKS) {
	const total = { checked: 0, faults: 0, repaired: 0 };
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const body = { check, repair: values.repair, ...(cursor ? { cursor } : {}) };
		const found: Finding = await client.call<Finding>("POST", "/ops/verify", { headers, body });
		for (const fault of found.faults) console.log(`${check}: ${fault}`);
		total.checked += found.checked;
		total.faults += found.faults.length;
		total.repaired += found.repaired;
		cursor = found.next;
	}
	const repaired = values.repair ? `, ${total.repaired} repaired` : "";
	console.log(`${check.padEnd(9)} ${total.checked} checked, ${total.faults} faults${repaired}`);
	faults += total.faults;
}
process.exit(faults > 0 && !values.repair ? 1 : 0);
