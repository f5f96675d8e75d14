import { expect, it } from "vitest";
import { createEdgefeed, memoryBlobs, memoryStorage } from "../../sdk/src/index.ts";

/** A device on which somebody is signed in and has a post that waits, without a network. */
async function device() {
	const storage = memoryStorage();
	const blobs = memoryBlobs();
	const access = { token: "access", goodUntil: Number.MAX_SAFE_INTEGER };
	await storage.set("session", JSON.stringify({ accountId: "me", refreshToken: "refresh", access }));
	const fetch = async () => {
		throw new TypeError("no network");
	};
	const open = () => createEdgefeed({ baseUrl: "https://feed.example", storage, blobs, fetch, WebSocket: null });
	const edgefeed = open();
	await edgefeed.session.ready;
	await edgefeed.outbox.add({ text: "waits", media: [{ source: new Uint8Array(3), type: "image/png" }] });
	await edgefeed.outbox.keepDraft({ id: "1", text: "begun", media: [] });
	return { blobs, edgefeed, open, storage };
}

it("deletes what waits, its photos and the draft when its author signs out", async () => {
	const { blobs, edgefeed, storage } = await device();
	await edgefeed.session.signOut();
	await expect.poll(() => blobs.keys()).toEqual([]);
	expect(await storage.keys()).toEqual([]);
	expect(edgefeed.outbox.state.items).toEqual([]);
});

it("deletes photos that a page left behind which was closed while its author signed out", async () => {
	const { blobs, edgefeed, open, storage } = await device();
	edgefeed.outbox.close();
	for (const key of await storage.keys()) await storage.delete(key);
	expect(await blobs.keys()).toHaveLength(1);
	open();
	await expect.poll(() => blobs.keys()).toEqual([]);
});

it("keeps what waits when a session ends by itself, for its author alone", async () => {
	const { blobs, edgefeed, open, storage } = await device();
	edgefeed.outbox.close();
	await storage.delete("session");
	const later = open();
	await later.session.adopt({ token: "token", accountId: "somebody else" });
	await new Promise((resolve) => setTimeout(resolve, 50));
	expect(later.outbox.state.items).toEqual([]);
	expect(await blobs.keys()).toHaveLength(1);
	await later.session.adopt({ token: "token", accountId: "me" });
	await expect.poll(() => later.outbox.state.items).toMatchObject([{ content: { text: "waits" } }]);
});
