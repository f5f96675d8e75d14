import type { RelationReader, RelationView } from "../accounts/account.ts";
import { Problem } from "../gateway/problem.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import { done, type Job, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";
import type { Entry } from "../timeline/log.ts";
import { type Act, flip, LEVELS, type Level, levelOf, STRANGERS, type Tie } from "./rules.ts";
import { type Pair, pairOf, type RelationStore } from "./store.ts";

/** An author's newest posts that someone at a level may see. `posts/` answers; the graph comes before it. */
export interface AuthorReader {
	newest(authorId: Id, level: Level, limit: number): Promise<{ ids: Id[]; complete: boolean }>;
}

/** How many posts of a new friend or followed account come into a timeline. */
export const BACKFILL = 100;
const TRIES = 5;

export interface GraphServices {
	relations: RelationStore;
	shards: Shards;
	timelines: Timelines;
	authors: AuthorReader;
	minter: IdMinter;
	now: () => number;
}

/**
 * Changes ties. A change is a saga over two shards and up to two timelines:
 *
 * 1. *hold* (only for a new friendship): a place among the higher id's friends, so that the limit
 *    holds on both sides;
 * 2. *decide*: the rule is applied to the authority's tie and written if it has not changed since;
 * 3. *settle*: the other shard and the timelines are made to agree with the authority.
 *
 * From the first write on, an outbox row promises the settling. Settling takes nothing but the pair
 * and reads the truth anew, so it can run at any time and as often as it likes; it is also what
 * undoes a hold whose decision came out otherwise.
 */
export class Graph implements RelationReader {
	readonly #services: GraphServices;

	constructor(services: GraphServices) {
		this.#services = services;
	}

	/**
	 * Applies an act of `actor`'s to her tie with `other`.
	 *
	 * @returns the tie afterwards, from the actor's side.
	 * @throws Problem what the act refuses, or `friend_limit_reached`.
	 */
	async act(actor: Id, other: Id, act: Act): Promise<Tie> {
		if (actor === other) throw new Problem("own_account");
		const pair = pairOf(actor, other);
		const side = actor === pair.low ? (tie: Tie) => tie : flip;
		for (let attempt = 1; attempt <= TRIES; attempt++) {
			const from = side(await this.#services.relations.authority(pair));
			const outcome = act(from, this.#services.now());
			if ("refused" in outcome) throw new Problem(outcome.refused);
			if (outcome.tie === from) return from;
			if (await this.#change(pair, side(from), side(outcome.tie))) return { ...outcome.tie, version: from.version + 1 };
		}
		throw new Problem("unavailable");
	}

	async views(viewer: Id, others: readonly Id[]): Promise<Map<Id, RelationView>> {
		const ties = await this.#services.relations.ties(viewer, others);
		return new Map(others.map((other) => [other, presentTie(ties.get(other) ?? STRANGERS)]));
	}

	/** What the viewer may see of each author's posts. */
	async levels(viewer: Id, authors: readonly Id[]): Promise<Map<Id, Level>> {
		const ties = await this.#services.relations.ties(
			viewer,
			authors.filter((author) => author !== viewer),
		);
		return new Map(
			authors.map((author) => [author, author === viewer ? LEVELS.self : levelOf(ties.get(author) ?? STRANGERS)]),
		);
	}

	/** Makes both sides of a pair, and their timelines, agree with the authority; then crosses the job off. */
	async settle(job: Job<TaskOf<"settle">>): Promise<void> {
		const { relations, shards } = this.#services;
		const { low, high, timelines } = job.task;
		const pair = { low, high };
		let tie = await relations.authority(pair);
		for (let settled = -1; tie.version !== settled; tie = await relations.authority(pair)) {
			settled = tie.version;
			await relations.mirror(pair, tie, job.id);
			if (timelines) {
				await Promise.all([
					this.#settleTimeline(low, high, levelOf(tie)),
					this.#settleTimeline(high, low, levelOf(flip(tie))),
				]);
			}
			// Read again: had the tie changed meanwhile, a settling of the newer one may have been overwritten.
		}
		await done(shards.of(job.id), job.id);
	}

	/** @returns false when the tie had changed since it was read. */
	async #change(pair: Pair, from: Tie, to: Tie): Promise<boolean> {
		const { relations } = this.#services;
		const befriends = from.friendAt === null && to.friendAt !== null;
		const timelines = levelOf(from) !== levelOf(to) || levelOf(flip(from)) !== levelOf(flip(to));
		const job: Job<TaskOf<"settle">> = {
			id: this.#services.minter.mint(logicalShardOf(befriends ? pair.high : pair.low)),
			task: { kind: "settle", ...pair, timelines },
		};
		// A friendship's job is promised with its hold, any other with its decision.
		const held = !befriends || (await relations.hold(pair, job));
		const decided = held && (await relations.decide(pair, from, to, befriends ? undefined : job));
		await this.#settleNow(job);
		if (!decided && befriends && (await relations.authority(pair)).version === from.version)
			throw new Problem("friend_limit_reached");
		return decided;
	}

	/** What is decided is decided: should the settling fail now, the sweeper does it later. */
	async #settleNow(job: Job<TaskOf<"settle">>): Promise<void> {
		try {
			await this.settle(job);
		} catch (error) {
			console.error(
				JSON.stringify({
					level: "error",
					message: "settling is left to the sweeper",
					jobId: job.id,
					error: String(error),
				}),
			);
		}
	}

	async #settleTimeline(owner: Id, author: Id, level: Level): Promise<void> {
		const { timelines, authors } = this.#services;
		const { ids, complete } =
			level === LEVELS.none ? { ids: [], complete: true } : await authors.newest(author, level, BACKFILL);
		const reason = level === LEVELS.friend ? "friend" : "follow";
		const entries = ids.map((postId): Entry => ({ postId, authorId: author, reason, via: "backfill" }));
		await timelines.of(owner).syncAuthor(author, entries, complete);
	}
}

export function presentTie(tie: Tie): RelationView {
	return {
		friend: tie.friendAt !== null,
		following: tie.followingAt !== null,
		followedBy: tie.followerAt !== null,
		requested: tie.requestedAt !== null,
		requestedBy: tie.requestedByAt !== null,
		blocking: false,
		muting: false,
	};
}
