/** A client that follows one feed from the start: reads it once, then only what has changed since. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Id } from "../src/store/ids.ts";
import type { Api } from "./api.ts";
import type { Findings } from "./findings.ts";
import type { Person } from "./model.ts";

interface Post {
	id: Id;
	text: string;
}
interface Change {
	seq: number;
	kind: "add" | "edit" | "remove" | "marker";
	postId: Id;
	post?: Post;
}
type Frame = ({ type: "change" } & Change) | { type: "hello" | "outdated"; seq: number };

/** Milliseconds between two questions of a client that polls. */
const POLL_EVERY = 1_500;

export class Follower {
	readonly who: Person;
	readonly #api: Api;
	readonly #findings: Findings;
	readonly #posts = new Map<Id, string>();
	#seq: number | undefined;
	#socket: WebSocket | undefined;
	#stopped = false;
	/** The last changes, to tell how it came to be as it is. */
	readonly #history: string[] = [];

	constructor(api: Api, findings: Findings, who: Person) {
		this.who = who;
		this.#api = api;
		this.#findings = findings;
	}

	/** Whether it knows all that its timeline tells. */
	get seq(): number | undefined {
		return this.#seq;
	}

	/** What it takes the feed for, newest first. */
	get list(): string[] {
		return [...this.#posts.entries()].sort(([a], [b]) => (a < b ? 1 : -1)).map(([id, text]) => `${id} ${text}`);
	}

	/** What it was told about a post, for whoever looks into a difference. */
	told(id: string): string {
		return this.#history.filter((line) => line.includes(id) || line.startsWith("read")).join("; ");
	}

	async run(how: "socket" | "poll"): Promise<void> {
		while (!this.#stopped) {
			try {
				if (this.#seq === undefined) await this.#read();
				else if (how === "socket") await this.#listen(this.#seq);
				else await this.#poll(this.#seq);
			} catch (error) {
				this.#findings.add("stuck", `the client of ${this.who.username}: ${error}`);
				await sleep(1000);
			}
		}
	}

	stop(): void {
		this.#stopped = true;
		this.#socket?.close();
	}

	/** The pages are not of one moment; the changes since the first of them make up for it. */
	async #read(): Promise<void> {
		const { items, first } = await this.#api.list<Post, { seq: number }>(this.who, "/v1/feed");
		this.#posts.clear();
		for (const { id, text } of items) this.#posts.set(id, text);
		this.#seq = first.seq;
		this.#history.push(`read ${items.length} at ${first.seq}`);
		this.#api.count("feeds read by followers");
	}

	async #poll(since: number): Promise<void> {
		const { status, body } = await this.#api.ask<{ changes: Change[]; seq: number; more: boolean; code?: string }>(
			this.who,
			"GET",
			`/v1/feed/changes?since=${since}`,
		);
		if (status === 410) return this.#forget();
		if (body.code === "seq_in_future") return this.#wentBack(since, "an earlier number");
		if (status !== 200) throw new Error(`changes were answered with ${status}`);
		for (const change of body.changes) this.#apply(change);
		if (!body.more) {
			if (this.#seq !== body.seq) this.#wentBack(body.seq, `changes up to ${this.#seq} only`);
			await sleep(POLL_EVERY);
		}
	}

	/** Until the socket ends. */
	async #listen(since: number): Promise<void> {
		await this.#api.host.ready;
		const url = `${this.#api.host.url.replace("http", "ws")}/v1/feed/stream?since=${since}&hydrate=1`;
		const socket = new WebSocket(url, ["bearer", this.who.token]);
		this.#socket = socket;
		this.#api.count("sockets");
		const code = await new Promise<number>((ended) => {
			socket.addEventListener("message", ({ data }) => {
				const frame: Frame = JSON.parse(String(data));
				if (frame.type === "hello" && frame.seq < since) this.#wentBack(since, `hello ${frame.seq}`);
				if (frame.type === "outdated") this.#forget();
				// Until it has read anew, what comes is of no use.
				if (this.#seq === undefined) socket.close();
				else if (frame.type === "change") this.#apply(frame);
			});
			socket.addEventListener("error", () => ended(0));
			socket.addEventListener("close", (event) => ended(event.code));
		});
		if (code === 4401) await this.#api.signIn(this.who);
		if (code !== 1000) await sleep(50);
	}

	#apply({ seq, kind, postId, post }: Change): void {
		const next = (this.#seq ?? 0) + 1;
		if (seq !== next)
			this.#findings.add("drift", `the client of ${this.who.username} got change ${seq} instead of ${next}`);
		this.#seq = seq;
		this.#history.push(`${seq} ${kind} ${postId}`);
		if (kind === "remove") this.#posts.delete(postId);
		// An edit may make a post visible that was not.
		else if (post) this.#posts.set(postId, post.text);
	}

	#forget(): void {
		this.#seq = undefined;
	}

	#wentBack(since: number, text: string): void {
		this.#findings.add("lost", `the timeline of ${this.who.username} told of change ${since}, and later: ${text}`);
		this.#forget();
	}
}
