import { takeBack } from "../compose/unsent.ts";
import { edgefeed } from "../session.ts";
import type { ThreadCalls } from "./thread.ts";

/** The API as a thread asks it. */
export const threadCalls: ThreadCalls = {
	post: (id) => edgefeed.posts.get(id),
	comments: (id, cursor) => edgefeed.comments.page(id, cursor === undefined ? {} : { cursor }),
	edit: (id, text) => edgefeed.posts.edit(id, { text }),
	remove: (id) => edgefeed.posts.delete(id),
	send: async (parentId, text) => {
		await edgefeed.outbox.add({ text, parentId });
	},
	retry: (key) => edgefeed.outbox.retry(key),
	cancel: takeBack,
};
