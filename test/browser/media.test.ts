import { readFileSync } from "node:fs";
import { join as path } from "node:path";
import { expect, it } from "vitest";
import { devices } from "./devices.ts";
import { befriend, join, url } from "./server.ts";
import { arrived, openComposer, shown } from "./story.ts";

const device = devices();
/** Three seconds of H.264, painted for these tests. */
const CLIP = { name: "clip.mp4", mimeType: "video/mp4", buffer: readFileSync(path(import.meta.dirname, "clip.mp4")) };

interface WithMedia {
	media: { url: string; alt: string | null; width: number; height: number; variants: { url: string }[] }[];
}

it("a photo with its description comes to a friend, and to nobody else", async () => {
	const [ann, ben, eve] = await join("Ann Archer", "Ben Baker", "Eve Elm");
	await befriend(ann, ben);
	const [{ page: anns }, { page: bens }] = [await device.of(ann), await device.of(ben)];
	await openComposer(bens);
	const photo = { name: "lake.jpg", mimeType: "image/jpeg", buffer: await bens.screenshot({ type: "jpeg" }) };
	const [chooser] = await Promise.all([
		bens.waitForEvent("filechooser"),
		bens.getByRole("button", { name: "Add photos or video" }).click(),
	]);
	await chooser.setFiles(photo);
	await bens.getByRole("textbox", { name: /alt|describe|description/i }).fill("A lake between two hills");
	await bens.getByRole("textbox", { name: "What is new?" }).fill("Look at this");
	await bens.getByRole("button", { name: "Post", exact: true }).click();

	const image = (await arrived(anns, "Look at this", 30_000)).getByRole("img", { name: "A lake between two hills" });
	await shown(image);
	await expect.poll(() => image.evaluate((it) => (it as HTMLImageElement).naturalWidth)).toBeGreaterThan(0);

	const seen = (await ann.feed()).find(({ text }) => text === "Look at this");
	const [media] = (seen as unknown as WithMedia).media;
	expect(media).toMatchObject({ alt: "A lake between two hills", width: 1280, height: 800 });
	const address = new URL(media?.url ?? "", url);
	expect((await fetch(address)).status).toBe(200);
	// An address is a pass of its own: without its signature, or for another photo, it opens nothing.
	const { searchParams } = address;
	const sig = searchParams.get("sig") ?? "";
	searchParams.set("sig", sig.startsWith("A") ? `B${sig.slice(1)}` : `A${sig.slice(1)}`);
	expect([403, 404]).toContain((await fetch(address)).status);
	expect([403, 404]).toContain((await fetch(new URL(address.pathname, url))).status);
	await expect(eve.call("GET", `/v1/posts/${seen?.id}`)).rejects.toMatchObject({ status: 404 });
});

it("a video plays for a friend, piece by piece", async () => {
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	const [{ page: anns }, { page: bens }] = [await device.of(ann), await device.of(ben)];
	const statuses: number[] = [];
	anns.on("response", (response) => {
		if (/^\/media\//.test(new URL(response.url()).pathname) && response.request().resourceType() === "media") {
			statuses.push(response.status());
		}
	});
	await openComposer(bens);
	const [chooser] = await Promise.all([
		bens.waitForEvent("filechooser"),
		bens.getByRole("button", { name: "Add photos or video" }).click(),
	]);
	await chooser.setFiles(CLIP);
	await bens.getByRole("textbox", { name: "What is new?" }).fill("Watch this");
	await bens.getByRole("button", { name: "Post", exact: true }).click();

	const video = (await arrived(anns, "Watch this", 30_000)).locator("video");
	await shown(video);
	await video.evaluate(async (it) => {
		const film = it as HTMLVideoElement;
		film.muted = true;
		await film.play();
	});
	await expect.poll(() => video.evaluate((it) => (it as HTMLVideoElement).currentTime)).toBeGreaterThan(0.3);
	expect(statuses).toContain(206);
});

it("the preview of a link is shown to the author and to a friend", async () => {
	const outside = process.env.OUTSIDE_URL ?? "";
	const [ann, ben] = await join("Ann Archer", "Ben Baker");
	await befriend(ann, ben);
	const [{ page: anns }, { page: bens }] = [await device.of(ann), await device.of(ben)];
	await openComposer(bens);
	await bens.getByRole("textbox", { name: "What is new?" }).fill(`A good read: ${outside}/article`);
	await shown(bens.getByText("How bread rises"), 15_000);
	await bens.getByRole("button", { name: "Post", exact: true }).click();
	await shown((await arrived(anns, "A good read")).getByText("How bread rises"), 15_000);
});
