import { EdgefeedError, type Post } from "@edgefeed/sdk";
import { beforeAll, describe, expect, it } from "vitest";
import { dictionary } from "../src/texts/en/index.ts";
import { useDictionary } from "../src/texts/texts.ts";
import { rowsOf } from "../src/thread/conversation.ts";
import { deliveryText } from "../src/thread/delivery.ts";
import { lengthOf } from "../src/thread/length.ts";
import { type KeptComment, Thread, type ThreadCalls } from "../src/thread/thread.ts";

const me = { id: "M", username: "me", displayName: "Me", avatarUrl: null };
const problem = (code: string, status: number) => new EdgefeedError({ code, status, title: code });

function post(id: string, parentId: string | null, text = `text of ${id}`): Post {
	return {
		id,
		author: me,
		parentId,
		text,
		audience: "friends",
		link: null,
		media: [],
		preview: null,
		createdAt: "2026-11-21T10:00:00.000Z",
		editedAt: null,
		likeCount: 0,
		commentCount: 0,
		viewer: { liked: false },
	};
}

/** A server with one post. `fail` is thrown by the next calls of a kind. */
function server() {
	const comments: Post[] = [];
	const kept: KeptComment[] = [];
	const sent = new Map<string, Post>();
	const fail: Partial<Record<keyof ThreadCalls, Error>> = {};
	let keys = 0;
	const answer = <T>(call: keyof ThreadCalls, value: () => T): Promise<T> => {
		const error = fail[call];
		return error ? Promise.reject(error) : Promise.resolve().then(value);
	};
	const calls: ThreadCalls = {
		post: (id) => answer("post", () => ({ ...post(id, null), commentCount: comments.length })),
		comments: () => answer("comments", () => ({ items: [...comments].reverse(), next: null })),
		comment: (id, text, key) =>
			answer("comment", () => {
				const comment = sent.get(key) ?? post(String(comments.length + 1), id, text);
				if (!sent.has(key)) comments.push(comment);
				sent.set(key, comment);
				return comment;
			}),
		edit: (id, text) => answer("edit", () => post(id, "0", text)),
		remove: (id) =>
			answer("remove", () => {
				comments.splice(
					comments.findIndex((comment) => comment.id === id),
					1,
				);
			}),
		newKey: () => `key${++keys}`,
		online: () => fail.online === undefined,
		keep: async (parentId, text) => {
			kept.push({ id: `kept${kept.length}`, parentId, text, createdAt: 0, failed: false });
		},
		retryKept: async () => undefined,
		cancelKept: async (key) => {
			kept.splice(
				kept.findIndex(({ id }) => id === key),
				1,
			);
		},
	};
	return { calls, comments, kept, fail };
}

const shown = (thread: Thread) => {
	const { conversation, open } = thread.state.get();
	return conversation
		? rowsOf(conversation, open).flatMap((row) =>
				row.kind === "comment" ? [`${row.comment.id} ${row.comment.text}`] : [],
			)
		: [];
};

async function opened() {
	const { calls, ...rest } = server();
	const thread = new Thread("0", calls, () => me);
	await thread.open();
	return { thread, ...rest };
}

