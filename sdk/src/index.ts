import type { BlobStore } from "./blobs.ts";
import { Core } from "./core.ts";
import { type Feed, feedOf } from "./feed.ts";
import type { Outbox } from "./outbox.ts";
import { outboxOf } from "./outbox-transport.ts";
import { type Passkeys, passkeysOf } from "./passkeys.ts";
import {
	type Accounts,
	accountsOf,
	type Blocks,
	blocksOf,
	type Follows,
	type Friends,
	followsOf,
	friendsOf,
	type Mutes,
	mutesOf,
} from "./people.ts";
import { type Platform, platformOf } from "./platform.ts";
import { type Comments, commentsOf, type Likes, likesOf, type Posts, postsOf } from "./posts.ts";
import { type Providers, providersOf } from "./providers.ts";
import type { Session } from "./session.ts";
import {
	type Exports,
	exportsOf,
	type Links,
	linksOf,
	type Sessions,
	sessionsOf,
	type TwoFactor,
	twoFactorOf,
} from "./settings.ts";
import { type EdgefeedStorage, memoryStorage } from "./storage.ts";
import type { Post } from "./types.ts";
import { Uploads } from "./uploads.ts";

export { type BlobStore, indexedDbBlobs, type MediaSource, memoryBlobs, type SlicedSource } from "./blobs.ts";
export type { Api, SendOptions } from "./core.ts";
export { EdgefeedError, type FieldError, LOCAL_CODES } from "./errors.ts";
export type { ChangesPage, Feed, FeedPageOptions } from "./feed.ts";
export { mintKey } from "./keys.ts";
export type { AllOptions, List, Page, PageOptions } from "./lists.ts";
export type { LiveFeed, LiveFeedState, LiveOptions } from "./live-feed.ts";
export type { Outbox } from "./outbox.ts";
export type { EntryContent, EntryMedia, Refusal } from "./outbox-entry.ts";
export type { KeptDraft, OutboxDraft, OutboxItem, OutboxMedia, OutboxState, Sent } from "./outbox-types.ts";
export type { Passkeys } from "./passkeys.ts";
export type { Accounts, Blocks, Follows, FriendRequests, Friends, Mutes } from "./people.ts";
export type { Locks, Platform, SocketLike, Wake, Wakes } from "./platform.ts";
export type { Comments, Likes, Posts, WriteOptions } from "./posts.ts";
export type { Providers } from "./providers.ts";
export type { components, paths } from "./schema.ts";
export type { Challenge, Credentials, NewAccount, Session, SignedIn, SignInResult } from "./session.ts";
export type { Exports, Links, Sessions, TwoFactor } from "./settings.ts";
export { type EdgefeedStorage, indexedDbStorage, memoryStorage } from "./storage.ts";
export type * from "./types.ts";
export type { MediaUpload, UploadOptions, UploadProgress, Uploads } from "./uploads.ts";

export interface EdgefeedOptions extends Partial<Platform> {
	/** Where the service is, without a path: `https://feed.example`. */
	baseUrl: string;
	/** In memory by default; `indexedDbStorage()` in browsers. */
	storage?: EdgefeedStorage;
	/** Where photos and videos wait that are posted offline; `indexedDbBlobs()` in browsers. */
	blobs?: BlobStore;
	/** The language of error titles, as in `Accept-Language`: a text, or what tells it now. */
	language?: string | (() => string | undefined);
}

/** A client of one service, for one person at a time. */
export interface Edgefeed {
	/** Every call of the service, typed. Throws an {@link EdgefeedError} for what is no success. */
	api: Core["api"];
	session: Session;
	feed: Feed;
	posts: Posts;
	comments: Comments;
	likes: Likes;
	accounts: Accounts;
	friends: Friends;
	follows: Follows;
	blocks: Blocks;
	mutes: Mutes;
	sessions: Sessions;
	twoFactor: TwoFactor;
	passkeys: Passkeys;
	providers: Providers;
	exports: Exports;
	links: Links;
	/** Photos and videos, to be put into posts. */
	media: Uploads;
	/** Posts and comments on their way: also those that are made offline. */
	outbox: Outbox<Post>;
	/** The address of something that the service names by a path: a photo, for instance. */
	resolve(path: string): string;
}

export function createEdgefeed(options: EdgefeedOptions): Edgefeed {
	const { baseUrl, storage = memoryStorage(), blobs = null, language, ...platform } = options;
	const core = new Core({
		baseUrl: baseUrl.replace(/\/+$/, ""),
		storage,
		platform: platformOf(platform),
		language: () => (typeof language === "function" ? language() : language),
	});
	const posts = postsOf(core);
	const comments = commentsOf(core);
	const media = new Uploads(core);
	return {
		api: core.api,
		session: core.session,
		feed: feedOf(core),
		posts,
		comments,
		likes: likesOf(core),
		accounts: accountsOf(core),
		friends: friendsOf(core),
		follows: followsOf(core),
		blocks: blocksOf(core),
		mutes: mutesOf(core),
		sessions: sessionsOf(core),
		twoFactor: twoFactorOf(core),
		passkeys: passkeysOf(core),
		providers: providersOf(core),
		exports: exportsOf(core),
		links: linksOf(core),
		media,
		outbox: outboxOf(core, { posts, comments, uploads: media, blobs }),
		resolve: (path) => new URL(path, core.baseUrl).href,
	};
}
