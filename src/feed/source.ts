import { LEVELS, type Level } from "../graph/rules.ts";
import type { RelationStore } from "../graph/store.ts";
import type { PostKey, PostStore } from "../posts/store.ts";
import type { Id } from "../store/ids.ts";
import type { Arrival, Reason } from "../timeline/changes.ts";
import type { TimelineSource } from "../timeline/source.ts";

const REASONS: Readonly<Record<Level, Reason>> = { [-1]: "follow", 0: "follow", 1: "follow", 2: "friend", 3: "own" };

/** Timelines from the store: the posts of the owner, her friends and those she follows. */
export class StoreSource implements TimelineSource {
	readonly #relations: RelationStore;
	readonly #posts: PostStore;

	constructor(relations: RelationStore, posts: PostStore) {
		this.#relations = relations;
		this.#posts = posts;
	}

	async older(owner: Id, before: Id | undefined, limit: number): Promise<Arrival[]> {
		const authors = await this.#authors(owner);
		return entries(await this.#posts.older(authors, before, limit), authors);
	}

	async newer(owner: Id, after: Id, upTo: Id, limit: number): Promise<Arrival[]> {
		const authors = await this.#authors(owner);
		return entries(await this.#posts.newer(authors, after, upTo, limit), authors);
	}

	async #authors(owner: Id): Promise<Map<Id, Level>> {
		const sources = await this.#relations.sources(owner);
		return sources.set(owner, LEVELS.self);
	}
}

function entries(keys: readonly PostKey[], authors: ReadonlyMap<Id, Level>): Arrival[] {
	return keys.map(({ postId, authorId }) => ({
		postId,
		authorId,
		reason: REASONS[authors.get(authorId) ?? 0],
		via: "build",
	}));
}
