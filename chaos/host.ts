/** Starts, kills and questions the server. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildWorker, makeSecrets } from "../bench/worker.ts";
import { freePort } from "../scripts/free-port.ts";
import type { Question, Reply, ServerOptions } from "./server.ts";

/** How often the sweeper is rung, in milliseconds: once a minute in production. */
const SWEEP_EVERY = 2_000;
/** So long after its death a process may still be listed, in milliseconds. */
const BURIAL = 5_000;
/** So long a start may take, in milliseconds. */
const START_PATIENCE = 60_000;

/** Thrown at whoever asks a server that is killed before it answers. */
export class ServerGone extends Error {}

export class Host {
	readonly operatorSecret: string;
	readonly url: string;
	readonly #options: Omit<ServerOptions, "fresh">;
	readonly #log: WriteStream;
	readonly #waiting = new Map<number, { resolve: (rows: unknown[]) => void; reject: (error: Error) => void }>();
	#fresh = true;
	#child: ChildProcess | undefined;
	#ready: Promise<void> = Promise.resolve();
	#questions = 0;

	private constructor(options: Omit<ServerOptions, "fresh">, log: string) {
		this.#options = options;
		this.#log = createWriteStream(log);
		this.operatorSecret = String(options.variables.OPERATOR_SECRET ?? "");
		this.url = `http://127.0.0.1:${options.port}`;
	}

	/** Builds the Worker, from `entry` or as `wrangler.toml` says; all state is kept in a directory. */
	static async make(directory: string, entry?: string, variables: Record<string, string> = {}): Promise<Host> {
		const options = {
			worker: buildWorker(join(directory, "worker"), entry),
			data: join(directory, "data"),
			variables: { ...makeSecrets(), ...variables },
			port: await freePort(),
		};
		return new Host(options, join(directory, "server.log"));
	}

	/** Settled when the server is up, or again up. */
	get ready(): Promise<void> {
		return this.#ready;
	}

	/** Starts it on what the one before left behind. */
	start(): Promise<void> {
		this.#ready = this.#start();
		return this.#ready;
	}

	/** Kills it and starts it again; meanwhile it is not ready. */
	restart(): Promise<void> {
		this.#ready = this.kill().then(() => this.#start());
		return this.#ready;
	}

	async #start(): Promise<void> {
		// A group of its own, so that what it starts dies with it.
		const child = spawn(process.execPath, [join(import.meta.dirname, "server.ts")], {
			detached: true,
			stdio: ["ignore", "pipe", "pipe", "ipc"],
			env: { ...process.env, CHAOS_SERVER: JSON.stringify({ ...this.#options, fresh: this.#fresh }) },
		});
		this.#child = child;
		child.stdout?.pipe(this.#log, { end: false });
		child.stderr?.pipe(this.#log, { end: false });
		const ended = once(child, "exit").then(() => {
			throw new Error("the server ended by itself, see its log");
		});
		ended.catch(() => undefined);
		const ready = once(child, "message", { signal: AbortSignal.timeout(START_PATIENCE) });
		await Promise.race([ready, ended]);
		this.#fresh = false;
		child.on("message", (reply: Reply) => {
			const waiting = this.#waiting.get(reply.id);
			this.#waiting.delete(reply.id);
			if ("rows" in reply) waiting?.resolve(reply.rows);
			else waiting?.reject(new Error(reply.error));
		});
		void this.#sweep(child);
	}

	/** Ends it as a power failure would: no handler runs, in it or in what it started. */
	async kill(): Promise<void> {
		const child = this.#child;
		if (!child?.pid) return;
		this.#child = undefined;
		const { pid } = child;
		if (child.exitCode === null && child.signalCode === null) {
			const ended = once(child, "exit");
			process.kill(-pid, "SIGKILL");
			await ended;
		}
		// Its children are dead as well; somebody has to bury them before the port is free.
		for (const until = Date.now() + BURIAL; groupLives(pid) && Date.now() < until; ) await sleep(5);
		for (const { reject } of this.#waiting.values()) reject(new ServerGone("the server was killed"));
		this.#waiting.clear();
	}

	/** At the end of this process, where nothing can be waited for. */
	killNow(): void {
		if (this.#child?.pid && groupLives(this.#child.pid)) process.kill(-this.#child.pid, "SIGKILL");
	}

	/** Rows of a database. Asks again when the server is killed meanwhile. */
	async query<T>(database: string, sql: string, ...values: (string | number)[]): Promise<T[]> {
		for (;;) {
			await this.#ready;
			try {
				return (await this.#ask({ database, sql, values })) as T[];
			} catch (error) {
				if (!(error instanceof ServerGone)) throw error;
				await sleep(50);
			}
		}
	}

	async #ask(question: Omit<Question, "id">): Promise<unknown[]> {
		const child = this.#child;
		if (!child?.connected) throw new ServerGone("there is no server");
		const id = ++this.#questions;
		return new Promise((resolve, reject) => {
			this.#waiting.set(id, { resolve, reject });
			child.send({ id, ...question });
		});
	}

	async #sweep(child: ChildProcess): Promise<void> {
		while (this.#child === child) {
			// With faults a round may fail; the next one comes.
			await fetch(`${this.url}/cdn-cgi/local/scheduled`).catch(() => undefined);
			await sleep(SWEEP_EVERY);
		}
	}
}

function groupLives(pid: number): boolean {
	try {
		process.kill(-pid, 0);
		return true;
	} catch {
		return false;
	}
}
