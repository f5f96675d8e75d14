/** `npm run screens`: pictures of the web app for the README, into `docs/screens`, from a system of its own with demo data. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { DESKTOP, openBrowser, PHONE } from "../test/browser/device.ts";
import { shown, signIn } from "../test/browser/story.ts";
import { ROOT } from "./client.ts";
import { SEED_PASSWORD } from "./network.ts";
import { landscape } from "./pictures.ts";
import { readScene, type Scene } from "./scene.ts";
import { systemUnderTest } from "./whole-system.ts";

const TARGET = join(ROOT, "docs/screens");
/** Of 100. */
const QUALITY = 72;

/** The name of the picture, and where it is taken. */
const SCREENS: readonly (readonly [name: string, path: (scene: Scene) => string])[] = [
	["feed", () => "/"],
	["thread", ({ post }) => `/posts/${post}`],
	["composer", () => "/compose"],
	["profile", ({ friend }) => `/@${friend}`],
	["friends", () => "/friends"],
	["search", ({ word }) => `/search?q=${encodeURIComponent(word)}`],
	["settings", () => "/settings"],
	["sessions", () => "/settings/sessions"],
];
const STRANGERS = ["sign-in", "sign-up"] as const;
const LANGUAGES = { ko: "ko-KR", ja: "ja-JP" } as const;

const system = await systemUnderTest();
const browser = await openBrowser();
try {
	const scene = await readScene(system.url);
	const photo = landscape(0);
	/** What is done on a screen before its picture is taken. */
	const prepared: Readonly<Record<string, (page: Page) => Promise<void>>> = {
		composer: async (page) => {
			await page.getByRole("textbox", { name: "What is new?" }).fill("First light at the lake. Worth getting up for.");
			const [chooser] = await Promise.all([
				page.waitForEvent("filechooser"),
				page.getByRole("button", { name: "Add photos or video" }).click(),
			]);
			await chooser.setFiles({ name: "lake.png", mimeType: "image/png", buffer: Buffer.from(photo.bytes) });
			await page.getByRole("textbox", { name: /^Describe photo/ }).fill("Hills and a lake at sunrise");
		},
	};
	rmSync(TARGET, { recursive: true, force: true });
	mkdirSync(TARGET, { recursive: true });
	for (const colorScheme of ["light", "dark"] as const) {
		for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
			await visitAll(browser, { colorScheme, viewport }, async (page) => {
				for (const [name, path] of SCREENS)
					await take(page, path(scene), `${name}-${size}-${colorScheme}`, prepared[name]);
			});
			const { page, close } = await open(browser, { colorScheme, viewport });
			for (const name of STRANGERS) await take(page, `/${name}`, `${name}-${size}-${colorScheme}`);
			await close();
		}
	}
	for (const [code, locale] of Object.entries(LANGUAGES)) {
		await visitAll(browser, { locale, viewport: PHONE }, (page) => take(page, "/", `feed-phone-${code}`));
	}
} finally {
	await browser.close();
	await system.close();
}

async function open(browser: Browser, options: BrowserContextOptions) {
	const context = await browser.newContext({
		baseURL: system.url,
		locale: "en-US",
		reducedMotion: "reduce",
		...options,
	});
	return { context, page: await context.newPage(), close: () => context.close() };
}

/** As the demo user. She signs in in English, and then takes everything along to the device that is looked at. */
async function visitAll(browser: Browser, options: BrowserContextOptions, work: (page: Page) => Promise<void>) {
	const first = await open(browser, {});
	await signIn(first.page, "demo", SEED_PASSWORD);
	await shown(first.page.getByRole("article"));
	const storageState = await first.context.storageState({ indexedDB: true });
	await first.close();
	const { page, close } = await open(browser, { ...options, storageState });
	await work(page);
	await close();
}

async function take(page: Page, path: string, name: string, prepare?: (page: Page) => Promise<void>): Promise<void> {
	await page.goto(path);
	// On some screens only a screen reader sees it.
	await page.locator("h1").waitFor({ state: "attached" });
	await prepare?.(page);
	await page.waitForLoadState("networkidle");
	await page.evaluate(async () => {
		await Promise.all([...document.images].map((image) => image.decode().catch(() => undefined)));
		scrollTo(0, 0);
	});
	const devtools = await page.context().newCDPSession(page);
	const { data } = await devtools.send("Page.captureScreenshot", { format: "webp", quality: QUALITY });
	await devtools.detach();
	const picture = Buffer.from(data, "base64");
	writeFileSync(join(TARGET, `${name}.webp`), picture);
	console.log(`${name}.webp  ${(picture.length / 1000).toFixed(0)} KB`);
}
