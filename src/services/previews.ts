import type { AccountStore } from "../accounts/store.ts";
import { LinkPreviews } from "../posts/link-previews.ts";
import type { PostStore } from "../posts/store.ts";
import { PreviewMaker } from "../previews/fetch.ts";
import { PreviewImages } from "../previews/images.ts";
import { PreviewJobs } from "../previews/jobs.ts";
import type { PreviewMessage } from "../previews/messages.ts";
import { Previews } from "../previews/previews.ts";
import { PreviewStore } from "../previews/store.ts";
import { outsideOf } from "./configured.ts";
import type { Ground } from "./ground.ts";

/** What links look like: asked for by posts, looked up in the background. */
export function previewServices(
	{ env, settings, shards, doorbell, minter, now }: Ground,
	{ accounts, posts }: { accounts: AccountStore; posts: PostStore },
) {
	const previewStore = new PreviewStore(shards, now);
	/** The service does not ask itself. */
	const own = new Set(settings.PUBLIC_URL === undefined ? [] : [new URL(settings.PUBLIC_URL).host]);
	const outside = outsideOf(settings, own);
	const patience = settings.PREVIEW_TIMEOUT_SECONDS * 1000;
	const previewImages = new PreviewImages({
		outside,
		bucket: env.MEDIA,
		images: env.IMAGES,
		patience,
		inUse: (names) => posts.previewImagesAmong(names),
	});
	return {
		previewStore,
		previewImages,
		previews: new Previews({
			store: previewStore,
			queue: env.PREVIEWS as Queue<PreviewMessage>,
			own,
			exempt: settings.PREVIEW_TEST_ORIGIN,
			on: settings.LINK_PREVIEWS === "on",
		}),
		previewJobs: new PreviewJobs({
			shards,
			store: previewStore,
			maker: new PreviewMaker(outside, previewImages, patience),
			posts: new LinkPreviews({ accounts, posts, doorbell, minter }),
			now,
		}),
	};
}
