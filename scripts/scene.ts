/** What the demo user sees first: friends with faces, stories with photos, a conversation, as people would leave them. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "./client.ts";
import { SEED_PASSWORD } from "./network.ts";
import { FACES, face, LANDSCAPES, landscape, type Picture } from "./pictures.ts";

export interface Scene {
	/** Of a post with a photo and comments. */
	post: string;
	/** Of somebody whom the demo user knows. */
	friend: string;
	/** Finds a few people. */
	word: string;
}

interface Account {
	id: string;
	username: string;
	displayName: string;
}

/** Somebody who is signed in. */
interface Caller {
	username: string;
	displayName: string;
	token: string;
	call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
}

interface Item {
	id: string;
	text: string;
}
interface Page {
	items: Item[];
}

const STORIES = [
	"Up at four for this. The tea from the flask was still hot, and nobody else was there.",
	"Back from the lake. Next time you all come along!",
	"Could not sleep, so I went up to the hut. Worth every step.",
];
const COMMENTS = ["What a morning!", "정말 멋지다 😍", "次は一緒に行きたいです!"];

/** Adds it to the demo's network. Done again after it was cut off, it posts nothing twice. */
export async function setScene(url: string): Promise<void> {
	const { demo, friends } = await cast(url);
	for (const [n, friend] of friends.entries()) {
		const avatar = await upload(url, friend, face(n), "avatar");
		await friend.call("PATCH", "/v1/accounts/me", { avatar });
	}
	let post = "";
	for (const [n, text] of STORIES.entries()) {
		const author = friends[n] as Caller;
		post =
			find(await author.call("GET", "/v1/feed"), text) ??
			(
				await author.call<Item>("POST", "/v1/posts", {
					text,
					media: [await upload(url, author, landscape(n % LANDSCAPES), "post")],
					audience: "public",
				})
			).id;
	}
	const comments = `/v1/posts/${post}/comments`;
	const there = await demo.call<Page>("GET", comments);
	for (const [n, text] of COMMENTS.entries()) {
		if (!find(there, text)) await friends[n + 1]?.call("POST", comments, { text });
	}
	for (const { call } of [...friends, demo]) await call("PUT", `/v1/posts/${post}/like`);
	await waitFor(async () => find(await demo.call("GET", "/v1/feed"), STORIES.at(-1)) !== undefined);
}

/** @throws Error where it was not set */
export async function readScene(url: string): Promise<Scene> {
	const { demo, friends } = await cast(url);
	const post = find(await demo.call("GET", "/v1/feed"), STORIES.at(-1));
	const friend = friends[STORIES.length - 1]?.username;
	const word = friends.at(-1)?.displayName.slice(0, 1);
	if (!post || !friend || !word) throw new Error("the demo's data is not there");
	return { post, friend, word };
}

async function cast(url: string): Promise<{ demo: Caller; friends: Caller[] }> {
	const client = new Client(url);
	const as = async ({ username, displayName }: Omit<Account, "id">): Promise<Caller> => {
		const token = await client.signIn(username, SEED_PASSWORD);
		return { username, displayName, token, call: (method, path, body) => client.call(method, path, { token, body }) };
	};
	const demo = await as({ username: "demo", displayName: "" });
	const { id } = await demo.call<Account>("GET", "/v1/accounts/me");
	const { items } = await demo.call<{ items: Account[] }>("GET", `/v1/accounts/${id}/friends?limit=100`);
	if (items.length < STORIES.length) throw new Error("the demo user has too few friends");
	return { demo, friends: await Promise.all(items.slice(0, FACES).map(as)) };
}

/** @returns the id of the newest with that text */
function find({ items }: Page, text: string | undefined): string | undefined {
	return items.find((item) => item.text === text)?.id;
}

interface Upload {
	id: string;
	status: string;
	error: string | null;
	upload: { urls: string[]; headers: Record<string, string>; partSize: number };
}

/** @returns the id of a photo that is ready. */
async function upload(
	url: string,
	{ token, call }: Caller,
	{ bytes, alt }: Picture,
	purpose: "post" | "avatar",
): Promise<string> {
	const about = { type: "image/png", size: bytes.length, purpose, ...(alt ? { alt } : {}) };
	const { id, upload } = await call<Upload>("POST", "/v1/media", about);
	for (const [n, address] of upload.urls.entries()) {
		const body = bytes.slice(n * upload.partSize, (n + 1) * upload.partSize);
		const answer = await fetch(new URL(address, url), {
			method: "PUT",
			headers: { ...upload.headers, authorization: `Bearer ${token}` },
			body,
		});
		if (!answer.ok) throw new Error(`a part was answered ${answer.status}`);
	}
	await call("POST", `/v1/media/${id}/complete`);
	await waitFor(async () => {
		const { status, error } = await call<Upload>("GET", `/v1/media/${id}`);
		if (status === "failed") throw new Error(`the photo was refused: ${error}`);
		return status === "ready";
	});
	return id;
}

async function waitFor(there: () => Promise<boolean>): Promise<void> {
	for (let tries = 0; !(await there()); tries++) {
		if (tries === 100) throw new Error("it never came");
		await sleep(200);
	}
}
