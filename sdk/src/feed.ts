import { answerOf } from "./answers.ts";
import type { Core } from "./core.ts";
import { EdgefeedError } from "./errors.ts";
import { LiveFeed, type LiveOptions } from "./live-feed.ts";
import type { Change, FeedPage, Marker } from "./types.ts";

export interface FeedPageOptions {
	/** A cursor of any page, or a post's id: what is older. */
	before?: string;
	/** Likewise: what is newer, nearest first kept. */
	after?: string;
	/** 1 to 100, 20 by default. */
	limit?: number;
	/** No page that knows less; by default it knows what this device has done. */
	minSeq?: number;
	signal?: AbortSignal;
}

export interface ChangesPage {
	changes: Change[];
	/** The number that the timeline has come to. */
	seq: number;
	/** There are more: ask again from the last change's number. */
	more: boolean;
}

export interface Feed {
	/** A page of your feed. */
	page(options?: FeedPageOptions): Promise<FeedPage>;
	/** What has changed since a number. @throws EdgefeedError `seq_outdated`: read the feed anew */
	changes(since: number, options?: { limit?: number; signal?: AbortSignal }): Promise<ChangesPage>;
	/** How far you have read, on any device. */
	marker(options?: { signal?: AbortSignal }): Promise<Marker>;
	/** Moves it, forward only unless `force`. */
	mark(postId: string, options?: { force?: boolean; signal?: AbortSignal }): Promise<Marker>;
	/** Your feed, kept in step until it is closed. */
	live(options?: LiveOptions): LiveFeed;
}

export function feedOf(core: Core): Feed {
	const { api, place } = core;
	const feed: Feed = {
		async page({ minSeq, signal, ...query } = {}) {
			const load = (least: number) =>
				answerOf<FeedPage>(
					api.GET("/v1/feed", {
						params: { query: { ...query, ...(least > 0 ? { minSeq: least } : {}) } },
						...(signal ? { signal } : {}),
					}),
				);
			await core.session.ready;
			await place.of(core.session.current?.accountId);
			const own = place.seq;
			try {
				return await load(Math.max(minSeq ?? 0, own));
			} catch (error) {
				// The service was set back to before what this device remembers.
				if (!(error instanceof EdgefeedError && error.code === "seq_in_future" && own > (minSeq ?? 0))) throw error;
				place.forgetSeq();
				return load(minSeq ?? 0);
			}
		},
		changes: (since, { limit, signal } = {}) =>
			answerOf(
				api.GET("/v1/feed/changes", {
					params: { query: { since, ...(limit === undefined ? {} : { limit }) } },
					...(signal ? { signal } : {}),
				}),
			),
		marker: ({ signal } = {}) => answerOf(api.GET("/v1/feed/marker", signal ? { signal } : {})),
		mark: (postId, { force = false, signal } = {}) =>
			answerOf(api.PUT("/v1/feed/marker", { body: { postId, force }, ...(signal ? { signal } : {}) })),
		live: (options = {}) => new LiveFeed(core, feed, options),
	};
	return feed;
}
