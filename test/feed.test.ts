import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { encodeId, type Id, IdMinter, logicalShardOf } from "../src/store/ids.ts";
import { LOG_OPTIONS } from "../src/timeline/log.ts";
import { unpackView } from "../src/timeline/packed-view.ts";
import { call, eventually, type Feed, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";

const importRows = (body: Record<string, unknown>) =>
	call("POST", "/ops/import", { headers: { "x-operator-secret": env.OPERATOR_SECRET }, body });

/** Stories of someone's in bulk, a second apart, newest first. */
async function tellMany(author: Person, count: number, audience = "friends"): Promise<string[]> {
	const shard = logicalShardOf(author.id as Id);
	const posts = Array.from({ length: count }, (_, i) => ({
		id: encodeId({ time: Date.now() - (i + 1) * 1000, shard, tail: 0 }),
		authorId: author.id,
		text: `${i}`,
		audience,
	}));
	for (let at = 0; at < count; at += 2000)
		expect((await importRows({ posts: posts.slice(at, at + 2000) })).status).toBe(200);
	return posts.map((post) => post.id);
}

describe("a feed that is longer than its timeline", () => {
	it("goes on from the store with no seam, in both directions, to the oldest post", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		const expected = [...(await tellMany(ann, 700)), ...(await tellMany(ben, 900))].sort().reverse();
		expect(expected.length).toBeGreaterThan(LOG_OPTIONS.keep);

		const down: string[] = [];
		const pages: Feed[] = [];
		for (let cursor = ""; ; ) {
			const page = await ann.feed(`?limit=97${cursor && `&cursor=${cursor}`}`);
			pages.push(page);
			down.push(...page.items.map((post) => post.id));
			if (page.next === null) break;
			cursor = page.next;
		}
		expect(down).toEqual(expected);

		const up: string[] = [];
		for (let cursor = pages.at(-1)?.prev; ; ) {
			const page: Feed = await ann.feed(`?limit=89&cursor=${cursor}`);
			up.unshift(...page.items.map((post) => post.id));
			if (page.items.length === 0) break;
			cursor = page.prev;
		}
		expect(up).toEqual(expected.slice(0, expected.length - (pages.at(-1)?.items.length ?? 0)));
	});

	it("keeps its cursors good when the post they name is deleted", async () => {
		const ann = await signUp("Ann");
		const posts = [];
		for (let i = 0; i < 6; i++) posts.push(await ann.post(`${i}`));
		const first = await ann.feed("?limit=3");
		await ann.ok("DELETE", `/v1/posts/${posts[3]?.id}`);
		expect((await ann.feed(`?limit=3&cursor=${first.next}`)).items.map((post) => post.text)).toEqual(["2", "1", "0"]);
	});

	it("fills up pages that deletions made thin", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		const ids = await tellMany(ben, 60);
		await ann.feed();
		// Gone from the store but still in Ann's timeline, as in the moment before the removal arrives.
		for (const shard of [env.SHARD_0, env.SHARD_1]) {
			await shard
				.prepare("DELETE FROM posts WHERE id IN (SELECT value FROM json_each(?))")
				.bind(JSON.stringify(ids.slice(5, 40)))
				.run();
		}
		expect((await ann.feed("?limit=20")).items.map((post) => post.id)).toEqual([
			...ids.slice(0, 5),
			...ids.slice(40, 55),
		]);
		expect((await ann.wholeFeed(10)).map((post) => post.id)).toEqual([...ids.slice(0, 5), ...ids.slice(40)]);
	});
});

it("an empty feed is an empty list, and its next read has what was posted since", async () => {
	const ann = await signUp("Ann");
	expect(await ann.feed()).toEqual({ items: [], next: null, prev: null, building: false, seq: 0 });
	await ann.post("hello");
	const page = await ann.feed();
	expect(page).toMatchObject({ items: [{ text: "hello" }], next: null, seq: 1 });
	expect((await ann.feed(`?cursor=${page.prev}`)).items).toEqual([]);
	await ann.post("again");
	expect((await ann.feed(`?cursor=${page.prev}`)).items).toMatchObject([{ text: "again" }]);
});

