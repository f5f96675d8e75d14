import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { eventually, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { databaseOf, obstruct } from "./obstruct.ts";
import { settled } from "./settled.ts";

afterEach(() => vi.restoreAllMocks());

const stub = (who: Person) => env.TIMELINE.getByName(who.id);

/** Someone whose posts are on another database than `other`'s. */
async function signUpApartFrom(other: Person, name: string): Promise<Person> {
	for (;;) {
		const person = await signUp(name);
		if (databaseOf(person) !== databaseOf(other)) return person;
	}
}

async function setMeta(who: Person, name: string, value: number): Promise<void> {
	await runInDurableObject(stub(who), (_, { storage }) =>
		storage.sql.exec("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, String(value)),
	);
	await evictDurableObject(stub(who));
}

/** Lets a timeline be unread for so long that its alarm lets it go dormant. */
async function fallAsleep(who: Person): Promise<void> {
	await setMeta(who, "read", Date.now() - 31 * 86_400_000);
	expect(await runDurableObjectAlarm(stub(who))).toBe(true);
}

const turnOf = async (author: Person, reader: Person) =>
	databaseOf(author)
		.prepare("SELECT turn FROM relations WHERE owner = ? AND other = ?")
		.bind(author.id, reader.id)
		.first<number | null>("turn");

const via = async (who: Person, postId: string) =>
	(await who.ok<{ via: string | null }>("GET", `/v1/feed/entries/${postId}`)).via;

describe("an account that nobody uses any more", () => {
	it("is not pushed to, and finds everything when it comes back", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		const cho = await signUp("Cho");
		await ann.befriend(ben);
		await ann.ok("PUT", `/v1/following/${cho.id}`);
		await ann.feed();
		await fallAsleep(ann);
		expect(await Promise.all([turnOf(ben, ann), turnOf(cho, ann)])).toEqual([1, 1]);
		// Who comes to know her while she is away does not change that.
		const dan = await signUp("Dan");
		await dan.ok("POST", "/v1/friend-requests", { accountId: ann.id });
		const meanwhile = await ben.post("meanwhile");

		expect(await ann.texts()).toEqual(["meanwhile"]);
		expect(await via(ann, meanwhile.id)).toBe("build");
		expect(await Promise.all([turnOf(ben, ann), turnOf(cho, ann)])).toEqual([2, 2]);
		const after = [await ben.post("after"), await cho.post("after", { audience: "public" })];
		for (const { id } of after) await eventually(async () => expect(await via(ann, id)).toBe("push"));
	});

	it("is pushed to again by a friend who left and came back meanwhile", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		await ann.feed();
		await fallAsleep(ann);
		await ben.ok("DELETE", `/v1/friends/${ann.id}`);
		await ann.feed();
		expect(await turnOf(ben, ann)).toBe(1);
		await ann.befriend(ben);
		expect(await turnOf(ben, ann)).toBe(2);
		const { id } = await ben.post("again");
		await eventually(async () => expect(await via(ann, id)).toBe("push"));
	});
});

describe("a build", () => {
	it("that a database holds up shows what the others have, and says so, until it is finished", async () => {
		const ann = await signUp("Ann");
		const [ben, cho] = [await signUp("Ben"), await signUpApartFrom(ann, "Cho")];
		await ann.befriend(ben);
		await ann.befriend(cho);
		await ann.post("mine");
		await cho.post("hers");
		await settled();
		const { promise: gate, resolve: go } = Promise.withResolvers<void>();
		obstruct(databaseOf(cho), "AS author", { before: () => gate });

		const partial = await ann.feed();
		expect(partial).toMatchObject({ items: [{ text: "mine" }], building: true, seq: 0 });
		expect(await ann.ok("GET", "/v1/feed/changes?since=0")).toMatchObject({ changes: [], seq: 0 });
		// What happens meanwhile is seen, and counted when the build is finished.
		const later = await ann.post("later");
		expect((await ann.feed()).items.map(({ text }) => text)).toEqual(["later", "mine"]);
		// A tie that ends while the build goes on must not come back with it.
		await ann.ok("DELETE", `/v1/friends/${ben.id}`);
		go();
		const whole = await eventually(async () => {
			const page = await ann.feed();
			expect(page.building).toBe(false);
			return page;
		});
		expect(whole.items.map(({ text }) => text)).toEqual(["later", "hers", "mine"]);
		expect(whole.items[0]?.id).toBe(later.id);
		const { changes } = await ann.ok<{ changes: unknown[] }>("GET", `/v1/feed/changes?since=${partial.seq}`);
		expect(changes).toHaveLength(3);
		expect(whole.seq).toBe(3);
	});

	it("asks a database again that fails", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		await ben.post("hello");
		let failures = 2;
		const fail = async () => {
			if (failures-- > 0) throw new Error("D1_ERROR: Network connection lost.");
		};
		obstruct(databaseOf(ben), "AS author", { before: fail });
		await eventually(async () =>
			expect(await ann.feed()).toMatchObject({ building: false, items: [{ text: "hello" }] }),
		);
		expect(failures).toBeLessThan(0);
	});
});

it("a timeline checks itself, mends what differs and says how much it was", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.befriend(ben);
	await ann.feed();
	const posts = [await ben.post("one"), await ben.post("two")];
	await eventually(async () => expect(await ann.texts()).toHaveLength(2));
	await databaseOf(ben).prepare("DELETE FROM posts WHERE id = ?").bind(posts[0]?.id).run();
	const told = vi.spyOn(env.METRICS as AnalyticsEngineDataset, "writeDataPoint");
	vi.useFakeTimers({ now: Date.now() + 8 * 86_400_000, toFake: ["Date"] });
	expect(await runDurableObjectAlarm(stub(ann))).toBe(true);
	vi.useRealTimers();
	expect(told.mock.calls.map(([point]) => [point?.indexes?.[0], point?.doubles?.[0]])).toEqual([
		["feed_audit_checked", 2],
		["feed_audit_drift", 1],
	]);
	expect(await ann.call("GET", `/v1/feed/entries/${posts[0]?.id}`)).toMatchObject({ status: 404 });
	// The next one is a week later.
	const alarm = await runInDurableObject(stub(ann), (_, { storage }) => storage.getAlarm());
	expect(alarm).toBeGreaterThan(Date.now() + 8 * 86_400_000);
});
