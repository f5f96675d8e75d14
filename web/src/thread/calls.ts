import { mintKey } from "@edgefeed/sdk";
import { edgefeed } from "../session.ts";
import type { ThreadCalls } from "./thread.ts";

/** The API as a thread asks it. */
export const threadCalls: ThreadCalls = {
	post: (id) => edgefeed.posts.get(id),
	comments: (id, cursor) => edgefeed.comments.page(id, cursor === undefined ? {} : { cursor }),
	comment: (id, text, key) => edgefeed.comments.create(id, { text }, { idempotencyKey: key }),
	edit: (id, text) => edgefeed.posts.edit(id, { text }),
	remove: (id) => edgefeed.posts.delete(id),
	newKey: mintKey,
	online: () => navigator.onLine,
	keep: async (parentId, text) => {
		await edgefeed.outbox.add({ text, parentId });
	},
	retryKept: (key) => edgefeed.outbox.retry(key),
	cancelKept: (key) => edgefeed.outbox.cancel(key),
};