describe("a timeline", () => {
	const stub = (person: Person) => env.TIMELINE.getByName(person.id);

	it("answers with the sequence number of one's own write", async () => {
		const ann = await signUp("Ann");
		await ann.feed();
		for (const seq of [1, 2]) {
			const answer = await ann.call("POST", "/v1/posts", { text: `${seq}` });
			expect(answer.headers.get("x-feed-seq")).toBe(String(seq));
			expect((await ann.feed()).seq).toBe(seq);
		}
	});

	it("is the same after it slept", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		await ann.feed();
		for (let i = 0; i < 150; i++) await (i % 2 ? ann : ben).post(`${i}`);
		await eventually(async () => expect((await ann.feed()).seq).toBe(150));
		const before = await ann.wholeFeed();
		await evictDurableObject(stub(ann));
		expect(await ann.wholeFeed()).toEqual(before);
		expect((await ann.feed()).seq).toBe(150);
	});

	it("is built anew with the same posts and goes on counting", async () => {
		const ann = await signUp("Ann");
		await ann.feed();
		for (let i = 0; i < 3; i++) await ann.post(`${i}`);
		const before = await ann.feed();
		await importRows({ rebuild: [ann.id] });
		const after = await ann.feed();
		expect(after.items).toEqual(before.items);
		// Three additions, and the notice that whoever knew the log before must read anew.
		expect(after.seq).toBe(before.seq + 4);
	});

	it("that is dropped and delivered to while it is being built counts on without a repeat", async () => {
		const ann = await signUp("Ann");
		for (let i = 0; i < 3; i++) await ann.post(`${i}`);
		const minter = new IdMinter(Date.now, Math.random);
		const add = () => ({
			kind: "add" as const,
			postId: minter.mint(logicalShardOf(ann.id as Id)),
			authorId: ann.id as Id,
			reason: "own" as const,
			via: "push" as const,
		});
		await runInDurableObject(stub(ann), async (instance, state) => {
			const page = instance.page({ limit: 1 });
			const [, , seq] = await Promise.all([page, instance.drop(), instance.apply([add()])]);
			// The build was not finished when the delivery came, and has it all the same.
			expect(seq).toBe(0);
			expect(unpackView(await instance.page({ limit: 100 })).entries).toHaveLength(4);
			await instance.drop();
			expect(state.storage.sql.exec("SELECT * FROM log").toArray()).toEqual([]);
			const rebuilt = unpackView(await instance.page({ limit: 100 }));
			expect(await instance.apply([add()])).toBe(rebuilt.seq + 1);
		});
		const before = await ann.feed();
		await evictDurableObject(stub(ann));
		expect(await ann.feed()).toEqual(before);
	});

	it("that is not read for a month is dropped, and built again with what came meanwhile", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.befriend(ben);
		await ben.post("before");
		await eventually(async () => expect(await ann.texts()).toEqual(["before"]));
		const { seq } = await ann.feed();
		const rows = () =>
			runInDurableObject(stub(ann), (_, state) => state.storage.sql.exec("SELECT count(*) AS n FROM log").one().n);
		const read = async (daysAgo: number) => {
			await runInDurableObject(stub(ann), (_, state) => {
				const at = String(Date.now() - daysAgo * 86_400_000);
				state.storage.sql.exec("UPDATE meta SET value = ? WHERE name = 'read'", at);
			});
			await evictDurableObject(stub(ann));
		};
		await read(29);
		expect(await runDurableObjectAlarm(stub(ann))).toBe(true);
		expect(await rows()).toBe(1);
		// The alarm is set again, for the day on which the month is over.
		await read(31);
		expect(await runDurableObjectAlarm(stub(ann))).toBe(true);
		expect(await rows()).toBe(0);
		await ben.post("meanwhile");
		await eventually(async () =>
			expect((await ann.feed("?limit=100")).items.map((post) => post.text)).toEqual(["meanwhile", "before"]),
		);
		expect((await ann.feed()).seq).toBeGreaterThan(seq);
		expect(await ann.call("GET", `/v1/feed/changes?since=${seq}`)).toMatchObject({ status: 410 });
	});

	it("writes one row for a delivery, and drops whole old rows", async () => {
		const ann = await signUp("Ann");
		await ann.feed();
		const minter = new IdMinter(Date.now, Math.random);
		const shard = logicalShardOf(ann.id as Id);
		const count = 1500;
		const rows = await runInDurableObject(stub(ann), async (instance, state) => {
			const { sql } = state.storage;
			const exec = sql.exec.bind(sql);
			let written = 0;
			const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
			sql.exec = ((query: string, ...bindings: unknown[]) => {
				const cursor = exec(query, ...bindings);
				cursors.push(cursor as never);
				return cursor;
			}) as typeof sql.exec;
			for (let i = 0; i < count; i++)
				await instance.apply([
					{ kind: "add", postId: minter.mint(shard), authorId: ann.id as Id, reason: "own", via: "push" },
				]);
			for (const cursor of cursors) written += cursor.rowsWritten;
			sql.exec = exec as typeof sql.exec;
			return { written, kept: exec("SELECT count(*) AS n FROM log").one().n };
		});
		expect(rows.written / count).toBeLessThanOrEqual(1.05);
		expect(rows.kept).toBeLessThanOrEqual(Math.ceil(LOG_OPTIONS.keep / LOG_OPTIONS.rowCapacity) + 1);
	});
});
