import { exports } from "cloudflare:workers";
import { expect, vi } from "vitest";
import type { AccountView } from "../src/accounts/account.ts";
import type { PostView } from "../src/posts/post.ts";

/** The Worker under test, called as a client calls it. */
export const ORIGIN = "https://feed.test";
export const PASSWORD = "correct horse battery";

export interface Answer<T = Record<string, unknown>> {
	status: number;
	headers: Headers;
	body: T;
}

export interface CallOptions {
	token?: string | undefined;
	body?: unknown;
	/** Sent as it is. */
	raw?: string | undefined;
	headers?: Record<string, string>;
}

export async function call<T = Record<string, unknown>>(
	method: string,
	path: string,
	{ token, body, raw, headers = {} }: CallOptions = {},
): Promise<Answer<T>> {
	const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
	const response = await worker.fetch(`${ORIGIN}${path}`, {
		method,
		headers: {
			...(token ? { authorization: `Bearer ${token}` } : {}),
			...(text === undefined ? {} : { "content-type": "application/json" }),
			...headers,
		},
		...(text === undefined ? {} : { body: text }),
	});
	const answer = await response.text();
	const json = /json/.test(response.headers.get("content-type") ?? "");
	return { status: response.status, headers: response.headers, body: (json ? JSON.parse(answer) : answer) as T };
}

export const worker = (exports as unknown as { default: Fetcher }).default;

export interface List<T> {
	items: T[];
	next: string | null;
}
export interface Feed extends List<PostView> {
	prev: string | null;
	building: boolean;
	seq: number;
}

/** Someone with an account and a token. */
export class Person {
	readonly id: string;
	readonly username: string;
	readonly email: string;
	readonly session: string;
	readonly token: string;

	constructor(parts: Pick<Person, "id" | "username" | "email" | "session" | "token">) {
		this.id = parts.id;
		this.username = parts.username;
		this.email = parts.email;
		this.session = parts.session;
		this.token = parts.token;
	}

	async call<T = Record<string, unknown>>(
		method: string,
		path: string,
		body?: unknown,
		headers?: Record<string, string>,
	) {
		return call<T>(method, path, { token: this.token, body, ...(headers ? { headers } : {}) });
	}

	/** Calls and expects success; answers with the body. */
	async ok<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
		const answer = await this.call<T>(method, path, body);
		expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
		return answer.body;
	}

	async post(text: string, more: Record<string, unknown> = {}): Promise<PostView> {
		return this.ok<PostView>("POST", "/v1/posts", { text, ...more });
	}

	async feed(query = ""): Promise<Feed> {
		return this.ok<Feed>("GET", `/v1/feed${query}`);
	}

	/** Every post of the feed, to its end. */
	async wholeFeed(limit = 100): Promise<PostView[]> {
		return all<PostView>(this, `/v1/feed?limit=${limit}`);
	}

	/** The texts of the feed's newest page. */
	async texts(): Promise<string[]> {
		return (await this.feed("?limit=100")).items.map((post) => post.text);
	}

	async account(id = "me"): Promise<AccountView> {
		return this.ok<AccountView>("GET", `/v1/accounts/${id}`);
	}

	async befriend(other: Person): Promise<void> {
		await this.ok("POST", "/v1/friend-requests", { accountId: other.id });
		await other.ok("POST", `/v1/friend-requests/${this.id}/accept`);
	}
}

/** Follows `next` to the end of a list. */
export async function all<T>(person: Person, path: string): Promise<T[]> {
	const items: T[] = [];
	for (let cursor: string | null = ""; cursor !== null; ) {
		const page: List<T> = await person.ok("GET", cursor ? `${path}&cursor=${cursor}` : path);
		items.push(...page.items);
		cursor = page.next;
	}
	return items;
}

let people = 0;

export async function signUp(name = "person", more: Record<string, unknown> = {}): Promise<Person> {
	const username = `${name.toLowerCase()}_${++people}`;
	const email = `${username}@feed.test`;
	const answer = await call<{ token: string; user: { id: string } }>("POST", "/auth/sign-up/email", {
		body: { email, password: PASSWORD, name, username, ...more },
	});
	expect(answer.status, JSON.stringify(answer.body)).toBe(200);
	const session = answer.body.token;
	return new Person({ id: answer.body.user.id, username, email, session, token: await accessToken(session) });
}

export async function signUpMany(count: number, name = "person"): Promise<Person[]> {
	return Promise.all(Array.from({ length: count }, () => signUp(name)));
}

export async function accessToken(session: string): Promise<string> {
	const { body } = await call<{ token: string }>("GET", "/auth/token", { token: session });
	return body.token;
}

/** Waits until `check` stops throwing: for what travels through a queue. */
export async function eventually<T>(check: () => Promise<T>, timeout = 15_000): Promise<T> {
	return vi.waitFor(check, { timeout, interval: 20 });
}
