/** Steps of the tests that need a server of their own. */
import { spawn } from "node:child_process";
import { ROOT } from "./client.ts";

/** Does a step and prints how long it took. */
export async function step(name: string, work: () => Promise<unknown>): Promise<void> {
	const start = performance.now();
	await work();
	console.log(`✓ ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

/** Runs a command, with variables of its own when the last argument holds some. @returns what it printed. */
export async function run(command: string, ...rest: (string | Record<string, string>)[]): Promise<string> {
	const args = rest.filter((part) => typeof part === "string");
	const variables = rest.find((part) => typeof part === "object");
	const child = spawn(command, args, {
		cwd: ROOT,
		env: { ...process.env, ...variables },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let output = "";
	child.stdout.on("data", (chunk) => (output += chunk));
	child.stderr.on("data", (chunk) => (output += chunk));
	const code = await new Promise<number | null>((exit) => child.on("exit", exit));
	if (code !== 0) throw new Error(`${command} ${args.join(" ")} exited with ${code}:\n${output}`);
	return output;
}
