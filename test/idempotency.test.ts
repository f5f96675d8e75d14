import { runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { EPOCH, encodeId } from "../src/store/ids.ts";
import { Idempotency, KEY_LIFETIME } from "../src/timeline/idempotency.ts";
import { env } from "./env.ts";

const id = (n: number) => encodeId({ time: EPOCH + n, shard: 0, tail: 0 });

function inObject(test: (keys: Idempotency) => void) {
	return runInDurableObject(env.TIMELINE.getByName(crypto.randomUUID()), (_, state) =>
		test(new Idempotency(state.storage.sql)),
	);
}

it("a key gives the same id until it is done, and then its answer, for a day", async () => {
	await inObject((keys) => {
		const now = 1_800_000_000_000;
		expect(keys.reserve("k", "f", id(1), now)).toEqual({ state: "proceed", id: id(1), stale: false });
		expect(keys.reserve("k", "f", id(2), now + 5)).toEqual({ state: "proceed", id: id(1), stale: false });
		expect(keys.reserve("k", "other", id(3), now + 6)).toEqual({ state: "mismatch" });
		expect(keys.complete("k", "first")).toBe("first");
		expect(keys.complete("k", "second")).toBe("first");
		expect(keys.reserve("k", "f", id(4), now + KEY_LIFETIME)).toEqual({ state: "done", body: "first" });
		expect(keys.reserve("k", "f", id(5), now + KEY_LIFETIME + 1)).toEqual({
			state: "proceed",
			id: id(5),
			stale: false,
		});
	});
});

it("a claim that nothing came of is renewed once, whoever repeats it", async () => {
	await inObject((keys) => {
		const now = 1_800_000_000_000;
		keys.reserve("k", "f", id(1), now);
		expect(keys.reserve("k", "f", id(2), now + 3_600_000)).toEqual({ state: "proceed", id: id(1), stale: true });
		expect(keys.renew("k", id(1), id(2), now + 3_600_000)).toBe(id(2));
		expect(keys.renew("k", id(1), id(3), now + 3_600_001)).toBe(id(2));
		expect(keys.reserve("k", "f", id(4), now + 3_600_002)).toEqual({ state: "proceed", id: id(2), stale: false });
	});
});
