/** A story told between two databases, through the public API of a Worker that has both. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Miniflare } from "miniflare";
import type postgres from "postgres";
import type { Client } from "./client.ts";

/** Someone with an account, at home in a region: by the map of `wrangler.toml`, `weur` is in `SHARD_0`, `sam` in `SHARD_1`. */
export class Person {
	readonly id: string;
	readonly #token: string;
	readonly #client: Client;

	constructor(client: Client, id: string, token: string) {
		this.#client = client;
		this.id = id;
		this.#token = token;
	}

	static async signUp(client: Client, region: string): Promise<Person> {
		const username = `p_${randomBytes(6).toString("hex")}`;
		const { user, token } = await client.call<{ user: { id: string }; token: string }>("POST", "/auth/sign-up/email", {
			body: { email: `${username}@feed.test`, password: "correct horse battery", name: "Ann", username, region },
		});
		const access = await client.call<{ token: string }>("GET", "/auth/token", { token });
		return new Person(client, user.id, access.token);
	}

	call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
		return this.#client.call<T>(method, path, { token: this.#token, body });
	}

	/** Waits until the feed has these texts, newest first. */
	async sees(...texts: string[]): Promise<void> {
		for (let tries = 1; ; tries++) {
			const { items } = await this.call<{ items: { text: string }[] }>("GET", "/v1/feed");
			if (JSON.stringify(items.map((post) => post.text)) === JSON.stringify(texts)) return;
			if (tries === 100) throw new Error(`a feed has ${JSON.stringify(items.map((post) => post.text))}`);
			await sleep(50);
		}
	}
}

/** Two people in either database, all of them friends, so that every kind of pair is decided once. */
export async function across(client: Client): Promise<void> {
	const people = await Promise.all(["sam", "weur", "sam", "weur"].map((region) => Person.signUp(client, region)));
	for (const [i, person] of people.entries()) {
		await person.sees();
		for (const other of people.slice(0, i)) {
			await person.call("POST", "/v1/friend-requests", { accountId: other.id });
			await other.call("POST", `/v1/friend-requests/${person.id}/accept`);
		}
	}
	const texts: string[] = [];
	for (const [i, person] of people.entries()) {
		const { id } = await person.call<{ id: string }>("POST", "/v1/posts", { text: `story ${i}` });
		for (const other of people) {
			await other.call("PUT", `/v1/posts/${id}/like`);
			await other.call("POST", `/v1/posts/${id}/comments`, { text: "so it is" });
		}
		const post = await person.call<{ likeCount: number; commentCount: number }>("GET", `/v1/posts/${id}`);
		if (post.likeCount !== 4 || post.commentCount !== 4) throw new Error(JSON.stringify(post));
		await person.call("PATCH", `/v1/posts/${id}`, { text: `story ${i}, told again` });
		texts.unshift(`story ${i}, told again`);
		const draft = await person.call<{ id: string }>("POST", "/v1/posts", { text: "never mind" });
		await person.call("DELETE", `/v1/posts/${draft.id}`);
	}
	for (const person of people) await person.sees(...texts);
	const [far, near] = people as [Person, Person];
	await near.call("PUT", `/v1/blocks/${far.id}`);
	await near.sees(...texts.filter((text) => !text.startsWith("story 0")));
	await far.sees(...texts.filter((text) => !text.startsWith("story 1")));
}

type Counts = Record<"profiles" | "posts" | "relations" | "outbox", number | string>;

/** Waits until both databases have a share of a seeded network and no promise is open. */
export async function settled(sql: postgres.Sql, miniflare: Miniflare): Promise<void> {
	const count = `SELECT (SELECT count(*) FROM profiles) AS profiles, (SELECT count(*) FROM posts) AS posts,
		(SELECT count(*) FROM relations) AS relations, (SELECT count(*) FROM outbox) AS outbox`;
	const d1 = await miniflare.getD1Database("SHARD_0");
	for (let tries = 1; ; tries++) {
		const all = [(await sql.unsafe<Counts[]>(count))[0], await d1.prepare(count).first<Counts>()];
		const good = all.every((counts) => {
			const { profiles, posts, relations, outbox } = counts ?? { profiles: 0, posts: 0, relations: 0, outbox: 1 };
			return Number(profiles) >= 100 && Number(posts) >= 1000 && Number(relations) >= 500 && Number(outbox) === 0;
		});
		if (good) return;
		if (tries === 150) throw new Error(`Postgres and D1 have ${JSON.stringify(all)}`);
		await sleep(100);
	}
}
