/** Who is there: a network of friends with their posts, and beside it viewers with very many and with few friends. */
import { readFileSync } from "node:fs";
import { type Account, makeNetwork, type Network, type Tie } from "../../scripts/network.ts";
import type { Id } from "../../src/store/ids.ts";
import { encodeId, logicalShardOf } from "../../src/store/ids.ts";
import { accountIds } from "../people.ts";

const SEED = 5;
const POSTS_EACH = 40;
/** With so many, one request in forty or so finds that its page has become too old. */
const EAGER = 50;
/** Of each kind of viewer; one alone would be one object. */
export const VIEWERS = 4;

export interface Population extends Network {
	/** Who reads. */
	viewers: Id[];
	/** Some of them, from all over the network: they come again before a page is too old or a timeline has fallen asleep. */
	eager: Id[];
	/** With very many friends, and with few of the same. */
	wide: Id[];
	narrow: Id[];
	/** Whose feed is the longest, and how many posts it has at least. */
	deepest: Id;
	depth: number;
	/** Whose profile pages are looked at. */
	writers: Id[];
}

export interface PopulationOptions {
	people: number;
	/** Lines of `a b`: the first nodes of the graph, and what is between them. By default one is made. */
	graph?: string | undefined;
	friendsOfWide: number;
	friendsOfNarrow: number;
}

export function makePopulation({ people, graph, friendsOfWide, friendsOfNarrow }: PopulationOptions): Population {
	const edges = graph === undefined ? undefined : firstNodes(graph, people);
	const until = Date.now();
	const posts = people * POSTS_EACH;
	const network = makeNetwork({ seed: SEED, accounts: people, posts, graph: edges, until });
	const viewers = network.accounts.map(({ id }) => id);
	const wide = accountIds(1, VIEWERS);
	const narrow = accountIds(2, VIEWERS);
	const friends = accountIds(3, friendsOfWide);
	const since = until - 60 * 86_400_000;
	const ties = (of: readonly Id[], to: readonly Id[]) => of.flatMap((a) => to.map((b): Tie => [a, b, since]));
	// As many of the first as a page of the narrow ones takes, and one of each of the others.
	const written = [...friends, ...friends.slice(0, friendsOfNarrow)].map((authorId, n) => {
		const id = encodeId({ time: until - 1 - ((n * 7919) % 600_000), shard: logicalShardOf(authorId), tail: n % 4096 });
		return {
			id,
			authorId,
			text: network.posts[n % network.posts.length]?.text ?? "hello",
			audience: "friends" as const,
		};
	});
	return {
		...network,
		accounts: [...network.accounts, ...[...wide, ...narrow, ...friends].map(stranger)],
		friendships: [...network.friendships, ...ties(wide, friends), ...ties(narrow, friends.slice(0, friendsOfNarrow))],
		posts: [...network.posts, ...written],
		viewers,
		eager: viewers.filter((_, n) => n % Math.ceil(people / EAGER) === 0),
		wide,
		narrow,
		...longest(network),
		writers: mostPublic(network).slice(0, EAGER),
	};
}

function stranger(id: Id): Account {
	const username = `bench_${id.toLowerCase()}`;
	return { id, username, email: `${username}@example.com`, displayName: username, bio: "", language: "en" };
}

/** In the order in which the file names them. */
function firstNodes(path: string, count: number): [number, number][] {
	const known = new Map<number, number>();
	const place = (node: number) => {
		const found = known.get(node) ?? known.size;
		known.set(node, found);
		return found;
	};
	return readFileSync(path, "utf8")
		.split("\n")
		.filter((line) => /^\d+\s+\d+\s*$/.test(line))
		.map((line) => line.trim().split(/\s+/).map(Number))
		.map(([a = 0, b = 0]): [number, number] => [place(a), place(b)])
		.filter(([a, b]) => a < count && b < count);
}

function longest({ accounts, friendships, posts }: Network): { deepest: Id; depth: number } {
	const written = countBy(posts.filter(({ audience }) => audience !== "me").map(({ authorId }) => authorId));
	const seen = new Map(accounts.map(({ id }) => [id, written.get(id) ?? 0]));
	for (const [a, b] of friendships) {
		seen.set(a, (seen.get(a) ?? 0) + (written.get(b) ?? 0));
		seen.set(b, (seen.get(b) ?? 0) + (written.get(a) ?? 0));
	}
	const [deepest, depth] = [...seen].reduce((most, each) => (each[1] > most[1] ? each : most));
	return { deepest, depth };
}

function mostPublic({ posts }: Network): Id[] {
	const written = countBy(posts.filter(({ audience }) => audience === "public").map(({ authorId }) => authorId));
	return [...written].sort((a, b) => b[1] - a[1]).map(([id]) => id);
}

function countBy<T>(values: readonly T[]): Map<T, number> {
	const counts = new Map<T, number>();
	for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
	return counts;
}
