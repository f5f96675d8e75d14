import { answerOf, done } from "./answers.ts";
import type { Core } from "./core.ts";
import { type List, listOf, type PageOptions } from "./lists.ts";
import type { Account, AccountLife, Author, FriendRequest, Kept, ProfileChange, Tie } from "./types.ts";

export interface Accounts {
	/** Your own. */
	me(): Promise<Account>;
	get(id: string): Promise<Account>;
	/** @throws EdgefeedError `account_not_found` */
	byUsername(username: string): Promise<Account>;
	/** Accounts by name or username, as they are typed. */
	search: List<Account, [query: string]>;
	update(change: ProfileChange): Promise<Account>;
	/** Hides the account and signs out everywhere; signing in brings it back. */
	deactivate(): Promise<AccountLife>;
	/** Has it erased when the time of grace is over. @throws EdgefeedError `reauthentication_required` */
	delete(confirmation?: { password?: string }): Promise<AccountLife>;
	/** Keeps an account that was about to be deleted. */
	reactivate(): Promise<AccountLife>;
}

export interface Friends extends List<Author, [accountId: string]> {
	/** Ends a friendship. */
	remove(accountId: string): Promise<void>;
	requests: FriendRequests;
}

export interface FriendRequests extends List<FriendRequest, [direction: "incoming" | "outgoing"]> {
	/** Asks to be friends; if the other has asked already, that is a yes. */
	send(accountId: string): Promise<Tie>;
	accept(accountId: string): Promise<Tie>;
	/** Takes your request back, or says no to the other's. */
	drop(accountId: string): Promise<void>;
}

export interface Follows {
	followers: List<Author, [accountId: string]>;
	following: List<Author, [accountId: string]>;
	follow(accountId: string): Promise<Tie>;
	unfollow(accountId: string): Promise<void>;
}

export interface Blocks extends List<Kept> {
	block(accountId: string): Promise<void>;
	unblock(accountId: string): Promise<void>;
}

export interface Mutes extends List<Kept> {
	/** @param options `expiresAt`: until when, an ISO 8601 text; for good by default */
	mute(accountId: string, options?: { expiresAt?: string }): Promise<void>;
	unmute(accountId: string): Promise<void>;
}

const at = (id: string) => ({ params: { path: { id } } });
/** What a list's call takes along. */
const asked = ({ signal, ...query }: PageOptions) => ({ query, rest: signal ? { signal } : {} });

export function accountsOf(core: Core): Accounts {
	const { api } = core;
	return {
		me: () => answerOf(api.GET("/v1/accounts/me")),
		get: (id) => answerOf(api.GET("/v1/accounts/{id}", at(id))),
		byUsername: (username) => answerOf(api.GET("/v1/accounts", { params: { query: { username } } })),
		search: listOf<Account, [query: string]>(1, (options, q) => {
			const { query, rest } = asked(options);
			return answerOf(api.GET("/v1/search/accounts", { params: { query: { ...query, q } }, ...rest }));
		}),
		update: (change) => answerOf(api.PATCH("/v1/accounts/me", { body: change })),
		deactivate: () => answerOf(api.POST("/v1/accounts/me/deactivate")),
		delete: (confirmation = {}) => answerOf(api.DELETE("/v1/accounts/me", { body: confirmation })),
		reactivate: async () => {
			const life = await answerOf<AccountLife>(api.POST("/v1/accounts/me/reactivate"));
			// The access token still says that the account is hidden.
			await core.session.accessToken(await core.session.accessToken());
			return life;
		},
	};
}

export function friendsOf({ api }: Core): Friends {
	return {
		...listOf<Author, [accountId: string]>(1, (options, id) => {
			const { query, rest } = asked(options);
			return answerOf(api.GET("/v1/accounts/{id}/friends", { params: { path: { id }, query }, ...rest }));
		}),
		remove: (id) => done(api.DELETE("/v1/friends/{id}", at(id))),
		requests: {
			...listOf<FriendRequest, [direction: "incoming" | "outgoing"]>(1, (options, direction) => {
				const { query, rest } = asked(options);
				return answerOf(api.GET("/v1/friend-requests", { params: { query: { ...query, direction } }, ...rest }));
			}),
			send: (accountId) => answerOf(api.POST("/v1/friend-requests", { body: { accountId } })),
			accept: (id) => answerOf(api.POST("/v1/friend-requests/{id}/accept", at(id))),
			drop: (id) => done(api.DELETE("/v1/friend-requests/{id}", at(id))),
		},
	};
}

export function followsOf({ api }: Core): Follows {
	const people = (list: "followers" | "following") =>
		listOf<Author, [accountId: string]>(1, (options, id) => {
			const { query, rest } = asked(options);
			return answerOf(api.GET(`/v1/accounts/{id}/${list}`, { params: { path: { id }, query }, ...rest }));
		});
	return {
		followers: people("followers"),
		following: people("following"),
		follow: (id) => answerOf(api.PUT("/v1/following/{id}", at(id))),
		unfollow: (id) => done(api.DELETE("/v1/following/{id}", at(id))),
	};
}

export function blocksOf({ api }: Core): Blocks {
	return {
		...listOf<Kept>(0, (options) => {
			const { query, rest } = asked(options);
			return answerOf(api.GET("/v1/blocks", { params: { query }, ...rest }));
		}),
		block: (id) => done(api.PUT("/v1/blocks/{id}", at(id))),
		unblock: (id) => done(api.DELETE("/v1/blocks/{id}", at(id))),
	};
}

export function mutesOf({ api }: Core): Mutes {
	return {
		...listOf<Kept>(0, (options) => {
			const { query, rest } = asked(options);
			return answerOf(api.GET("/v1/mutes", { params: { query }, ...rest }));
		}),
		mute: (id, options = {}) => done(api.PUT("/v1/mutes/{id}", { ...at(id), body: options })),
		unmute: (id) => done(api.DELETE("/v1/mutes/{id}", at(id))),
	};
}
