import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { history, play } from "./live-history.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** `npm run histories` plays a thousand. */
const { process } = globalThis as { process?: { env: Record<string, string | undefined> } };
const RUNS = Math.ceil(Number(process?.env.HISTORIES ?? 500) / 10);
/** Of one test. */
const BATCH = 50;

const clock = new VirtualClock();
beforeAll(() => clock.install());
afterAll(() => clock.uninstall());

it.each(Array.from({ length: Math.ceil(RUNS / BATCH) }, (_, n) => n + 1))(
	"a client behind a random network never shows a gap or a repeat, and ends with exactly the service's feed (%i)",
	async () => {
		const property = fc.asyncProperty(history, async (each) => {
			expect(await play(clock, each)).toEqual([]);
		});
		await fc.assert(property, { numRuns: Math.min(RUNS, BATCH), endOnFailure: RUNS > BATCH });
	},
	240_000,
);
