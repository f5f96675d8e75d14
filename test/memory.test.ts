import { expect, it } from "vitest";
import { Memory } from "../src/cache/memory.ts";

it("encoded pages count as the bytes that they are", () => {
	const memory = new Memory(1_000_000, () => 0);
	for (let n = 0; n < 60; n++) memory.keep(`page/${n}`, { value: { bytes: new Uint8Array(12_000) }, asOf: 0 }, 1000);
	expect(Array.from({ length: 60 }, (_, n) => memory.peek(`page/${n}`)).filter(Boolean)).toHaveLength(60);
});
