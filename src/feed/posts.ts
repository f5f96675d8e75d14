import { feeds } from "../posts/audience.ts";
import type { PostView } from "../posts/post.ts";
import type { Id } from "../store/ids.ts";
import type { PostReader } from "../timeline/sockets.ts";
import type { FeedServices } from "./feed.ts";

/** Single posts, as a feed shows them: for changes and sockets. */
export class FeedPosts implements PostReader {
	readonly #services: Pick<FeedServices, "graph" | "posts" | "postStore">;

	constructor(services: Pick<FeedServices, "graph" | "posts" | "postStore">) {
		this.#services = services;
	}

	/** Those of `ids` that belong into the viewer's feed as it is today. */
	async visible(viewer: Id, ids: readonly Id[]): Promise<Map<Id, PostView>> {
		if (ids.length === 0) return new Map();
		const { graph, posts, postStore } = this.#services;
		const rows = [...(await postStore.byIds(ids, viewer)).values()];
		const sights = await graph.sights(
			viewer,
			rows.map((row) => row.authorId),
		);
		const shown = rows.filter((row) => feeds(row.audience, sights.get(row.authorId)));
		return new Map((await posts.present(shown)).map((post) => [post.id, post]));
	}
}
