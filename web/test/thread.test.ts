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
	let kept: KeptComment[] = [];
	const fail: Partial<Record<keyof ThreadCalls, Error>> = {};
	/** Told of what is kept, as the outbox does. */
	let told: Thread | undefined;
	const keep = (now: KeptComment[]) => {
		kept = now;
		told?.kept(now);
	};
	const answer = <T>(call: keyof ThreadCalls, value: () => T): Promise<T> => {
		const error = fail[call];
		return error ? Promise.reject(error) : Promise.resolve().then(value);
	};
	let keys = 0;
	const calls: ThreadCalls = {
		post: (id) => answer("post", () => ({ ...post(id, null), commentCount: comments.length })),
		comments: () => answer("comments", () => ({ items: [...comments].reverse(), next: null })),
		send: (parentId, text) =>
			answer("send", () => keep([...kept, { id: `key${++keys}`, parentId, text, createdAt: 0, sending: "waiting" }])),
		edit: (id, text) => answer("edit", () => post(id, "0", text)),
		remove: (id) =>
			answer("remove", () => {
				comments.splice(
					comments.findIndex((comment) => comment.id === id),
					1,
				);
			}),
		retry: async (key) => keep(kept.map((each) => (each.id === key ? { ...each, sending: "waiting" } : each))),
		cancel: async (key) => keep(kept.filter(({ id }) => id !== key)),
	};
	/** The outbox sends what it has. */
	const deliver = () => {
		for (const { id, parentId, text } of kept) {
			const comment = post(String(comments.length + 1), parentId, text);
			comments.push(comment);
			told?.arrived(id, comment);
		}
		keep([]);
	};
	const refuse = () => keep(kept.map((each) => ({ ...each, sending: "failed" })));
	const tell = (thread: Thread) => {
		told = thread;
		thread.kept(kept);
	};
	return { calls, comments, fail, deliver, refuse, tell };
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
	rest.tell(thread);
	await thread.open();
	return { thread, calls, ...rest };
}

describe("a thread", () => {
	it("shows a comment before it has arrived, and then as the server has it", async () => {
		const { thread, deliver } = await opened();
		await thread.comment("hello", "0");
		expect(shown(thread)).toEqual(["~key1 hello"]);
		expect(thread.state.get().conversation?.said.get("~key1")?.sending).toBe("waiting");
		deliver();
		expect(shown(thread)).toEqual(["1 hello"]);
		expect(thread.state.get().conversation?.said.get("0")?.commentCount).toBe(1);
	});

	it("keeps a comment that was refused, through looks for what is new and a reload, until it is sent again", async () => {
		const { thread, calls, comments, deliver, refuse, tell } = await opened();
		await thread.comment("hello", "0");
		refuse();
		await thread.refresh();
		expect(shown(thread)).toEqual(["~key1 hello"]);
		const anew = new Thread("0", calls, () => me);
		tell(anew);
		await anew.open();
		expect(anew.state.get().conversation?.said.get("~key1")?.sending).toBe("failed");
		await anew.again("~key1");
		expect(anew.state.get().conversation?.said.get("~key1")?.sending).toBe("waiting");
		deliver();
		expect(shown(anew)).toEqual(["1 hello"]);
		expect(comments).toHaveLength(1);
	});

	it("lets go of a comment that is not to be sent any more", async () => {
		const { thread, comments, deliver } = await opened();
		await thread.comment("from the tunnel", "0");
		await thread.comment("never mind", "0");
		expect(shown(thread)).toEqual(["~key2 never mind", "~key1 from the tunnel"]);
		await thread.discard("~key2");
		expect(shown(thread)).toEqual(["~key1 from the tunnel"]);
		deliver();
		expect(shown(thread)).toEqual(["1 from the tunnel"]);
		expect(comments).toHaveLength(1);
	});

	it("says so when a comment cannot even be kept, and shows none", async () => {
		const { thread, fail } = await opened();
		fail.send = new Error("the disk is full");
		await expect(thread.comment("hello", "0")).rejects.toThrow("full");
		expect(shown(thread)).toEqual([]);
	});

	it("puts a comment back whose deletion failed", async () => {
		const { thread, fail, deliver } = await opened();
		await thread.comment("hello", "0");
		deliver();
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
		const { thread, deliver } = await opened();
		const looking = thread.refresh();
		await thread.comment("hello", "0");
		deliver();
		await looking;
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
