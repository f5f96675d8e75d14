/**
 * `node day.ts URL FILE SECONDS`: a mixed day at full speed. 32 connections, each with a request after the other, of a
 * viewer by chance, who knows what her last page told her. Of a hundred requests 80 read (a quarter of them polls, an
 * eighth second pages), 15 react and 5 post.
 */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { quantile } from "../results.ts";
import { CONNECTIONS } from "./wrk.ts";

export interface Day {
	perSecond: number;
	kinds: Record<string, { requests: number; p50: number; p99: number }>;
	/** Polls answered 304. */
	unchanged: number;
	/** Answers of 400 and above, and connections that broke. */
	errors: number;
	/** The first of them. */
	failures: string[];
}

interface Viewer {
	token: string;
	tag?: string | undefined;
	next?: string | null;
	posts: string[];
}
interface Answer {
	status: number;
	tag: string | undefined;
	body: string;
}

const TEXT = "A story of usual length, such as people tell their friends in the evening of a day in November.";
const SHOWN = 5;

class Client {
	readonly #url: string;
	readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
	readonly #viewers: Viewer[];
	readonly #latencies = new Map<string, number[]>();
	readonly #failures: string[] = [];
	#errors = 0;
	#unchanged = 0;

	constructor(url: string, tokens: readonly string[]) {
		this.#url = url;
		this.#viewers = tokens.map((token) => ({ token, posts: [] }));
	}

	async run(seconds: number): Promise<Day> {
		const start = performance.now();
		const lane = async () => {
			while (performance.now() - start < seconds * 1000) await this.#next();
		};
		await Promise.all(Array.from({ length: CONNECTIONS }, lane));
		const elapsed = (performance.now() - start) / 1000;
		const kinds = [...this.#latencies].map(([kind, of]) => {
			return [kind, { requests: of.length, p50: quantile(of, 0.5), p99: quantile(of, 0.99) }] as const;
		});
		return {
			perSecond: kinds.reduce((sum, [, { requests }]) => sum + requests, 0) / elapsed,
			kinds: Object.fromEntries(kinds),
			unchanged: this.#unchanged,
			errors: this.#errors,
			failures: this.#failures,
		};
	}

	async #next(): Promise<void> {
		const viewer = pick(this.#viewers) as Viewer;
		const chance = Math.random() * 100;
		if (chance < 80) return this.#read(viewer, chance);
		if (chance < 95) return this.#react(viewer, chance);
		await this.#ask("post", viewer, "POST", "/v1/posts", { body: { text: TEXT } });
	}

	async #read(viewer: Viewer, chance: number): Promise<void> {
		if (chance < 20 && viewer.tag) {
			const { status, tag, body } = await this.#ask("poll", viewer, "GET", "/v1/feed", { tag: viewer.tag });
			if (status === 304) this.#unchanged++;
			else know(viewer, tag, body);
		} else if (chance < 30 && viewer.next) {
			await this.#ask("second page", viewer, "GET", `/v1/feed?cursor=${viewer.next}`);
		} else {
			const { tag, body } = await this.#ask("first page", viewer, "GET", "/v1/feed");
			know(viewer, tag, body);
		}
	}

	async #react(viewer: Viewer, chance: number): Promise<void> {
		const post = pick(viewer.posts);
		if (!post) return this.#read(viewer, 50);
		if (chance < 89) await this.#ask("like", viewer, "PUT", `/v1/posts/${post}/like`);
		else if (chance < 92) await this.#ask("take back", viewer, "DELETE", `/v1/posts/${post}/like`);
		else await this.#ask("comment", viewer, "POST", `/v1/posts/${post}/comments`, { body: { text: TEXT } });
	}

	async #ask(
		kind: string,
		{ token }: Viewer,
		method: string,
		path: string,
		{ tag, body }: { tag?: string; body?: unknown } = {},
	): Promise<Answer> {
		const headers = {
			authorization: `Bearer ${token}`,
			...(tag === undefined ? {} : { "if-none-match": tag }),
			...(body === undefined ? {} : { "content-type": "application/json" }),
		};
		const start = performance.now();
		const text = body === undefined ? undefined : JSON.stringify(body);
		const answer = await send(`${this.#url}${path}`, this.#agent, method, headers, text).catch((error: unknown) => {
			return { status: 599, tag: undefined, body: String(error) };
		});
		const latencies = this.#latencies.get(kind) ?? [];
		this.#latencies.set(kind, latencies);
		latencies.push(performance.now() - start);
		if (answer.status >= 400) {
			this.#errors++;
			const told = `${method} ${path} answered ${answer.status}: ${answer.body.slice(0, 200)}`;
			if (this.#failures.length < SHOWN) this.#failures.push(told);
		}
		return answer;
	}
}

function know(viewer: Viewer, tag: string | undefined, body: string): void {
	if (!body.startsWith('{"items"')) return;
	const { items, next } = JSON.parse(body) as { items: { id: string }[]; next: string | null };
	viewer.tag = tag;
	viewer.next = next;
	viewer.posts = items.map(({ id }) => id);
}

function send(
	url: string,
	agent: Agent,
	method: string,
	headers: Record<string, string>,
	body: string | undefined,
): Promise<Answer> {
	return new Promise((resolve, reject) => {
		const sent = request(url, { method, agent, headers }, (response) => {
			let text = "";
			response.setEncoding("utf8");
			response.on("data", (chunk) => (text += chunk));
			response.on("end", () => resolve({ status: response.statusCode ?? 599, tag: response.headers.etag, body: text }));
			response.on("error", reject);
		});
		sent.on("error", reject);
		sent.end(body);
	});
}

function pick<T>(values: readonly T[]): T | undefined {
	return values[Math.floor(Math.random() * values.length)];
}

const [url = "", file = "", seconds] = process.argv.slice(2);
const tokens = readFileSync(file, "utf8").trimEnd().split("\n");
console.log(JSON.stringify(await new Client(url, tokens).run(Number(seconds))));
process.exit();
