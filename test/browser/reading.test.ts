import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { encodeId, logicalShardOf } from "../../src/store/ids.ts";
import { PHONE } from "./device.ts";
import { devices } from "./devices.ts";
import { befriend, bring, crowd, join, type Person, surround } from "./server.ts";
import { arrived, gone, post, shown } from "./story.ts";

const device = devices();
const DAY = 86_400_000;

it("new posts wait behind a pill while one reads, and do not move what is read", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	for (let n = 1; n <= 30; n++) await ben.post(`letter ${n} of Ben`);
	const { page } = await device.of(ann, { viewport: PHONE });
	await shown(post(page, "letter 30 of Ben"));
	await scrollTo(page, "letter 15 of Ben");
	const before = await top(page, "letter 15 of Ben");
	await ben.post("letter 31 of Ben");
	await ben.post("letter 32 of Ben");
	const pill = page.getByRole("button", { name: /2 new posts/i });
	await shown(pill);
	expect(Math.abs((await top(page, "letter 15 of Ben")) - before)).toBeLessThan(2);
	await pill.click();
	await shown(post(page, "letter 32 of Ben"));
	expect(await page.evaluate(() => scrollY)).toBeLessThan(200);
	await gone(pill);
});

it("what was read on one device is read in another tab and on another device", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	await ben.post("note 0 of Ben");
	const reading = await device.of(ann);
	const phone = await device.of(ann, { viewport: PHONE });
	const tab = await reading.tab();
	for (const page of [tab, phone.page]) await page.goto("/friends");
	await reading.page.goto("/settings");
	for (let n = 1; n <= 3; n++) await ben.post(`note ${n} of Ben`);
	for (const page of [tab, phone.page]) await page.getByText("3 unread posts").waitFor({ state: "attached" });

	await reading.page.getByRole("link", { name: "Home", exact: true }).click();
	await arrived(reading.page, "note 3 of Ben");
	const newest = (await ann.feed())[0]?.id;
	await expect.poll(() => ann.call("GET", "/v1/feed/marker")).toMatchObject({ postId: newest, unreadCount: 0 });
	for (const page of [tab, phone.page]) await page.getByText(/unread post/).waitFor({ state: "detached" });
});

it("a reload comes back to where one was, and newer posts are above", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	for (let n = 1; n <= 60; n++) await ben.post(`page ${n} of the diary`);
	const { page } = await device.of(ann, { viewport: PHONE });
	await shown(post(page, "page 60 of the diary"));
	await scrollTo(page, "page 35 of the diary");
	// Where one is, is written down when it has been the same for a moment.
	await page.waitForTimeout(1_500);
	await page.reload();
	await shown(post(page, "page 35 of the diary"), 15_000);
	await expect.poll(() => inView(page, "page 35 of the diary")).toBe(true);
});

it("a feed of 5,000 friends is scrolled to its oldest post, without a gap or a repeat", {
	timeout: 240_000,
}, async () => {
	const [ann] = await join("Ann Archer");
	const friends = await crowd(5_000);
	await surround(ann, friends);
	const since = Date.now() - 20 * DAY;
	const posts = Array.from({ length: 3_100 }, (_, n) => {
		const { id: authorId } = friends[(n * 1_613) % friends.length] as Person;
		const id = encodeId({ time: since + n * 60_000, shard: logicalShardOf(authorId), tail: n % 4096 });
		return {
			id,
			authorId,
			text: `story ${n + 1}${n % 7 === 0 ? ", a long one. ".repeat(30) : ""}`,
			audience: "friends",
		};
	});
	await bring({ posts });
	const wanted = posts.map(({ id }) => id as string).reverse();
	const { page } = await device.of(ann, { viewport: PHONE });
	await shown(page.getByRole("article"), 30_000);
	const seen = await scrollDown(page, wanted.at(-1) ?? "", 200_000);
	expect(seen.length).toBe(wanted.length);
	expect(seen).toEqual(wanted);
	expect((await ann.feed()).map(({ id }) => id as string)).toEqual(wanted);
	// A page that keeps all of it in the document gets slow.
	expect(await page.getByRole("article").count()).toBeLessThan(500);
});

/** Scrolls until a post with this text is at the top of what is seen. */
async function scrollTo(page: Page, text: string): Promise<void> {
	for (let steps = 0; steps < 60; steps++) {
		const article = post(page, text);
		if ((await article.count()) > 0) {
			await article.first().evaluate((element) => element.scrollIntoView({ block: "start" }));
			await page.waitForTimeout(200);
			return;
		}
		await page.mouse.wheel(0, 600);
		await page.waitForTimeout(60);
	}
	throw new Error(`"${text}" never came`);
}

async function top(page: Page, text: string): Promise<number> {
	return (await post(page, text).first().boundingBox())?.y ?? Number.NaN;
}

async function inView(page: Page, text: string): Promise<boolean> {
	const box = await post(page, text).first().boundingBox();
	return box !== null && box.y + box.height > 0 && box.y < PHONE.height;
}

/** Scrolls on like somebody in a hurry. @returns the posts in the order in which they were first there */
async function scrollDown(page: Page, last: string, patience: number): Promise<string[]> {
	return page.evaluate(
		async ({ last, patience }) => {
			const seen = new Set<string>();
			const end = Date.now() + patience;
			while (!seen.has(last) && Date.now() < end) {
				for (const article of document.querySelectorAll<HTMLElement>("article[data-post-id]")) {
					seen.add(article.dataset.postId ?? "");
				}
				scrollBy(0, innerHeight * 0.8);
				await new Promise((next) => requestAnimationFrame(next));
			}
			return [...seen];
		},
		{ last, patience },
	);
}
