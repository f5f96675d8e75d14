/** Load at full speed from another process: wrk (Debian: apt-get install wrk), 32 connections, many tokens. */
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export const CONNECTIONS = 32;

export interface Request {
	path: string;
	headers: Readonly<Record<string, string>>;
}

export interface Load {
	perSecond: number;
	/** Milliseconds. */
	p50: number;
	p99: number;
	/** Answers of 400 and above, and connections that broke. */
	errors: number;
}

/** @throws Error when wrk is not there. */
export function requireWrk(): void {
	if (spawnSync("wrk", ["--version"]).error) throw new Error("wrk is not there: apt-get install wrk");
}

/** Puts a list of requests where wrk and the paced client can read it. @returns the path. */
export function writeRequests(directory: string, name: string, requests: readonly Request[]): string {
	const file = join(directory, `${name}.requests`);
	const lines = requests.map(({ path, headers }) =>
		["GET", path, ...Object.entries(headers).map((header) => header.join(": "))].join("\t"),
	);
	writeFileSync(file, `${lines.join("\n")}\n`);
	return file;
}

/** @param file of {@link writeRequests} */
export async function wrk(url: string, file: string, seconds: number): Promise<Load> {
	const script = join(import.meta.dirname, "load.lua");
	const args = ["-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "--timeout", "10s", "-s", script, url, "--", file];
	const output = await run("wrk", args);
	const [, json] = /^RESULT (.*)$/m.exec(output) ?? [];
	if (json === undefined) throw new Error(`wrk told no result:\n${output}`);
	const { requests, microseconds, p50, p99, errors } = JSON.parse(json) as Record<string, number> as {
		[name in "requests" | "microseconds" | "p50" | "p99" | "errors"]: number;
	};
	return { perSecond: (requests / microseconds) * 1e6, p50: p50 / 1000, p99: p99 / 1000, errors };
}

/** @returns what it printed; rejects when it fails. */
export function run(command: string, args: readonly string[], cwd?: string): Promise<string> {
	const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
	let output = "";
	child.stdout.on("data", (chunk) => (output += chunk));
	child.stderr.on("data", (chunk) => (output += chunk));
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		child.on("exit", (code) => (code === 0 ? resolve(output) : reject(new Error(`${command}: ${code}\n${output}`))));
	});
}
