import { DurableObject } from "cloudflare:workers";
import { type Bookmark, Consistency } from "../store/consistency.ts";
import { ShardUnavailable } from "../store/database.ts";
import { type Id, logicalShardOf } from "../store/ids.ts";
import { callObject } from "../timeline/call.ts";
import { type Homes, inJurisdiction } from "../timeline/homes.ts";
import { GroupCommit, TooManyWaiting } from "./group-commit.ts";
import type { LikeStore, PlacedReaction, Reaction, Wish } from "./likes.ts";

/** A logical shard sees ten batches a second at most, so that it has time for everything else however much is liked. */
const LIMITS = { together: 500, waiting: 5000, burst: 10, interval: 100 };

/** A reaction, and the states of databases that have it. */
interface Written<R extends Reaction = Reaction> {
	reaction: R | null;
	seen: Record<string, Bookmark>;
}

/**
 * Writes the likes of a logical shard's posts, those that come at the same time in one batch. Keeps nothing: what it
 * answers is in the store.
 */
export class ReactionsObject extends DurableObject {
	readonly #group: GroupCommit<Wish, Written>;
	#at = 0;

	constructor(ctx: DurableObjectState, env: unknown, likes: Pick<LikeStore, "react">) {
		super(ctx, env as Cloudflare.Env);
		this.#group = new GroupCommit(
			async (wishes) => {
				const { result, seen } = await Consistency.collecting(() => likes.react(wishes));
				return result.map((reaction) => ({ reaction, seen }));
			},
			LIMITS,
			() => Date.now(),
			(milliseconds) => scheduler.wait(milliseconds),
		);
	}

	/** @throws ShardUnavailable also when too many wait. */
	async react(wish: Wish): Promise<Written<PlacedReaction>> {
		try {
			const { reaction, seen } = await this.#group.add(wish);
			this.#at = Math.max(this.#at + 1, Date.now());
			return { reaction: reaction && { ...reaction, at: this.#at }, seen };
		} catch (error) {
			throw error instanceof TooManyWaiting ? new ShardUnavailable(error) : error;
		}
	}
}

/** Likes posts and takes likes back, by way of the object of the post's logical shard, in its home region. */
export class Reactions {
	readonly #namespace: DurableObjectNamespace<ReactionsObject>;
	readonly #homes: Homes;

	constructor(namespace: DurableObjectNamespace<ReactionsObject>, homes: Homes) {
		this.#namespace = namespace;
		this.#homes = homes;
	}

	/**
	 * Has an account like a post or comment, or not: whatever it was before, that is how it is when this answers.
	 *
	 * @returns how it is then, or null when the post is gone.
	 */
	async react(postId: Id, accountId: Id, liked: boolean): Promise<PlacedReaction | null> {
		const namespace = inJurisdiction(this.#namespace, this.#homes.jurisdictionOf(postId));
		const locationHint = this.#homes.hintOf(postId);
		const { reaction, seen } = await callObject(
			() => namespace.getByName(String(logicalShardOf(postId)), { locationHint }),
			async (stub): Promise<Written<PlacedReaction>> => stub.react({ postId, accountId, liked }),
		);
		for (const [database, state] of Object.entries(seen)) Consistency.current?.saw(database, state);
		return reaction;
	}
}
