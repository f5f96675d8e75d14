import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, it, vi } from "vitest";
import type { Id } from "../src/store/ids.ts";
import type { TimelineObject } from "../src/timeline/object.ts";
import { unpackView } from "../src/timeline/packed-view.ts";
import { call, eventually, type Person, type signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

afterEach(() => vi.useRealTimers());

interface Audit {
	timelines: number;
	cold: number;
	checked: number;
	missing: number;
	stale: number;
	relations: number;
	differing: string[];
	next: string | null;
}

async function audit(body: Record<string, unknown> = {}) {
	const total = { timelines: 0, cold: 0, checked: 0, missing: 0, stale: 0, relations: 0, differing: [] as string[] };
	for (let cursor: string | null = ""; cursor !== null; ) {
		const headers = { "x-operator-secret": env.OPERATOR_SECRET };
		const page: Audit = (
			await call<Audit>("POST", "/ops/audit", { headers, body: { ...body, limit: 2, ...(cursor ? { cursor } : {}) } })
		).body;
		for (const name of ["timelines", "cold", "checked", "missing", "stale", "relations"] as const)
			total[name] += page[name];
		total.differing.push(...page.differing);
		cursor = page.next;
	}
	return total;
}

it("finds nothing in timelines that are as they should be, and what is missing or stale in others, and mends it", async () => {
	const people = await signUpMany(5);
	const [ann, ben, cho] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0]];
	await ann.befriend(ben);
	await ann.befriend(cho);
	await Promise.all([ann, ben, cho].map((person) => person.feed()));
	const posts = [await ann.post("one"), await ann.post("two"), await ann.post("three")];
	for (const friend of [ben, cho]) await eventually(async () => expect(await friend.texts()).toHaveLength(3));

	// Three minutes later nothing can be on its way any more.
	const later = Date.now() + 180_000;
	vi.setSystemTime(later);
	expect(await audit()).toMatchObject({ timelines: 5, cold: 2, checked: 9, missing: 0, stale: 0 });

	// A post that Ben's timeline lost, one that Cho's should not have, and a friend whom Cho's has forgotten.
	const inObject = (id: string, work: (timeline: TimelineObject, sql: SqlStorage) => unknown) =>
		runInDurableObject(env.TIMELINE.getByName(id), async (timeline, { storage }) => {
			await work(timeline, storage.sql);
		});
	await inObject(ben.id, (timeline) =>
		timeline.apply([{ kind: "remove", postId: (posts[1]?.id ?? "") as Id, cause: "relation" }]),
	);
	const dan = people[3] as (typeof people)[0];
	await cho.befriend(dan);
	await inObject(cho.id, (timeline) =>
		timeline.apply([
			{
				kind: "add",
				postId: `${posts[0]?.id.slice(0, 12)}Z` as Id,
				authorId: ann.id as Id,
				reason: "friend",
				via: "push",
			},
		]),
	);
	await inObject(cho.id, (_, sql) =>
		sql.exec("UPDATE relations SET members = ? WHERE name = 'friends'", `${ann.id}00002`),
	);
	await evictDurableObject(env.TIMELINE.getByName(cho.id));
	vi.setSystemTime(later + 180_000);
	expect(await ben.texts()).toEqual(["three", "one"]);
	const found = await audit();
	expect(found).toMatchObject({ missing: 1, stale: 1, relations: 1 });
	expect(found.differing.toSorted()).toEqual([ben.id, cho.id].sort());

	expect(await audit({ repair: true })).toMatchObject({ missing: 1, stale: 1, relations: 1 });
	expect(await audit()).toMatchObject({ missing: 0, stale: 0, relations: 0 });
	expect(await ben.texts()).toEqual(["three", "two", "one"]);
});

it("does not take a post for missing that may be on its way", async () => {
	const [ann, ben] = (await signUpMany(2)) as [Awaited<ReturnType<typeof signUp>>, Awaited<ReturnType<typeof signUp>>];
	await ann.befriend(ben);
	await ben.feed();
	const post = await ann.post("just now");
	await eventually(async () => expect(await ben.texts()).toEqual(["just now"]));
	await runInDurableObject(env.TIMELINE.getByName(ben.id), (timeline) =>
		timeline.apply([{ kind: "remove", postId: post.id, cause: "relation" }]),
	);
	expect(await audit()).toMatchObject({ missing: 0 });
});

it("what its owner posted and deleted before she ever read is not there when she does", async () => {
	const [ann] = (await signUpMany(1)) as [Person];
	const gone = await ann.post("a slip");
	const kept = await ann.post("what she meant");
	await ann.ok("DELETE", `/v1/posts/${gone.id}`);
	await settled();
	const timeline = env.TIMELINE.getByName(ann.id);
	// Without the posts: whoever reads them finds out, and has what is gone taken out.
	const { entries } = unpackView(await timeline.page({ limit: 10 }));
	expect(entries.map(({ postId }) => postId)).toEqual([kept.id]);
	vi.setSystemTime(Date.now() + 180_000);
	expect(await timeline.audit(false)).toMatchObject({ cold: false, checked: 1, missing: 0, stale: 0 });
});
