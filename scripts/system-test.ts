/**
 * The commands that a newcomer types, on a state of their own: `npm start`, the demo, a seed with its
 * feeds verified, the dry run of a deployment, and Ctrl-C. The last line counts what passed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "./client.ts";
import { freePort } from "./free-port.ts";
import { printed, READY } from "./whole-system.ts";

const state = mkdtempSync(join(tmpdir(), "edgefeed-"));
const port = await freePort();
const url = `http://localhost:${port}`;
const env = { ...process.env, PORT: String(port), STATE_DIR: state, WRANGLER_SEND_METRICS: "false" };
let passed = 0;
let failed = 0;

let server: ChildProcess | undefined;
try {
	await check("npm start serves within two minutes, with demo data", async () => {
		server = spawn("npm", ["start"], { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"], detached: true });
		await printed(server, READY, 120_000);
	});
	await check("npm run demo", () => npm("run", "--silent", "demo", "--", "--url", url));
	await check("npm run seed, with 20 feeds verified post for post", () =>
		npm(
			"run",
			"--silent",
			"seed",
			"--",
			"--url",
			url,
			"--accounts",
			"300",
			"--posts",
			"3000",
			"--seed",
			"7",
			"--verify",
			"20",
		),
	);
	await check("the web app and the API reference are served", async () => {
		for (const path of ["/", "/docs", "/docs/swagger-ui-bundle.js", "/openapi.json"]) {
			const response = await fetch(url + path);
			if (!response.ok) throw new Error(`${path} answered ${response.status}`);
		}
	});
	await check("Ctrl-C stops everything", async () => {
		if (!server?.pid) throw new Error("it never started");
		const ended = new Promise((exit) => server?.on("exit", exit));
		// As a terminal does: to the whole foreground group.
		process.kill(-server.pid, "SIGINT");
		await Promise.race([ended, sleep(15_000)]);
		if (server.exitCode === null && server.signalCode === null) throw new Error("npm start is still there");
		if (await answers()) throw new Error("the server still answers");
	});
	await check("npm run deploy -- --dry-run", () => npm("run", "--silent", "deploy", "--", "--dry-run"));
} finally {
	if (server?.pid && server.exitCode === null) {
		try {
			process.kill(-server.pid, "SIGKILL");
		} catch {
			// It is gone already.
		}
	}
	rmSync(state, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

async function check(name: string, work: () => Promise<void>): Promise<void> {
	const start = performance.now();
	try {
		await work();
		passed++;
		console.log(`✓ ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
	} catch (error) {
		failed++;
		console.error(`✗ ${name}: ${error instanceof Error ? error.message : String(error)}`);
	}
}

async function npm(...args: string[]): Promise<void> {
	const child = spawn("npm", args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
	let output = "";
	child.stdout.on("data", (chunk) => (output += chunk));
	child.stderr.on("data", (chunk) => (output += chunk));
	const code = await new Promise<number | null>((exit) => child.on("exit", exit));
	if (code !== 0) throw new Error(`npm ${args.join(" ")} exited with ${code}:\n${output}`);
}

async function answers(): Promise<boolean> {
	return fetch(`${url}/healthz`).then(
		() => true,
		() => false,
	);
}
