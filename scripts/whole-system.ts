/** `npm start` on a state and a port of its own, for the commands that need the whole system. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "./client.ts";
import { freePort } from "./free-port.ts";

/** What `npm start` prints when it is ready. */
export const READY = "Ctrl-C stops it";
const PATIENCE = 300_000;

export interface WholeSystem {
	url: string;
	operatorSecret: string;
	/** Stops it as Ctrl-C does, and erases its state. */
	close(): Promise<void>;
}

/**
 * @param variables of the Worker, beside those of `wrangler.toml` and instead of them
 * @throws Error when it is not ready within five minutes
 */
export async function startSystem(variables: Readonly<Record<string, string>> = {}): Promise<WholeSystem> {
	const state = mkdtempSync(join(tmpdir(), "edgefeed-"));
	const port = await freePort();
	const secret = () => randomBytes(32).toString("hex");
	const operatorSecret = secret();
	const all = { AUTH_SECRET: secret(), OPERATOR_SECRET: operatorSecret, ...variables };
	// A value that is JSON has double quotes of its own.
	const quoted = (value: string) => (value.includes('"') ? `'${value}'` : `"${value}"`);
	const lines = Object.entries(all).map(([name, value]) => `${name}=${quoted(value)}\n`);
	writeFileSync(join(state, "dev.vars"), lines.join(""), { mode: 0o600 });
	const server = spawn("npm", ["start"], {
		cwd: ROOT,
		env: { ...process.env, PORT: String(port), STATE_DIR: state, WRANGLER_SEND_METRICS: "false" },
		stdio: ["ignore", "pipe", "inherit"],
		detached: true,
	});
	const kill = () => signalGroup(server, "SIGKILL");
	process.on("exit", kill);
	const close = async () => {
		await interrupt(server);
		process.off("exit", kill);
		rmSync(state, { recursive: true, force: true });
	};
	try {
		await printed(server, READY, PATIENCE);
	} catch (error) {
		await close();
		throw error;
	}
	return { url: `http://localhost:${port}`, operatorSecret, close };
}

/** The one that `URL_UNDER_TEST` and `OPERATOR_SECRET` name, which runs already and goes on, or else one of its own. */
export async function systemUnderTest(variables?: Readonly<Record<string, string>>): Promise<WholeSystem> {
	const { URL_UNDER_TEST: url, OPERATOR_SECRET: operatorSecret } = process.env;
	return url && operatorSecret ? { url, operatorSecret, close: async () => {} } : startSystem(variables);
}

/** As a terminal does it: to the whole foreground group. What is still there after 15 seconds is killed. */
export async function interrupt(server: ChildProcess): Promise<void> {
	if (server.exitCode !== null || server.signalCode !== null) return;
	const ended = new Promise((exit) => server.once("exit", exit));
	signalGroup(server, "SIGINT");
	await Promise.race([ended, sleep(15_000, undefined, { ref: false })]);
	signalGroup(server, "SIGKILL");
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
	if (pid === undefined) return;
	try {
		process.kill(-pid, signal);
	} catch {
		// It is gone already.
	}
}

/** Waits until a child has printed a text. @throws Error with all that it printed, when it ends before or takes too long */
export async function printed(child: ChildProcess, text: string, patience: number): Promise<void> {
	let output = "";
	await new Promise<void>((seen, gone) => {
		const timer = setTimeout(() => gone(new Error(`not within ${patience / 1000} s:\n${output}`)), patience);
		const done = (finish: () => void) => {
			clearTimeout(timer);
			finish();
		};
		child.stdout?.on("data", (chunk) => {
			output += chunk;
			if (output.includes(text)) done(seen);
		});
		child.on("exit", (code) => done(() => gone(new Error(`it exited with ${code}:\n${output}`))));
	});
}
