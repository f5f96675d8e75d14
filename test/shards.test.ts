import { describe, expect, it } from "vitest";
import { NameStore } from "../src/accounts/name-store.ts";
import { AccountStore } from "../src/accounts/store.ts";
import { CHECKS } from "../src/ops/checks.ts";
import { PostStore } from "../src/posts/store.ts";
import { servicesOf } from "../src/services.ts";
import type { ShardDatabase } from "../src/store/database.ts";
import { type Id, IdMinter, logicalShardOf } from "../src/store/ids.ts";
import { LiveMap, MapTable } from "../src/store/live-map.ts";
import { Mover, type Report } from "../src/store/moving/mover.ts";
import { placed } from "../src/store/moving/placed.ts";
import { page, type Span, TABLES } from "../src/store/moving/rows.ts";
import { openShard } from "../src/store/open.ts";
import { ShardMap } from "../src/store/shard-map.ts";
import { Shards } from "../src/store/shards.ts";
import { all, call, type List, type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";
import { mapOver } from "./shard-map.ts";

const headers = { "x-operator-secret": env.OPERATOR_SECRET };
const ops = async <T>(path: string, body?: unknown): Promise<T> => {
	const answer = await call<T>(body === undefined ? "GET" : "POST", `/ops/${path}`, { headers, body });
	expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
	return answer.body;
};
const { settings } = servicesOf(env);
const first = new ShardMap(settings.SHARD_MAP);
const table = new MapTable(env.IDENTITY, first);
/** The logical shards of the accounts from western Europe and Africa, in SHARD_0. */
const WEST: Span = { from: 704, to: 831 };
const sleep = (time: number) => new Promise((done) => setTimeout(done, time));

/** An isolate of its own: its map, its connections. */
function isolate(interval = settings.SHARD_MAP_REFRESH_SECONDS * 1000, open = (name: string) => openShard(env, name)) {
	const live = new LiveMap(table, first, interval, Date.now);
	const shards = new Shards(live, open);
	const sizes = { page: 60, window: 200, keys: 25 };
	return { live, shards, mover: new Mover({ table, live, shards, now: Date.now, sizes }) };
}

class Died extends Error {}

/** An isolate that dies before or after its n-th statement, so that its caller does not know how far it came. */
function mortal(n: number): Mover {
	let left = n;
	const dying = async <T>(work: () => Promise<T>): Promise<T> => {
		if (--left === 0 && n % 2 === 0) throw new Died();
		if (left < 0) throw new Died();
		const answer = await work();
		if (left === 0) throw new Died();
		return answer;
	};
	const open = (name: string): ShardDatabase => {
		const database = openShard(env, name);
		return {
			dialect: database.dialect,
			all: (statement) => dying(() => database.all(statement)),
			batch: (statements, first) => dying(() => database.batch(statements, first)),
		};
	};
	return isolate(undefined, open).mover;
}

async function move(span: Span, to: string, mover = isolate().mover): Promise<Report[]> {
	const reports: Report[] = [];
	for (let calls = 0; reports.at(-1)?.step !== "done"; calls++) {
		expect(calls).toBeLessThan(500);
		reports.push(await mover.step(span, to));
		if (reports.at(-1)?.step === "wait") await sleep(100);
	}
	return reports;
}

async function rowsIn(name: string, span: Span): Promise<number> {
	const database = openShard(env, name);
	const counts = await Promise.all(TABLES.map((each) => page(database, each, span, null, null, 10_000)));
	return counts.reduce((sum, rows) => sum + rows.length, 0);
}

async function strays(): Promise<unknown[]> {
	const found: unknown[] = [];
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const part: { strays: unknown[]; next: string | null } = await ops("shards/verify", cursor ? { cursor } : {});
		found.push(...part.strays);
		cursor = part.next;
	}
	return found;
}

