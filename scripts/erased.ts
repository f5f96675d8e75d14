/**
 * Looks for what is left of an account, in every database table, its timeline object and the buckets of exports and media:
 *
 *   npm run erased -- <account id> [--url http://localhost:8787]
 *
 * Prints each place with how much there is. Exits with 1 when anything is left that should not be.
 */
import { parseArgs } from "node:util";
import { Client, operatorSecret } from "./client.ts";

interface Remains {
	found: { place: string; count: number }[];
	kept: { place: string; count: number }[];
}

const { values, positionals } = parseArgs({
	options: { url: { type: "string", default: "http://localhost:8787" } },
	allowPositionals: true,
});
const [account] = positionals;
if (account === undefined) {
	console.error("which account? npm run erased -- <account id> [--url URL]");
	process.exit(2);
}
const headers = { "x-operator-secret": operatorSecret() };
const { found, kept } = await new Client(values.url).call<Remains>("GET", `/ops/accounts/${account}/remains`, {
	headers,
});
for (const { place, count } of found) console.log(`${place.padEnd(28)} ${count}`);
for (const { place, count } of kept)
	console.log(`${place.padEnd(28)} ${count}   (kept for a while, with nothing but the id)`);
console.log(found.length === 0 ? "nothing is left" : `left in ${found.length} places`);
process.exit(found.length === 0 ? 0 : 1);
