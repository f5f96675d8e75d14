import fc from "fast-check";
import { expect, it } from "vitest";
import {
	decodeId,
	EPOCH,
	encodeId,
	firstIdAt,
	type Id,
	IdMinter,
	isId,
	logicalShardOf,
	successor,
	timeOf,
} from "../src/store/ids.ts";

const parts = fc.record({
	time: fc.integer({ min: EPOCH, max: EPOCH + 2 ** 41 - 1 }),
	shard: fc.integer({ min: 0, max: 1023 }),
	tail: fc.integer({ min: 0, max: 4095 }),
});

/** The number that an id stands for, worked out the long way. */
function value(id: Id): bigint {
	return [...id].reduce((sum, letter) => sum * 32n + BigInt("0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(letter)), 0n);
}

it("an id gives back what it was made of", () => {
	fc.assert(
		fc.property(parts, (made) => {
			const id = encodeId(made);
			expect(isId(id)).toBe(true);
			expect(decodeId(id)).toEqual(made);
			expect(logicalShardOf(id)).toBe(made.shard);
			expect(timeOf(id)).toBe(made.time);
			expect(value(id)).toBe((BigInt(made.time - EPOCH) << 22n) | (BigInt(made.shard) << 12n) | BigInt(made.tail));
		}),
		{ numRuns: 2000 },
	);
});

it("text order is number order, and so time order", () => {
	fc.assert(
		fc.property(parts, parts, (a, b) => {
			const [left, right] = [encodeId(a), encodeId(b)];
			expect(left < right).toBe(value(left) < value(right));
			if (a.time < b.time) expect(left < right).toBe(true);
			expect(firstIdAt(a.time) <= left).toBe(true);
		}),
		{ numRuns: 2000 },
	);
});

it("the successor is the next number", () => {
	fc.assert(
		fc.property(parts, (made) => {
			const id = encodeId(made);
			expect(value(successor(id))).toBe(value(id) + 1n);
		}),
		{ numRuns: 2000 },
	);
});

it("only the canonical form is an id", () => {
	const id = encodeId({ time: EPOCH + 5, shard: 17, tail: 9 });
	for (const text of [
		"",
		id.toLowerCase(),
		`${id}0`,
		id.slice(1),
		`8${id.slice(1)}`,
		`${id.slice(0, -1)}U`,
		` ${id}`,
		`${id}\n`,
	]) {
		if (text !== id) expect(isId(text), text).toBe(false);
	}
	fc.assert(
		fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9A-Z]{13}$/)), (text) => {
			if (isId(text)) expect(encodeId(decodeId(text))).toBe(text);
			else expect(text).not.toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{12}$/);
		}),
	);
});

it("a part out of its range is refused", () => {
	const good = { time: EPOCH, shard: 0, tail: 0 };
	for (const bad of [
		{ time: EPOCH - 1 },
		{ time: EPOCH + 2 ** 41 },
		{ time: Number.NaN },
		{ shard: -1 },
		{ shard: 1024 },
		{ shard: 0.5 },
		{ tail: 4096 },
		{ tail: -1 },
	]) {
		expect(() => encodeId({ ...good, ...bad })).toThrow(RangeError);
	}
});

it("a minter never repeats and always grows, also when the clock stands still or goes back", () => {
	fc.assert(
		fc.property(
			fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 60 }),
			fc.double({ min: 0, max: 0.999, noNaN: true }),
			(steps, chance) => {
				let now = EPOCH + 1_000_000;
				const minter = new IdMinter(
					() => now,
					() => chance,
				);
				let last = "";
				for (const step of steps) {
					now += step;
					for (let i = 0; i < 200; i++) {
						const id = minter.mint(7);
						expect(id > last).toBe(true);
						last = id;
					}
				}
			},
		),
		{ numRuns: 30 },
	);
});

it("a millisecond that is full borrows from the next", () => {
	const minter = new IdMinter(
		() => EPOCH + 10,
		() => 0.5,
	);
	const ids = Array.from({ length: 10_000 }, () => minter.mint(1023));
	expect(new Set(ids).size).toBe(10_000);
	expect(ids).toEqual(ids.toSorted());
});
