import fc from "fast-check";
import { expect, it } from "vitest";
import { EPOCH, encodeId, type Id } from "../src/store/ids.ts";
import { authorsOf, type Relation, Relations } from "../src/timeline/relations.ts";

const account = (n: number): Id => encodeId({ time: EPOCH + n * 7919, shard: n % 1024, tail: n });
const NOW = 1_800_000_000_000;

const relation: fc.Arbitrary<Relation> = fc.record({
	tie: fc.constantFrom("friend" as const, "follow" as const, undefined),
	version: fc.nat({ max: 3 }),
	heavy: fc.boolean(),
	mutedUntil: fc.constantFrom(0, NOW - 1, NOW + 1, Number.POSITIVE_INFINITY),
});
const puts = fc.array(fc.tuple(fc.nat({ max: 30 }), relation), { maxLength: 60 });

it("the sets say what was put last, whether they were kept in memory, stored or made anew", () => {
	fc.assert(
		fc.property(puts, (given) => {
			const model = new Map<Id, Relation>();
			const relations = Relations.of([]);
			let stored = relations.sets;
			for (const [n, each] of given) {
				const before = relations.of(account(n));
				const changed = relations.put(account(n), each);
				stored = { ...stored, ...changed };
				const after = each.tie
					? { ...each, heavy: each.heavy && each.tie === "follow" }
					: { tie: undefined, mutedUntil: 0, version: 0, heavy: false };
				expect(Object.keys(changed).length === 0).toBe(
					before.tie === after.tie &&
						before.mutedUntil === after.mutedUntil &&
						before.version === after.version &&
						before.heavy === after.heavy,
				);
				model.set(account(n), after);
			}
			const known = [...model].filter(([, { tie }]) => tie);
			for (const each of [relations, new Relations(stored), Relations.of(known)]) {
				expect(each.sets).toMatchObject({ friends: relations.sets.friends, follows: relations.sets.follows });
				expect(each.differing(relations)).toEqual([]);
				expect(each.heavy).toEqual(known.flatMap(([id, { heavy }]) => (heavy ? [id] : [])).toSorted());
				for (const [id, { tie, mutedUntil, version, heavy }] of model) {
					expect(each.of(id)).toEqual({ tie, mutedUntil, version, heavy });
					expect(each.shown(id, NOW)).toBe(mutedUntil > NOW ? undefined : tie);
				}
				expect(each.of(account(1000))).toEqual({ tie: undefined, mutedUntil: 0, version: 0, heavy: false });
				const shown = known.filter(([, { mutedUntil }]) => mutedUntil <= NOW);
				expect([...authorsOf(account(2000), each.packed(NOW))].toSorted()).toEqual(
					[[account(2000), "own"], ...shown.map(([id, { tie }]) => [id, tie])].toSorted(),
				);
				expect(each.hides(NOW)).toBe(shown.length < known.length);
			}
		}),
	);
});
