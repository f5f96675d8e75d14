import { LEVEL_OF, maySee, rankOf } from "../posts/audience.ts";
import type { PostView } from "../posts/post.ts";
import type { Id } from "../store/ids.ts";
import type { Touched } from "../timeline/changes.ts";
import type { PostReader, SightsOf } from "../timeline/sockets.ts";
import { type Hint, type HydrateServices, hydrate } from "./hydrate.ts";

/** Single posts, as a feed shows them: for changes and sockets. */
export class FeedPosts implements PostReader {
	readonly #services: HydrateServices;

	constructor(services: HydrateServices) {
		this.#services = services;
	}

	/** Those of the posts that belong into the viewer's feed as it is today, by what her timeline knows of their authors. */
	async visible(viewer: Id, hints: readonly Hint[], touched: Touched, sightsOf: SightsOf): Promise<Map<Id, PostView>> {
		if (hints.length === 0) return new Map();
		const { posts } = await hydrate(this.#services, hints, touched);
		const authors = new Set([...posts.values()].map((post) => post.author.id));
		const { reasons, liked, unclear } = await sightsOf([...authors], [...posts.keys()]);
		const likes = new Set([...liked, ...(await this.#services.likes.among(viewer, unclear))]);
		const shown = [...posts.values()].filter(({ audience, author }) => {
			const reason = reasons.get(author.id);
			return reason !== undefined && maySee(rankOf(audience), LEVEL_OF[reason]);
		});
		return new Map(shown.map((post) => [post.id, { ...post, viewer: { liked: likes.has(post.id) } }]));
	}
}
