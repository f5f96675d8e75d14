/**
 * The tables of a shard, for drizzle. `migrations/shard/` makes them, with the indexes and the
 * triggers that keep the counts; `docs/storage.md` says what each row means and how long it lives;
 * a test compares the three.
 */
import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Id } from "./ids.ts";

const id = (name: string) => text(name).$type<Id>();

/** An account's public side, on the account's shard. */
export const profiles = sqliteTable("profiles", {
	id: id("id").primaryKey(),
	username: text("username").notNull(),
	displayName: text("display_name").notNull(),
	bio: text("bio").notNull().default(""),
	avatarUrl: text("avatar_url"),
	region: text("region").notNull(),
	friendCount: integer("friend_count").notNull().default(0),
	followerCount: integer("follower_count").notNull().default(0),
	followingCount: integer("following_count").notNull().default(0),
	postCount: integer("post_count").notNull().default(0),
	heavy: integer("heavy").notNull().default(0),
	herald: id("herald"),
	hidden: integer("hidden").notNull().default(0),
	words: text("words"),
});

/** What accounts that are shown can be found by: kept with their profiles by triggers, and so where these are. */
export const accountNames = sqliteTable(
	"account_names",
	{
		accountId: id("account_id").notNull(),
		word: text("word").notNull(),
	},
	(table) => [primaryKey({ columns: [table.accountId, table.word] })],
);

/** What `owner`'s shard knows of `owner` and `other`; times are Unix milliseconds. */
export const relations = sqliteTable(
	"relations",
	{
		owner: id("owner").notNull(),
		other: id("other").notNull(),
		version: integer("version").notNull(),
		friendAt: integer("friend_at"),
		friendHold: text("friend_hold"),
		requestedAt: integer("requested_at"),
		requestedByAt: integer("requested_by_at"),
		followingAt: integer("following_at"),
		followerAt: integer("follower_at"),
		blockingAt: integer("blocking_at"),
		blockedByAt: integer("blocked_by_at"),
		mutingAt: integer("muting_at"),
		mutingUntil: integer("muting_until"),
		turn: integer("turn"),
	},
	(table) => [primaryKey({ columns: [table.owner, table.other] })],
);

/** Posts, on the author's shard; comments, on the shard of the post they belong to. */
export const posts = sqliteTable("posts", {
	id: id("id").primaryKey(),
	authorId: id("author_id").notNull(),
	parentId: id("parent_id"),
	rootId: id("root_id"),
	text: text("text").notNull(),
	audience: integer("audience").notNull(),
	link: text("link"),
	editedAt: integer("edited_at"),
	likeCount: integer("like_count").notNull().default(0),
	commentCount: integer("comment_count").notNull().default(0),
	media: text("media"),
	preview: text("preview"),
	previewImage: text("preview_image"),
});

/** What links show, and who is finding out; on a shard that follows from the address. Does not move with it. */
export const previews = sqliteTable("previews", {
	id: id("id").primaryKey(),
	url: text("url").notNull(),
	state: text("state").$type<"wanted" | "fetching" | "ready" | "none" | "failed">().notNull(),
	preview: text("preview"),
	goodUntil: integer("good_until").notNull(),
});

/** What an account has uploaded, on its shard: to be shown by a post, an account or, as a still, a video. */
export const media = sqliteTable("media", {
	id: id("id").primaryKey(),
	owner: id("owner").notNull(),
	purpose: text("purpose").$type<"post" | "avatar" | "poster">().notNull(),
	status: text("status").$type<"uploading" | "processing" | "ready" | "failed" | "discarded">().notNull(),
	type: text("type").notNull(),
	size: integer("size").notNull(),
	uploadId: text("upload_id"),
	parts: text("parts").notNull().default(""),
	error: text("error"),
	alt: text("alt"),
	width: integer("width"),
	height: integer("height"),
	duration: integer("duration"),
	blurhash: text("blurhash"),
	widths: text("widths"),
	poster: id("poster"),
	attachedTo: id("attached_to"),
	version: integer("version").notNull().default(0),
	dueAt: integer("due_at"),
});

/** What a post or comment said before it was edited, on its shard. */
export const postVersions = sqliteTable(
	"post_versions",
	{
		postId: id("post_id").notNull(),
		writtenAt: integer("written_at").notNull(),
		text: text("text").notNull(),
		link: text("link"),
	},
	(table) => [primaryKey({ columns: [table.postId, table.writtenAt] })],
);

/** Who likes what, on the shard of what is liked. */
export const likes = sqliteTable(
	"likes",
	{
		postId: id("post_id").notNull(),
		accountId: id("account_id").notNull(),
		likedAt: integer("liked_at").notNull(),
	},
	(table) => [primaryKey({ columns: [table.postId, table.accountId] })],
);

/** Work that was promised: a row goes when all of it is done. */
export const outbox = sqliteTable("outbox", {
	id: id("id").primaryKey(),
	task: text("task").notNull(),
	progress: text("progress"),
	attempts: integer("attempts").notNull().default(0),
	dueAt: integer("due_at").notNull(),
	error: text("error"),
});

/** Up to 100 recipients that a fan-out still has to reach. */
export const outboxChunks = sqliteTable(
	"outbox_chunks",
	{
		jobId: id("job_id").notNull(),
		chunk: integer("chunk").notNull(),
		reason: text("reason").$type<"own" | "friend" | "follow">().notNull(),
		recipients: text("recipients").notNull(),
		attempts: integer("attempts").notNull().default(0),
		dueAt: integer("due_at").notNull(),
		error: text("error"),
	},
	(table) => [primaryKey({ columns: [table.jobId, table.chunk] })],
);

/** How far a new post has come on its way to others, on its shard. */
export const deliveries = sqliteTable("deliveries", {
	postId: id("post_id").primaryKey(),
	recipients: integer("recipients").notNull(),
	delivered: integer("delivered").notNull().default(0),
	failed: integer("failed").notNull().default(0),
	startedAt: integer("started_at").notNull(),
	completedAt: integer("completed_at"),
});

/** What was tried for the last time, until an operator sends it again or deletes it. */
export const deadLetters = sqliteTable("dead_letters", {
	id: id("id").primaryKey(),
	kind: text("kind").$type<"job" | "chunk" | "message">().notNull(),
	body: text("body").notNull(),
	error: text("error"),
	attempts: integer("attempts").notNull(),
	since: integer("since").notNull(),
});

/** Ranges of logical shards that are on their way from or to this database. */
export const moves = sqliteTable("moves", {
	low: integer("low").primaryKey(),
	high: integer("high").notNull(),
	phase: text("phase").$type<"copying" | "fenced" | "moved" | "arriving">().notNull(),
	holder: text("holder"),
	progress: text("progress"),
});

/** The primary keys that were written while their range is copied. */
export const movedKeys = sqliteTable("moved_keys", {
	seq: integer("seq").primaryKey({ autoIncrement: true }),
	shard: integer("shard").notNull(),
	tableName: text("table_name").notNull(),
	keyOne: text("key_one").notNull(),
	keyTwo: text("key_two").notNull(),
});

/** Has a row within a transaction of the mover's only. */
export const copying = sqliteTable("copying", { token: text("token").primaryKey() });
