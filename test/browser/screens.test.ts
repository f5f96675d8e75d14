import AxeBuilder from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { DESKTOP, PHONE } from "./device.ts";
import { devices } from "./devices.ts";
import { befriend, join, type Person } from "./server.ts";

const device = devices();

/** Somebody who has friends, posts, comments and requests. */
let world: { ann: Person; paths: Record<string, string[]> };

beforeAll(async () => {
	const [ann, ben, cat, dan] = await join("Ann Archer", "Ben Baker", "Cat Cole", "Dan Dale");
	await befriend(ann, ben);
	for (let n = 1; n <= 4; n++)
		await ben.post(`Post ${n}\nwith a second line, https://example.com/${"long".repeat(40)}`);
	const { id } = await ann.post("안녕하세요 — 見えますか?", { audience: "public" });
	await ben.call("POST", `/v1/posts/${id}/comments`, { text: "I can read it" });
	await cat.call("POST", "/v1/friend-requests", { accountId: ann.id });
	await ann.call("POST", "/v1/friend-requests", { accountId: dan.id });
	world = {
		ann,
		paths: {
			posts: ["/", "/compose", `/posts/${id}`],
			people: [`/@${ann.username}`, `/@${cat.username}`, "/friends", "/search?q=Ben", "/nothing-is-here"],
			settings: ["", "/profile", "/sessions", "/language", "/blocked", "/account"].map((path) => `/settings${path}`),
		},
	};
});

it("every screen for strangers, at both widths, light and dark", async () => {
	const { page } = await device.open();
	for (const path of ["/sign-in", "/sign-up"]) await look(page, path);
});

it.each(["posts", "people", "settings"])("every screen of %s, at both widths, light and dark", async (kind) => {
	const { page } = await device.of(world.ann);
	for (const path of world.paths[kind] ?? []) await look(page, path);
});

/** Looks at a screen in four ways. Colours are all that a theme changes. */
async function look(page: Page, path: string): Promise<void> {
	await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
	await page.setViewportSize(PHONE);
	await page.goto(path);
	await page.locator("h1").waitFor({ state: "attached" });
	await page.waitForLoadState("networkidle");
	for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
		await page.setViewportSize(viewport);
		expect.soft(await page.locator("h1").count(), `${path}: one first heading`).toBe(1);
		const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		expect.soft(wide, `${path} is wider than a ${size}`).toBeLessThanOrEqual(0);
		for (const colorScheme of ["light", "dark"] as const) {
			await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
			const axe = new AxeBuilder({ page });
			const { violations } = await (colorScheme === "light" ? axe : axe.withRules(["color-contrast"])).analyze();
			const found = violations
				.filter(({ impact }) => impact === "serious" || impact === "critical")
				.map(
					({ id, nodes }) =>
						`${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`,
				);
			expect.soft(found, `${path}, ${size}, ${colorScheme}`).toEqual([]);
		}
	}
}
