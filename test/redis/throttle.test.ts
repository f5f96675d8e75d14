import { describe, expect, it } from "vitest";
import { RedisThrottle } from "../../src/cache/redis.ts";
import { throttleContract } from "../throttle-contract.ts";
import { connection } from "./grid.ts";

describe("Redis", () => throttleContract(() => new RedisThrottle(connection)));

it("a Redis that is not there is an error that tells nothing of what was asked", async () => {
	const away = new RedisThrottle({ ...connection, url: "http://127.0.0.1:1" });
	const works = [
		away.take("a secret key", { limit: 1, window: 1_000 }),
		away.attempt("a secret key", { free: 1, first: 1, longest: 1, memory: 1 }),
		away.forgive("a secret key"),
	];
	for (const error of await Promise.all(works.map((work) => work.catch((failure: unknown) => failure)))) {
		expect(error).toBeInstanceOf(Error);
		expect(String(error)).not.toContain("secret");
	}
});
