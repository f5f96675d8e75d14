import type { Metrics } from "../metrics.ts";
import { EPOCH, firstIdAt, type Id } from "../store/ids.ts";
import { within } from "../within.ts";
import { Build, type Materials } from "./build.ts";
import { type Arrival, type Delivery, TOUCH_LASTS } from "./changes.ts";
import { LOG_OPTIONS, TimelineLog } from "./log.ts";
import { Relations } from "./relations.ts";
import { LOG_FORMAT } from "./rows.ts";
import { HEADS, type TimelineSource } from "./source.ts";
import type { TimelineStorage } from "./storage.ts";

/** How many posts of a new friend or followed account come into a timeline. */
const BACKFILL = 100;
/** For so long a delivery may be on its way, in milliseconds: twice the sweeper's patience. */
export const ON_ITS_WAY = 120_000;
/** The owner's newest posts that a cold timeline remembers. */
const EARLY = 20;
/** How long a look waits for a build before it shows what has been found so far, in milliseconds. */
const PATIENCE = 1000;
/** How long what needs the whole timeline waits for it, in milliseconds. */
const LONG_PATIENCE = 10_000;

/** A timeline in memory. */
export interface Warm {
	log: TimelineLog;
	relations: Relations;
}

/** How long a pull stands, in milliseconds, and how old a shared head may be. */
const PULL_EVERY = 1000;
const HEADS_AGE = 10_000;

/** How a tie is looked at. */
export interface Retying {
	/**
	 * The other's side of the tie may have become what it is only now, however long the owner's has been so: what was
	 * posted in between was not sent here.
	 */
	anew?: boolean;
}

/** What can be read of a timeline. */
export interface Look extends Warm {
	/** The number of the last change; that of the log means nothing while it is building. */
	seq: number;
	/** When the last change came, or later: Unix milliseconds. */
	changedAt: number;
	/** The build is not finished: the log is what has been found so far, may have holes, and knows of no likes. */
	building: boolean;
}

export interface ProjectionServices {
	storage: TimelineStorage;
	source: TimelineSource;
	metrics: Metrics;
	owner: () => Id;
	/** Whether the owner is connected: then she is told of everything, and the timeline does not stay cold. */
	connected: () => boolean;
	/** Called after each change. */
	changed: () => void;
}

/**
 * The timeline as a projection of the store: cold until it is first read, then built, then kept in step by
 * deliveries and by looks at the owner's ties.
 *
 * A cold one takes no deliveries: a post is in the store before its delivery is sent, so the build finds it.
 * The log holds nothing but posts of the owner and of those with whom she has a tie.
 *
 * What has no `await` between reading memory and writing storage is atomic: the runtime commits its writes
 * together, and holds every answer back until they are on disk.
 */
export class Projection {
	readonly #services: ProjectionServices;
	#log: TimelineLog | undefined;
	/** Undefined while the timeline is cold, or when the relations must be read from the store. */
	#relations: Relations | undefined;
	/** When the log last changed, or later: Unix milliseconds. */
	#changedAt = 0;
	#build: Build | undefined;
	#recalling: Promise<void> | undefined;
	/** What the owner posted while the timeline was cold. */
	#early: Delivery[] = [];
	/** What authors posted while a new tie with them is looked at. */
	readonly #held = new Map<Id, Delivery[]>();
	#pulling: Promise<void> | undefined;
	/** When the last pull began: Unix milliseconds. */
	#pulledAt = 0;
	/** What is known to have changed lately, and when: Unix milliseconds, the latest last. */
	readonly #touched = new Map<Id, number>();
	readonly #likedAt = new Map<Id, number>();
	/** What the owner ceases to like while the store is asked what she likes of a new tie. */
	#ceased: Set<Id> | undefined;
	/** The look at a tie that is under way. */
	#retying: Promise<void> = Promise.resolve();

