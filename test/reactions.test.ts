import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import { servicesOf } from "../src/services.ts";
import { ShardUnavailable } from "../src/store/database.ts";
import { type Id, logicalShardOf } from "../src/store/ids.ts";
import { ORIGIN, type Person, signUp, signUpMany, worker } from "./api.ts";
import { env } from "./env.ts";
import { databaseOf, obstruct } from "./obstruct.ts";

afterEach(() => vi.restoreAllMocks());

const { reactions, minter } = servicesOf(env);
const LIKES = "INTO likes";
const DOWN = "D1_ERROR: Network connection lost.";

const like = (post: PostView) => `/v1/posts/${post.id}/like`;
const mint = () => minter.mint(5);

/** Who likes a post as the rows say, and the count as it is kept. */
async function truth(post: { id: string }): Promise<{ fans: string[]; count: number | null }> {
	const database = databaseOf(post);
	const { results } = await database
		.prepare("SELECT account_id AS id FROM likes WHERE post_id = ? ORDER BY account_id")
		.bind(post.id)
		.all<{ id: string }>();
	const count = await database
		.prepare("SELECT like_count AS n FROM posts WHERE id = ?")
		.bind(post.id)
		.first<number>("n");
	return { fans: results.map(({ id }) => id), count };
}

/** Counts the batches with likes that a database is sent from now on. */
function countBatches(post: { id: string }): { batches: number } {
	const counted = { batches: 0 };
	obstruct(databaseOf(post), LIKES, {
		before: async () => {
			counted.batches++;
		},
	});
	return counted;
}

/** Lets nothing through to the likes of a post's shard before `open` is called; `reached` resolves at the first batch. */
function gate(post: { id: string }): { reached: Promise<void>; open: () => void } {
	const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
	obstruct(databaseOf(post), LIKES, {
		before: async () => {
			reached.resolve();
			await opened.promise;
		},
	});
	return { reached: reached.promise, open: opened.resolve };
}

async function publicPost(): Promise<{ star: Person; post: PostView }> {
	const star = await signUp("Star");
	return { star, post: await star.post("like me", { audience: "public" }) };
}

describe("many at once", () => {
	it("are counted exactly, and their shard sees ten batches a second", async () => {
		const { star, post } = await publicPost();
		const fans = await signUpMany(20, "Fan");
		const counted = countBatches(post);
		const start = Date.now();
		const answers = await Promise.all(
			Array.from({ length: 300 }, (_, n) => fans[n % 20]?.call<{ likeCount: number }>("PUT", like(post))),
		);
		expect(new Set(answers.map((answer) => answer?.status))).toEqual(new Set([200]));
		expect(Math.max(...answers.map((answer) => answer?.body.likeCount ?? 0))).toBe(20);
		expect(counted.batches).toBeGreaterThan(0);
		expect(counted.batches).toBeLessThanOrEqual(11 + (Date.now() - start) / 100);
		expect(await truth(post)).toEqual({ fans: fans.map(({ id }) => id).sort(), count: 20 });
		expect((await star.ok<PostView>("GET", `/v1/posts/${post.id}`)).likeCount).toBe(20);
	}, 90_000);

	it("of 300 accounts: the last one to be written is told all of them", async () => {
		const { post } = await publicPost();
		const counted = countBatches(post);
		const accounts = Array.from({ length: 300 }, mint);
		const answers = await Promise.all(accounts.map((account) => reactions.react(post.id as Id, account, true)));
		expect(Math.max(...answers.map((answer) => answer?.likeCount ?? 0))).toBe(300);
		expect(counted.batches).toBeLessThan(30);
		expect(await truth(post)).toEqual({ fans: accounts.toSorted(), count: 300 });
	});

	it("that are too many are refused, and nothing of theirs is written", async () => {
		const { post } = await publicPost();
		const { reached, open } = gate(post);
		const first = reactions.react(post.id as Id, mint(), true);
		await reached;
		const accounts = Array.from({ length: 5_100 }, mint);
		const asked = accounts.map(async (account) => ({
			account,
			answer: await reactions.react(post.id as Id, account, true).catch((error: Error) => error.message),
		}));
		// Refused before anything is written.
		const refused = await Promise.race(asked);
		expect(refused.answer).toBe(ShardUnavailable.MESSAGE);
		open();
		await first;
		const answers = await Promise.all(asked);
		const written = answers.filter(({ answer }) => typeof answer !== "string");
		expect(written).toHaveLength(5_000);
		expect(await truth(post)).toMatchObject({ count: 5_001 });
	}, 60_000);
});

