/**
 * The keys that sign access tokens:
 *
 *   npm run keys -- list
 *   npm run keys -- rotate [--signs-in SECONDS]
 *
 * `--url` is the server, by default the local one. A new key is published first and signs after `--signs-in` seconds
 * (60); the old one stays published until its tokens have expired. Repeated before that, the command changes nothing.
 */
import { parseArgs } from "node:util";
import { Client, Failure, operatorSecret } from "./client.ts";

interface Keys {
	items: { id: string; algorithm: string; state: string; signsFrom: string; publishedUntil: string | null }[];
}

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { url: { type: "string", default: "http://localhost:8787" }, "signs-in": { type: "string", default: "60" } },
});
const client = new Client(values.url);
const headers = { "x-operator-secret": operatorSecret() };

const commands: Record<string, () => Promise<Keys>> = {
	list: () => client.call<Keys>("GET", "/ops/keys", { headers }),
	rotate: () =>
		client.call<Keys>("POST", "/ops/keys/rotate", { headers, body: { signsIn: Number(values["signs-in"]) } }),
};

const command = commands[positionals[0] ?? ""];
if (!command) {
	console.error("usage: npm run keys -- list | rotate [--signs-in SECONDS] [--url URL]");
	process.exit(2);
}
try {
	for (const { id, algorithm, state, signsFrom, publishedUntil } of (await command()).items) {
		const until = publishedUntil === null ? "" : `, published until ${publishedUntil}`;
		console.log(`${id}  ${algorithm}  ${state.padEnd(8)} signs from ${signsFrom}${until}`);
	}
} catch (error) {
	if (!(error instanceof Failure)) throw error;
	console.error(error.message);
	process.exit(1);
}
