/**
 * `npm run bench -- timeline`: what a timeline object costs, measured in workerd from what SQLite reports.
 * Prints a table; the assertions are the targets.
 */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import type { Delivery } from "../src/timeline/changes.ts";
import { LOG_OPTIONS } from "../src/timeline/log.ts";
import type { TimelineObject } from "../src/timeline/object.ts";
import { unpackView } from "../src/timeline/packed-view.ts";
import { TimelineStorage } from "../src/timeline/storage.ts";
import { call, signUp } from "../test/api.ts";
import { env } from "../test/env.ts";

const ENTRIES = 5000;
const WAKES = 50;
let clock = Date.now() - ENTRIES * 1000;

function arrivals(authorId: Id, count: number): Delivery[] {
	return Array.from({ length: count }, () => {
		clock += 10;
		const postId = encodeId({ time: clock, shard: clock % 1024, tail: 0 });
		return { kind: "add", postId, authorId, reason: "friend", via: "push" };
	});
}

/** Rows that SQLite says were read and written while `work` ran in the object. */
async function rows(
	owner: Id,
	work: (timeline: TimelineObject, storage: DurableObjectStorage) => Promise<void>,
): Promise<{ read: number; written: number }> {
	return runInDurableObject(env.TIMELINE.getByName(owner), async (timeline, { storage }) => {
		const { sql } = storage;
		const exec = sql.exec.bind(sql);
		const cursors: { rowsRead: number; rowsWritten: number }[] = [];
		sql.exec = ((query: string, ...bindings: unknown[]) => {
			const cursor = exec(query, ...bindings);
			cursors.push(cursor);
			return cursor;
		}) as typeof sql.exec;
		await work(timeline, storage);
		sql.exec = exec as typeof sql.exec;
		const sum = (of: "rowsRead" | "rowsWritten") => cursors.reduce((total, cursor) => total + cursor[of], 0);
		return { read: sum("rowsRead"), written: sum("rowsWritten") };
	});
}

/** Milliseconds that `work` takes, on average, each time after `before`. */
async function time(work: () => Promise<unknown>, before?: () => Promise<unknown>): Promise<number> {
	let total = 0;
	for (let n = 0; n < WAKES; n++) {
		await before?.();
		const start = performance.now();
		await work();
		total += performance.now() - start;
	}
	return total / WAKES;
}

function print(table: Readonly<Record<string, string>>): void {
	console.log(
		Object.entries(table)
			.map(([name, value]) => `${value.padStart(8)}  ${name}`)
			.join("\n"),
	);
}

it("rows, bytes and time of a timeline with a full log", async () => {
	const table: Record<string, string> = {};
	for (const [batch, target] of [
		[1, 1.05],
		[10, 0.2],
	] as const) {
		const owner = (await signUp("Bench")).id as Id;
		const { written } = await rows(owner, async (timeline) => {
			await timeline.page({ limit: 1 });
			for (let n = 0; n < ENTRIES; n += batch) await timeline.apply(arrivals(owner, batch));
		});
		table[`rows written per entry, delivered ${batch} at a time (target ${target})`] = (written / ENTRIES).toFixed(3);
		expect(written / ENTRIES).toBeLessThanOrEqual(target);
		if (batch === 1) {
			const stored = await runInDurableObject(env.TIMELINE.getByName(owner), (_, { storage: { sql } }) =>
				sql
					.exec<{ bytes: number; rows: number }>("SELECT sum(length(changes)) AS bytes, count(*) AS rows FROM log")
					.one(),
			);
			table["bytes stored per entry"] = (stored.bytes / (stored.rows * LOG_OPTIONS.rowCapacity)).toFixed(1);
			const stub = env.TIMELINE.getByName(owner);
			const page = () => stub.page({ limit: 20 });
			const [asleep, awake] = [await time(page, () => evictDurableObject(stub)), await time(page)];
			table["a page from a sleeping object, ms"] = asleep.toFixed(2);
			table["a page from an awake object, ms"] = awake.toFixed(2);
		}
	}
	print(table);
}, 120_000);

it("five thousand friends cost what fifty cost", async () => {
	const headers = { "x-operator-secret": env.OPERATOR_SECRET };
	const table: Record<string, string> = {};
	const costs: Record<string, number[]> = {};
	for (const [group, count] of [50, 5000].entries()) {
		const owner = (await signUp("Bench")).id as Id;
		const since = Date.now() - 86_400_000;
		const friends = Array.from({ length: count }, (_, n) =>
			encodeId({ time: since + n * 10, shard: n % 640, tail: group }),
		);
		const friendships = friends.map((friend) => [owner, friend, since] as const);
		// As many posts, so that only the friends differ.
		const posts = Array.from({ length: 5000 }, (_, n) => {
			const authorId = friends[n % count] as Id;
			const id = encodeId({ time: since + 60_000 + n * 10, shard: logicalShardOf(authorId), tail: group });
			return { id, authorId, text: "hello", audience: "friends" };
		});
		for (let at = 0; at < 5000; at += 1000) {
			const body = { friendships: friendships.slice(at, at + 1000), posts: posts.slice(at, at + 1000) };
			expect((await call("POST", "/ops/import", { headers, body })).status).toBe(200);
		}
		const stub = env.TIMELINE.getByName(owner);
		const { entries } = unpackView(await stub.page({ limit: 1000 }));
		expect(entries).toHaveLength(1000);
		const note = (name: string, value: number, digits = 0) => {
			table[`${name}, ${count} friends`] = value.toFixed(digits);
			costs[name] = [...(costs[name] ?? []), value];
		};
		const page = () => stub.page({ limit: 20 });
		const news = () => arrivals(friends[0] as Id, 1);
		const paged = await rows(owner, async (timeline) => void (await timeline.page({ limit: 20 })));
		const delivered = await rows(owner, async (timeline) => {
			for (let n = 0; n < 100; n++) await timeline.apply(news());
		});
		const woken = await rows(owner, async (_, storage) => {
			const stored = new TimelineStorage(storage);
			stored.load();
			stored.loadRelations();
		});
		note("rows read by a page", paged.read);
		note("rows written by 100 deliveries", delivered.written);
		note("rows read by a wake-up", woken.read);
		note("ms of a page, awake", await time(page), 2);
		note("ms of a page, asleep", await time(page, () => evictDurableObject(stub)), 2);
		note("ms of a delivery, awake", await time(async () => stub.apply(news())), 2);
	}
	print(table);
	for (const [name, [few = 0, many = 0]] of Object.entries(costs)) {
		if (!name.startsWith("ms")) expect(many, name).toBeLessThanOrEqual(few + 2);
	}
}, 120_000);
