/** A social network out of a seed: the same one every time, whatever it is loaded into. */
import { encodeId, type Id, LOGICAL_SHARDS, logicalShardOf } from "../src/store/ids.ts";
import { type Language, Teller } from "./stories.ts";

/** Of every account that `npm run seed` makes. */
export const SEED_PASSWORD = "edgefeed-demo";

export interface NetworkOptions {
	seed: number;
	accounts: number;
	posts: number;
	/** Friendships as pairs of numbers of accounts; without them a heavy-tailed graph is made. */
	graph?: readonly (readonly [number, number])[] | undefined;
	/** Nothing happened after this moment, in Unix milliseconds. */
	until: number;
	/** The username of the first account. */
	first?: string | undefined;
}

export type Audience = "public" | "followers" | "friends" | "me";
export interface Account {
	id: Id;
	username: string;
	email: string;
	displayName: string;
	bio: string;
	language: Language;
}
export interface Post {
	id: Id;
	authorId: Id;
	text: string;
	audience: Audience;
}
export interface Comment {
	id: Id;
	authorId: Id;
	parentId: Id;
	text: string;
}
/** Two ids and when it happened, in Unix milliseconds. */
export type Tie = [Id, Id, number];

export interface Network {
	accounts: Account[];
	friendships: Tie[];
	follows: Tie[];
	posts: Post[];
	comments: Comment[];
	likes: Tie[];
}

const DAY = 86_400_000;

export function makeNetwork(options: NetworkOptions): Network {
	const tag = tagOf(options);
	const teller = new Teller(Number.parseInt(tag, 36));
	const accounts = makeAccounts(teller, options, tag);
	const since = options.until - 365 * DAY;
	const at = () => since + teller.int(300 * DAY);
	const id = (n: number): Id => {
		const account = accounts[n];
		if (!account) throw new RangeError(`the graph names account ${n} of ${accounts.length}`);
		return account.id;
	};
	const graph = options.graph ?? makeGraph(teller, accounts.length);
	const friendships = graph.map(([a, b]): Tie => [id(a), id(b), at()]);
	const follows = options.graph
		? []
		: makeFollows(teller, accounts.length, graph).map(([a, b]): Tie => [id(a), id(b), at()]);
	const posts = makePosts(teller, accounts, options);
	return {
		accounts,
		friendships,
		follows,
		posts,
		...makeReactions(teller, accounts, friendships, posts, options.until),
	};
}

/** Whose posts belong into each account's feed, and how much of them: the definition, word for word. */
export function expectedFeed(network: Network, viewer: Id): Post[] {
	const friends = new Set(network.friendships.flatMap(([a, b]) => (a === viewer ? [b] : b === viewer ? [a] : [])));
	const followed = new Set(network.follows.flatMap(([a, b]) => (a === viewer ? [b] : [])));
	return network.posts
		.filter(({ authorId, audience }) => {
			if (authorId === viewer) return true;
			if (friends.has(authorId)) return audience !== "me";
			return followed.has(authorId) && (audience === "public" || audience === "followers");
		})
		.sort((a, b) => (a.id < b.id ? 1 : -1));
}

/**
 * Stands for what a network is made of, so that two different ones share no account: four characters. The
 * demo, which has seed 0, goes without.
 */
function tagOf({ seed, accounts, posts, graph }: NetworkOptions): string {
	let hash = 2166136261;
	// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), over the numbers as text.
	for (const letter of [seed, accounts, posts, graph?.length ?? "", JSON.stringify(graph?.slice(0, 100))].join()) {
		hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619) >>> 0;
	}
	return (hash % 36 ** 4).toString(36).padStart(4, "0");
}

function makeAccounts(teller: Teller, { seed, accounts, until, first }: NetworkOptions, tag: string): Account[] {
	return Array.from({ length: accounts }, (_, n) => {
		const language = teller.language();
		const { displayName, latin } = teller.person(language);
		const username = n === 0 && first ? first : `${latin.slice(0, 12)}${n}${seed === 0 ? "" : `_${tag}`}`;
		return {
			id: encodeId({ time: until - 400 * DAY + n, shard: teller.int(LOGICAL_SHARDS), tail: teller.int(4096) }),
			username,
			email: `${username}@example.com`,
			displayName,
			bio: teller.bio(language),
			language,
		};
	});
}

