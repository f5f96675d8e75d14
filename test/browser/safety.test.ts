import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { PHONE } from "./device.ts";
import { devices } from "./devices.ts";
import { befriend, join } from "./server.ts";
import { post, shown } from "./story.ts";

const device = devices();

const NASTY = [
	'<img src=x onerror="pwned(1)">',
	"<script>pwned(2)</script>",
	'"><svg onload=pwned(3)>',
	"<iframe srcdoc='<script>parent.pwned(4)</script>'></iframe>",
	"[click](javascript:pwned(5)) javascript:pwned(6) data:text/html,<script>pwned(7)</script>",
	'https://example.com/"onmouseover=pwned(8)//<b>bold</b>',
	"{{constructor.constructor('pwned(9)')()}} <b onmouseover=pwned(10)>b</b>",
	"\u202egnp.exe \u0000 &lt;b&gt; &amp;",
];

it("what people write stays text, wherever it is shown", async () => {
	const [ann, ben] = await join("Ann Archer", 'Ben "><img src=x onerror=pwned(20)>');
	await befriend(ann, ben);
	await ben.call("PATCH", "/v1/accounts/me", { bio: NASTY.join("\n").replaceAll("\u0000", "").slice(0, 400) });
	const ids: string[] = [];
	for (const text of NASTY) ids.push((await ben.post(text.replaceAll("\u0000", ""))).id);
	await ben.call("POST", `/v1/posts/${ids[0]}/comments`, { text: NASTY[1] });
	// High enough that every post of the feed is in the document.
	const { page } = await device.of(ann, { viewport: { width: 1280, height: 2600 } });
	await page.evaluate(() => Reflect.set(globalThis, "pwned", (n: number) => console.error(`script ran: ${n}`)));
	const clean = async () => {
		const markup = await page.evaluate(() => ({
			injected: document.querySelectorAll(
				"article iframe, article svg[onload], article script, article b, [onerror], [onload]",
			).length,
			links: [...document.querySelectorAll("a[href]")].map((link) => (link as HTMLAnchorElement).protocol),
		}));
		expect(markup.injected).toBe(0);
		for (const scheme of markup.links) expect(["http:", "https:", "mailto:"]).toContain(scheme);
	};
	for (const text of ["<script>pwned(2)</script>", "srcdoc", "javascript:pwned(6)"]) await shown(post(page, text));
	await clean();
	for (const path of [`/posts/${ids[0]}`, `/@${ben.username}`, "/friends", `/search?q=${ben.username}`]) {
		await page.goto(path);
		await shown(page.getByText(/onerror=pwned\(20\)/).filter({ visible: true }));
		await clean();
	}
});

it("one signs in, posts and likes with the keyboard alone", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	await ben.post("Tea or coffee?");
	const { page } = await device.open();
	await page.goto("/sign-in");
	await tabTo(page, "textbox", /Username or email/);
	await page.keyboard.type(ann.username);
	await tabTo(page, "textbox", /^Password/);
	await page.keyboard.type("correct horse battery");
	await page.keyboard.press("Enter");
	await shown(post(page, "Tea or coffee?"));

	await tabTo(page, "button", /^Like/);
	await page.keyboard.press("Space");
	await shown(post(page, "Tea or coffee?").getByRole("button", { name: "Unlike" }));
	await tabTo(page, "link|button", /^New post/);
	await page.keyboard.press("Enter");
	await shown(page.getByRole("textbox", { name: "What is new?" }));
	await tabTo(page, "textbox", /What is new/);
	await page.keyboard.type("Coffee, and no mouse");
	await page.keyboard.press("Control+Enter");
	await shown(post(page, "Coffee, and no mouse"));
});

it("nothing is wider than a small phone, and a stranger's addresses lead to the sign-in and back", async () => {
	const [ann] = await join("Ann Archer");
	const { page } = await device.open({ viewport: { ...PHONE, width: 320 } });
	await page.goto("/friends");
	await shown(page.getByRole("button", { name: "Sign in", exact: true }));
	await page.getByRole("textbox", { name: "Username or email" }).fill(ann.username);
	await page.getByLabel("Password", { exact: true }).fill("correct horse battery");
	await page.getByRole("button", { name: "Sign in", exact: true }).click();
	await shown(page.getByRole("heading", { name: "Requests to you" }));
	expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

/** Presses Tab until the focus is on what is named so, as somebody without a mouse does. */
async function tabTo(page: Page, role: string, name: RegExp): Promise<void> {
	for (let presses = 0; presses < 80; presses++) {
		const at = await page.evaluate(() => {
			const element = document.activeElement;
			if (!(element instanceof HTMLElement)) return undefined;
			const label =
				element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement ? element.labels?.[0] : null;
			const tag = element.tagName.toLowerCase();
			return {
				role: element.getAttribute("role") ?? (tag === "a" ? "link" : /input|textarea/.test(tag) ? "textbox" : tag),
				name: (element.getAttribute("aria-label") ?? label?.textContent ?? element.textContent ?? "").trim(),
			};
		});
		if (at && role.split("|").includes(at.role) && name.test(at.name)) return;
		await page.keyboard.press("Tab");
	}
	throw new Error(`Tab never comes to the ${role} ${name}`);
}
