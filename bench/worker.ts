/** The built Worker in workerd, through Miniflare's API: `wrangler dev`'s proxy would be the bottleneck. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_splitSqlQuery } from "wrangler";
import { ROOT } from "../scripts/client.ts";

export interface BenchWorker {
	url: string;
	operatorSecret: string;
	miniflare: Miniflare;
	/** Stops it, and erases its state when it is nobody else's. */
	close: () => Promise<void>;
}

export interface StartOptions {
	/** Instead of what `wrangler.toml` calls the Worker's entry: the one of this folder's `inside`, with its bindings. */
	inside?: boolean;
	variables?: Record<string, string>;
}

export interface OpenOptions {
	variables?: Record<string, string>;
	/** At a socket of its own, past Miniflare's entry, which is a Worker too. */
	direct?: boolean;
	/** Where a debugger can attach. */
	inspectorPort?: number;
}

export async function startWorker({ inside = false, variables = {} }: StartOptions = {}): Promise<BenchWorker> {
	const site = new Site({ inside });
	const worker = await site.open({ variables });
	return {
		...worker,
		close: async () => {
			await worker.close();
			site.erase();
		},
	};
}

/** A built Worker and what it keeps: opened again with other variables, it has the same accounts and posts. */
export class Site {
	readonly #state = mkdtempSync(join(placeForState(), "edgefeed-bench-"));
	readonly #secrets = makeSecrets();
	readonly #worker: string;
	readonly #inside: boolean;
	#migrated = false;

	constructor({ inside = false }: Pick<StartOptions, "inside"> = {}) {
		this.#inside = inside;
		this.#worker = buildWorker(join(this.#state, "worker"), inside ? "bench/inside/worker.ts" : undefined);
	}

	/** One at a time: they would share their files. To close it leaves what it keeps. */
	async open({ variables = {}, direct = false, inspectorPort }: OpenOptions = {}): Promise<BenchWorker> {
		const miniflare = openWorker({
			worker: this.#worker,
			data: join(this.#state, "data"),
			variables: { ...this.#secrets, ...variables },
			inside: this.#inside,
			direct,
			...(inspectorPort === undefined ? {} : { inspectorPort }),
		});
		await miniflare.ready;
		const url = String(await (direct ? miniflare.unsafeGetDirectURL() : miniflare.ready)).replace(/\/$/, "");
		if (!this.#migrated) await migrate(miniflare);
		this.#migrated = true;
		const { OPERATOR_SECRET: operatorSecret } = this.#secrets;
		return { url, operatorSecret, miniflare, close: () => miniflare.dispose() };
	}

	/** The path of the module. */
	get module(): string {
		return this.#worker;
	}

	erase(): void {
		rmSync(this.#state, { recursive: true, force: true });
	}
}

/** Memory where there is such a place: it is the code that is measured, not this machine's disk. */
function placeForState(): string {
	return process.env.TMPDIR ?? (existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
}

/** Builds the Worker into a directory, by default from what `wrangler.toml` calls its entry. @returns the path of the module. */
export function buildWorker(outdir: string, entry?: string): string {
	const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
	execFileSync(process.execPath, [wrangler, "deploy", ...(entry ? [entry] : []), "--dry-run", "--outdir", outdir], {
		cwd: ROOT,
		stdio: "pipe",
		env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
	});
	const [module] = readdirSync(outdir).filter((file) => file.endsWith(".js"));
	if (!module) throw new Error("wrangler built no module");
	return join(outdir, module);
}

export function makeSecrets() {
	const secret = () => randomBytes(32).toString("hex");
	return { AUTH_SECRET: secret(), OPERATOR_SECRET: secret(), RATE_LIMITS: "off", LOG_REQUESTS: "errors" };
}

export interface WorkerOptions {
	/** The path of the built module. */
	worker: string;
	/** Where the databases and objects are kept. */
	data: string;
	/** Beside the ones of `wrangler.toml`, and instead of them. */
	variables: Record<string, string | number>;
	/** By default any free one. */
	port?: number;
	/** Whether the module is that of `inside/worker.ts`, which has bindings of its own. */
	inside?: boolean;
	/** Whether the Worker has a socket of its own as well. */
	direct?: boolean;
	/** Where a debugger can attach; by default nowhere. */
	inspectorPort?: number;
}

/** Shards that are a Postgres database instead of D1: binding and connection string. */
export type PostgresShards = Readonly<Record<string, string>>;

/** A Worker with its bindings as `wrangler.toml` has them, on loopback. */
export function openWorker(
	{ worker, data, variables, port, inside, direct, inspectorPort }: WorkerOptions,
	postgres: PostgresShards = {},
): Miniflare {
	const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"));
	// The API reference is no part of what is measured.
	const { assets: _, serviceBindings: __, bindings, d1Databases = {}, ...options } = workerOptions;
	const inD1 = Object.entries(d1Databases as Record<string, string>).filter(([binding]) => !(binding in postgres));
	return new Miniflare({
		...convertV4MiniflareOptions({
			...options,
			d1Databases: Object.fromEntries(inD1),
			hyperdrives: { ...postgres },
			...(inside ? ceilings(options) : {}),
			// Nothing here asks others' servers.
			bindings: { ...(bindings as Record<string, string>), LINK_PREVIEWS: "off", ...variables },
			modules: [{ type: "ESModule", path: worker }],
			modulesRoot: join(worker, ".."),
			// The local runtime fires no crons: GET /cdn-cgi/local/scheduled does.
			unsafeTriggerHandlers: true,
			...(port === undefined ? {} : { host: "127.0.0.1", port }),
			...(direct ? { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] } : {}),
			...(inspectorPort === undefined ? {} : { inspectorPort }),
		}),
		resourcePersistencePath: data,
	});
}

/** The bindings of `inside/bare.ts`; its queue is that of the deliveries in all but the name. */
function ceilings({ durableObjects, queueProducers, queueConsumers }: Record<string, unknown>): CeilingOptions {
	const consumers = queueConsumers as Record<string, object>;
	return {
		durableObjects: { ...(durableObjects as object), BARE: { className: "Bare", useSQLite: true } },
		queueProducers: { ...(queueProducers as object), BARE_QUEUE: { queueName: "edgefeed-bare" } },
		queueConsumers: { ...consumers, "edgefeed-bare": { ...consumers["edgefeed-deliver"] } },
	};
}

interface CeilingOptions {
	durableObjects: Record<string, { className: string; useSQLite: boolean }>;
	queueProducers: Record<string, { queueName: string }>;
	queueConsumers: Record<string, object>;
}

/** Makes the tables of new databases in D1. */
export async function migrate(miniflare: Miniflare, postgres: PostgresShards = {}): Promise<void> {
	for (const [binding, directory] of [
		["IDENTITY", "identity"],
		["SHARD_0", "shard"],
		["SHARD_1", "shard"],
	] as const) {
		if (binding in postgres) continue;
		const database = await miniflare.getD1Database(binding);
		await database.batch(statements(directory).map((statement) => database.prepare(statement)));
	}
}

function statements(directory: string): string[] {
	const path = join(ROOT, "migrations", directory);
	return readdirSync(path)
		.sort()
		.flatMap((file) => unstable_splitSqlQuery(readFileSync(join(path, file), "utf8")));
}