it("wishes of one account that race end as the last one written says, and all of them hear that", async () => {
	const { post } = await publicPost();
	const fan = mint();
	for (let round = 0; round < 5; round++) {
		const { reached, open } = gate(post);
		const first = reactions.react(post.id as Id, fan, true);
		await reached;
		const others = [false, true, false, true, round % 2 === 0];
		const asked = others.map((liked) => reactions.react(post.id as Id, fan, liked));
		await new Promise((resolve) => setTimeout(resolve, 50));
		open();
		expect(await first).toMatchObject({ liked: true, likeCount: 1 });
		const last = round % 2 === 0;
		for (const answer of await Promise.all(asked))
			expect(answer).toMatchObject({ liked: last, likeCount: last ? 1 : 0 });
		expect(await truth(post)).toEqual({ fans: last ? [fan] : [], count: last ? 1 : 0 });
		vi.restoreAllMocks();
	}
});

it("likes of a post that is deleted before they are written are told so, and leave nothing", async () => {
	const { star, post } = await publicPost();
	const fans = await signUpMany(4, "Fan");
	const { reached, open } = gate(post);
	const asked = fans.map((fan) => fan.call("PUT", like(post)));
	await reached;
	await star.ok("DELETE", `/v1/posts/${post.id}`);
	open();
	for (const answer of await Promise.all(asked)) {
		expect(answer).toMatchObject({ status: 404, body: { code: "post_not_found" } });
	}
	expect(await truth(post)).toEqual({ fans: [], count: null });
});

describe("a shard that fails in the middle", () => {
	for (const when of ["before", "after"] as const) {
		it(`${when} it has written: 503 for those who waited, and whoever was told 200 is there`, async () => {
			const { post } = await publicPost();
			const fans = await signUpMany(12, "Fan");
			let batches = 0;
			obstruct(databaseOf(post), LIKES, {
				[when]: async () => {
					if (++batches === 2) throw new Error(DOWN);
				},
			});
			const statuses = new Map<string, number>();
			const ask = async (fan: Person) => statuses.set(fan.id, (await fan.call("PUT", like(post))).status);
			await Promise.all(fans.map(ask));
			const told = (status: number) => [...statuses].filter(([, each]) => each === status).map(([id]) => id);
			expect(told(200).length + told(503).length).toBe(12);
			expect(told(503).length).toBeGreaterThan(0);
			const now = await truth(post);
			expect(now.count).toBe(now.fans.length);
			expect(now.fans).toEqual(expect.arrayContaining(told(200)));
			if (when === "before") expect(now.fans).toEqual(told(200).sort());
			// Who asks again gets what she wished.
			for (const fan of fans.filter(({ id }) => statuses.get(id) === 503)) await fan.ok("PUT", like(post));
			expect(await truth(post)).toEqual({ fans: fans.map(({ id }) => id).sort(), count: 12 });
		});
	}
});

it("a client that goes away in the middle keeps nobody else from being heard", async () => {
	const { post } = await publicPost();
	const [gone, fan] = (await signUpMany(2, "Fan")) as [Person, Person];
	const { reached, open } = gate(post);
	const leaving = new AbortController();
	const headers = { authorization: `Bearer ${gone.token}` };
	const left = worker.fetch(`${ORIGIN}${like(post)}`, { method: "PUT", headers, signal: leaving.signal });
	await reached;
	leaving.abort();
	await expect(left).rejects.toThrow();
	await new Promise((resolve) => setTimeout(resolve, 100));
	const asked = fan.ok("PUT", like(post));
	await new Promise((resolve) => setTimeout(resolve, 100));
	open();
	expect(await asked).toMatchObject({ liked: true });
	const { fans, count } = await truth(post);
	expect(fans).toContain(fan.id);
	expect(count).toBe(fans.length);
});

it("an object that is reset or put away loses nothing that was acknowledged", async () => {
	const { post } = await publicPost();
	const name = String(logicalShardOf(post.id as Id));
	const fans = await signUpMany(8, "Fan");
	const wished = new Map(fans.map(({ id }) => [id, false]));
	let refused = 0;
	for (let round = 0; round < 6; round++) {
		const asked = fans.map(async (fan, n) => {
			await new Promise((resolve) => setTimeout(resolve, n * 3));
			const liked = (round + n) % 2 === 0;
			const { status } = await fan.call(liked ? "PUT" : "DELETE", like(post));
			if (status === 200) wished.set(fan.id, liked);
			else {
				expect(status).toBe(503);
				refused++;
				// Nobody knows before she asks again.
				await fan.ok(liked ? "PUT" : "DELETE", like(post));
				wished.set(fan.id, liked);
			}
		});
		await new Promise((resolve) => setTimeout(resolve, 10));
		const object = env.REACTIONS.getByName(name);
		// Either fails, as what it asks is no more, or was not running.
		if (round % 2) await runInDurableObject(object, (_, state) => state.abort("reset")).catch(() => undefined);
		else await evictDurableObject(object).catch(() => undefined);
		await Promise.all(asked);
		const expected = fans.filter(({ id }) => wished.get(id)).map(({ id }) => id);
		expect(await truth(post)).toEqual({ fans: expected.sort(), count: expected.length });
	}
	expect(refused).toBeLessThan(48);
});
