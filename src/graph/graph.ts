import type { RelationReader, RelationView } from "../accounts/account.ts";
import { Problem } from "../gateway/problem.ts";
import { reportFailure } from "../report.ts";
import { type Id, type IdMinter, logicalShardOf, timeOf } from "../store/ids.ts";
import { type Doorbell, done, type Job, loadJob, type TaskOf, underFreshId } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";
import { type Act, flip, isMuted, LEVELS, type Level, levelOf, type Mute, STRANGERS, type Tie } from "./rules.ts";
import { type Pair, pairOf, type RelationStore } from "./store.ts";

/** What a viewer sees of another account. */
export interface Sight {
	level: Level;
	muted: boolean;
}

const TRIES = 6;
/** After so long, in milliseconds, a place is held by nobody any more: no request lives that long. */
const HOLD_LIFETIME = 15_000;
/** Milliseconds before another try, times its number. */
const PAUSE = 15;

export interface GraphServices {
	relations: RelationStore;
	shards: Shards;
	timelines: Timelines;
	doorbell: Doorbell;
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
	 * @throws Problem what the act refuses, `friend_limit_reached`, or `unavailable` when others change the same
	 * tie all the time.
	 */
	async act(actor: Id, other: Id, act: Act): Promise<void> {
		if (actor === other) throw new Problem("own_account");
		const pair = pairOf(actor, other);
		const side = actor === pair.low ? (tie: Tie) => tie : flip;
		for (let attempt = 1; attempt <= TRIES; attempt++) {
			const from = side(await this.#services.relations.authority(pair));
			const outcome = act(from, this.#services.now());
			if ("refused" in outcome) throw new Problem(outcome.refused);
			if (outcome.tie === from) return this.#agree(pair, from.version);
			if (await this.#change(pair, side(from), side(outcome.tie))) return;
			await new Promise((resolve) => setTimeout(resolve, PAUSE * attempt));
		}
		throw new Problem("unavailable");
	}

	async views(viewer: Id, others: readonly Id[]): Promise<Map<Id, RelationView>> {
		const { relations, now } = this.#services;
		const ties = await relations.ties(viewer, others);
		return new Map(others.map((other) => [other, presentTie(ties.get(other) ?? STRANGERS, now())]));
	}

	async relation(viewer: Id, other: Id): Promise<RelationView> {
		const view = (await this.views(viewer, [other])).get(other);
		if (!view) throw new Error("a view for everybody who is asked for");
		return view;
	}

	/** What the viewer sees of each of `others`, and whether she mutes them. */
	async sights(viewer: Id, others: Iterable<Id>): Promise<Map<Id, Sight>> {
		const asked = [...new Set(others)];
		const ties = await this.#services.relations.ties(
			viewer,
			asked.filter((other) => other !== viewer),
		);
		const now = this.#services.now();
		return new Map(
			asked.map((other) => {
				const tie = ties.get(other);
				if (other === viewer) return [other, { level: LEVELS.self, muted: false }];
				return [other, tie ? { level: levelOf(tie), muted: isMuted(tie, now) } : { level: LEVELS.none, muted: false }];
			}),
		);
	}

	/** What the viewer sees of one account. */
	async level(viewer: Id, other: Id): Promise<Level> {
		return (await this.sights(viewer, [other])).get(other)?.level ?? LEVELS.none;
	}

	/** Those of `others` between whom and the viewer there is no block. */
	async unblocked(viewer: Id, others: Iterable<Id>): Promise<Set<Id>> {
		const sights = await this.sights(viewer, others);
		return new Set([...sights].flatMap(([other, { level }]) => (level === LEVELS.blocked ? [] : [other])));
	}

	/** Mutes another account, until Unix milliseconds or for good (null), or not any more (undefined). */
	async mute(viewer: Id, other: Id, until: number | null | undefined): Promise<void> {
		if (viewer === other) throw new Problem("own_account");
		const { relations, now } = this.#services;
		const mute = until === undefined ? { mutingAt: null, mutingUntil: null } : { mutingAt: now(), mutingUntil: until };
		const [, job] = await this.#promised(
			viewer,
			(id) => ({ kind: "settle", ...pairOf(viewer, other), timelines: [viewer], hold: id }),
			async (promised) => {
				await relations.mute(viewer, other, mute, promised);
				return true;
			},
		);
		await this.#settleNow(job);
	}

	/** Makes both sides of a pair, and the timelines concerned, agree with the authority; then crosses the job off. */
	async settle(job: Job<TaskOf<"settle">>): Promise<void> {
		const { relations } = this.#services;
		const { low, high, timelines, hold } = job.task;
		const pair = { low, high };
		let tie = await relations.authority(pair);
		for (let settled = -1; tie.version !== settled; tie = await relations.authority(pair)) {
			settled = tie.version;
			// The mirror first, as a timeline that is being built reads it. Whoever must not see any more what she saw is
			// told all the same when it fails.
			const [mirrored] = await Promise.allSettled([relations.mirror(pair, tie, hold)]);
			const told = await Promise.allSettled(
				timelines.map((owner) => this.#services.timelines.of(owner).retie(owner === low ? high : low, { anew: true })),
			);
			for (const step of [mirrored, ...told]) if (step.status === "rejected") throw step.reason;
			// Read again: had the tie changed meanwhile, a settling of the newer one may have been overwritten.
		}
		await this.#cross(job);
	}

	/** @returns false when nothing was changed and it is worth another try. */
	async #change(pair: Pair, from: Tie, to: Tie): Promise<boolean> {
		const { relations } = this.#services;
		const timelines = [
			...(levelOf(from) === levelOf(to) ? [] : [pair.low]),
			...(levelOf(flip(from)) === levelOf(flip(to)) ? [] : [pair.high]),
		];
		const task = { kind: "settle", ...pair, timelines } as const;
		const decide = (hold: Id | undefined) =>
			this.#promised(
				pair.low,
				(id) => ({ ...task, hold: hold ?? id }),
				(job) => relations.decide(pair, from, to, job),
			);
		if (from.friendAt !== null || to.friendAt === null) {
			const [decided, job] = await decide(undefined);
			await this.#settleNow(job);
			return decided;
		}

		const [held, holding] = await this.#promised(
			pair.high,
			(id) => ({ ...task, hold: id }),
			(job) => relations.hold(pair, job),
		);
		if (!held) {
			await this.#cross(holding);
			// Another request for the same pair is on its way, or was a moment ago, or there is no room.
			const holder = await relations.holder(pair);
			if (holder === undefined && (await relations.isFull(pair.high))) throw new Problem("friend_limit_reached");
			if (holder) await this.#release(holder);
			return false;
		}
		const [decided, job] = await decide(holding.id);
		// Each of the two jobs, on its own shard, promises that the place is given back or filled.
		if (await this.#settleNow(job)) await this.#cross(holding);
		if (!decided && (await relations.authority(pair)).version === from.version) {
			throw new Problem("friend_limit_reached");
		}
		return decided;
	}

