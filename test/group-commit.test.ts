import fc from "fast-check";
import { expect, it } from "vitest";
import { GroupCommit, type GroupLimits, TooManyWaiting } from "../src/posts/group-commit.ts";

const LIMITS: GroupLimits = { together: 5, waiting: 50, burst: 3, interval: 100 };

/** One on a clock of its own, with the times of its writes. */
function group(limits: GroupLimits, write: (wishes: number[], now: number) => Promise<number[]>) {
	const clock = { now: 1000 };
	const writes: { at: number; wishes: number[] }[] = [];
	const sleep = async (milliseconds: number) => {
		clock.now += milliseconds;
	};
	const commit = new GroupCommit<number, number>(
		(wishes) => {
			writes.push({ at: clock.now, wishes });
			return write(wishes, clock.now);
		},
		limits,
		() => clock.now,
		sleep,
	);
	return { clock, writes, commit };
}

const echo = async (wishes: number[]) => wishes;

it("one that comes alone is written at once, also several times after each other", async () => {
	const { clock, commit, writes } = group(LIMITS, echo);
	for (const time of [1000, 1001, 1002]) {
		clock.now = time;
		expect(await commit.add(time)).toBe(time);
	}
	expect(writes.map(({ at }) => at)).toEqual([1000, 1001, 1002]);
});

it("after a burst, writes are the interval apart; a rest gives the burst back", async () => {
	const { clock, commit, writes } = group(LIMITS, echo);
	for (let n = 0; n < 6; n++) await commit.add(n);
	expect(writes.map(({ at }) => at)).toEqual([1000, 1000, 1000, 1100, 1200, 1300]);
	clock.now = 1700;
	for (let n = 0; n < 4; n++) await commit.add(n);
	expect(writes.slice(6).map(({ at }) => at)).toEqual([1700, 1700, 1700, 1800]);
});

it("a clock that is put back makes nobody wait for longer than the interval", async () => {
	const { clock, commit, writes } = group(LIMITS, echo);
	clock.now = 1_000_000;
	for (let n = 0; n < 4; n++) await commit.add(n);
	clock.now = 5000;
	await commit.add(4);
	expect(writes.at(-1)?.at).toBe(5100);
});

it("what comes while one is written is written together, in its order, so many at a time", async () => {
	const { commit, writes } = group(LIMITS, echo);
	const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => commit.add(n)));
	expect(answers).toEqual(Array.from({ length: 12 }, (_, n) => n));
	expect(writes.map(({ wishes }) => wishes)).toEqual([[0], [1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11]]);
});

it("more than may wait are refused, and nobody else is", async () => {
	const { commit } = group(LIMITS, echo);
	const answers = await Promise.allSettled(Array.from({ length: 60 }, (_, n) => commit.add(n)));
	const refused = answers.filter((answer) => answer.status === "rejected");
	// One is being written.
	expect(refused.map(({ reason }) => reason instanceof TooManyWaiting)).toEqual(Array(9).fill(true));
	expect(await commit.add(60)).toBe(60);
});

it("whatever comes whenever: each is written once and hears of it, one write at a time, none too soon", async () => {
	const arrival = fc.record({ after: fc.integer({ min: 0, max: 250 }), count: fc.integer({ min: 1, max: 12 }) });
	const fate = fc.constantFrom("done", "done", "done", "failed");
	await fc.assert(
		fc.asyncProperty(
			fc.array(arrival, { maxLength: 20 }),
			fc.array(fate, { maxLength: 40 }),
			async (arrivals, fates) => {
				let writing = 0;
				const written: number[] = [];
				const { clock, commit, writes } = group(LIMITS, async (wishes) => {
					expect(++writing).toBe(1);
					await undefined;
					writing--;
					if (fates.shift() === "failed") throw new Error("down");
					written.push(...wishes);
					return wishes.map((wish) => wish * 2);
				});
				const heard: Promise<[number, number | undefined]>[] = [];
				let next = 0;
				for (const { after, count } of arrivals) {
					clock.now += after;
					for (let n = 0; n < count; n++) {
						const wish = next++;
						heard.push(
							commit.add(wish).then(
								(answer) => [wish, answer],
								() => [wish, undefined],
							),
						);
					}
					// Some find the one before still under way.
					if (after % 2) await Promise.all(heard);
				}
				const answers = await Promise.all(heard);
				const acknowledged = answers.filter(([, answer]) => answer !== undefined);
				expect(acknowledged.map(([wish]) => wish)).toEqual(written);
				for (const [wish, answer] of acknowledged) expect(answer).toBe(wish * 2);
				for (const { wishes } of writes) expect(wishes.length).toBeLessThanOrEqual(LIMITS.together);
				for (const [n, { at }] of writes.entries()) {
					const earlier = writes[n - LIMITS.burst - 1];
					if (earlier) expect(at - earlier.at).toBeGreaterThanOrEqual(LIMITS.interval);
				}
			},
		),
	);
});
