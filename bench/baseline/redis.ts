/** `node redis.ts REDIS_URL DATA`: the feed is a list of posts' ids for each account, to which every post was pushed. */
import { Redis } from "ioredis";
import { type Author, type Data, type PostView, SEEN_BY, type Tie } from "./data.ts";
import { loadData, serve } from "./server.ts";

/** Ids that a list keeps. */
const KEPT = 800;
/** Commands of one pipeline. */
const COMMANDS = 5000;

const [url = "", file = ""] = process.argv.slice(2);
// What the requests of one moment ask goes out together.
const redis = new Redis(url, { enableAutoPipelining: true });

type Stored = Omit<PostView, "author" | "viewer"> & { authorId: string };

async function load({ accounts, friendships, follows, posts, likes }: Data): Promise<void> {
	const readers = new Map<string, [string, Tie][]>(accounts.map(({ id }) => [id, [[id, "self"]]]));
	for (const [a, b] of friendships) {
		readers.get(a)?.push([b, "friend"]);
		readers.get(b)?.push([a, "friend"]);
	}
	for (const [follower, followed] of follows) readers.get(followed)?.push([follower, "follow"]);
	const feeds = new Map<string, string[]>(accounts.map(({ id }) => [id, []]));
	for (const { id, authorId, audience } of posts.toSorted((a, b) => (a.id < b.id ? 1 : -1))) {
		for (const [reader, tie] of readers.get(authorId) ?? []) {
			const feed = feeds.get(reader);
			if (feed && feed.length < KEPT && SEEN_BY[audience].includes(tie)) feed.push(id);
		}
	}
	const commands: [string, ...string[]][] = [
		...accounts.map((author): [string, ...string[]] => ["set", `account:${author.id}`, JSON.stringify(author)]),
		...posts.map((post): [string, ...string[]] => ["set", `post:${post.id}`, JSON.stringify(stored(post))]),
		...likes.map(({ postId, accountId }): [string, ...string[]] => ["sadd", `liked:${accountId}`, postId]),
		...[...feeds].flatMap(([id, feed]): [string, ...string[]][] =>
			feed.length > 0 ? [["rpush", `feed:${id}`, ...feed]] : [],
		),
	];
	for (let at = 0; at < commands.length; at += COMMANDS) {
		const answers = await redis.pipeline(commands.slice(at, at + COMMANDS)).exec();
		for (const [error] of answers ?? []) if (error) throw error;
	}
}

function stored(post: Data["posts"][number]): Stored {
	return { ...post, parentId: null, link: null, media: [], editedAt: null };
}

async function getAll<T>(keys: readonly string[]): Promise<T[]> {
	if (keys.length === 0) return [];
	return (await redis.mget(...keys)).flatMap((value) => (value === null ? [] : [JSON.parse(value) as T]));
}

await load(loadData(file));
await serve(async (viewer, limit, cursor) => {
	const from = Number(cursor ?? 0);
	const ids = await redis.lrange(`feed:${viewer}`, from, from + limit);
	const shown = ids.slice(0, limit);
	const [posts, liked] = await Promise.all([
		getAll<Stored>(shown.map((id) => `post:${id}`)),
		shown.length === 0 ? [] : redis.smismember(`liked:${viewer}`, ...shown),
	]);
	const authors = await getAll<Author>([...new Set(posts.map(({ authorId }) => `account:${authorId}`))]);
	const byId = new Map(authors.map((author) => [author.id, author]));
	const likes = new Map(shown.map((id, n) => [id, liked[n] === 1]));
	const items = posts.flatMap(({ authorId, ...post }): PostView[] => {
		const author = byId.get(authorId);
		return author ? [{ ...post, author, viewer: { liked: likes.get(post.id) ?? false } }] : [];
	});
	return { items, next: ids.length > limit ? String(from + limit) : null };
});
