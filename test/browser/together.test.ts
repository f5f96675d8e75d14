import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { devices } from "./devices.ts";
import { befriend, join, PASSWORD, type Person } from "./server.ts";
import { arrived, choose, gone, post, shown, signIn, write } from "./story.ts";

const device = devices();

it("from signing up to seeing a friend's new post, without reloading", async () => {
	const [ben] = await join("Ben Baker");
	const { page: bens } = await device.of(ben);
	const { page: anns } = await device.open();
	const username = `ann_${randomBytes(5).toString("hex")}`;

	await anns.goto("/");
	await anns.getByRole("link", { name: "Create account" }).click();
	await anns.getByRole("textbox", { name: "Name", exact: true }).fill("Ann Archer");
	await anns.getByRole("textbox", { name: "Username", exact: true }).fill(username);
	await anns.getByRole("textbox", { name: "Email" }).fill(`${username}@example.com`);
	await anns.getByLabel("Password", { exact: true }).fill(PASSWORD);
	await anns.getByRole("button", { name: "Create account" }).click();
	await shown(anns.getByRole("link", { name: "Home", exact: true }));

	await anns.goto(`/@${ben.username}`);
	await anns.getByRole("button", { name: "Add friend" }).click();
	await shown(anns.getByRole("button", { name: "Cancel request" }));

	await bens
		.getByRole("link", { name: /^Friends/ })
		.first()
		.click();
	await bens.getByRole("button", { name: "Accept" }).click();
	await shown(bens.getByRole("link", { name: /Ann Archer/ }));

	await anns.getByRole("link", { name: "Home", exact: true }).click();
	await anns.evaluate(() => Reflect.set(globalThis, "neverReloaded", true));
	await bens.getByRole("link", { name: "Home", exact: true }).click();
	await write(bens, "The bread came out well today");
	await shown(post(bens, "The bread came out well today"));
	await arrived(anns, "The bread came out well today");
	expect(await anns.evaluate(() => Reflect.get(globalThis, "neverReloaded"))).toBe(true);
});

it("a like, a comment, an edit and a deletion are seen by the other", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	await ben.post("Who comes to the lake?");
	const [{ page: anns }, { page: bens }] = [await device.of(ann), await device.of(ben)];
	const [annsPost, bensPost] = [post(anns, "the lake"), post(bens, "the lake")];

	await annsPost.getByRole("button", { name: "Like", exact: true }).click();
	await shown(annsPost.getByRole("button", { name: "Unlike", exact: true }));
	expect(await annsPost.getByRole("button", { name: "Unlike" }).getAttribute("aria-pressed")).toBe("true");
	await annsPost.getByRole("link", { name: "Comments" }).click();
	await anns.getByRole("textbox", { name: "Write a comment" }).fill("I do, with my bicycle");
	await anns.getByRole("button", { name: "Send", exact: true }).click();
	await shown(post(anns, "with my bicycle"));

	await bensPost.getByRole("link", { name: "Comments" }).click();
	await shown(post(bens, "with my bicycle"));
	await bens.goBack();
	await choose(bensPost, "Edit");
	await bens.getByRole("textbox", { name: "What is new?" }).fill("Who comes to the lake on Sunday?");
	await bens.getByRole("button", { name: /^(Post|Save)$/ }).click();
	await shown(post(bens, "on Sunday?"));
	await anns.getByRole("link", { name: "Home", exact: true }).click();
	await shown(post(anns, "on Sunday?"));

	await choose(post(bens, "on Sunday?"), "Delete");
	await bens.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
	await gone(post(bens, "on Sunday?"));
	await gone(post(anns, "on Sunday?"));
	expect((await ann.feed()).map(({ text }) => text)).toEqual([]);
});

it("requests are declined, taken back and accepted, and a friend is let go", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	const [{ page: anns }, { page: bens }] = [await device.of(ann), await device.of(ben)];
	const ask = async () => {
		await anns.goto(`/@${ben.username}`);
		await anns.getByRole("button", { name: "Add friend" }).click();
		await shown(anns.getByRole("button", { name: "Cancel request" }));
	};
	await ask();
	await anns.getByRole("button", { name: "Cancel request" }).click();
	await shown(anns.getByRole("button", { name: "Add friend" }));
	await ask();
	await bens.goto(`/@${ann.username}`);
	await bens.getByRole("button", { name: "Decline" }).click();
	await shown(bens.getByRole("button", { name: "Add friend" }));
	await ask();
	await bens.reload();
	await bens.getByRole("button", { name: "Accept" }).click();
	await shown(bens.getByRole("button", { name: "Unfriend" }));
	expect(await relation(ann, ben)).toMatchObject({ friend: true });
	await bens.getByRole("button", { name: "Unfriend" }).click();
	await bens.getByRole("dialog").getByRole("button", { name: "Unfriend" }).click();
	await shown(bens.getByRole("button", { name: "Add friend" }));
	await bens.getByRole("button", { name: "Follow", exact: true }).click();
	await shown(bens.getByRole("button", { name: "Unfollow", exact: true }));
	expect(await relation(ann, ben)).toMatchObject({ friend: false, followedBy: true });
});

it("says what is wrong with a name and a password, and nothing is kept of a sign-out", async () => {
	const [ann] = await join("Ann Archer");
	const { page } = await device.open();
	await page.goto("/sign-in");
	await page.getByRole("textbox", { name: "Username or email" }).fill(ann.username);
	await page.getByLabel("Password", { exact: true }).fill("not the password");
	await page.getByRole("button", { name: "Sign in", exact: true }).click();
	await shown(page.getByRole("alert"));
	await signIn(page, ann.username, PASSWORD);
	await page.goto("/settings");
	await page.getByRole("button", { name: "Sign out", exact: true }).click();
	await shown(page.getByRole("button", { name: "Sign in", exact: true }));
	await page.goto("/");
	await shown(page.getByRole("button", { name: "Sign in", exact: true }));
});

async function relation(one: Person, other: Person): Promise<unknown> {
	return (await one.call<{ relation: unknown }>("GET", `/v1/accounts/${other.id}`)).relation;
}
