/**
 * A Postgres server for tests: in a directory of its own, on a free loopback port, and gone when it is closed.
 * Wants Debian's package `postgresql`, or any `initdb` and `postgres` on the PATH.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { freePort } from "./free-port.ts";

export interface PostgresServer {
	/** The connection string of a database, which is made when it is not there. */
	database: (name: string) => Promise<string>;
	/** Starts a second server that follows this one. */
	standby: () => Promise<Standby>;
	/** Stops it and erases everything. */
	close: () => Promise<void>;
}

/** A streaming replica, gone when it is closed. */
export interface Standby {
	/** The connection string of a database. */
	database: (name: string) => string;
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
	const primary = await serve(data, user);
	const url = (port: number, name: string) => `postgres://edgefeed:${password}@127.0.0.1:${port}/${name}`;
	const servers = [primary];
	const close = async () => {
		for (const server of servers) await stop(server.process);
		rmSync(directory, { recursive: true, force: true });
	};
	await ready(primary, url(primary.port, "postgres")).catch(async (error) => {
		await close();
		throw error;
	});
	return {
		database: async (name) => {
			const sql = postgres(url(primary.port, "postgres"), { max: 1 });
			const [known] = await sql`SELECT 1 FROM pg_database WHERE datname = ${name}`;
			if (!known) await sql`CREATE DATABASE ${sql(name)}`;
			await sql.end();
			return url(primary.port, name);
		},
		standby: async () => {
			const copy = join(directory, `standby-${servers.length}`);
			const from = url(primary.port, "postgres");
			// -R: the copy knows whom to follow.
			execFileSync(binary("pg_basebackup"), ["-d", from, "-D", copy, "-R", "-X", "stream", "-c", "fast", "--no-sync"], {
				...user,
				stdio: "pipe",
				cwd: directory,
			});
			const standby = await serve(copy, user);
			servers.push(standby);
			await ready(standby, url(standby.port, "postgres"));
			return { database: (name) => url(standby.port, name), close: () => stop(standby.process) };
		},
		close,
	};
}

interface Server {
	process: ChildProcess;
	port: number;
}

/** Runs a server on a free port, with its socket beside its data. */
async function serve(data: string, user: { uid: number; gid: number } | undefined): Promise<Server> {
	const port = await freePort();
	const directory = dirname(data);
	const server = spawn(
		binary("postgres"),
		["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${directory}`],
		{ ...user, stdio: ["ignore", "ignore", "pipe"], cwd: directory },
	);
	process.once("exit", () => server.kill("SIGQUIT"));
	return { process: server, port };
}

async function ready({ process: server }: Server, url: string): Promise<void> {
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
