import type { AccountStore } from "../accounts/store.ts";
import type { LinkedPosts } from "../previews/jobs.ts";
import type { PreviewColumns } from "../previews/preview.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import { type Doorbell, underFreshId } from "../store/outbox.ts";
import { rankOf } from "./audience.ts";
import type { PostStore } from "./store.ts";

export interface LinkPreviewServices {
	accounts: AccountStore;
	posts: PostStore;
	doorbell: Doorbell;
	minter: IdMinter;
}

/** Puts previews into posts whose links have been looked at. */
export class LinkPreviews implements LinkedPosts {
	readonly #services: LinkPreviewServices;

	constructor(services: LinkPreviewServices) {
		this.#services = services;
	}

	async linkOf(postId: Id): Promise<string | undefined> {
		return (await this.#services.posts.linked(postId))?.link ?? undefined;
	}

	async attach(postId: Id, link: string, preview: PreviewColumns, job: Id): Promise<void> {
		const { accounts, doorbell, minter, posts } = this.#services;
		const post = await posts.linked(postId);
		if (!post || post.link !== link || post.preview === preview.preview)
			return posts.setPreview(postId, link, preview, [], job);
		const { authorId } = post;
		// Millions have nothing to hear of: followers of a heavy author see it when they read.
		const isHeavy = (await accounts.heavyAmong([authorId])).has(authorId);
		const audience = isHeavy ? Math.max(post.audience, rankOf("friends")) : post.audience;
		const told = await underFreshId(
			() => minter.mint(logicalShardOf(postId)),
			async (id) => {
				await posts.setPreview(
					postId,
					link,
					preview,
					[{ id, task: { kind: "edit", postId, authorId, audience } }],
					job,
				);
				return id;
			},
		);
		await doorbell.ring([told]);
	}
}
