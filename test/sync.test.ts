import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import type { Id } from "../src/store/ids.ts";
import { call, eventually, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";

interface Changes {
	changes: { seq: number; kind: string; postId: string; post?: PostView }[];
	seq: number;
	more: boolean;
}
interface Marker {
	postId: string | null;
	unreadCount: number;
	seq: number;
}

const changes = (who: Person, since: number, limit = 100) =>
	who.ok<Changes>("GET", `/v1/feed/changes?since=${since}&limit=${limit}`);
const told = async (who: Person, since: number) =>
	(await changes(who, since)).changes.map(({ kind, postId, post }) => [kind, postId, post?.text]);

async function friends(): Promise<[Person, Person]> {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.befriend(ben);
	await Promise.all([ann.feed(), ben.feed()]);
	return [ann, ben];
}

describe("changes", () => {
	it("tell what came, was edited and was deleted, in order, with the posts as they are now", async () => {
		const [ann, ben] = await friends();
		const { seq } = await ben.feed();
		const first = await ann.post("first");
		// One after the other: the fan-out of two posts keeps no order.
		await eventually(async () => expect((await changes(ben, seq)).changes).toHaveLength(1));
		const second = await ann.post("second");
		await eventually(async () => expect((await changes(ben, seq)).changes).toHaveLength(2));
		expect(await told(ben, seq)).toEqual([
			["add", first.id, "first"],
			["add", second.id, "second"],
		]);
		const middle = (await changes(ben, seq)).seq;
		await ann.ok("PATCH", `/v1/posts/${first.id}`, { text: "first, mended" });
		await ann.ok("DELETE", `/v1/posts/${second.id}`);
		await eventually(async () => expect((await changes(ben, middle)).changes).toHaveLength(2));
		expect((await told(ben, middle)).toSorted()).toEqual([
			["edit", first.id, "first, mended"],
			["remove", second.id, undefined],
		]);
		// From the start, a post that is gone by now is told as gone.
		expect((await told(ben, seq))[1]).toEqual(["remove", second.id, undefined]);
		expect((await changes(ben, middle)).changes.map((change) => change.seq)).toEqual([middle + 1, middle + 2]);
	});

	it("come in pages, each number once, also over a sleep", async () => {
		const [ann, ben] = await friends();
		const { seq } = await ben.feed();
		for (let n = 0; n < 7; n++) await ann.post(`${n}`);
		await eventually(async () => expect((await changes(ben, seq)).changes).toHaveLength(7));
		const found: number[] = [];
		for (let since = seq, more = true; more; ) {
			const page = await changes(ben, since, 2);
			found.push(...page.changes.map((change) => change.seq));
			since = found.at(-1) ?? since;
			more = page.more;
			await evictDurableObject(env.TIMELINE.getByName(ben.id));
		}
		expect(found).toEqual(Array.from({ length: 7 }, (_, n) => seq + 1 + n));
	});

	it("say so when they cannot be told, or have not happened", async () => {
		const [ann, ben] = await friends();
		await ann.post("before");
		await eventually(async () => expect(await ben.texts()).toEqual(["before"]));
		const { seq } = await ben.feed();
		expect(await ben.call("GET", `/v1/feed/changes?since=${seq + 100}`)).toMatchObject({
			status: 400,
			body: { code: "seq_in_future" },
		});
		await call("POST", "/ops/import", {
			headers: { "x-operator-secret": env.OPERATOR_SECRET },
			body: { rebuild: [ben.id] },
		});
		expect(await ben.call("GET", `/v1/feed/changes?since=${seq}`)).toMatchObject({
			status: 410,
			body: { code: "seq_outdated" },
		});
		const now = await ben.feed();
		expect(await changes(ben, now.seq)).toEqual({ changes: [], seq: now.seq, more: false });
	});

	it("take a post away from whom its new audience leaves out", async () => {
		const [ann, ben] = await friends();
		const post = await ann.post("for friends");
		await eventually(async () => expect(await ben.texts()).toEqual(["for friends"]));
		const { seq } = await ben.feed();
		await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "me" });
		await eventually(async () => expect(await told(ben, seq)).toEqual([["remove", post.id, undefined]]));
		await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "public" });
		await eventually(async () => expect((await told(ben, seq)).at(-1)).toEqual(["edit", post.id, "for friends"]));
	});

	it("take the posts of a former friend away", async () => {
		const [ann, ben] = await friends();
		const post = await ann.post("for friends");
		await eventually(async () => expect(await ben.texts()).toEqual(["for friends"]));
		const { seq } = await ben.feed();
		await ben.ok("DELETE", `/v1/friends/${ann.id}`);
		expect(await told(ben, seq)).toEqual([["remove", post.id, undefined]]);
	});
});

