/** The server under test, and people on it who need no browser. */
import { randomBytes } from "node:crypto";
import { Client } from "../../scripts/client.ts";
import { encodeId, type Id, LOGICAL_SHARDS } from "../../src/store/ids.ts";

export const PASSWORD = "correct horse battery";
const SINCE = Date.now() - 40 * 86_400_000;

export const url = required("URL_UNDER_TEST");
const client = new Client(url);
const operator = { "x-operator-secret": required("OPERATOR_SECRET") };

export interface PostBody {
	text: string;
	audience?: "public" | "followers" | "friends" | "me";
	link?: string;
}

export interface Post {
	id: Id;
	text: string;
	author: { id: Id; username: string };
}

/** Somebody with an account. Her calls are those of a device that has no browser. */
export class Person {
	readonly id: Id;
	readonly username: string;
	readonly name: string;
	readonly email: string;
	#token: Promise<string> | undefined;

	constructor(id: Id, username: string, name: string) {
		this.id = id;
		this.username = username;
		this.name = name;
		this.email = `${username}@example.com`;
	}

	async call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
		this.#token ??= client.signIn(this.username, PASSWORD);
		return client.call<T>(method, path, { token: await this.#token, body });
	}

	post(text: string, more: Omit<PostBody, "text"> = {}): Promise<Post> {
		return this.call("POST", "/v1/posts", { text, ...more });
	}

	/** Her whole feed, newest first. */
	async feed(): Promise<Post[]> {
		const posts: Post[] = [];
		for (let cursor: string | null = ""; cursor !== null; ) {
			const page: { items: Post[]; next: string | null } = await this.call(
				"GET",
				`/v1/feed?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
			);
			posts.push(...page.items);
			cursor = page.next;
		}
		return posts;
	}
}

/** New accounts with these names to show and the password {@link PASSWORD}; usernames are of this run alone. */
export async function join<N extends string[]>(...names: N): Promise<{ [K in keyof N]: Person }> {
	const tag = randomBytes(4).toString("hex");
	const people = names.map((name, n) => {
		const latin = name.toLowerCase().replace(/[^a-z]/g, "") || "p";
		return new Person(newId(n), `${latin.slice(0, 10)}_${tag}${n}`, name);
	});
	await bring({ accounts: people.map(row), password: PASSWORD });
	return people as { [K in keyof N]: Person };
}

/** So many accounts that nobody signs in to. */
export async function crowd(count: number): Promise<Person[]> {
	const tag = randomBytes(4).toString("hex");
	const people = Array.from(
		{ length: count },
		(_, n) => new Person(newId(n), `c${n}_${tag}`, `Friend number ${n + 1}`),
	);
	await bring({ accounts: people.map(row) });
	return people;
}

/** Makes each of them a friend of everybody else. To be called before any of them has read the feed. */
export async function befriend(...people: Person[]): Promise<void> {
	const friendships = people.flatMap((one, n) =>
		people.slice(0, n).map((other, m) => [other.id, one.id, SINCE + n + m]),
	);
	await bring({ friendships });
}

/** Makes everybody in a crowd a friend of one person. */
export async function surround(person: Person, friends: readonly Person[]): Promise<void> {
	await bring({ friendships: friends.map((friend, n) => [person.id, friend.id, SINCE + n]) });
}

/** Rows of the bulk import: posts, for one. */
export function bring(body: Record<string, unknown>): Promise<Record<string, number>> {
	return client.call("POST", "/ops/import", { headers: operator, body });
}

/** The link in the newest message of a kind to an address, once it is there. */
export async function mailTo(address: string, kind: string): Promise<string> {
	const path = `/ops/outbox?to=${encodeURIComponent(address)}`;
	for (let tries = 0; tries < 50; tries++) {
		const { items } = await client.call<{ items: { kind: string; text: string }[] }>("GET", path, {
			headers: operator,
		});
		const [link] = /https?:\S+/.exec(items.find((mail) => mail.kind === kind)?.text ?? "") ?? [];
		if (link) return link;
		await new Promise((later) => setTimeout(later, 100));
	}
	throw new Error(`there is no ${kind} in the mailbox`);
}

function row({ id, username, name, email }: Person) {
	return { id, username, email, displayName: name, bio: "" };
}

function newId(n: number): Id {
	const random = randomBytes(3);
	return encodeId({ time: SINCE + n, shard: random.readUInt16BE(0) % LOGICAL_SHARDS, tail: (random[2] ?? 0) * 16 });
}

function required(name: string): string {
	const value = process.env[name];
	if (!value) throw new Error(`${name} is not set: npm run test:browser sets it`);
	return value;
}
