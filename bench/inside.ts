/** What the entry in `inside/` can be asked from Node. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../scripts/client.ts";
import type { Id } from "../src/store/ids.ts";
import type { BenchWorker } from "./worker.ts";

export const DELIVER_QUEUE = "edgefeed-deliver";
export const BARE_QUEUE = "edgefeed-bare";
/** Objects that one request wakes or warms. */
const AT_ONCE = 200;
/** Objects that are awake at most while others are warmed. */
const CROWD = 5000;

export interface Times {
	first: number;
	last: number;
	messages: number;
	jobs: Record<string, number>;
}
export interface Finished {
	queues: Record<string, Times>;
	/** Milliseconds for which they waited, because too many objects were awake. */
	paused: number;
}

export class Inside {
	readonly #client: Client;
	readonly #worker: BenchWorker;

	constructor(client: Client, worker: BenchWorker) {
		this.#client = client;
		this.#worker = worker;
	}

	ask<T = unknown>(path: string, body?: unknown, method = "POST"): Promise<T> {
		return this.#client.call<T>(method, `/__bench/${path}`, body === undefined ? {} : { body });
	}

	/** What the queues have done since this was last asked. */
	finished(): Promise<Finished> {
		return this.ask<Finished>("finished", undefined, "GET");
	}

	/** Builds timelines that follow `authors`, or with none only wakes those that are built. */
	async warm(owners: readonly Id[], authors: readonly Id[] = []): Promise<void> {
		for (let at = 0; at < owners.length; at += AT_ONCE) {
			if (at % CROWD === 0) await this.sleep();
			await this.ask("warm", { owners: owners.slice(at, at + AT_ONCE), authors });
		}
	}

	/** Makes the ceiling's objects, or wakes them. */
	async wakeBare(count: number): Promise<void> {
		for (let from = 0; from < count; from += AT_ONCE) {
			if (from % CROWD === 0) await this.sleep();
			await this.ask("bare-touch", { from, count: Math.min(AT_ONCE, count - from) });
		}
	}

	/** Puts every object to sleep. */
	async sleep(): Promise<void> {
		await this.ask("sleep");
	}

	/** Waits until nothing that was promised is left to do. */
	async settled(patience: number): Promise<void> {
		const until = Date.now() + patience;
		for (const name of ["SHARD_0", "SHARD_1"]) {
			const database = await this.#worker.miniflare.getD1Database(name);
			for (;;) {
				const left = await database.prepare("SELECT count(*) AS jobs FROM outbox").first<number>("jobs");
				if (left === 0) break;
				if (Date.now() > until) throw new Error(`${left} jobs are not done within ${patience / 1000} s`);
				await sleep(100);
			}
		}
	}
}
