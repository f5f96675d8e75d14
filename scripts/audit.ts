/**
 * Compares every timeline of a server with its posts and relations, and prints the totals:
 *
 *   npm run audit -- --url http://localhost:8787 [--repair]
 *
 * Exits with 1 when a post is missing somewhere, unless it was repaired.
 */
import { parseArgs } from "node:util";
import { Client, operatorSecret } from "./client.ts";

interface Page {
	timelines: number;
	cold: number;
	checked: number;
	missing: number;
	stale: number;
	relations: number;
	likes: number;
	differing: string[];
	next: string | null;
}

const { values } = parseArgs({
	options: { url: { type: "string", default: "http://localhost:8787" }, repair: { type: "boolean", default: false } },
});
const client = new Client(values.url);
const headers = { "x-operator-secret": operatorSecret() };
const total = { timelines: 0, cold: 0, checked: 0, missing: 0, stale: 0, relations: 0, likes: 0 };
for (let cursor: string | null | undefined; cursor !== null; ) {
	const body: Record<string, unknown> = { repair: values.repair, ...(cursor ? { cursor } : {}) };
	const page: Page = await client.call<Page>("POST", "/ops/audit", { headers, body });
	for (const name of ["timelines", "cold", "checked", "missing", "stale", "relations", "likes"] as const)
		total[name] += page[name];
	for (const account of page.differing) console.log(`${account} differs`);
	cursor = page.next;
}
console.log(`timelines            ${total.timelines} (${total.cold} not built yet)`);
console.log(`feed_audit_checked   ${total.checked}`);
const { missing, stale, relations, likes } = total;
console.log(
	`feed_audit_drift     ${missing + stale + relations + likes} (${missing} missing, ${stale} stale, ${relations} relations, ${likes} likes)`,
);
if (values.repair) console.log("repaired");
process.exit(total.missing > 0 && !values.repair ? 1 : 0);
