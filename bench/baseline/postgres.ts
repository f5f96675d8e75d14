/** `node postgres.ts DATABASE_URL DATA`: the feed is made when it is read, of the newest posts of each friend. */
import postgres from "postgres";
import { type Audience, type Data, type PostView, SEEN_BY, type Tie } from "./data.ts";
import { loadData, serve } from "./server.ts";

/** More connections than this did not make it faster on two cores. */
const CONNECTIONS = 8;
/** Rows of one statement. */
const ROWS = 5000;

const [url = "", file = ""] = process.argv.slice(2);
const sql = postgres(url, { max: CONNECTIONS, onnotice: () => {} });

const AUDIENCES: readonly Audience[] = ["public", "followers", "friends", "me"];
/** Audiences up to this one are seen. */
const LEVELS: Readonly<Record<Tie, number>> = {
	self: levelOf("self"),
	friend: levelOf("friend"),
	follow: levelOf("follow"),
};

function levelOf(tie: Tie): number {
	return AUDIENCES.filter((audience) => SEEN_BY[audience].includes(tie)).length - 1;
}

async function load({ accounts, friendships, follows, posts, likes }: Data): Promise<void> {
	await sql.unsafe(`
		CREATE TABLE accounts (
			id text PRIMARY KEY, username text NOT NULL UNIQUE, display_name text NOT NULL, avatar_url text
		);
		CREATE TABLE ties (owner text NOT NULL, other text NOT NULL, level smallint NOT NULL, PRIMARY KEY (owner, other));
		CREATE TABLE posts (
			id text COLLATE "C" PRIMARY KEY, author_id text NOT NULL, text text NOT NULL, audience smallint NOT NULL,
			created_at timestamptz NOT NULL, like_count integer NOT NULL, comment_count integer NOT NULL
		);
		CREATE TABLE likes (post_id text COLLATE "C" NOT NULL, account_id text NOT NULL, PRIMARY KEY (post_id, account_id));
	`);
	const ties = [
		...accounts.map(({ id }) => [id, id, LEVELS.self]),
		...friendships.flatMap(([a, b]) => [
			[a, b, LEVELS.friend],
			[b, a, LEVELS.friend],
		]),
		...follows.map(([a, b]) => [a, b, LEVELS.follow]),
	];
	await insert(
		"accounts",
		accounts.map(({ id, username, displayName, avatarUrl }) => {
			return { id, username, display_name: displayName, avatar_url: avatarUrl };
		}),
	);
	await insert(
		"ties",
		ties.map(([owner, other, level]) => ({ owner, other, level })),
	);
	await insert(
		"posts",
		posts.map(({ id, authorId, text, audience, createdAt, likeCount, commentCount }) => ({
			id,
			author_id: authorId,
			text,
			audience: AUDIENCES.indexOf(audience),
			created_at: createdAt,
			like_count: likeCount,
			comment_count: commentCount,
		})),
	);
	await insert(
		"likes",
		likes.map(({ postId, accountId }) => ({ post_id: postId, account_id: accountId })),
	);
	await sql`CREATE INDEX posts_by_author ON posts (author_id, id DESC)`;
	await sql.unsafe("VACUUM ANALYZE");
}

async function insert(table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
	for (let at = 0; at < rows.length; at += ROWS) {
		const part = JSON.stringify(rows.slice(at, at + ROWS));
		await sql`INSERT INTO ${sql(table)} SELECT * FROM json_populate_recordset(NULL::${sql(table)}, ${part}::text::json)
			ON CONFLICT DO NOTHING`;
	}
}

interface Row {
	id: string;
	author_id: string;
	username: string;
	display_name: string;
	avatar_url: string | null;
	text: string;
	audience: number;
	created_at: Date;
	like_count: number;
	comment_count: number;
	liked: boolean;
}

function present(row: Row): PostView {
	return {
		id: row.id,
		author: { id: row.author_id, username: row.username, displayName: row.display_name, avatarUrl: row.avatar_url },
		parentId: null,
		text: row.text,
		audience: AUDIENCES[row.audience] ?? "me",
		link: null,
		media: [],
		createdAt: row.created_at.toISOString(),
		editedAt: null,
		likeCount: row.like_count,
		commentCount: row.comment_count,
		viewer: { liked: row.liked },
	};
}

await load(loadData(file));
await serve(async (viewer, limit, cursor) => {
	// Each friend's newest by the index, then the newest of all: a plain join sorts all that friends ever wrote.
	const rows = await sql<Row[]>`
		SELECT page.*, accounts.username, accounts.display_name, accounts.avatar_url,
			EXISTS (SELECT 1 FROM likes WHERE post_id = page.id AND account_id = ${viewer}) AS liked
		FROM (
			SELECT newest.* FROM ties CROSS JOIN LATERAL (
				SELECT * FROM posts
				WHERE author_id = ties.other AND id < ${cursor ?? "~"} AND audience <= ties.level
				ORDER BY id DESC LIMIT ${limit + 1}
			) AS newest
			WHERE ties.owner = ${viewer} ORDER BY newest.id DESC LIMIT ${limit + 1}
		) AS page JOIN accounts ON accounts.id = page.author_id
		ORDER BY page.id DESC`;
	const shown = rows.slice(0, limit);
	return { items: shown.map(present), next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
});
