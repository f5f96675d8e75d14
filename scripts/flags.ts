/**
 * What is switched on for whom (docs/limits.md, "Flags"):
 *
 *   npm run flags -- list
 *   npm run flags -- set posting off
 *   npm run flags -- set new-composer '{"type":"switch","on":true,"audience":{"share":500}}'
 *   npm run flags -- remove new-composer
 *   npm run flags -- history
 *   npm run flags -- undo [--version N]
 *
 * `--url` is the server, by default the local one.
 */
import { parseArgs } from "node:util";
import { Client, Failure, operatorSecret } from "./client.ts";

interface Change {
	version: number;
	name: string;
	before: unknown;
	after: unknown;
	actor: string;
	at: string;
}

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { url: { type: "string", default: "http://localhost:8787" }, version: { type: "string" } },
});
const client = new Client(values.url);
const headers = { "x-operator-secret": operatorSecret() };
const [command = "", name, value] = positionals;

const commands: Record<string, () => Promise<void>> = { list, set, remove, history, undo };
const run = commands[command];
if (!run) usage();
try {
	await run();
} catch (error) {
	if (!(error instanceof Failure)) throw error;
	console.error(error.message);
	process.exit(1);
}

async function list(): Promise<void> {
	const { version, flags } = await client.call<{ version: number; flags: Record<string, unknown> }>(
		"GET",
		"/ops/flags",
		{
			headers,
		},
	);
	console.log(`version ${version}`);
	for (const [flag, is] of Object.entries(flags)) console.log(`${flag}  ${JSON.stringify(is)}`);
}

async function set(): Promise<void> {
	if (name === undefined || value === undefined) usage();
	const body = value === "on" || value === "off" ? { type: "switch", on: value === "on" } : jsonOf(value);
	await change("PUT", `/ops/flags/${encodeURIComponent(name)}`, body);
}

async function remove(): Promise<void> {
	if (name === undefined) usage();
	await change("DELETE", `/ops/flags/${encodeURIComponent(name)}`);
}

async function undo(): Promise<void> {
	await change("POST", "/ops/flags/undo", values.version === undefined ? {} : { version: Number(values.version) });
}

async function history(): Promise<void> {
	const { items } = await client.call<{ items: Change[] }>("GET", "/ops/flags/history?limit=100", { headers });
	for (const { version, at, actor, name, before, after } of items)
		console.log(`${version}  ${at}  ${actor}  ${name}  ${JSON.stringify(before)} → ${JSON.stringify(after)}`);
}

async function change(method: string, path: string, body?: unknown): Promise<void> {
	const { version } = await client.call<{ version: number }>(method, path, { headers, body });
	console.log(`version ${version}: in force everywhere within five seconds`);
}

function jsonOf(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return usage();
	}
}

function usage(): never {
	console.error("npm run flags -- list | set NAME on|off|JSON | remove NAME | history | undo [--version N]");
	process.exit(2);
}
