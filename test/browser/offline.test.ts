import { expect, it } from "vitest";
import { PHONE } from "./device.ts";
import { devices } from "./devices.ts";
import { befriend, join } from "./server.ts";
import { gone, post, shown, write } from "./story.ts";

const device = devices();

it("what was loaded is there without a network, after a reload too, and posts wait until they are sent once", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	for (let n = 1; n <= 5; n++) await ben.post(`postcard ${n}`);
	const { page, context } = await device.of(ann, { viewport: PHONE });
	await shown(post(page, "postcard 5"));
	// From its second load on, a page is the service worker's.
	await page.evaluate(async () => void (await navigator.serviceWorker.ready));
	await page.reload();
	await shown(post(page, "postcard 5"));

	await context.setOffline(true);
	await shown(page.getByRole("status").filter({ hasText: "You are offline" }), 15_000);
	await shown(post(page, "postcard 1"));
	await write(page, "Written on the train, in a tunnel");
	await shown(post(page, "in a tunnel").getByText("Waiting to be sent"));

	await page.reload();
	await shown(post(page, "postcard 5"));
	await shown(page.getByRole("status").filter({ hasText: "You are offline" }));
	await shown(post(page, "in a tunnel").getByText("Waiting to be sent"));
	expect((await ben.feed()).map(({ text }) => text)).not.toContain("Written on the train, in a tunnel");

	await ben.post("postcard 6, while you were away");
	await context.setOffline(false);
	await gone(page.getByText("Waiting to be sent"), 40_000);
	await gone(page.getByRole("status").filter({ hasText: "You are offline" }));
	const pill = page.getByRole("button", { name: /new post/i });
	await shown(post(page, "while you were away").or(pill), 40_000);
	const sent = (await ben.feed()).filter(({ text }) => text === "Written on the train, in a tunnel");
	expect(sent).toHaveLength(1);
	expect(await post(page, "in a tunnel").count()).toBe(1);
});

it("a comment that does not get through is there after a reload, and is sent once", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	const { id } = await ben.post("who is coming?");
	const { page } = await device.of(ann);
	const comments = `**/v1/posts/${id}/comments`;
	// What is sent arrives, and its answers get lost.
	let lossy = true;
	await page.route(comments, async (route) => {
		if (!lossy || route.request().method() !== "POST") return route.continue();
		await route.fetch();
		// The page that asked may be gone.
		await route.abort("connectionreset").catch(() => undefined);
	});
	await page.goto(`/posts/${id}`);
	await page.getByRole("textbox", { name: "Write a comment" }).fill("I am");
	await page.getByRole("button", { name: "Send", exact: true }).click();
	await shown(post(page, "I am").getByText("Sending"));
	await page.reload();
	await shown(post(page, "I am").getByText("Sending"));
	lossy = false;
	await gone(page.getByText("Sending"), 40_000);
	await shown(post(page, "I am"));
	const { items } = await ben.call<{ items: { text: string }[] }>("GET", comments.slice(2));
	expect(items.map(({ text }) => text)).toEqual(["I am"]);
});

it("a comment that is refused is told of above the feed, where its author lets go of it", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	const { id } = await ben.post("gone in a moment");
	const { page, context } = await device.of(ann);
	await page.goto(`/posts/${id}`);
	const field = page.getByRole("textbox", { name: "Write a comment" });
	await shown(field);
	await context.setOffline(true);
	await field.fill("What was it?");
	await page.getByRole("button", { name: "Send", exact: true }).click();
	await shown(post(page, "What was it?").getByText("Waiting to be sent"));
	await ben.call("DELETE", `/v1/posts/${id}`);
	await context.setOffline(false);
	await page.getByRole("link", { name: "Home", exact: true }).click();
	const refused = page.getByRole("article", { name: "A comment was not sent" });
	await shown(refused.getByText("What was it?"), 40_000);
	await refused.getByRole("button", { name: "Do not send" }).click();
	await gone(refused);
	await page.reload();
	await shown(page.getByRole("link", { name: "Home", exact: true }));
	expect(await refused.count()).toBe(0);
});
