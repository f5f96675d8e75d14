import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeCursor, encodeCursor } from "../src/gateway/cursor.ts";
import { ID_PATTERN } from "../src/store/ids.ts";

const id = fc.stringMatching(ID_PATTERN);
const NUMBER = /^\d{1,15}$/;

it("a cursor gives back its parts", () => {
	fc.assert(
		fc.property(fc.nat(), id, (at, other) => {
			const cursor = encodeCursor("people", at, other);
			expect(cursor).toMatch(/^[\w-]+$/);
			expect(decodeCursor("people", cursor, NUMBER, ID_PATTERN)).toEqual([String(at), other]);
		}),
	);
});

it("a cursor of another list is refused", () => {
	fc.assert(
		fc.property(id, (other) => {
			expect(() => decodeCursor("feed", encodeCursor("posts", other), ID_PATTERN)).toThrow("cursor");
			expect(() => decodeCursor("posts", encodeCursor("posts", other, 1), ID_PATTERN)).toThrow("cursor");
		}),
	);
});

it("any other text is refused with the same problem", () => {
	fc.assert(
		fc.property(fc.oneof(fc.string(), fc.base64String(), id), (text) => {
			expect(() => decodeCursor("posts", text, ID_PATTERN)).toThrow(
				expect.objectContaining({ code: "invalid_cursor" }),
			);
		}),
		{ numRuns: 1000 },
	);
});

it("a cursor that was changed in one place is refused, or is another cursor", () => {
	fc.assert(
		fc.property(id, fc.nat(), fc.constantFrom(..."ABCXYZabcxyz0189-_"), (other, place, letter) => {
			const cursor = encodeCursor("posts", other);
			const at = place % cursor.length;
			const changed = cursor.slice(0, at) + letter + cursor.slice(at + 1);
			fc.pre(changed !== cursor);
			try {
				const [found] = decodeCursor("posts", changed, ID_PATTERN);
				expect(found).not.toBe(other);
			} catch (error) {
				expect(error).toMatchObject({ code: "invalid_cursor" });
			}
		}),
		{ numRuns: 1000 },
	);
});
