/**
 * The main job against a running server, through the public API: every step with its time.
 *
 *   npm run demo -- --url http://localhost:8787
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client, Failure } from "./client.ts";

interface Post {
	id: string;
	text: string;
	author: { id: string };
	likeCount: number;
	commentCount: number;
	editedAt: string | null;
	viewer: { liked: boolean };
}
interface Page {
	items: Post[];
	seq: number;
}
interface Person {
	name: string;
	id: string;
	token: string;
}

const { values } = parseArgs({ options: { url: { type: "string", default: "http://localhost:8787" } } });
const client = new Client(values.url);
const run = randomBytes(4).toString("hex");
const PATIENCE = 15_000;

let failed = false;
try {
	await mainJob();
} catch (error) {
	failed = true;
	console.error(`\n✗ ${error instanceof Error ? error.message : String(error)}`);
}
console.log(failed ? "\nThe main job FAILED." : "\nThe main job works.");
process.exit(failed ? 1 : 0);

async function mainJob(): Promise<void> {
	console.log(`The main job at ${values.url}\n`);
	const [ann, ben, cho] = await step("sign up Ann, Ben and Cho", () =>
		Promise.all([signUp("Ann"), signUp("Ben"), signUp("Cho")]),
	);
	await step("Ann asks Ben and Cho to be friends, both accept", () =>
		Promise.all([befriend(ann, ben), befriend(ann, cho)]),
	);
	await step("all read their empty feeds", async () => {
		for (const person of [ann, ben, cho])
			expect((await feed(person)).items.length === 0, `${person.name}'s feed is empty`);
	});

	const posted = performance.now();
	const post = await step("Ann posts a story", () =>
		as<Post>(ann, "POST", "/v1/posts", { text: "첫눈이 왔어요! ❄️", link: "https://example.com/snow" }),
	);
	await step("it is in Ann's own feed", async () => {
		expect((await feed(ann)).items[0]?.id === post.id, "her own post is on top");
	});
	await step("fan-out complete: it is in both friends' feeds", async () => {
		for (const person of [ben, cho])
			await until(`${person.name} sees the post`, async () => (await feed(person)).items[0]?.id === post.id);
	});
	console.log(`    from POST to the last friend's feed: ${(performance.now() - posted).toFixed(0)} ms`);

	await step("Ben likes it", async () => {
		expect((await as<{ likeCount: number }>(ben, "PUT", `/v1/posts/${post.id}/like`)).likeCount === 1, "one like");
	});
	const comment = await step("Cho comments", () =>
		as<Post>(cho, "POST", `/v1/posts/${post.id}/comments`, { text: "부럽다 ☕" }),
	);
	// Whoever did it sees it at once; others within seconds, as pages and posts are kept for so long.
	await step("Ann sees the like and the comment", async () => {
		await until("both are counted", async () => {
			const seen = (await feed(ann)).items[0];
			return seen?.likeCount === 1 && seen.commentCount === 1;
		});
		const comments = await as<Page>(ann, "GET", `/v1/posts/${post.id}/comments`);
		expect(comments.items[0]?.id === comment.id, "the comment is listed");
	});
	await step("Ann edits the story, Ben reads it", async () => {
		await as(ann, "PATCH", `/v1/posts/${post.id}`, { text: "첫눈이 왔어요! 서울은 온통 하얗네요." });
		await until("edited, and still liked", async () => {
			const seen = (await feed(ben)).items[0];
			return Boolean(seen?.text === "첫눈이 왔어요! 서울은 온통 하얗네요." && seen.editedAt && seen.viewer.liked);
		});
	});
	await step("Ann deletes it: nobody reads it any more", async () => {
		await as(ann, "DELETE", `/v1/posts/${post.id}`);
		for (const person of [ann, ben, cho])
			await until(`${person.name}'s feed is empty again`, async () => (await feed(person)).items.length === 0);
		for (const path of [`/v1/posts/${post.id}`, `/v1/posts/${comment.id}`]) {
			const status = await as(ben, "GET", path).then(
				() => 200,
				(error: unknown) => (error instanceof Failure ? error.status : 0),
			);
			expect(status === 404, `${path} is gone`);
		}
	});
}

async function signUp(name: string): Promise<Person> {
	const username = `${name.toLowerCase()}_${run}`;
	const body = { email: `${username}@example.com`, password: `password of ${username}`, name, username };
	const { token, user } = await client.call<{ token: string; user: { id: string } }>("POST", "/auth/sign-up/email", {
		body,
	});
	const access = await client.call<{ token: string }>("GET", "/auth/token", { token });
	return { name, id: user.id, token: access.token };
}

async function befriend(asker: Person, other: Person): Promise<void> {
	await as(asker, "POST", "/v1/friend-requests", { accountId: other.id });
	await as(other, "POST", `/v1/friend-requests/${asker.id}/accept`);
}

function as<T = unknown>(person: Person, method: string, path: string, body?: unknown): Promise<T> {
	return client.call<T>(method, path, { token: person.token, body });
}

function feed(person: Person): Promise<Page> {
	return as<Page>(person, "GET", "/v1/feed");
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
	const start = performance.now();
	const result = await work();
	console.log(`✓ ${name.padEnd(54)} ${(performance.now() - start).toFixed(0).padStart(6)} ms`);
	return result;
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
	for (const end = performance.now() + PATIENCE; performance.now() < end; await sleep(5)) if (await check()) return;
	throw new Error(`not within ${PATIENCE / 1000} s: ${what}`);
}

function expect(condition: boolean, what: string): void {
	if (!condition) throw new Error(`expected that ${what}`);
}
