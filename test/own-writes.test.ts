import { afterEach, expect, it, vi } from "vitest";
import { Timeline } from "../src/timeline/client.ts";
import { type Person, signUp } from "./api.ts";
import { Isolate } from "./isolate.ts";
import { settled } from "./settled.ts";

/** `X-Feed-Seq` promises that the caller's timeline knows of what she did: without that there is none. */

const SEQ = "x-feed-seq";
const api = new Isolate();
afterEach(() => {
	vi.restoreAllMocks();
});

const lost = () => Promise.reject(new Error("Network connection lost."));

async function pair(): Promise<[Person, Person]> {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.befriend(ben);
	return [ann, ben];
}

it("a post, an edit and a deletion that the timeline is not told of are done, and have no number", async () => {
	const [ann] = await pair();
	const kept = await ann.post("before");
	vi.spyOn(Timeline.prototype, "apply").mockImplementation(lost);
	const made = await api.as<{ id: string }>(ann, "POST", "/v1/posts", { text: "new" });
	const edited = await api.as(ann, "PATCH", `/v1/posts/${kept.id}`, { text: "after" });
	const removed = await api.as(ann, "DELETE", `/v1/posts/${kept.id}`);
	const commented = await api.as(ann, "POST", `/v1/posts/${made.body.id}/comments`, { text: "and this" });
	vi.restoreAllMocks();
	expect([made.status, edited.status, removed.status, commented.status]).toEqual([201, 200, 204, 201]);
	for (const { headers } of [made, edited, removed, commented]) expect(headers.get(SEQ)).toBeNull();
	await settled();
	expect((await ann.feed()).items.map(({ id }) => id)).toEqual([made.body.id]);
	const told = await api.as(ann, "PATCH", `/v1/posts/${made.body.id}`, { text: "newer" });
	expect(Number(told.headers.get(SEQ))).toBeGreaterThan(0);
});

it("a friendship that ended, of which no timeline was told, has no number", async () => {
	const [ann, ben] = await pair();
	await ben.post("what Ann reads");
	await settled();
	vi.spyOn(Timeline.prototype, "retie").mockImplementation(lost);
	const ended = await api.as(ann, "DELETE", `/v1/friends/${ben.id}`);
	vi.restoreAllMocks();
	expect(ended.status).toBe(204);
	expect(ended.headers.get(SEQ)).toBeNull();
	await settled();
	expect((await ann.feed()).items).toEqual([]);
	const muted = await api.as(ann, "PUT", `/v1/mutes/${ben.id}`, {});
	expect(muted.headers.has(SEQ)).toBe(true);
});
