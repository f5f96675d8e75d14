import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { devices } from "./devices.ts";
import { befriend, join, PASSWORD } from "./server.ts";
import { choose, gone, post, shown, signIn } from "./story.ts";

const device = devices();

it("speaks Korean and Japanese, and remembers it", async () => {
	const [ann] = await join("Ann Archer");
	const { page } = await device.of(ann);
	await page.goto("/settings/language");
	for (const [language, code, home] of [
		["한국어", "ko", /^홈/],
		["日本語", "ja", /^ホーム/],
	] as const) {
		await page.getByRole("combobox").first().selectOption({ label: language });
		await expect.poll(() => page.evaluate(() => document.documentElement.lang)).toBe(code);
		await page.reload();
		await shown(page.getByRole("link", { name: home }));
		expect(await page.evaluate(() => document.documentElement.lang)).toBe(code);
	}
	const stranger = await device.open({ locale: "ko-KR" });
	await stranger.page.goto("/sign-in");
	await shown(stranger.page.getByRole("button", { name: "로그인", exact: true }));
});

it("ends other sessions, and the device that it was on is signed out", async () => {
	const [ann] = await join("Ann Archer");
	const [{ page: phone }, { page: laptop }] = [await device.of(ann), await device.of(ann)];
	await laptop.goto("/settings/sessions");
	await laptop.getByRole("button", { name: "Sign out elsewhere" }).click();
	await shown(laptop.getByText("Signed out everywhere else"));
	await phone.goto("/settings");
	await shown(phone.getByRole("button", { name: "Sign in", exact: true }));
	await laptop.reload();
	await shown(laptop.getByRole("heading", { level: 1 }));
});

it("hands over all that one has made", async () => {
	const [ann] = await join("Ann Archer");
	await ann.post("A sentence for the archive");
	const { page } = await device.of(ann);
	await page.goto("/settings/account");
	await page.getByRole("button", { name: "Export my data" }).click();
	const link = page.getByRole("link", { name: /download/i }).or(page.getByRole("button", { name: /download/i }));
	await shown(link, 30_000);
	const [download] = await Promise.all([page.waitForEvent("download"), link.first().click()]);
	const archive = readFileSync(await download.path(), "utf8");
	expect(archive).toContain("A sentence for the archive");
});

it("deletes the account after the password, and not after a wrong one; it can be taken back", async () => {
	const [ann] = await join("Ann Archer");
	const { page } = await device.of(ann);
	await page.goto("/settings/account");
	const confirm = async (password: string) => {
		const dialog = page.getByRole("dialog");
		await dialog.getByLabel("Password").fill(password);
		await dialog.getByRole("button", { name: /Delete/ }).click();
	};
	await page.getByRole("button", { name: "Delete my account" }).click();
	await confirm("not my password");
	await shown(page.getByRole("dialog").getByRole("alert"));
	await confirm(PASSWORD);
	await shown(page.getByText(/will be erased on/));
	await shown(page.getByRole("button", { name: "Sign in", exact: true }));
	await signIn(page, ann.username, PASSWORD);
	await page.getByRole("button", { name: "Keep my account" }).click();
	await shown(
		page.getByRole("heading", { name: "Nothing here yet" }).or(page.getByRole("link", { name: "Find people" })),
	);
	expect(await ann.feed()).toEqual([]);
});

it("mutes and blocks from a post, and undoes both in the settings", async () => {
	const [ann, ben, cat] = await join("Ann Archer", "Ben Baker", "Cat Cole");
	await befriend(ann, ben, cat);
	await ben.post("Ben talks much");
	await cat.post("Cat talks too");
	const { page } = await device.of(ann);
	await choose(post(page, "Ben talks much"), new RegExp(`^Mute @${ben.username}`));
	await gone(post(page, "Ben talks much"));
	await choose(post(page, "Cat talks too"), new RegExp(`^Block @${cat.username}`));
	const sure = page.getByRole("dialog").getByRole("button", { name: /Block/ });
	await shown(sure);
	await sure.click();
	await gone(post(page, "Cat talks too"));
	await page.goto("/settings/blocked");
	await shown(page.getByText(`@${cat.username}`));
	await page
		.getByRole("button", { name: /Unblock/ })
		.first()
		.click();
	await page
		.getByRole("button", { name: /Unmute/ })
		.first()
		.click();
	await expect.poll(async () => (await ann.call<{ items: unknown[] }>("GET", "/v1/blocks")).items).toEqual([]);
	await expect.poll(async () => (await ann.call<{ items: unknown[] }>("GET", "/v1/mutes")).items).toEqual([]);
});

it("finds people by their names while one types", async () => {
	const [ann, kim] = await join("Ann Archer", "김민준");
	const { page } = await device.of(ann);
	await page.getByRole("link", { name: "Search", exact: true }).first().click();
	await page.getByRole("searchbox", { name: "Search people" }).fill("민준");
	await shown(page.getByText(`@${kim.username}`));
	await page
		.getByRole("link", { name: /김민준/ })
		.filter({ hasText: kim.username })
		.first()
		.click();
	await shown(page.getByRole("heading", { level: 1, name: /김민준/ }));
});

it("takes another username, which signs in from then on and is in the address of the profile", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben");
	const { page } = await device.of(ann);
	await page.goto("/settings/profile");
	const field = page.getByLabel("Username");
	await field.fill(ben.username);
	await page.getByRole("button", { name: "Save" }).click();
	await shown(page.getByRole("alert").filter({ hasText: /username/i }));
	const fresh = `${ann.username}.new`;
	await field.fill(fresh);
	await page.getByRole("button", { name: "Save" }).click();
	await shown(page.getByText("Your profile is saved"));
	await page.goto(`/@${fresh}`);
	await shown(page.getByRole("heading", { name: "Ann Archer" }));
	const { page: phone } = await device.open();
	await signIn(phone, fresh, PASSWORD);
});