	/** Makes the two sides of a pair and both timelines agree with the authority, whatever led them apart. */
	async reconcile(a: Id, b: Id): Promise<void> {
		const { relations, timelines } = this.#services;
		const pair = pairOf(a, b);
		const held = await relations.holder(pair);
		await relations.mirror(pair, await relations.authority(pair), held ?? undefined);
		const how = { anew: true };
		await Promise.all([timelines.of(pair.low).retie(pair.high, how), timelines.of(pair.high).retie(pair.low, how)]);
	}

	/** An act that changes nothing may be the repeat of one that died before it was settled. */
	async #agree(pair: Pair, version: number): Promise<void> {
		if ((await this.#services.relations.mirrored(pair)) < version) await this.reconcile(pair.low, pair.high);
	}

	/** Settles for a request that died with the place it held; the sweeper would, in a minute or more. */
	async #release(holder: Id): Promise<void> {
		if (this.#services.now() - timeOf(holder) < HOLD_LIFETIME) return;
		const job = await loadJob(this.#services.shards, holder);
		if (job?.task.kind === "settle") await this.#settleNow({ ...job, task: job.task });
	}

	/** Makes a write that promises a settling, under a job's id that is free. */
	async #promised(
		on: Id,
		task: (jobId: Id) => TaskOf<"settle">,
		write: (job: Job) => Promise<boolean>,
	): Promise<[written: boolean, job: Job<TaskOf<"settle">>]> {
		return underFreshId(
			() => this.#services.minter.mint(logicalShardOf(on)),
			async (id) => {
				const job = { id, task: task(id) };
				return [await write(job), job];
			},
		);
	}

	async #cross(job: Job): Promise<void> {
		await this.#services.shards.of(job.id).all(done(job.id));
	}

	/** What is decided is decided: should the settling fail now, the sweeper does it later. */
	async #settleNow(job: Job<TaskOf<"settle">>): Promise<boolean> {
		try {
			await this.settle(job);
			return true;
		} catch (error) {
			reportFailure("settling is left to the queue", error, { jobId: job.id });
			this.#services.timelines.missed();
			await this.#services.doorbell.ring([job.id]);
			return false;
		}
	}
}

function presentTie(tie: Tie & Partial<Mute>, now: number): RelationView {
	return {
		friend: tie.friendAt !== null,
		following: tie.followingAt !== null,
		followedBy: tie.followerAt !== null,
		requested: tie.requestedAt !== null,
		requestedBy: tie.requestedByAt !== null,
		blocking: tie.blockingAt !== null,
		muting: isMuted({ mutingAt: tie.mutingAt ?? null, mutingUntil: tie.mutingUntil ?? null }, now),
	};
}
