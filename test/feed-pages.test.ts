import { expect, it } from "vitest";
import { Memory } from "../src/cache/memory.ts";
import { FeedPages, type MadePage } from "../src/feed/pages.ts";
import { render } from "../src/gateway/conditional.ts";
import type { Id } from "../src/store/ids.ts";

const viewer = "0000000000001" as Id;

it("a page of a timeline that is still being built is not kept, nor takes it the place of one that is", async () => {
	let now = 1_000_000;
	const clock = () => now;
	const pages = new FeedPages(new Memory(1_000_000, clock), clock);
	const made = (seq: number, building: boolean): MadePage => ({
		page: { rendered: render(`{"seq":${seq}}`), seq, asOf: now, madeAt: now },
		building,
	});

	pages.keep(viewer, "", made(1, true));
	expect(pages.find(viewer, "", 0)).toBeUndefined();

	pages.keep(viewer, "", made(2, false));
	now += 2000;
	await pages.refresh(viewer, "", async () => made(3, true));
	expect(pages.find(viewer, "", 0)).toMatchObject({ page: { seq: 2 }, freshness: "STALE" });
	await pages.refresh(viewer, "", async () => made(4, false));
	expect(pages.find(viewer, "", 0)).toMatchObject({ page: { seq: 4 }, freshness: "HIT" });
});
