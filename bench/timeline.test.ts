/**
 * `npm run bench -- timeline`: what a timeline object costs, measured in workerd from what SQLite reports.
 * Prints a table; the assertions are the targets.
 */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { EPOCH, encodeId, type Id } from "../src/store/ids.ts";
import type { Delivery } from "../src/timeline/changes.ts";
import { LOG_OPTIONS } from "../src/timeline/log.ts";
import type { TimelineObject } from "../src/timeline/object.ts";
import { signUp } from "../test/api.ts";
import { env } from "../test/env.ts";

const ENTRIES = 5000;
const WAKES = 50;
const author = encodeId({ time: EPOCH, shard: 0, tail: 1 });
let clock = Date.now() - ENTRIES * 1000;

function arrivals(count: number): Delivery[] {
	return Array.from({ length: count }, () => {
		clock += 10;
		const postId = encodeId({ time: clock, shard: clock % 1024, tail: 0 });
		return { kind: "add", postId, authorId: author, reason: "friend", via: "push" };
	});
}

/** Rows that SQLite says were written while `work` ran in the object. */
async function rowsWritten(owner: Id, work: (timeline: TimelineObject) => Promise<void>): Promise<number> {
	return runInDurableObject(env.TIMELINE.getByName(owner), async (timeline, { storage: { sql } }) => {
		const exec = sql.exec.bind(sql);
		const cursors: { rowsWritten: number }[] = [];
		sql.exec = ((query: string, ...bindings: unknown[]) => {
			const cursor = exec(query, ...bindings);
			cursors.push(cursor);
			return cursor;
		}) as typeof sql.exec;
		await work(timeline);
		sql.exec = exec as typeof sql.exec;
		return cursors.reduce((sum, cursor) => sum + cursor.rowsWritten, 0);
	});
}

it("rows, bytes and time of a timeline with a full log", async () => {
	const table: Record<string, string> = {};
	for (const [batch, target] of [
		[1, 1.05],
		[10, 0.2],
	] as const) {
		const owner = (await signUp("Bench")).id as Id;
		const written = await rowsWritten(owner, async (timeline) => {
			await timeline.page({ limit: 1 });
			for (let n = 0; n < ENTRIES; n += batch) await timeline.apply(arrivals(batch));
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
			const time = async (wake: boolean) => {
				let total = 0;
				for (let n = 0; n < WAKES; n++) {
					if (wake) await evictDurableObject(stub);
					const start = performance.now();
					await stub.page({ limit: 20 });
					total += performance.now() - start;
				}
				return total / WAKES;
			};
			const [asleep, awake] = [await time(true), await time(false)];
			table["a page from a sleeping object, ms"] = asleep.toFixed(2);
			table["a page from an awake object, ms"] = awake.toFixed(2);
		}
	}
	console.log(
		Object.entries(table)
			.map(([name, value]) => `${value.padStart(8)}  ${name}`)
			.join("\n"),
	);
}, 120_000);
