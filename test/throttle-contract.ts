import { expect, it } from "vitest";
import type { Patience, Throttle } from "../src/cache/throttle.ts";

/** Milliseconds: long enough for a busy machine to make its calls in. */
const WINDOW = 1_500;
const PATIENCE: Patience = { free: 3, first: 400, longest: 800, memory: 60_000 };

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What every throttle has to do, by the real clock: it is the throttle's own, wherever that runs. */
export function throttleContract(open: () => Throttle): void {
	const key = () => `test/${crypto.randomUUID()}`;

	it("lets so many through in a window and says how many are left, and when there is room again", async () => {
		const throttle = open();
		const [name, quota] = [key(), { limit: 3, window: WINDOW }];
		const verdicts = [];
		for (let time = 0; time < 4; time++) verdicts.push(await throttle.take(name, quota));
		expect(verdicts.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
			[true, 2],
			[true, 1],
			[true, 0],
			[false, 0],
		]);
		for (const verdict of verdicts) {
			expect(verdict.wait).toBeGreaterThan(0);
			expect(verdict.wait).toBeLessThanOrEqual(WINDOW);
		}
		expect(await throttle.take(key(), quota)).toMatchObject({ allowed: true, remaining: 2 });
		await wait((verdicts[3]?.wait ?? 0) + 20);
		expect(await throttle.take(name, quota)).toMatchObject({ allowed: true });
	});

	it("lets no more through when they all come at once", async () => {
		const throttle = open();
		const name = key();
		const verdicts = await Promise.all(
			Array.from({ length: 40 }, () => throttle.take(name, { limit: 7, window: 60_000 })),
		);
		expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(7);
		expect(await throttle.take(name, { limit: 7, window: 60_000 })).toMatchObject({ allowed: false });
		// A limit that is lowered holds for those who were let through before.
		expect(await throttle.take(name, { limit: 2, window: 60_000 })).toMatchObject({ allowed: false, remaining: 0 });
		expect(await throttle.take(name, { limit: 8, window: 60_000 })).toMatchObject({ allowed: true, remaining: 0 });
	});

	it("lets the first tries through, and each next one after twice the time", async () => {
		const throttle = open();
		const name = key();
		const first = [];
		for (let time = 0; time < 4; time++) first.push(await throttle.attempt(name, PATIENCE));
		expect(first.map(({ allowed }) => allowed)).toEqual([true, true, true, false]);
		expect(first[1]).toMatchObject({ remaining: 1, wait: 0 });
		expect(first[2]?.wait).toBe(400);
		// What is refused does not put the next one off.
		expect(first[3]?.wait).toBeLessThanOrEqual(400);
		await wait((first[3]?.wait ?? 0) + 20);
		for (const delay of [800, 800]) {
			const verdict = await throttle.attempt(name, PATIENCE);
			expect(verdict).toMatchObject({ allowed: true, remaining: 0, wait: delay });
			expect(await throttle.attempt(name, PATIENCE)).toMatchObject({ allowed: false });
			await wait(delay + 20);
		}
	});

	it("lets one of those through who try at once when it is time, and forgets when it is told to", async () => {
		const throttle = open();
		const name = key();
		for (let time = 0; time < 3; time++) await throttle.attempt(name, PATIENCE);
		await wait(430);
		const verdicts = await Promise.all(Array.from({ length: 20 }, () => throttle.attempt(name, PATIENCE)));
		expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(1);
		await throttle.forgive(name);
		await throttle.forgive(key());
		expect(await throttle.attempt(name, PATIENCE)).toMatchObject({ allowed: true, remaining: 2, wait: 0 });
	});

	it("forgets tries that are long ago", async () => {
		const throttle = open();
		const [name, patience] = [key(), { free: 1, first: 100, longest: 100, memory: 300 }];
		await throttle.attempt(name, patience);
		await wait(150);
		expect(await throttle.attempt(name, patience)).toMatchObject({ allowed: true, remaining: 0 });
		await wait(350);
		expect(await throttle.attempt(name, { ...patience, free: 2 })).toMatchObject({ allowed: true, remaining: 1 });
	});
}
