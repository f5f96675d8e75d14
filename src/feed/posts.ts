import { LEVEL_OF, maySee } from "../posts/audience.ts";
import type { PostView } from "../posts/post.ts";
import type { Id } from "../store/ids.ts";
import type { PostReader, ReasonsOf } from "../timeline/sockets.ts";
import type { FeedServices } from "./feed.ts";

/** Single posts, as a feed shows them: for changes and sockets. */
export class FeedPosts implements PostReader {
	readonly #services: Pick<FeedServices, "posts" | "postStore">;

	constructor(services: Pick<FeedServices, "posts" | "postStore">) {
		this.#services = services;
	}

	/** Those of `ids` that belong into the viewer's feed as it is today, by what her timeline knows of their authors. */
	async visible(viewer: Id, ids: readonly Id[], reasonsOf: ReasonsOf): Promise<Map<Id, PostView>> {
		if (ids.length === 0) return new Map();
		const { posts, postStore } = this.#services;
		const rows = [...(await postStore.byIds(ids, viewer)).values()];
		const reasons = await reasonsOf([...new Set(rows.map((row) => row.authorId))]);
		const shown = rows.filter(({ audience, authorId }) => {
			const reason = reasons.get(authorId);
			return reason !== undefined && maySee(audience, LEVEL_OF[reason]);
		});
		return new Map((await posts.present(shown)).map((post) => [post.id, post]));
	}
}
