import { describe, expect, it } from "vitest";
import { LONGEST, lengthOf, roomLeft } from "../src/compose/length.ts";
import { sharedText } from "../src/compose/opened.ts";
import { within } from "../src/compose/prepare.ts";

describe("the room that is left", () => {
	it("counts what a reader would, as the server does", () => {
		expect(lengthOf("a가😀")).toBe(3);
		expect(lengthOf("")).toBe(0);
	});

	it("is told only near the end", () => {
		expect(roomLeft("a".repeat(LONGEST - 201))).toBeNull();
		expect(roomLeft("a".repeat(LONGEST - 200))).toBe(200);
		expect(roomLeft("a".repeat(LONGEST + 3))).toBe(-3);
		// Twice as many code units as characters.
		expect(roomLeft("😀".repeat(LONGEST - 201))).toBeNull();
		expect(roomLeft("😀".repeat(LONGEST))).toBe(0);
	});
});

describe("what another app shares", () => {
	const shared = (query: string) => sharedText(new URLSearchParams(query));

	it("becomes one text", () => {
		expect(shared("title=A page&url=https://example.com/a")).toBe("A page\nhttps://example.com/a");
		expect(shared("text=Look")).toBe("Look");
		expect(shared("")).toBe("");
	});

	it("says nothing twice", () => {
		expect(shared("title=A page&text=A page https://example.com/a&url=https://example.com/a")).toBe(
			"A page\nA page https://example.com/a",
		);
	});
});

describe("a photo that is too large", () => {
	it("keeps its shape", () => {
		expect(within(4000, 3000, 2048)).toEqual({ width: 2048, height: 1536 });
		expect(within(3000, 4000, 2048)).toEqual({ width: 1536, height: 2048 });
		expect(within(100, 50, 2048)).toEqual({ width: 100, height: 50 });
		expect(within(10_000, 1, 2048)).toEqual({ width: 2048, height: 1 });
	});
});
