import { feeds, LEVEL_OF, maySee } from "../posts/audience.ts";
import type { PostView } from "../posts/post.ts";
import type { PostRow } from "../posts/store.ts";
import type { Id } from "../store/ids.ts";
import type { PostReader, ReasonOf } from "../timeline/sockets.ts";
import type { FeedServices } from "./feed.ts";

/** Single posts, as a feed shows them: for changes and sockets. */
export class FeedPosts implements PostReader {
	readonly #services: Pick<FeedServices, "graph" | "posts" | "postStore">;

	constructor(services: Pick<FeedServices, "graph" | "posts" | "postStore">) {
		this.#services = services;
	}

	/** Those of `ids` that belong into the viewer's feed as it is today; who knows the reasons saves the look-up. */
	async visible(viewer: Id, ids: readonly Id[], reasonOf?: ReasonOf): Promise<Map<Id, PostView>> {
		if (ids.length === 0) return new Map();
		const { posts, postStore } = this.#services;
		const rows = [...(await postStore.byIds(ids, viewer)).values()];
		const fed = reasonOf ? byReason(reasonOf) : await this.#bySight(viewer, rows);
		return new Map((await posts.present(rows.filter(fed))).map((post) => [post.id, post]));
	}

	async #bySight(viewer: Id, rows: readonly PostRow[]): Promise<(row: PostRow) => boolean> {
		const sights = await this.#services.graph.sights(
			viewer,
			rows.map((row) => row.authorId),
		);
		return ({ audience, authorId }) => feeds(audience, sights.get(authorId));
	}
}

function byReason(reasonOf: ReasonOf): (row: PostRow) => boolean {
	return ({ audience, authorId }) => {
		const reason = reasonOf(authorId);
		return reason !== undefined && maySee(audience, LEVEL_OF[reason]);
	};
}