async function faults(): Promise<string[]> {
	const found: string[] = [];
	for (const check of CHECKS) {
		for (let cursor: string | null | undefined; cursor !== null; ) {
			const part: { faults: string[]; next: string | null } = await ops("verify", {
				check,
				...(cursor ? { cursor } : {}),
			});
			found.push(...part.faults);
			cursor = part.next;
		}
	}
	return found;
}

async function drift(): Promise<number> {
	let sum = 0;
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const part: { missing: number; stale: number; relations: number; next: string | null } = await ops(
			"audit",
			cursor ? { cursor } : {},
		);
		sum += part.missing + part.stale + part.relations;
		cursor = part.next;
	}
	return sum;
}

/** What everyone was told is so. */
class Load {
	readonly posts = new Map<string, { author: Person; text: string; likes: Set<Person>; comments: Set<string> }>();
	readonly follows = new Set<string>();
	readonly gone = new Set<string>();
	readonly people: Person[];
	calls = 0;
	running = true;

	constructor(people: Person[]) {
		this.people = people;
	}

	/** One after the other for each person, so that every answer is the last word on what it changed. */
	async run(me: Person): Promise<void> {
		for (let round = 0; this.running; round++) {
			await this.act(me, round);
			this.calls++;
			await sleep(20);
		}
	}

	async act(me: Person, round: number): Promise<void> {
		const others = this.people.filter((person) => person !== me);
		const other = others[round % others.length] as Person;
		// Everyone deletes only her own, and these are never liked: nobody is surprised.
		const open = [...this.posts].filter(([, { text }]) => !text.startsWith("short-lived"));
		const [postId, post] = open[(round * 7) % Math.max(open.length, 1)] ?? [];
		switch (round % 8) {
			case 0: {
				const text = `${me.username} ${round}`;
				const { id } = await me.post(text, { audience: "public" });
				this.posts.set(id, { author: me, text, likes: new Set(), comments: new Set() });
				return;
			}
			case 1: {
				if (!post) return;
				await me.ok("PUT", `/v1/posts/${postId}/like`);
				post.likes.add(me);
				return;
			}
			case 2: {
				if (!post) return;
				const { id } = await me.ok<{ id: string }>("POST", `/v1/posts/${postId}/comments`, { text: "an answer" });
				post.comments.add(id);
				return;
			}
			case 3: {
				const key = `${me.id} ${other.id}`;
				const ends = this.follows.has(key);
				await me.ok(ends ? "DELETE" : "PUT", `/v1/following/${other.id}`);
				if (ends) this.follows.delete(key);
				else this.follows.add(key);
				return;
			}
			case 4: {
				const own = open.find(([, { author }]) => author === me);
				if (!own) return;
				const text = `${me.username} edited ${round}`;
				await me.ok("PATCH", `/v1/posts/${own[0]}`, { text });
				own[1].text = text;
				return;
			}
			case 5: {
				const { id } = await me.post("short-lived", { audience: "public" });
				await me.ok("DELETE", `/v1/posts/${id}`);
				this.gone.add(id);
				return;
			}
			case 6: {
				if (!post?.likes.has(me)) return;
				await me.ok("DELETE", `/v1/posts/${postId}/like`);
				post.likes.delete(me);
				return;
			}
			default: {
				// What I was told is there for me at once, wherever it is.
				const mine = open.filter(([, { author }]) => author === me).at(-1);
				if (mine) expect((await me.ok<{ text: string }>("GET", `/v1/posts/${mine[0]}`)).text).toBe(mine[1].text);
				await me.feed();
			}
		}
	}