describe("the marker", () => {
	it("moves forward, back only by force, and is a change to the other devices", async () => {
		const [ann, ben] = await friends();
		const posts: PostView[] = [];
		for (let n = 0; n < 3; n++) posts.push(await ann.post(`${n}`));
		await ben.post("my own");
		await eventually(async () => expect(await ben.texts()).toHaveLength(4));
		const { seq } = await ben.feed();
		expect(await ben.ok<Marker>("GET", "/v1/feed/marker")).toEqual({ postId: null, unreadCount: 3, seq });

		const mark = (n: number, more = {}) => ben.ok<Marker>("PUT", "/v1/feed/marker", { postId: posts[n]?.id, ...more });
		expect(await mark(1)).toEqual({ postId: posts[1]?.id, unreadCount: 1, seq: seq + 1 });
		expect(await mark(0)).toEqual({ postId: posts[1]?.id, unreadCount: 1, seq: seq + 1 });
		expect(await mark(0, { force: true })).toEqual({ postId: posts[0]?.id, unreadCount: 2, seq: seq + 2 });
		expect(await told(ben, seq)).toEqual([
			["marker", posts[1]?.id, undefined],
			["marker", posts[0]?.id, undefined],
		]);
	});

	it("stays where it is over a sleep, a rebuild and the deletion of its post", async () => {
		const [ann, ben] = await friends();
		const post = await ann.post("read");
		await eventually(async () => expect(await ben.texts()).toEqual(["read"]));
		await ben.ok("PUT", "/v1/feed/marker", { postId: post.id });
		await ann.ok("DELETE", `/v1/posts/${post.id}`);
		await evictDurableObject(env.TIMELINE.getByName(ben.id));
		expect(await ben.ok<Marker>("GET", "/v1/feed/marker")).toMatchObject({ postId: post.id, unreadCount: 0 });
		await call("POST", "/ops/import", {
			headers: { "x-operator-secret": env.OPERATOR_SECRET },
			body: { rebuild: [ben.id] },
		});
		expect(await ben.ok<Marker>("GET", "/v1/feed/marker")).toMatchObject({ postId: post.id, unreadCount: 0 });
	});
});

it("any page's cursor reads on in either direction", async () => {
	const ann = await signUp("Ann");
	for (let n = 0; n < 9; n++) await ann.post(`${n}`);
	const texts = async (query: string) => (await ann.feed(`?limit=3&${query}`)).items.map((post) => post.text);
	const middle = await ann.feed(`?limit=3&before=${(await ann.feed("?limit=3")).next}`);
	expect(middle.items.map((post) => post.text)).toEqual(["5", "4", "3"]);
	expect(await texts(`before=${middle.next}`)).toEqual(["2", "1", "0"]);
	expect(await texts(`after=${middle.prev}`)).toEqual(["8", "7", "6"]);
	// The last post of the page is the place that `next` names.
	expect(await texts(`after=${middle.next}`)).toEqual(["6", "5", "4"]);
	// A post's id is a place as well, also when the post is gone; and only where a direction goes with it.
	const last = middle.items[2] as PostView;
	expect(await texts(`before=${last.id}`)).toEqual(["2", "1", "0"]);
	expect(await texts(`after=${last.id}`)).toEqual(["6", "5", "4"]);
	await ann.ok("DELETE", `/v1/posts/${last.id}`);
	expect(await texts(`before=${last.id}`)).toEqual(["2", "1", "0"]);
	expect(await ann.call("GET", `/v1/feed?cursor=${last.id}`)).toMatchObject({ body: { code: "invalid_cursor" } });
	expect(await ann.call("GET", `/v1/feed?after=${middle.next}&before=${middle.next}`)).toMatchObject({ status: 400 });
});

it("an entry tells why a post is or is not in a feed, and nothing to strangers", async () => {
	const [ann, ben] = await friends();
	const eve = await signUp("Eve");
	const explain = (who: Person, id: string) => who.call("GET", `/v1/feed/entries/${id}`);
	const post = await ann.post("for friends");
	await eventually(async () => expect(await ben.texts()).toEqual(["for friends"]));
	const here = await explain(ben, post.id);
	expect(here.body).toMatchObject({ present: true, reason: "friend", via: "push", filteredBy: null });
	expect(Math.abs(Date.parse(String(here.body.deliveredAt)) - Date.parse(post.createdAt))).toBeLessThan(15_000);
	expect((await explain(ann, post.id)).body).toMatchObject({ present: true, reason: "own", via: "push" });
	expect(await explain(eve, post.id)).toMatchObject({ status: 404, body: { code: "post_not_found" } });

	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "me" });
	expect((await explain(ben, post.id)).body).toMatchObject({
		present: false,
		reason: "friend",
		filteredBy: "audience",
	});
	const open = await ann.post("for all", { audience: "public" });
	expect((await explain(eve, open.id)).body).toMatchObject({ present: false, reason: null, filteredBy: "relation" });
});

it("a timeline that was stored in format 1 is read as it was meant when it wakes", async () => {
	const ann = await signUp("Ann");
	const posts = [await ann.post("one"), await ann.post("two")];
	const stub = env.TIMELINE.getByName(ann.id);
	await runInDurableObject(stub, (_, { storage }) => {
		const rows = posts.map((post) => `+op${post.id as Id}${ann.id}`).join("");
		storage.sql.exec("INSERT INTO log (first, changes) VALUES (1, ?)", rows);
		storage.sql.exec("INSERT INTO meta (name, value) VALUES ('format', '1')");
	});
	await evictDurableObject(stub);
	expect(await ann.feed()).toMatchObject({ items: [{ text: "two" }, { text: "one" }], seq: 2 });
	await ann.post("three");
	await evictDurableObject(stub);
	expect(await ann.feed()).toMatchObject({ items: [{ text: "three" }, { text: "two" }, { text: "one" }], seq: 3 });
});
