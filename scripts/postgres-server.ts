/**
 * A Postgres server for tests: in a directory of its own, on a free loopback port, and gone when it is closed.
 * Wants Debian's package `postgresql`, or any `initdb` and `postgres` on the PATH.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";

export interface PostgresServer {
	/** The connection string of a database, which is made when it is not there. */
	database: (name: string) => Promise<string>;
	/** Stops it and erases everything. */
	close: () => Promise<void>;
}

export async function startPostgres(): Promise<PostgresServer> {
	const initdb = binary("initdb");
	const directory = mkdtempSync(join(tmpdir(), "edgefeed-postgres-"));
	const data = join(directory, "data");
	const secret = join(directory, "password");
	const password = randomBytes(16).toString("hex");
	writeFileSync(secret, password, { mode: 0o600 });
	// Postgres refuses to run as root.
	const user = process.getuid?.() === 0 ? accountOf("postgres") : undefined;
	if (user) for (const path of [directory, secret]) chownSync(path, user.uid, user.gid);

	execFileSync(
		initdb,
		["-D", data, "-U", "edgefeed", "--auth=scram-sha-256", `--pwfile=${secret}`, "--encoding=UTF8", "--no-sync"],
		{ ...user, stdio: "pipe", cwd: directory },
	);
	const port = await freePort();
	const server = spawn(
		binary("postgres"),
		["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${directory}`],
		{ ...user, stdio: ["ignore", "ignore", "pipe"], cwd: directory },
	);
	const url = (name: string) => `postgres://edgefeed:${password}@127.0.0.1:${port}/${name}`;
	const close = async () => {
		await stop(server);
		rmSync(directory, { recursive: true, force: true });
	};
	process.once("exit", () => server.kill("SIGQUIT"));
	await ready(server, url("postgres")).catch(async (error) => {
		await close();
		throw error;
	});
	return {
		database: async (name) => {
			const sql = postgres(url("postgres"), { max: 1 });
			const [known] = await sql`SELECT 1 FROM pg_database WHERE datname = ${name}`;
			if (!known) await sql`CREATE DATABASE ${sql(name)}`;
			await sql.end();
			return url(name);
		},
		close,
	};
}

async function ready(server: ChildProcess, url: string): Promise<void> {
	let output = "";
	server.stderr?.on("data", (chunk) => (output += chunk));
	for (let tries = 0; tries < 100 && server.exitCode === null; tries++) {
		const sql = postgres(url, { max: 1, connect_timeout: 5 });
		try {
			await sql`SELECT 1`;
			return;
		} catch {
			await sleep(100);
		} finally {
			await sql.end({ timeout: 1 });
		}
	}
	throw new Error(`Postgres did not start:\n${output}`);
}

async function stop(server: ChildProcess): Promise<void> {
	if (server.exitCode !== null || server.signalCode !== null) return;
	const ended = new Promise((exit) => server.once("exit", exit));
	// Fast shutdown: it does not wait for clients.
	server.kill("SIGINT");
	await Promise.race([ended, sleep(10_000, undefined, { ref: false })]);
	if (server.exitCode === null) server.kill("SIGQUIT");
}

function binary(name: string): string {
	// Debian keeps the server's programs off the PATH.
	const debian = "/usr/lib/postgresql";
	const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
	const places = [
		...(process.env.PATH ?? "").split(delimiter),
		...versions.map((version) => join(debian, version, "bin")),
	];
	const found = places.map((place) => join(place, name)).find((path) => existsSync(path));
	if (!found) throw new Error(`${name} is not there: install Postgres (Debian: apt-get install postgresql)`);
	return found;
}

function accountOf(name: string): { uid: number; gid: number } {
	const number = (option: string) => Number(execFileSync("id", [option, name], { encoding: "utf8" }));
	return { uid: number("-u"), gid: number("-g") };
}

async function freePort(): Promise<number> {
	return new Promise((found) => {
		const probe = createServer();
		probe.listen(0, "127.0.0.1", () => {
			const address = probe.address();
			probe.close(() => found(typeof address === "object" && address ? address.port : 0));
		});
	});
}
