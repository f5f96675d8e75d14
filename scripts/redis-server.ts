/**
 * A Redis server for tests, behind Upstash's protocol: both on free loopback ports, keeping nothing, and gone when it is
 * closed. Wants Debian's package `redis-server`, or any `redis-server` on the PATH.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

export class RedisServer {
	/** What a Worker needs to use it. */
	readonly variables: { UPSTASH_REDIS_REST_URL: string; UPSTASH_REDIS_REST_TOKEN: string };
	readonly #directory = mkdtempSync(join(tmpdir(), "edgefeed-redis-"));
	readonly #port: number;
	#redis: ChildProcess | undefined;
	#upstash: ChildProcess | undefined;

	private constructor(port: number, upstashPort: number) {
		this.#port = port;
		this.variables = {
			UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${upstashPort}`,
			UPSTASH_REDIS_REST_TOKEN: randomBytes(16).toString("hex"),
		};
		process.once("exit", () => {
			this.#redis?.kill("SIGKILL");
			this.#upstash?.kill("SIGKILL");
		});
	}

	static async open(): Promise<RedisServer> {
		const upstashPort = await freePort();
		const server = new RedisServer(await freePort(), upstashPort);
		try {
			await server.start();
			await server.#startUpstash(upstashPort);
		} catch (error) {
			await server.close();
			throw error;
		}
		return server;
	}

	/** Starts Redis with nothing in it. */
	async start(): Promise<void> {
		const options = ["--port", this.#port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
		this.#redis = spawn("redis-server", [...options, "--dir", this.#directory].map(String), { stdio: "ignore" });
		const failed = new Promise<never>((_, fail) => this.#redis?.once("error", fail));
		await Promise.race([until(async () => (await ask(this.#port, "PING").catch(() => "")) === "+PONG"), failed]);
	}

	/** How many keys are in it. */
	async size(): Promise<number> {
		return Number((await ask(this.#port, "DBSIZE")).slice(1));
	}

	/** As when its machine dies. */
	async kill(): Promise<void> {
		await end(this.#redis);
	}

	/** It keeps its connections and answers nobody. */
	stop(): void {
		this.#redis?.kill("SIGSTOP");
	}

	continue(): void {
		this.#redis?.kill("SIGCONT");
	}

	async close(): Promise<void> {
		await Promise.all([end(this.#redis), end(this.#upstash)]);
		rmSync(this.#directory, { recursive: true, force: true });
	}

	async #startUpstash(port: number): Promise<void> {
		const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = this.variables;
		this.#upstash = spawn(process.execPath, [join(import.meta.dirname, "upstash.ts")], {
			env: { ...process.env, REDIS_URL: `redis://127.0.0.1:${this.#port}`, PORT: String(port), URS_TOKEN: token },
			stdio: "ignore",
		});
		await until(async () => {
			const response = await fetch(`${url}/healthz`).catch(() => undefined);
			return response?.ok ?? false;
		});
	}
}

async function end(child: ChildProcess | undefined): Promise<void> {
	if (!child || child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
	const ended = new Promise((exit) => child.once("exit", exit));
	child.kill("SIGKILL");
	await ended;
}

async function until(done: () => Promise<boolean>): Promise<void> {
	for (let tries = 0; tries < 200; tries++) {
		if (await done()) return;
		await sleep(50);
	}
	throw new Error("Redis did not start");
}

/** The first line that Redis says to a command (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
async function ask(port: number, command: string): Promise<string> {
	return new Promise((answer, fail) => {
		const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
		socket.once("data", (data) => {
			socket.destroy();
			answer(String(data).trimEnd());
		});
		socket.once("error", fail);
	});
}
