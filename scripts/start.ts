/**
 * `npm start`: the whole system on this machine, with demo data the first time.
 *
 * `PORT` (default 8787) is where it listens, `STATE_DIR` (default `.wrangler/state`) where it keeps
 * everything; `LOG_REQUESTS=on` shows a line for each request (docs/logs.md). Ctrl-C stops all that it started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DEV_VARS, ROOT, STATE } from "./client.ts";
import { setScene } from "./scene.ts";

const port = Number(process.env.PORT ?? 8787);
const url = `http://localhost:${port}`;
/** A line for each request would hide what is said here, so there are none unless they are asked for. */
const requests = process.env.LOG_REQUESTS;
const state = STATE;
const seeded = join(state, "demo-data");
const DATABASES = ["IDENTITY", "SHARD_0", "SHARD_1"];
const DEMO = ["--seed", "0", "--accounts", "60", "--posts", "400", "--first", "demo"];

const children = new Set<ChildProcess>();
let stopping = false;
let stoppedAt = 0;

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop(0));
// Whatever ends this process ends what it started.
process.on("exit", () => {
	for (const child of children) signal(child, "SIGKILL");
});

await requireFreePort();
mkdirSync(state, { recursive: true });
makeSecrets();
console.log("Edgefeed: preparing the databases…");
for (const database of DATABASES)
	await wrangler("d1", "migrations", "apply", database, "--local", "--persist-to", state);

console.log("Edgefeed: starting…");
const server = run(
	[
		"dev",
		...["--port", String(port), "--persist-to", state, "--env-file", DEV_VARS],
		// Whoever tries things out signs up and in more often than people do.
		...["--var", "RATE_LIMITS:off"],
		...["--log-level", requests ? "log" : "warn", "--show-interactive-dev-session=false"],
		...["--var", `LOG_REQUESTS:${requests ?? "errors"}`],
	],
	"inherit",
);
server.on("exit", (code) => {
	if (!stopping) stop(code ?? 1);
});
await ready();
if (!existsSync(seeded)) {
	console.log("Edgefeed: loading demo data…");
	await finished(
		spawnNode(["scripts/seed.ts", "--url", url, ...DEMO, "--until", demoUntil()], "inherit"),
		"loading the demo data",
	);
	await setScene(url);
	writeFileSync(seeded, new Date().toISOString());
}
console.log(`
Edgefeed is running at ${url}

  the web app     ${url}
  sign in as      demo, password edgefeed-demo     (or anyone of the demo: they have the same password)
  API reference   ${url}/docs
  its e-mail      curl ${url}/ops/outbox -H "X-Operator-Secret: …" (OPERATOR_SECRET in ${DEV_VARS})
  the main job    npm run demo -- --url ${url}
  more data       npm run seed -- --url ${url} --accounts 1000

Ctrl-C stops it. State is kept in ${state}.
`);

// The local runtime fires no crons: the sweeper is called from here, once a minute as in production.
setInterval(() => void fetch(`${url}/cdn-cgi/local/scheduled`).catch(() => undefined), 60_000).unref();

/** The day of the demo data: kept, so that a first start that was cut short goes on with the same accounts. */
function demoUntil(): string {
	const file = join(state, "demo-until");
	if (!existsSync(file)) writeFileSync(file, new Date().toISOString().slice(0, 10));
	return readFileSync(file, "utf8");
}

/** Secrets of this state's own, made once: sessions survive a restart, and the keys that they encrypt move with them. */
function makeSecrets(): void {
	if (existsSync(DEV_VARS)) return;
	const secret = () => randomBytes(32).toString("hex");
	writeFileSync(DEV_VARS, `AUTH_SECRET="${secret()}"\nOPERATOR_SECRET="${secret()}"\n`, {
		mode: 0o600,
	});
}

async function requireFreePort(): Promise<void> {
	await new Promise<void>((free) => {
		const probe = createServer();
		probe.once("error", () => {
			console.error(`Port ${port} is in use. Choose another one: PORT=8788 npm start`);
			process.exit(1);
		});
		probe.listen(port, () => probe.close(() => free()));
	});
}

/** Answers once the server does. */
async function ready(): Promise<void> {
	for (let tries = 0; tries < 600; tries++) {
		const answer = await fetch(`${url}/healthz`).catch(() => undefined);
		if (answer?.ok) return;
		await sleep(100);
	}
	console.error("The server did not come up within a minute.");
	return stopped(1);
}

async function wrangler(...args: string[]): Promise<void> {
	await finished(run(args, "pipe"), `wrangler ${args.join(" ")}`);
}

function run(args: string[], output: "inherit" | "pipe"): ChildProcess {
	return spawnNode([join(ROOT, "node_modules/wrangler/bin/wrangler.js"), ...args], output);
}

/** Each child leads a process group, so that what it starts can be stopped with it. */
function spawnNode(args: string[], output: "inherit" | "pipe"): ChildProcess {
	const child = spawn(process.execPath, args, {
		cwd: ROOT,
		detached: true,
		stdio: ["ignore", output, output],
		env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
	});
	children.add(child);
	child.on("exit", () => children.delete(child));
	return child;
}

async function finished(child: ChildProcess, what: string): Promise<void> {
	let output = "";
	child.stdout?.on("data", (chunk) => (output += chunk));
	child.stderr?.on("data", (chunk) => (output += chunk));
	const code = await new Promise<number | null>((exit) => child.on("exit", exit));
	if (code === 0 && !stopping) return;
	if (!stopping) console.error(`${what} failed:\n${output}`);
	return stopped(1);
}

/** Stops, and never returns: nothing more may be started. */
function stopped(code: number): Promise<never> {
	stop(code);
	return new Promise(() => {});
}

function stop(code: number): void {
	if (stopping) {
		// A second Ctrl-C does not wait; but npm passes the first one on, so that it comes twice.
		if (performance.now() - stoppedAt > 500) process.exit(code);
		return;
	}
	stopping = true;
	stoppedAt = performance.now();
	for (const child of children) signal(child, "SIGINT");
	const patience = setTimeout(() => {
		for (const child of children) signal(child, "SIGKILL");
	}, 3000);
	const wait = setInterval(() => {
		if (children.size > 0) return;
		clearInterval(wait);
		clearTimeout(patience);
		process.exit(code);
	}, 50);
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
	if (child.pid === undefined) return;
	try {
		process.kill(-child.pid, name);
	} catch {
		children.delete(child);
	}
}
