/** The ceilings: the least that the platform must do for a delivery, for a post, and a naive delivery. */
import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";
import { noteAwake } from "./awake.ts";

export const BARE_QUEUE = "edgefeed-bare";

export interface BareEnv {
	BARE: DurableObjectNamespace<Bare>;
	BARE_QUEUE: Queue<BareMessage>;
	SHARD_0: D1Database;
	SHARD_1: D1Database;
}

interface BareMessage {
	from: number;
	count: number;
	text: string;
}

/** As many recipients to a message, and messages to a call, as the fan-out has. */
const CHUNK_SIZE = 100;
const SEND_BATCH = 10;
/** Entries that a naive timeline keeps. */
const KEPT = 1000;

/** One table, one row a call. */
export class Bare extends DurableObject {
	readonly #sql: SqlStorage;

	constructor(ctx: DurableObjectState, env: BareEnv) {
		super(ctx, env as unknown as Cloudflare.Env);
		const { name = "" } = ctx.id;
		noteAwake(name, () => env.BARE.getByName(name).sleep());
		this.#sql = ctx.storage.sql;
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS bare (id INTEGER PRIMARY KEY, text TEXT NOT NULL)`);
	}

	insert(text: string): number {
		this.#sql.exec(`INSERT INTO bare (text) VALUES (?)`, text);
		return 1;
	}

	/** Wakes it. */
	touch(): void {}

	/** At once, not after ten idle seconds. */
	async sleep(): Promise<void> {
		this.ctx.abort("put to sleep by the benchmark");
	}

	/** A timeline as one writes it at first: a row and an index entry for each post, and the oldest goes. @returns rows read and written by each of `count` deliveries. */
	naive(count: number): { read: number; written: number } {
		this.#sql.exec(
			`CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY, author TEXT NOT NULL, at INTEGER NOT NULL)`,
		);
		this.#sql.exec(`CREATE INDEX IF NOT EXISTS entries_by_time ON entries (at)`);
		const sum = { read: 0, written: 0 };
		for (let n = 0; n < KEPT + count; n++) {
			const run = (query: string, ...values: unknown[]) => {
				const cursor = this.#sql.exec(query, ...(values as SqlStorageValue[]));
				cursor.toArray();
				if (n < KEPT) return;
				sum.read += cursor.rowsRead;
				sum.written += cursor.rowsWritten;
			};
			run(`INSERT INTO entries (author, at) VALUES (?, ?)`, "author", n);
			if (n >= KEPT) run(`DELETE FROM entries WHERE at <= ?`, n - KEPT);
		}
		return { read: sum.read / count, written: sum.written / count };
	}
}

/** Calls as many objects as a batch names, as concurrently as the fan-out does. */
export async function insertEverywhere(env: BareEnv, batch: MessageBatch): Promise<void> {
	await Promise.all(
		batch.messages.map(async (message) => {
			const { from, count, text } = message.body as BareMessage;
			await Promise.allSettled(names(from, count).map((name) => env.BARE.getByName(name).insert(text)));
			message.ack();
		}),
	);
}

function names(from: number, count: number): string[] {
	return Array.from({ length: count }, (_, n) => `bare ${from + n}`);
}

export const bareApp = new Hono<{ Bindings: BareEnv }>()
	.post("/__bench/bare-fanout", async (c) => {
		const { count, text } = await c.req.json<BareMessage>();
		const messages = Array.from({ length: Math.ceil(count / CHUNK_SIZE) }, (_, n) => ({
			body: { from: n * CHUNK_SIZE, count: Math.min(CHUNK_SIZE, count - n * CHUNK_SIZE), text },
		}));
		for (let at = 0; at < messages.length; at += SEND_BATCH) {
			await c.env.BARE_QUEUE.sendBatch(messages.slice(at, at + SEND_BATCH));
		}
		return c.body(null, 204);
	})
	.post("/__bench/bare-touch", async (c) => {
		const { from, count } = await c.req.json<BareMessage>();
		await Promise.all(names(from, count).map((name) => c.env.BARE.getByName(name).touch()));
		return c.body(null, 204);
	})
	.post("/__bench/bare-post", async (c) => {
		const { id, text } = await c.req.json<{ id: number; text: string }>();
		const database = id % 2 === 0 ? c.env.SHARD_0 : c.env.SHARD_1;
		await database.prepare("INSERT INTO bare (id, text) VALUES (?, ?)").bind(id, text).run();
		return c.json({ id, text }, 201);
	})
	.post("/__bench/naive", async (c) => c.json(await c.env.BARE.getByName("naive").naive(100)));