	constructor(services: ProjectionServices) {
		this.#services = services;
		this.#load();
		for (const id of this.#log?.recent ?? []) this.#touch(id);
	}

	get cold(): boolean {
		return !this.#log;
	}

	/** Undefined while they are not known. */
	get relations(): Relations | undefined {
		return this.#relations;
	}

	/** The number of the last change. */
	get seq(): number {
		return this.#log?.seq ?? this.#services.storage.state().seq;
	}

	/** {@link View.touched} */
	get touched(): ReadonlyMap<Id, number> {
		const since = Date.now() - TOUCH_LASTS;
		for (const [id, at] of this.#touched) {
			if (at > since) break;
			this.#touched.delete(id);
		}
		return this.#touched;
	}

	/** Odd while the store is told, or is to be told, that the owner is dormant. */
	get turn(): number {
		return Number(this.#services.storage.meta("turn") ?? 0);
	}

	/** What can be shown now: the timeline, or, when it is being built for too long, what has been found so far. */
	async look(): Promise<Look> {
		if (!this.#log && !(await within(PATIENCE, this.#startBuild().finished))) {
			this.#services.metrics.add("feed_build_partial", 1);
		}
		if (this.#log) {
			const warm = await this.warm();
			return { ...warm, seq: warm.log.seq, changedAt: this.#changedAt, building: false };
		}
		const state = this.#services.storage.state();
		const { relations, found } = this.#build?.soFar ?? { relations: Relations.of([]), found: [] };
		const log = new TimelineLog([], { ...state, floor: null, likes: "" });
		log.fill(found.slice(0, LOG_OPTIONS.keep), Date.now());
		// Her own post above all.
		const { early = [], deliveries = [] } = this.#build ?? {};
		log.apply(this.#wanted([...early, ...deliveries], relations), Date.now());
		return { log, relations, seq: state.seq, changedAt: Date.now(), building: true };
	}

	/** The whole timeline, built when it is cold. */
	async warm(): Promise<Warm> {
		for (;;) {
			const [log, relations] = [this.#log, this.#relations];
			if (log && relations) return { log, relations };
			const ready = log ? this.#recall() : this.#startBuild().finished;
			if (!(await within(LONG_PATIENCE, ready))) throw new Error("Durable Object is building a timeline: try again");
		}
	}

	/** Changes the log and stores it, both or neither. Answers with the new `seq`. */
	write(change: (log: TimelineLog) => void): number {
		const { storage, changed } = this.#services;
		const log = this.#log;
		if (!log) return this.seq;
		try {
			storage.atomically(() => {
				change(log);
				if (log.overgrown) storage.forget(log);
			});
			if (log.overgrown) this.#cool();
		} catch (error) {
			// Memory is changed first, and must not stay ahead of the storage.
			this.#load();
			throw error;
		}
		this.#changedAt = Date.now();
		changed();
		return log.seq;
	}

	/** Applies deliveries; repeats and late ones change nothing. Answers with the new `seq`. */
	apply(deliveries: readonly Delivery[]): number {
		if (!this.#log && this.#services.connected()) this.#startBuild();
		if (!this.#log) this.#remember(deliveries);
		for (const { kind, postId } of deliveries) if (kind === "edit") this.#touch(postId);
		this.#build?.deliveries.push(...deliveries);
		return this.write((log) => this.#applyTo(log, this.#relations, deliveries));
	}

	/**
	 * The owner has begun or ceased to like a post: the store knows it already. Two such changes may come in another
	 * order than that of `at`. Answers with the new `seq`.
	 */
	like(postId: Id, liked: boolean, at: number): number {
		for (const [other, since] of this.#likedAt) if (since < at - TOUCH_LASTS) this.#likedAt.delete(other);
		if ((this.#likedAt.get(postId) ?? 0) >= at) return this.seq;
		this.#likedAt.set(postId, at);
		this.#touch(postId);
		this.#build?.likes.set(postId, liked);
		if (liked) this.#ceased?.delete(postId);
		else this.#ceased?.add(postId);
		return this.#log ? this.write((log) => this.#services.storage.store(log.like(postId, liked))) : this.#advance();
	}

	/** The owner has changed what all of her posts show of her: her devices read anew. Answers with the new `seq`. */
	changeProfile(): number {
		this.#touch(this.#services.owner());
		return this.#log ? this.write((log) => this.#services.storage.store(log.reset())) : this.#advance();
	}

	/**
	 * Brings what heavy authors have posted: pushing done late, by the reader. So it has numbers like everything
	 * else, and pages, changes and sockets know no difference.
	 */
	async pull(): Promise<void> {
		if (!this.#log || !this.#relations?.heavy.length || Date.now() - this.#pulledAt < PULL_EVERY) return;
		this.#pulling ??= this.#pull().finally(() => {
			this.#pulling = undefined;
		});
		await this.#pulling;
	}

	/**
	 * The owner's tie with another account has changed: looks at it, and makes the timeline agree. One look comes
	 * after the other, so that the last one sees the newest state.
	 */
	async retie(other: Id, how: Retying = {}): Promise<void> {
		const turn = this.#retying.then(() => this.#retie(other, how));
		this.#retying = turn.catch(() => undefined);
		return turn;
	}

	/** Forgets the entries, so that the next read builds them again; the numbers and the marker stay. */
	drop(): void {
		this.#build?.restart();
		const log = this.#log;
		if (!log) return;
		this.#services.storage.atomically(() => this.#services.storage.forget(log));
		this.#cool();
		this.#services.changed();
	}

	/** Drops the timeline of an owner who does not come any more; {@link tellStore} is to follow. */
	fallAsleep(): void {
		const { storage } = this.#services;
		const log = this.#log;
		if (!log) return;
		const turn = this.turn;
		storage.atomically(() => {
			storage.forget(log);
			storage.setMeta("turn", String(turn + 1 + (turn % 2)));
		});
		this.#cool();
	}

	/** Tells the store that the owner is dormant, if she is: those she knows need not push to her. */
	async tellStore(): Promise<void> {
		const { source, owner } = this.#services;
		const { turn } = this;
		if (turn % 2 === 0 || this.#log) return;
		const known = await source.ties(owner());
		await source.setTurn(
			owner(),
			known.map(([id]) => id),
			turn,
		);
	}

	/** The log, if it is still the one that somebody read. */
	isCurrent(log: TimelineLog): boolean {
		return this.#log === log;
	}

	/** What the store says of the owner's ties. */
	async storedRelations(): Promise<Relations> {
		const { source, owner } = this.#services;
		const ties = await source.ties(owner());
		const heavy = await source.heavyAmong(ties.map(([id]) => id));
		return Relations.of(ties.map(([id, tie]) => [id, { ...tie, heavy: heavy.has(id) }]));
	}

	/** A build finds her own posts in the store; a page that is shown before must not lack what she has just posted. */
	#remember(deliveries: readonly Delivery[]): void {
		const owner = this.#services.owner();
		const own = deliveries.filter((delivery) => delivery.kind === "add" && delivery.authorId === owner);
		this.#early = [...this.#early, ...own].slice(-EARLY);
	}

	async #pull(): Promise<void> {
		const { source, storage } = this.#services;
		const { log, relations } = await this.warm();
		const startedAt = Date.now();
		// Whatever was committed before is known; a post may take a while from its id to its commit.
		const known = firstIdAt(Math.max(EPOCH, Number(storage.meta("pulled") ?? 0) - ON_ITS_WAY));
		const { heavy } = relations;
		const found: Arrival[] = [];
		for (const [authorId, ids] of await source.heads(heavy)) {
			const arrival = (postId: Id): Arrival => ({ postId, authorId, reason: "follow", via: "pull" });
			found.push(...ids.map(arrival));
			const last = ids.at(-1);
			if (ids.length < HEADS || !last || last <= known) continue;
			// More was posted since than a head has.
			const older = await source.newer(new Map([[authorId, "follow"]]), known, last, LOG_OPTIONS.keep);
			found.push(...older.map(({ postId }) => arrival(postId)));
		}
		if (this.#log !== log) return;
		this.#pulledAt = startedAt;
		const news = found.filter(({ postId }) => log.lacks(postId)).sort((a, b) => (a.postId < b.postId ? -1 : 1));
		if (news.length === 0) return;
		this.write(() => {
			this.#applyTo(
				log,
				this.#relations,
				news.map((arrival) => ({ kind: "add", ...arrival })),
			);
			storage.setMeta("pulled", String(startedAt - HEADS_AGE));
		});
	}

	#load(): void {
		const { storage } = this.#services;
		this.#log = storage.load();
		this.#changedAt = this.#log?.changedAt ?? Date.now();
		this.#relations = this.#log && storage.loadRelations();
	}

	#cool(): void {
		this.#log = undefined;
		this.#relations = undefined;
	}

	#applyTo(log: TimelineLog, relations: Relations | undefined, deliveries: readonly Delivery[]): void {
		this.#services.storage.store(log.apply(this.#wanted(deliveries, relations), Date.now()));
	}

	/** A cold timeline has numbers too: pages that were made before know less. */
	#advance(): number {
		const { storage } = this.#services;
		const seq = this.seq + 1;
		storage.setMeta("seq", String(seq));
		return seq;
	}

	#touch(id: Id): void {
		this.#touched.delete(id);
		this.#touched.set(id, Date.now());
	}

	#wanted(deliveries: readonly Delivery[], relations: Relations | undefined): Delivery[] {
		const owner = this.#services.owner();
		return deliveries.filter((delivery) => {
			if (delivery.kind !== "add" || delivery.authorId === owner || !relations) return true;
			if (relations.of(delivery.authorId).tie) return true;
			// A tie that is not known yet brings the newest posts along when it is; only what comes while they are read could be missed.
			this.#held.get(delivery.authorId)?.push(delivery);
			return false;
		});
	}

	async #retie(other: Id, { anew = false }: Retying): Promise<void> {
		const { source, owner, storage } = this.#services;
		for (;;) {
			if (this.#build) return this.#build.restart();
			if (!this.#log) return;
			const { log, relations } = await this.warm();
			const { turn } = this;
			const known = relations.of(other);
			const relation = await source.relation(owner(), other);
			const { tie } = relation;
			// One that ended and was made again may have missed what was posted in between.
			const gained = tie !== undefined && (anew || tie !== known.tie || relation.version !== known.version);
			if (gained && turn > 0) await source.setTurn(owner(), [other], turn);
			const held: Delivery[] = [];
			const had = known.tie === tie ? log.by(other) : [];
			if (gained) this.#held.set(other, held);
			const newest = gained
				? await source.newest(other, tie, BACKFILL).finally(() => this.#held.delete(other))
				: undefined;
			this.#ceased = new Set();
			const liked = newest ? await source.liked(owner(), newest.ids) : undefined;
			// Forgotten or built anew meanwhile: what was read may be too old for it.
			if (this.#build || this.#log !== log || this.#relations !== relations) continue;
			const changed = relations.put(other, relation);
			if (Object.keys(changed).length === 0 && !newest) return;
			this.write(() => {
				storage.storeRelations(changed);
				if (!tie) storage.store(log.removeAuthor(other));
				else if (newest) {
					const { ids: postIds, complete } = newest;
					storage.store(log.apply(gone(had, newest), Date.now()));
					storage.store(log.backfill({ authorId: other, reason: tie, postIds, complete }, Date.now()));
					storage.store(log.learnLikes([...(liked ?? [])].filter((postId) => !this.#ceased?.has(postId))));
					this.#ceased = undefined;
					this.#applyTo(log, relations, held);
				}
				// No change names what a mute or a weaker tie hides, or shows again: clients read anew.
				if (tie && ((known.tie && known.tie !== tie) || "mutes" in changed)) storage.store(log.reset());
			});
			return;
		}
	}

	/** Reads the relations anew, and takes out what they do not account for. */
	#recall(): Promise<void> {
		const { storage, owner } = this.#services;
		const recall = async () => {
			const log = this.#log;
			const relations = await this.storedRelations();
			if (!log || this.#log !== log) return;
			const authors = new Set(log.page({ limit: Number.POSITIVE_INFINITY }).entries.map((entry) => entry.authorId));
			authors.delete(owner());
			this.#relations = relations;
			this.write(() => {
				storage.storeRelations(relations.sets);
				for (const author of authors) if (!relations.of(author).tie) storage.store(log.removeAuthor(author));
			});
		};
		this.#recalling ??= recall().finally(() => {
			this.#recalling = undefined;
		});
		return this.#recalling;
	}

	#startBuild(): Build {
		if (this.#build) return this.#build;
		const { turn } = this;
		const awake = turn + (turn % 2);
		const startedAt = Date.now();
		const build = new Build({
			source: this.#services.source,
			owner: this.#services.owner(),
			turn: awake,
			early: this.#early.splice(0),
			finish: (materials) => this.#fill(materials, awake, startedAt, build),
		});
		this.#build = build;
		build.finished.then(
			() => this.#services.metrics.add("feed_build_seconds", (Date.now() - startedAt) / 1000),
			() => {
				if (this.#build === build) this.#build = undefined;
			},
		);
		return build;
	}

	#fill({ relations, found, liked }: Materials, turn: number, startedAt: number, build: Build): void {
		const { storage } = this.#services;
		// One more than is kept tells whether there are older ones; it marks the floor.
		const floor = found[LOG_OPTIONS.keep]?.postId ?? null;
		const log = new TimelineLog([], { ...storage.state(), floor, likes: "" });
		const likes = liked.filter((postId) => build.likes.get(postId) !== false);
		for (const [postId, now] of build.likes) if (now) likes.push(postId);
		storage.atomically(() => {
			storage.store(log.fill(found.slice(0, LOG_OPTIONS.keep), Date.now()));
			if (floor) storage.setMeta("floor", floor);
			storage.setMeta("format", String(LOG_FORMAT));
			storage.storeRelations(relations.sets);
			storage.store(log.learnLikes(likes));
			if (turn > 0) storage.setMeta("turn", String(turn));
			if (relations.heavy.length > 0) storage.setMeta("pulled", String(startedAt));
			this.#applyTo(log, relations, build.deliveries);
		});
		this.#log = log;
		this.#changedAt = Date.now();
		this.#relations = relations;
		this.#build = undefined;
		this.#services.changed();
	}
}

/**
 * Entries of an author that she has no post for any more: while there was no tie, nobody told of a deletion. Only as
 * far back as her newest posts were read.
 */
function gone(had: readonly Id[], newest: { ids: readonly Id[]; complete: boolean }): Delivery[] {
	const there = new Set(newest.ids);
	const last = newest.ids.at(-1);
	const read = (postId: Id) => newest.complete || (last !== undefined && postId >= last);
	return had
		.filter((postId) => !there.has(postId) && read(postId))
		.map((postId) => ({ kind: "remove", postId, cause: "relation" }));
}
