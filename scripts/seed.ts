/**
 * Fills a server with a social network through its bulk path:
 *
 *   npm run seed -- --url http://localhost:8787 [--accounts N] [--graph FILE] [--posts N] [--seed S]
 *                   [--until ISO-DATE] [--verify N]
 *
 * The same seed and moment (`--until`, by default the start of this day, UTC) make the same network,
 * so a run can be repeated. `--verify N` then reads the whole feeds of N accounts through the API and
 * compares them, post for post, with what the graph says they must contain.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Client, operatorSecret } from "./client.ts";
import { expectedFeed, makeNetwork, type Network, SEED_PASSWORD } from "./network.ts";

const { values } = parseArgs({
	options: {
		url: { type: "string", default: "http://localhost:8787" },
		accounts: { type: "string" },
		graph: { type: "string" },
		posts: { type: "string" },
		seed: { type: "string", default: "1" },
		until: { type: "string" },
		verify: { type: "string", default: "0" },
		/** The username of the first account, for the demo. */
		first: { type: "string" },
	},
});

const graph = values.graph === undefined ? undefined : readGraph(values.graph);
const accounts = whole("accounts", values.accounts ?? String(graph?.nodes ?? 200));
const posts = whole("posts", values.posts ?? String(accounts * 5));
const seed = whole("seed", values.seed);
const until = values.until ? Date.parse(values.until) : Math.floor(Date.now() / 86_400_000) * 86_400_000;
if (graph && accounts < graph.nodes) fail(`--accounts must be at least ${graph.nodes}, the accounts of the graph`);
if (Number.isNaN(until)) fail("--until must be a date");

const client = new Client(values.url);
const start = performance.now();
const network = makeNetwork({ seed, accounts, posts, graph: graph?.edges, until, first: values.first });
say(
	`made ${accounts} accounts, ${network.friendships.length} friendships, ${network.follows.length} follows, ${posts} posts`,
);
await load(client, network);
say(`done: every account has the password ${SEED_PASSWORD}`);
const sample = whole("verify", values.verify);
if (sample > 0) await verify(client, network, sample);

async function load(client: Client, network: Network): Promise<void> {
	const headers = { "x-operator-secret": operatorSecret() };
	const send = async (kind: string, rows: readonly unknown[], size: number, more: Record<string, unknown> = {}) => {
		let made = 0;
		for (let at = 0; at < rows.length; at += size) {
			const answer = await client.call<Record<string, number>>("POST", "/ops/import", {
				headers,
				body: { ...more, [kind]: rows.slice(at, at + size) },
			});
			made += answer[kind] ?? 0;
			if (answer.refused) {
				fail("these usernames belong to other accounts: take another --seed, or the --until of the run that made them");
			}
			say(`${kind}: ${Math.min(at + size, rows.length)} of ${rows.length}, ${made} new`);
		}
		return made;
	};
	const rows = network.accounts.map(({ language: _, ...account }) => account);
	const made = await send("accounts", rows, 1000, { password: SEED_PASSWORD });
	await send("friendships", network.friendships, 5000);
	await send("follows", network.follows, 5000);
	await send("posts", network.posts, 2500);
	await send("comments", network.comments, 2500);
	await send("likes", network.likes, 5000);
	// Only who was there before can have a timeline that is older than the posts.
	if (made < rows.length)
		await send(
			"rebuild",
			rows.map((account) => account.id),
			1000,
		);
}

interface FeedPage {
	items: { id: string; text: string; author: { id: string } }[];
	next: string | null;
}

async function verify(client: Client, network: Network, sample: number): Promise<void> {
	const step = Math.max(1, Math.floor(network.accounts.length / sample));
	const byDegree = network.accounts
		.map((account) => ({ account, expected: expectedFeed(network, account.id) }))
		.sort((a, b) => b.expected.length - a.expected.length);
	// From the longest feed to the shortest, evenly.
	const chosen = byDegree.filter((_, n) => n % step === 0).slice(0, sample);
	let read = 0;
	let wrong = 0;
	for (const { account, expected } of chosen) {
		const token = await client.signIn(account.username, SEED_PASSWORD);
		const found: string[] = [];
		for (let cursor: string | null = ""; cursor !== null; ) {
			const page: FeedPage = await client.call("GET", `/v1/feed?limit=100${cursor && `&cursor=${cursor}`}`, { token });
			found.push(...page.items.map((post) => `${post.id} ${post.author.id} ${post.text}`));
			cursor = page.next;
		}
		read += found.length;
		const wanted = expected.map((post) => `${post.id} ${post.authorId} ${post.text}`);
		const at = wanted.findIndex((post, n) => post !== found[n]);
		if (at >= 0 || found.length !== wanted.length) {
			wrong++;
			say(
				`${account.username}: ${found.length} posts, ${wanted.length} expected; first difference at ${at < 0 ? wanted.length : at}`,
			);
		}
	}
	say(
		`verified ${chosen.length} feeds with ${read} posts (longest ${chosen[0]?.expected.length ?? 0}): ${wrong} differ`,
	);
	if (wrong > 0) process.exitCode = 1;
}

/** Lines of `a b`; accounts are numbered in the order of their numbers in the file. */
function readGraph(file: string): { nodes: number; edges: [number, number][] } {
	const pairs = readFileSync(file, "utf8")
		.split("\n")
		.filter((line) => /^\d+\s+\d+\s*$/.test(line))
		.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
	const numbers = [...new Set(pairs.flat())].sort((a, b) => a - b);
	const place = new Map(numbers.map((number, n) => [number, n]));
	const edges = pairs
		.map(([a, b]): [number, number] => [place.get(a) ?? 0, place.get(b) ?? 0])
		.filter(([a, b]) => a !== b);
	return { nodes: numbers.length, edges };
}

function whole(name: string, text: string): number {
	if (!/^\d+$/.test(text)) fail(`--${name} must be a whole number`);
	return Number(text);
}

function say(text: string): void {
	console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(7)} s  ${text}`);
}

function fail(text: string): never {
	console.error(text);
	process.exit(2);
}
