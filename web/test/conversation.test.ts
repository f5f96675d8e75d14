import type { Post } from "@edgefeed/sdk";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
	begin,
	type Conversation,
	rowsOf,
	withNewest,
	withOlder,
	without,
	withRetried,
	withSaid,
	withSending,
	withSent,
} from "../src/thread/conversation.ts";

const author = { id: "A", username: "mina", displayName: "Mina", avatarUrl: null };

function said(id: string, parentId: string | null, commentCount = 0): Post {
	return {
		id,
		author: { ...author, displayName: `author of ${id}` },
		parentId,
		text: `text of ${id}`,
		audience: "friends",
		link: null,
		media: [],
		preview: null,
		createdAt: "2026-11-21T10:00:00.000Z",
		editedAt: null,
		likeCount: 0,
		commentCount,
		viewer: { liked: false },
	};
}

const page = (ids: readonly string[], next: string | null = null, parentId = "0") => ({
	items: ids.map((id) => said(id, parentId)),
	next,
});
const shown = (conversation: Conversation, open: readonly string[] = []) =>
	rowsOf(conversation, new Set(open)).map((row) =>
		row.kind === "comment"
			? `${"-".repeat(row.depth)}${row.comment.id}`
			: `${"-".repeat(row.depth)}more ${row.parentId}`,
	);

describe("a conversation", () => {
	it("shows comments newest first, and that there are older ones", () => {
		let now = withNewest(begin(said("0", null, 4)), "0", page(["9", "8"], "c"));
		expect(shown(now)).toEqual(["9", "8", "more 0"]);
		now = withOlder(now, "0", page(["8", "7", "6"]));
		expect(shown(now)).toEqual(["9", "8", "7", "6"]);
	});

	it("shows answers oldest first below what they answer, and flat from the third level on", () => {
		let now = withNewest(begin(said("0", null)), "0", { items: [said("1", "0", 2)], next: null });
		expect(shown(now)).toEqual(["1", "-more 1"]);
		now = withNewest(now, "1", { items: [said("3", "1"), said("2", "1", 1)], next: "c" });
		now = withNewest(now, "2", { items: [said("4", "2", 1)], next: null });
		now = withNewest(now, "4", { items: [said("5", "4")], next: null });
		expect(shown(now, ["1", "2", "4"])).toEqual(["1", "-more 1", "-2", "--4", "--5", "-3"]);
		const answers = rowsOf(now, new Set(["1", "2", "4"])).map(
			(row) => row.kind === "comment" && row.answers?.displayName,
		);
		expect(answers).toEqual([undefined, false, undefined, undefined, "author of 4", undefined]);
	});

	it("brings together a page that is newer with what is held", () => {
		const held = withOlder(withNewest(begin(said("0", null)), "0", page(["5", "4"], "c")), "0", page(["3", "2"], "d"));
		expect(shown(withNewest(held, "0", page(["6", "5", "4"], "x")))).toEqual(["6", "5", "4", "3", "2", "more 0"]);
		// 4 was deleted meanwhile.
		expect(shown(withNewest(held, "0", page(["6", "5", "3"], "x")))).toEqual(["6", "5", "3", "2", "more 0"]);
		// More has come than a page holds: what is held would stand behind a gap.
		expect(shown(withNewest(held, "0", page(["9", "8"], "x")))).toEqual(["9", "8", "more 0"]);
		expect(shown(withNewest(held, "0", page([])))).toEqual([]);
	});

	it("shows a comment that is being sent first, and the server's in its place", () => {
		const before = withNewest(begin(said("0", null, 1)), "0", page(["5"]));
		const sending = withSending(before, "key", said("", "0"), "waiting");
		expect(shown(sending)).toEqual(["~key", "5"]);
		expect(sending.said.get("0")?.commentCount).toBe(2);
		expect(withRetried(sending, "~key", "failed").said.get("~key")?.sending).toBe("failed");

		const sent = withSent(sending, "~key", said("7", "0"));
		expect(shown(sent)).toEqual(["7", "5"]);
		// A page may have brought it, and something newer, before the answer came.
		const brought = withNewest(sending, "0", page(["8", "7", "5"]));
		expect(shown(brought)).toEqual(["~key", "8", "7", "5"]);
		expect(shown(withSent(brought, "~key", said("7", "0")))).toEqual(["8", "7", "5"]);
		expect(shown(without(sending, "~key"))).toEqual(["5"]);
		expect(without(sending, "~key").said.get("0")?.commentCount).toBe(1);
	});

	it("loses with a comment what answers it", () => {
		let now = withNewest(begin(said("0", null, 1)), "0", { items: [said("1", "0", 1)], next: null });
		now = withNewest(now, "1", { items: [said("2", "1")], next: null });
		const gone = without(now, "1");
		expect(shown(gone, ["1"])).toEqual([]);
		expect([...gone.said.keys()]).toEqual(["0"]);
		expect(gone.said.get("0")?.commentCount).toBe(0);
	});

	it("does not take in what it does not show", () => {
		const now = begin(said("0", null));
		expect(withSaid(now, said("1", "0"))).toBe(now);
		expect(withSent(now, "~key", said("1", "0"))).toBe(now);
	});

	it("whatever comes and goes between two pages, shows no comment twice and none that is gone", () => {
		const SIZE = 3;
		const ids = fc.uniqueArray(fc.integer({ min: 100, max: 199 }), { maxLength: 20 });
		const newestFirst = (numbers: readonly number[]) => numbers.map(String).sort().reverse();
		const pageOf = (all: readonly string[], before: string | undefined) => {
			const rest = all.filter((id) => before === undefined || id < before);
			const items = rest.slice(0, SIZE);
			return page(items, rest.length > SIZE ? (items.at(-1) ?? null) : null);
		};
		fc.assert(
			fc.property(ids, ids, fc.nat(6), (first, gone, turns) => {
				const before = newestFirst(first);
				let now = withNewest(begin(said("0", null)), "0", pageOf(before, undefined));
				for (let turn = 0; turn < turns; turn++) {
					const next = now.branches.get("0")?.next;
					if (next) now = withOlder(now, "0", pageOf(before, next));
				}
				// What came later is newer than all that was there; what went was anywhere.
				const then = newestFirst([...first.filter((id) => !gone.includes(id)), ...gone.map((id) => id + 100)]);
				const rows = shown(withNewest(now, "0", pageOf(then, undefined))).filter((row) => !row.startsWith("more"));
				expect(rows.slice(0, SIZE)).toEqual(then.slice(0, SIZE));
				expect(rows).toEqual([...new Set(rows)].sort().reverse());
				// Nothing is left out between two that are shown; what went below the page is found out when that is read.
				const there = rows.filter((id) => then.includes(id));
				expect(there).toEqual(then.slice(0, there.length));
			}),
		);
	});
});