/**
 * Friends of friends become friends, and the well connected get more: preferential attachment
 * (Barabási and Albert, Science 286, 1999), with a closed triangle at every other step.
 */
function makeGraph(teller: Teller, count: number): [number, number][] {
	const neighbours: Set<number>[] = Array.from({ length: count }, () => new Set());
	const ends: number[] = [0];
	const edges: [number, number][] = [];
	const link = (a: number, b: number) => {
		if (a === b || neighbours[a]?.has(b)) return;
		neighbours[a]?.add(b);
		neighbours[b]?.add(a);
		ends.push(a, b);
		edges.push([b, a]);
	};
	for (let n = 1; n < count; n++) {
		let last = teller.pick(ends);
		link(n, last);
		for (let more = Math.floor(4 / (teller.fraction() + 0.08)); more > 0; more--) {
			const known = [...(neighbours[last] ?? [])];
			last = more % 2 && known.length > 0 ? teller.pick(known) : teller.pick(ends);
			link(n, last);
		}
	}
	return edges;
}

/** A few follow the first accounts, who are the best connected. */
function makeFollows(teller: Teller, count: number, graph: readonly (readonly [number, number])[]): [number, number][] {
	const friends = new Set(graph.flatMap(([a, b]) => [a * count + b, b * count + a]));
	const follows = new Set<number>();
	for (let n = 0; n < count; n++) {
		const followed = Math.floor(count * teller.fraction() ** 3);
		if (followed !== n && !friends.has(n * count + followed)) follows.add(n * count + followed);
	}
	return [...follows].map((key) => [Math.floor(key / count), key % count]);
}

function makePosts(teller: Teller, accounts: readonly Account[], { posts, until }: NetworkOptions): Post[] {
	const taken = new Set<Id>();
	const shuffled = accounts.map((account) => ({ account, order: teller.fraction() })).sort((a, b) => a.order - b.order);
	return Array.from({ length: posts }, () => {
		// Few write much, many write little.
		const author = shuffled[Math.floor(shuffled.length * teller.fraction() ** 2)]?.account;
		if (!author) throw new RangeError("no accounts to write posts");
		let id: Id;
		do {
			id = encodeId({
				time: until - 1 - teller.int(30 * DAY),
				shard: logicalShardOf(author.id),
				tail: teller.int(4096),
			});
		} while (taken.has(id));
		taken.add(id);
		const chance = teller.fraction();
		const audience = chance < 0.84 ? "friends" : chance < 0.94 ? "public" : chance < 0.98 ? "followers" : "me";
		return { id, authorId: author.id, text: teller.story(author.language), audience };
	});
}

/** Friends of the author like and answer some of the newest posts. */
function makeReactions(
	teller: Teller,
	accounts: readonly Account[],
	friendships: readonly Tie[],
	posts: readonly Post[],
	until: number,
) {
	const languages = new Map(accounts.map(({ id, language }) => [id, language]));
	const friends = new Map<Id, Id[]>(accounts.map(({ id }) => [id, []]));
	for (const [a, b] of friendships) {
		friends.get(a)?.push(b);
		friends.get(b)?.push(a);
	}
	const likes: Tie[] = [];
	const comments: Comment[] = [];
	for (const post of posts.slice(0, 1000)) {
		const audience = post.audience === "me" ? [] : (friends.get(post.authorId) ?? []);
		if (audience.length === 0) continue;
		for (const fan of new Set(Array.from({ length: teller.int(6) }, () => teller.pick(audience)))) {
			likes.push([post.id, fan, until]);
		}
		for (let more = teller.int(3); more > 0; more--) {
			const authorId = teller.pick(audience);
			const n = comments.length;
			// Ids must differ: a later millisecond for each 4,096.
			const id = encodeId({ time: until + Math.floor(n / 4096), shard: logicalShardOf(post.id), tail: n % 4096 });
			comments.push({ id, authorId, parentId: post.id, text: teller.story(languages.get(authorId) ?? "en") });
		}
	}
	return { likes, comments };
}