	async check(): Promise<void> {
		for (const [id, { author, text, likes, comments }] of this.posts) {
			const found = await author.ok<{ text: string; likeCount: number; commentCount: number }>(
				"GET",
				`/v1/posts/${id}`,
			);
			expect(found).toMatchObject({ text, likeCount: likes.size, commentCount: comments.size });
			const answers = await all<{ id: string }>(author, `/v1/posts/${id}/comments?limit=100`);
			expect(new Set(answers.map((comment) => comment.id))).toEqual(comments);
		}
		for (const id of this.gone)
			expect((await (this.people[0] as Person).call("GET", `/v1/posts/${id}`)).status).toBe(404);
		for (const person of this.people) {
			const { items } = await person.ok<List<{ id: string }>>("GET", `/v1/accounts/${person.id}/following?limit=100`);
			const wanted = [...this.follows].filter((key) => key.startsWith(person.id)).map((key) => key.split(" ")[1]);
			expect(new Set(items.map(({ id }) => id))).toEqual(new Set(wanted));
			expect(await person.account()).toMatchObject({
				followingCount: wanted.length,
				postCount: [...this.posts.values()].filter(({ author }) => author === person).length,
				friendCount: person === this.people[0] ? this.people.length - 1 : 1,
			});
		}
	}
}

it("moves shards while people write, dies at every step, and loses nothing", { timeout: 120_000 }, async () => {
	await ops("shards/databases", { database: "SHARD_2" });
	const regions = ["weur", "afr", "weur", "apac", "sam"];
	const people = await Promise.all(regions.map((region) => signUp("Mover", { region })));
	const [hub, ...spokes] = people as [Person, ...Person[]];
	for (const spoke of spokes) await hub.befriend(spoke);
	const load = new Load(people);
	const work = people.map((person) => load.run(person));
	let deaths = 0;
	try {
		for (const [from, to] of [
			["SHARD_0", "SHARD_2"],
			["SHARD_2", "SHARD_0"],
		] as const) {
			await sleep(1000);
			let finished = false;
			let last = "";
			// Each time it lives for one statement longer, and begins anew with each step: it dies at all of them.
			for (let n = 1; !finished; n++) {
				expect(n).toBeLessThan(300);
				try {
					const { step } = await mortal(n).step(WEST, to);
					if (step === "wait") await sleep(50);
					finished = step === "done";
					if (step !== last) n = 0;
					last = step;
				} catch (error) {
					if (!(error instanceof Died)) throw error;
					deaths++;
				}
			}
			expect(await rowsIn(from, WEST)).toBe(0);
			expect(await rowsIn(to, WEST)).toBeGreaterThan(10);
		}
	} finally {
		load.running = false;
		await Promise.all(work);
	}
	await settled();
	expect(deaths).toBeGreaterThan(30);
	expect(load.calls).toBeGreaterThan(20);
	await load.check();
	expect(await drift()).toBe(0);
	expect(await faults()).toEqual([]);
	expect(await strays()).toEqual([]);
});

it("people are found once while their shard moves, and only where they are afterwards", async () => {
	const minter = new IdMinter(Date.now, Math.random);
	const span = { from: 674, to: 674 };
	await ops("shards/databases", { database: "SHARD_2" });
	const id = minter.mint(674);
	await new AccountStore(isolate().shards).ensure({ id, username: "qvmoving", displayName: "Qvmoving", region: "me" });
	const found = async () => (await new NameStore(isolate(1).shards).find("qv", undefined, 5)).map((each) => each.id);
	for (let step = "start"; step !== "done"; ) {
		expect([step, await found()]).toEqual([step, [id]]);
		({ step } = await isolate(1).mover.step(span, "SHARD_2"));
		if (step === "wait") await sleep(50);
	}
	expect(await found()).toEqual([id]);
	const count = (database: D1Database) =>
		database.prepare("SELECT count(*) AS n FROM account_names WHERE account_id = ?").bind(id).first<number>("n");
	expect([await count(env.SHARD_0), await count(env.SHARD_2)]).toEqual([0, 1]);
	await move(span, "SHARD_0");
});