describe("a thread", () => {
	it("shows a comment before it has arrived, and then as the server has it", async () => {
		const { thread } = await opened();
		const arrived = thread.comment("hello", "0");
		expect(shown(thread)).toEqual(["~key1 hello"]);
		expect(await arrived).toBe(true);
		expect(shown(thread)).toEqual(["1 hello"]);
		expect(thread.state.get().conversation?.said.get("0")?.commentCount).toBe(1);
	});

	it("keeps a comment that did not arrive, and sends it again with the same key", async () => {
		const { thread, comments, fail } = await opened();
		fail.comment = problem("network_error", 0);
		expect(await thread.comment("hello", "0")).toBe(false);
		const unsent = [...(thread.state.get().conversation?.said.values() ?? [])].find(
			({ sending }) => sending === "failed",
		);
		expect(unsent?.text).toBe("hello");

		// What is looked for meanwhile does not take it away.
		await thread.refresh();
		expect(shown(thread)).toEqual(["~key1 hello"]);
		delete fail.comment;
		if (unsent) await thread.again(unsent);
		expect(shown(thread)).toEqual(["1 hello"]);
		expect(comments).toHaveLength(1);
	});

	it("keeps what is said without a network on this device, shows it after a reload too, and lets go of it", async () => {
		const { thread, comments, kept, fail } = await opened();
		fail.online = new Error();
		await thread.comment("from the tunnel", "0");
		await thread.comment("never mind", "0");
		expect(comments).toEqual([]);
		thread.kept([...kept]);
		expect(shown(thread)).toEqual(["~kept1 never mind", "~kept0 from the tunnel"]);
		await thread.discard("~kept1");
		thread.kept([...kept]);
		expect(shown(thread)).toEqual(["~kept0 from the tunnel"]);

		await thread.open();
		expect(shown(thread)).toEqual(["~kept0 from the tunnel"]);
		thread.arrived("kept0", post("7", "0", "from the tunnel"));
		thread.kept([]);
		expect(shown(thread)).toEqual(["7 from the tunnel"]);
	});

	it("puts a comment back whose deletion failed", async () => {
		const { thread, fail } = await opened();
		await thread.comment("hello", "0");
		fail.remove = problem("unavailable", 503);
		const removing = thread.remove("1");
		expect(shown(thread)).toEqual([]);
		await expect(removing).rejects.toThrow();
		expect(shown(thread)).toEqual(["1 hello"]);
		delete fail.remove;
		await thread.remove("1");
		await thread.refresh();
		expect(shown(thread)).toEqual([]);
	});

	it("an answer that is older than what was done here changes nothing", async () => {
		const { thread } = await opened();
		const looking = thread.refresh();
		const writing = thread.comment("hello", "0");
		await looking;
		await writing;
		expect(shown(thread)).toEqual(["1 hello"]);
	});

	it("tells a post that is missing from one that was deleted while it was read, and from no network", async () => {
		const { calls, fail } = server();
		const thread = new Thread("0", calls, () => me);
		fail.post = problem("network_error", 0);
		await thread.open();
		expect(thread.state.get().status).toBe("failed");
		fail.post = problem("post_not_found", 404);
		await thread.open();
		expect(thread.state.get().status).toBe("missing");
		delete fail.post;
		await thread.open();
		expect(thread.state.get().status).toBe("ready");
		fail.post = problem("network_error", 0);
		await thread.refresh();
		expect(thread.state.get().status).toBe("ready");
		fail.post = problem("post_not_found", 404);
		await thread.refresh();
		expect(thread.state.get().status).toBe("gone");
	});

	it("shows what the feed knows of the post while there is no network", async () => {
		const { calls, fail } = server();
		fail.post = fail.comments = problem("network_error", 0);
		const thread = new Thread("0", calls, () => me);
		await thread.open(post("0", null, "kept"));
		const { status, conversation, faults } = thread.state.get();
		expect(status).toBe("ready");
		expect(conversation?.said.get("0")?.text).toBe("kept");
		expect(faults.has("0")).toBe(true);
		delete fail.comments;
		await thread.more("0");
		expect(thread.state.get().faults.size).toBe(0);
	});
});

describe("what is said of a delivery", () => {
	beforeAll(() => useDictionary("en", dictionary));
	const of = (part: object) =>
		deliveryText({ followers: 50, delivered: 48, failed: 0, startedAt: "x", completedAt: null, ...part });

	it("how far it has come, and whom it will reach later", () => {
		expect(of({ startedAt: null })).toBeNull();
		expect(of({})).toBe("Reached 48 of 50");
		expect(of({ failed: 2, completedAt: "x" })).toBe("Reached 48 of 50 · 2 are tried again later");
		expect(of({ delivered: 50, completedAt: "x" })).toBe("Reached all 50 people");
		expect(of({ followers: 0, delivered: 0 })).toBeNull();
		expect(of({ followers: 0, delivered: 0, completedAt: "x" })).toBe("Nobody follows you yet. It is on your profile.");
	});
});

it("counts characters as the API does", () => {
	expect(lengthOf("한국어")).toBe(3);
	expect(lengthOf("👍🏽")).toBe(2);
});
