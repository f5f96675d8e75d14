import type { AccountStore } from "../accounts/store.ts";
import type { Layered } from "../cache/layered.ts";
import { isMuted, LEVELS, type Level, levelOf, type Mute, type Tie as PairTie, STRANGERS } from "../graph/rules.ts";
import type { RelationStore } from "../graph/store.ts";
import { LEVEL_OF } from "../posts/audience.ts";
import type { LikeStore } from "../posts/likes.ts";
import type { PostKey, PostStore } from "../posts/store.ts";
import type { Id } from "../store/ids.ts";
import type { Shards } from "../store/shards.ts";
import type { Arrival } from "../timeline/changes.ts";
import type { Authors, Relation, Tie } from "../timeline/relations.ts";
import type { TimelineSource } from "../timeline/source.ts";

export interface SourceServices {
	accounts: AccountStore;
	relations: RelationStore;
	posts: PostStore;
	likes: LikeStore;
	/** The newest posts of heavy authors, shared by all of their readers. */
	heads: Layered<Id, Id[]>;
	shards: Shards;
	now: () => number;
}

/** Timelines from the store: the posts of the owner, her friends and those she follows. */
export class StoreSource implements TimelineSource {
	readonly #services: SourceServices;

	constructor(services: SourceServices) {
		this.#services = services;
	}

	async ties(owner: Id): Promise<[Id, Relation][]> {
		const rows = await this.#services.relations.sources(owner);
		// Who is blocked is not among them: a block ends every tie.
		return rows.map((row) => [row.other, this.#relation({ ...STRANGERS, ...row })]);
	}

	async relation(owner: Id, other: Id): Promise<Relation> {
		const [row, heavy] = await Promise.all([this.#services.relations.truth(owner, other), this.heavyAmong([other])]);
		return { ...this.#relation(row), heavy: heavy.has(other) };
	}

	async heavyAmong(authors: readonly Id[]): Promise<ReadonlySet<Id>> {
		return this.#services.accounts.heavyAmong(authors);
	}

	async heads(authors: readonly Id[]): Promise<ReadonlyMap<Id, readonly Id[]>> {
		const found = await this.#services.heads.many(authors);
		return new Map([...found].map(([author, kept]) => [author, kept.value]));
	}

	async older(authors: Authors, before: Id | undefined, limit: number): Promise<Arrival[]> {
		return arrivals(await this.#services.posts.older(levels(authors), before, limit), authors);
	}

	async newer(authors: Authors, after: Id, upTo: Id, limit: number): Promise<Arrival[]> {
		return arrivals(await this.#services.posts.newer(levels(authors), after, upTo, limit), authors);
	}

	async newest(author: Id, tie: Tie, limit: number): Promise<{ ids: Id[]; complete: boolean }> {
		return this.#services.posts.newest(author, LEVEL_OF[tie], limit);
	}

	async liked(owner: Id, postIds: readonly Id[]): Promise<ReadonlySet<Id>> {
		return this.#services.likes.among(owner, postIds);
	}

	groups(authors: Authors): Authors[] {
		const groups = this.#services.shards.groups(authors.keys());
		return groups.map((ids) => new Map(ids.map((id) => [id, authors.get(id) ?? "follow"])));
	}

	async setTurn(owner: Id, authors: Iterable<Id>, turn: number): Promise<void> {
		await this.#services.relations.setTurn(owner, authors, turn);
	}

	#relation(row: PairTie & Mute): Relation {
		const level = levelOf(row);
		const muted = isMuted(row, this.#services.now());
		return {
			tie: level === LEVELS.friend ? "friend" : level === LEVELS.follow ? "follow" : undefined,
			mutedUntil: muted ? (row.mutingUntil ?? Number.POSITIVE_INFINITY) : 0,
			version: row.version,
			heavy: false,
		};
	}
}

function levels(authors: Authors): Map<Id, Level> {
	return new Map([...authors].map(([id, reason]) => [id, LEVEL_OF[reason]]));
}

function arrivals(keys: readonly PostKey[], authors: Authors): Arrival[] {
	return keys.map(({ postId, authorId }) => ({
		postId,
		authorId,
		reason: authors.get(authorId) ?? "follow",
		via: "build",
	}));
}
