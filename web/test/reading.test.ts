import { expect, it } from "vitest";
import { furthest, grownAbove, lineAbove, openingOf } from "../src/feed/reading.ts";

const ids = ["9", "7", "5", "3"];

it("the feed opens where this tab was, even when that post is gone", () => {
	expect(openingOf({ ids, hasOlder: false }, { postId: "6", offset: 12 }, null)).toEqual({
		kind: "post",
		index: 2,
		offset: 12,
	});
	expect(openingOf({ ids, hasOlder: true }, { postId: "1", offset: 0 }, null)).toEqual({ kind: "load" });
});

it("else at the marker, with what is new above; at the top when nothing is", () => {
	const held = { ids, hasOlder: true };
	expect(openingOf(held, null, { postId: "5", unreadCount: 2 })).toMatchObject({ kind: "post", index: 2 });
	expect(openingOf(held, null, { postId: "9", unreadCount: 0 })).toEqual({ kind: "top" });
	expect(openingOf(held, null, { postId: null, unreadCount: 4 })).toEqual({ kind: "top" });
	expect(openingOf(held, null, null)).toEqual({ kind: "top" });
});

it("a marker below what is held is read up to, unless it is far", () => {
	expect(openingOf({ ids, hasOlder: true }, null, { postId: "1", unreadCount: 40 })).toEqual({ kind: "load" });
	expect(openingOf({ ids, hasOlder: true }, null, { postId: "1", unreadCount: 900 })).toEqual({ kind: "far" });
	expect(openingOf({ ids, hasOlder: false }, null, { postId: "1", unreadCount: 4 })).toEqual({ kind: "top" });
});

it("the marker only moves forward, to the newest that was seen", () => {
	expect(furthest(["3", "7", "5"], "5")).toBe("7");
	expect(furthest(["3", "5"], "5")).toBeUndefined();
	expect(furthest(["3"], null)).toBe("3");
	expect(furthest([], null)).toBeUndefined();
});

it("the line stands above the newest post that was read", () => {
	expect(lineAbove(ids, "6")).toBe(2);
	expect(lineAbove(ids, "9")).toBe(0);
	expect(lineAbove(ids, "1")).toBeUndefined();
});

it("rows that come above what is read are told from those below", () => {
	expect(grownAbove(ids, ["9", "8", "7", "5", "3"], "7")).toBe(true);
	expect(grownAbove(ids, ["9", "7", "5", "4", "3"], "7")).toBe(false);
	expect(grownAbove(ids, ["9", "8", ...ids.slice(1)], undefined)).toBe(false);
});
