/** A client that does not give up: what got no answer is asked again, until the server says yes or no. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../scripts/client.ts";
import type { Host } from "./host.ts";
import type { Person } from "./model.ts";

export const PASSWORD = "password of the chaos";

export interface Answer<T> {
	status: number;
	body: T;
	headers: Headers;
	/** An earlier try got no answer, or one that leaves open whether it was done. */
	unsure: boolean;
}

export interface Ask {
	body?: unknown;
	/** The `Idempotency-Key`. */
	key?: string;
}

/** A request that has no answer after so many milliseconds, however often it was repeated, is stuck. */
const STUCK = 240_000;
/** One that took longer is told of. */
const LONG = 20_000;
/** Tries to sign in. */
const MOST_TRIES = 200;
/** No request may take longer, in milliseconds: one that is given up must not be done afterwards. */
const PATIENCE = 120_000;

export class Api {
	readonly host: Host;
	/** What happened, by name. */
	readonly counts = new Map<string, number>();

	constructor(host: Host) {
		this.host = host;
	}

	count(name: string): void {
		this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
	}

	/** The first answer that is one: any but 5xx. */
	async ask<T = Record<string, unknown>>(
		who: Person,
		method: string,
		path: string,
		{ body, key }: Ask = {},
	): Promise<Answer<T>> {
		let unsure = false;
		let last = "nothing";
		const start = Date.now();
		for (let attempt = 1; Date.now() - start < STUCK; attempt++) {
			await this.host.ready;
			this.count("requests");
			const headers = {
				authorization: `Bearer ${who.token}`,
				...(body === undefined ? {} : { "content-type": "application/json" }),
				...(key === undefined ? {} : { "idempotency-key": key }),
			};
			try {
				const response = await fetch(this.host.url + path, {
					method,
					headers,
					...(body === undefined ? {} : { body: JSON.stringify(body) }),
					signal: AbortSignal.timeout(PATIENCE),
				});
				const text = await response.text();
				const { status } = response;
				const parsed = text === "" ? undefined : JSON.parse(text);
				if (status === 401 && parsed.code === "token_expired") await this.signIn(who);
				else if (status < 500) {
					const seconds = Math.round((Date.now() - start) / 1000);
					if (seconds * 1000 > LONG)
						console.log(`  ${method} ${path} took ${seconds} s, ${attempt} tries; before: ${last}`);
					return { status, body: parsed as T, headers: response.headers, unsure };
				} else {
					unsure = true;
					last = text;
					this.count(`answered ${status}`);
				}
			} catch (error) {
				if (error instanceof Error && error.name === "TimeoutError") throw new Error(`${method} ${path} hangs`);
				unsure = true;
				this.count("unanswered");
			}
			await sleep(Math.min(20 * attempt, 500));
		}
		throw new Error(`${method} ${path} got no answer in ${STUCK / 1000} s, at last ${last}`);
	}

	/** Reads what must be there. @throws Error for any other answer than a success. */
	async read<T>(who: Person, path: string): Promise<T> {
		const { status, body } = await this.ask<T>(who, "GET", path);
		if (status !== 200) throw new Error(`GET ${path} as ${who.username} answered ${status} ${JSON.stringify(body)}`);
		return body;
	}

	/** A whole list, page by page; `first` is its first page. */
	async list<T, P = object>(who: Person, path: string): Promise<{ items: T[]; first: P }> {
		const items: T[] = [];
		let first: P | undefined;
		for (let cursor: string | null = ""; cursor !== null; ) {
			const glue = path.includes("?") ? "&" : "?";
			type Page = { items: T[]; next: string | null } & P;
			const page: Page = await this.read(who, `${path}${glue}limit=100${cursor && `&cursor=${cursor}`}`);
			first ??= page;
			items.push(...page.items);
			cursor = page.next;
		}
		return { items, first: first as P };
	}

	async signIn(who: Person): Promise<void> {
		for (let attempt = 1; ; attempt++) {
			try {
				await this.host.ready;
				who.token = await new Client(this.host.url).signIn(who.username, PASSWORD);
				return;
			} catch (error) {
				if (attempt === MOST_TRIES) throw error;
				await sleep(100);
			}
		}
	}

	async operate<T>(path: string, body: unknown): Promise<T> {
		const headers = { "x-operator-secret": this.host.operatorSecret };
		return new Client(this.host.url).call<T>("POST", path, { headers, body });
	}
}
