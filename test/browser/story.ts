/** What the tests do again and again, by the names that a screen reader says. */
import type { Locator, Page } from "playwright-core";

export async function signIn(page: Page, name: string, password: string): Promise<void> {
	await page.goto("/sign-in");
	await page.getByRole("textbox", { name: "Username or email" }).fill(name);
	await page.getByLabel("Password", { exact: true }).fill(password);
	await page.getByRole("button", { name: "Sign in", exact: true }).click();
	await shown(page.getByRole("link", { name: "Home", exact: true }));
}

/** The article of a post or comment that has this text. */
export function post(page: Page, text: string): Locator {
	return page.getByRole("article").filter({ hasText: text });
}

/** Writes a post with what is on the screen. */
export async function write(page: Page, text: string, { audience }: { audience?: string } = {}): Promise<void> {
	await openComposer(page);
	await page.getByRole("textbox", { name: "What is new?" }).fill(text);
	if (audience) await page.getByRole("combobox", { name: "Who can see this?" }).selectOption({ label: audience });
	await page.getByRole("button", { name: "Post", exact: true }).click();
}

export async function openComposer(page: Page): Promise<void> {
	await page
		.getByRole("link", { name: "New post" })
		.or(page.getByRole("button", { name: "New post" }))
		.first()
		.click();
	await shown(page.getByRole("textbox", { name: "What is new?" }));
}

/** Chooses from the menu of a post. */
export async function choose(article: Locator, item: string | RegExp): Promise<void> {
	await article.getByRole("button", { name: "More", exact: true }).click();
	await article.page().getByRole("menuitem", { name: item }).click();
}

export function shown(locator: Locator, timeout = 20_000): Promise<void> {
	return locator.first().waitFor({ state: "visible", timeout });
}

export function gone(locator: Locator, timeout = 20_000): Promise<void> {
	return locator.first().waitFor({ state: "hidden", timeout });
}

/** Waits for a post that comes by itself, and looks behind the pill when it waits there. */
export async function arrived(page: Page, text: string, timeout = 20_000): Promise<Locator> {
	const pill = page.getByRole("button", { name: /new post/i });
	const article = post(page, text);
	await shown(article.or(pill), timeout);
	if (await pill.isVisible()) await pill.click();
	await shown(article);
	return article;
}