describe("an isolate whose map is old", () => {
	const minter = new IdMinter(Date.now, Math.random);
	const write = async (shards: Shards, authorId: Id, text: string): Promise<Id> => {
		const id = minter.mint(logicalShardOf(authorId));
		const task = { kind: "add" as const, postId: id, authorId, audience: 0 };
		await new PostStore(shards, Date.now).insert({ id, authorId, text, audience: 0, link: null }, { id, task });
		return id;
	};

	it("writes to where the shard is now, and reads from there", async () => {
		const span = { from: 672, to: 672 };
		const author = minter.mint(672);
		const before = isolate(1e9);
		const during = isolate(1e9);
		const old = await write(before.shards, author, "before");
		const mover = isolate().mover;
		expect((await mover.step(span, "SHARD_2")).step).toBe("prepare");
		await during.shards.fresh();
		expect(during.live.current.isMoving(author)).toBe(true);
		for (let step = ""; step !== "switch"; step = (await mover.step(span, "SHARD_2")).step) await sleep(50);
		expect(before.live.current.databaseOf(author)).toBe("SHARD_0");
		const late = await write(before.shards, author, "late");
		expect(before.live.current.databaseOf(author)).toBe("SHARD_2");
		expect(await rowsIn("SHARD_0", span)).toBe(2);
		const rows = await new PostStore(during.shards, Date.now).byIds([old, late], author);
		expect([...rows.keys()].sort()).toEqual([old, late].sort());
		await move(span, "SHARD_2");
		expect([await rowsIn("SHARD_0", span), await rowsIn("SHARD_2", span)]).toEqual([0, 4]);
	});

	it("waits while a shard is fenced, and goes on where it was when the move is given up", async () => {
		const span = { from: 673, to: 673 };
		const author = minter.mint(673);
		const { mover, shards } = isolate();
		await write(shards, author, "first");
		await mover.step(span, "SHARD_2");
		await mover.step(span, "SHARD_2");
		await env.SHARD_0.prepare("UPDATE moves SET phase = 'fenced' WHERE low = 673").run();
		const waiting = write(shards, author, "second");
		await sleep(300);
		expect(await rowsIn("SHARD_0", span)).toBe(2);
		await mover.abort(span);
		await waiting;
		expect(await rowsIn("SHARD_0", span)).toBe(4);
		await move(span, "SHARD_0");
		expect(await rowsIn("SHARD_2", span)).toBe(0);
	});
});

it("what a move is refused for", async () => {
	const refused = async (path: string, body: unknown, field: string) => {
		const answer = await call("POST", `/ops/shards/${path}`, { headers, body });
		expect(answer.status).toBe(400);
		expect(answer.body.errors).toContainEqual(expect.objectContaining({ path: field }));
	};
	await refused("move", { from: 5, to: 5, database: "SHARD_9" }, "database");
	await refused("move", { from: 300, to: 400, database: "SHARD_1" }, "from");
	await refused("move", { from: 5, to: 4, database: "SHARD_1" }, "to");
	await refused("databases", { database: "SHARD_9" }, "database");
	await refused("databases", { database: "IDENTITY" }, "database");
	expect((await isolate().mover.step({ from: 5, to: 9 }, "SHARD_0")).step).toBe("done");
});

it("a place in the map is cut out of the ranges around it, and joined again", () => {
	const { placement } = first;
	const there = placed(placement, { from: 100, to: 100, database: "SHARD_1", state: "active" });
	expect(there.ranges.slice(0, 4).map(({ from, to, database }) => [from, to, database])).toEqual([
		[0, 99, "SHARD_0"],
		[100, 100, "SHARD_1"],
		[101, 319, "SHARD_0"],
		[320, 639, "SHARD_1"],
	]);
	expect(placed(there, { from: 100, to: 100, database: "SHARD_0", state: "active" }).ranges).toEqual(placement.ranges);
	expect(new ShardMap({ ...mapOver("A", "B"), version: 3 }).databases).toEqual(["A", "B"]);
});

it("of two changes of the map one is refused", async () => {
	const map = await table.read();
	const next = { ...map.placement, version: map.version + 1 };
	const made = await Promise.all([table.replace(next), table.replace(next)]);
	expect(made.filter(Boolean)).toHaveLength(1);
	expect((await table.read()).version).toBe(next.version);
});
