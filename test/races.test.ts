import { describe, expect, it, vi } from "vitest";
import { FRIEND_LIMIT, STRANGERS } from "../src/graph/rules.ts";
import type { PostView } from "../src/posts/post.ts";
import { servicesOf } from "../src/services.ts";
import { encodeId, type Id, logicalShardOf, timeOf } from "../src/store/ids.ts";
import type { Job } from "../src/store/outbox.ts";
import { call, eventually, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { databaseOf, obstruct } from "./obstruct.ts";
import { settled } from "./settled.ts";

/** What only the query of an author's newest posts says. */
const NEWEST = "SELECT id FROM posts WHERE";

const together = <T>(count: number, run: (i: number) => Promise<T>) =>
	Promise.all(Array.from({ length: count }, (_, i) => run(i)));

/** Gives someone friends in bulk: accounts that exist only as rows. */
async function giveFriends(person: Person, count: number): Promise<void> {
	const id = person.id as Id;
	const made = Array.from({ length: count }, (_, i) =>
		encodeId({ time: timeOf(id) + 1 + Math.floor(i / 4096), shard: logicalShardOf(id), tail: i % 4096 }),
	);
	const answer = await call("POST", "/ops/import", {
		headers: { "x-operator-secret": env.OPERATOR_SECRET },
		body: { friendships: made.map((other) => [id, other, 1_700_000_000_000]) },
	});
	expect(answer.body).toMatchObject({ friendships: count });
	expect((await person.account()).friendCount).toBe(count);
}

describe("friendships", () => {
	it("two who accept each other's requests at once, several times over, become friends once", async () => {
		for (let round = 0; round < 5; round++) {
			const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
			await Promise.all([
				ann.call("POST", "/v1/friend-requests", { accountId: ben.id }),
				ben.call("POST", "/v1/friend-requests", { accountId: ann.id }),
			]);
			await together(6, (i) =>
				i % 2
					? ann.call("POST", `/v1/friend-requests/${ben.id}/accept`)
					: ben.call("POST", `/v1/friend-requests/${ann.id}/accept`),
			);
			for (const [who, other] of [
				[ann, ben],
				[ben, ann],
			] as const) {
				expect((await who.account(other.id)).relation).toMatchObject({
					friend: true,
					requested: false,
					requestedBy: false,
				});
				expect((await who.account()).friendCount).toBe(1);
			}
		}
	});

	it("accepting, declining and ending at once leaves both sides with the same", async () => {
		for (let round = 0; round < 8; round++) {
			const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
			await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
			await Promise.all([
				ben.call("POST", `/v1/friend-requests/${ann.id}/accept`),
				ann.call("DELETE", `/v1/friend-requests/${ben.id}`),
				ann.call("DELETE", `/v1/friends/${ben.id}`),
				ben.call("PUT", `/v1/following/${ann.id}`),
			]);
			const [left, right] = [(await ann.account(ben.id)).relation, (await ben.account(ann.id)).relation];
			expect(left?.friend).toBe(right?.friend);
			expect([left?.requested, left?.requestedBy]).toEqual([right?.requestedBy, right?.requested]);
			expect([left?.followedBy, right?.following]).toEqual([true, true]);
			expect((await ann.account()).friendCount).toBe(left?.friend ? 1 : 0);
			expect((await ben.account()).friendCount).toBe(left?.friend ? 1 : 0);
		}
	});

	it.each([
		["the one who accepts", true],
		["the one who asked", false],
	])("the limit is exact when %s is nearly full", async (_, accepts) => {
		const full = await signUp("Full");
		await giveFriends(full, FRIEND_LIMIT - 2);
		const others = await signUpMany(6, "Other");
		for (const other of others) {
			await (accepts
				? other.ok("POST", "/v1/friend-requests", { accountId: full.id })
				: full.ok("POST", "/v1/friend-requests", { accountId: other.id }));
		}
		const answers = await Promise.all(
			others.map((other) =>
				accepts
					? full.call("POST", `/v1/friend-requests/${other.id}/accept`)
					: other.call("POST", `/v1/friend-requests/${full.id}/accept`),
			),
		);
		expect(answers.filter((answer) => answer.status === 200)).toHaveLength(2);
		for (const answer of answers)
			if (answer.status !== 200) expect(answer).toMatchObject({ status: 409, body: { code: "friend_limit_reached" } });
		expect((await full.account()).friendCount).toBe(FRIEND_LIMIT);
		for (const [i, other] of others.entries()) {
			const friend = answers[i]?.status === 200;
			expect((await other.account(full.id)).relation).toMatchObject({ friend });
			expect((await full.account(other.id)).relation).toMatchObject({ friend });
			expect((await other.account()).friendCount).toBe(friend ? 1 : 0);
		}
		// A place that is given back can be taken again.
		const [friend, waiting] = [
			others.find((_, i) => answers[i]?.status === 200),
			others.find((_, i) => answers[i]?.status !== 200),
		];
		await full.ok("DELETE", `/v1/friends/${friend?.id}`);
		const again = accepts
			? full.call("POST", `/v1/friend-requests/${waiting?.id}/accept`)
			: waiting?.call("POST", `/v1/friend-requests/${full.id}/accept`);
		expect((await again)?.status).toBe(200);
		expect((await full.account()).friendCount).toBe(FRIEND_LIMIT);
	});
});

it("a place that is held for a pair is neither given away nor counted twice", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	const { relations } = servicesOf(env);
	const [low, high] = [ann, ben].sort((a, b) => (a.id < b.id ? -1 : 1)) as [Person, Person];
	const pair = { low: low.id as Id, high: high.id as Id };
	const job = (tail: number): Job => ({
		id: encodeId({ time: timeOf(pair.high) + 5, shard: logicalShardOf(pair.high), tail }),
		task: { kind: "settle", ...pair, timelines: [], hold: pair.high },
	});
	expect(await relations.hold(pair, job(1))).toBe(true);
	expect(await relations.hold(pair, job(2))).toBe(false);
	expect(await relations.holder(pair)).toBe(job(1).id);
	expect((await high.account()).friendCount).toBe(1);
	// The one who came second must not give back what the first one holds.
	await relations.mirror(pair, STRANGERS, job(2).id);
	expect((await high.account()).friendCount).toBe(1);
	await relations.mirror(pair, STRANGERS, job(1).id);
	expect((await high.account()).friendCount).toBe(0);
});

it("a request that died with the place it held does not keep the two from becoming friends", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
	const [low, high] = [ann.id as Id, ben.id as Id].sort() as [Id, Id];
	const id = encodeId({ time: Date.now() - 20_000, shard: logicalShardOf(high), tail: 1 });
	const task = { kind: "settle" as const, low, high, timelines: [], hold: id };
	expect(await servicesOf(env).relations.hold({ low, high }, { id, task })).toBe(true);
	expect((await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`)).status).toBe(200);
	expect([(await ann.account()).friendCount, (await ben.account()).friendCount]).toEqual([1, 1]);
});

it("an act that is repeated after it died half-way is settled on both sides", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await Promise.all([ann.feed(), ben.feed()]);
	await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
	await Promise.all([ann.post("from ann"), ben.post("from ben")]);
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	vi.spyOn(servicesOf(env).graph, "settle").mockRejectedValueOnce(new Error("the isolate died"));
	await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`);
	vi.restoreAllMocks();
	expect((await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`)).status).toBe(200);
	for (const [one, other] of [[ann, ben] as const, [ben, ann] as const]) {
		expect((await one.account(other.id)).relation).toMatchObject({ friend: true });
		expect((await one.texts()).toSorted()).toEqual(["from ann", "from ben"]);
	}
});

it("a post that is delivered while a new tie is looked at is not missed", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await Promise.all([ann.feed(), ben.feed()]);
	await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
	let posted = false;
	const after = async () => {
		if (posted) return;
		posted = true;
		const { id } = await ann.post("just now");
		const add = { kind: "add", postId: id, authorId: ann.id as Id, reason: "friend", via: "push" } as const;
		await servicesOf(env)
			.timelines.of(ben.id as Id)
			.apply([add]);
	};
	obstruct(databaseOf(ann), NEWEST, { after });
	await ben.ok("POST", `/v1/friend-requests/${ann.id}/accept`);
	vi.restoreAllMocks();
	expect(posted).toBe(true);
	expect(await ben.texts()).toEqual(["just now"]);
});

it("a tie that ended and was made again before its end was settled misses nothing of what was posted in between", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.ok("PUT", `/v1/following/${ben.id}`);
	await settled();
	await ann.feed();
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	const { graph, fanout } = servicesOf(env);
	vi.spyOn(graph, "settle").mockRejectedValueOnce(new Error("the isolate died"));
	vi.spyOn(fanout.doorbell, "ring").mockResolvedValueOnce();
	await ann.ok("DELETE", `/v1/following/${ben.id}`);
	await ben.post("between", { audience: "public" });
	await ann.ok("PUT", `/v1/following/${ben.id}`);
	vi.restoreAllMocks();
	await settled();
	expect(await ann.texts()).toEqual(["between"]);
});

it("a post that is deleted while a tie is ended and made again unnoticed does not stay", async () => {
	// His shard decides about the pair, and so knows that she does not follow him any more.
	const ben = await signUp("Ben");
	const ann = await signUp("Ann");
	await ann.ok("PUT", `/v1/following/${ben.id}`);
	const [post] = [await ben.post("gone", { audience: "public" }), await ben.post("stays", { audience: "public" })];
	await settled();
	const { seq } = await ann.feed();
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	const { graph, fanout } = servicesOf(env);
	vi.spyOn(graph, "settle").mockRejectedValueOnce(new Error("the isolate died"));
	vi.spyOn(fanout.doorbell, "ring").mockResolvedValueOnce();
	await ann.ok("DELETE", `/v1/following/${ben.id}`);
	await ben.ok("DELETE", `/v1/posts/${post.id}`);
	// Nobody tells her of it: she is no follower, for all that the store knows.
	await eventually(async () => {
		const removals = "SELECT count(*) AS n FROM outbox WHERE task LIKE '%remove%'";
		expect(await databaseOf(ben).prepare(removals).first("n")).toBe(0);
	});
	await ann.ok("PUT", `/v1/following/${ben.id}`);
	vi.restoreAllMocks();
	await settled();
	const { changes } = await ann.ok<{ changes: { kind: string; postId: string }[] }>(
		"GET",
		`/v1/feed/changes?since=${seq}`,
	);
	expect(changes).toMatchObject([{ kind: "remove", postId: post.id }]);
	expect(await ann.texts()).toEqual(["stays"]);
});

it("two identical requests with one idempotency key make one post, and both get it", async () => {
	const ann = await signUp("Ann");
	for (let round = 0; round < 10; round++) {
		const answers = await together(4, () =>
			ann.call<PostView>("POST", "/v1/posts", { text: `round ${round}` }, { "idempotency-key": `r${round}` }),
		);
		expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201, 201]);
		for (const answer of answers) expect(answer.body).toEqual(answers[0]?.body);
	}
	expect((await ann.account()).postCount).toBe(10);
	expect((await ann.wholeFeed()).map((post) => post.text)).toEqual(
		Array.from({ length: 10 }, (_, i) => `round ${9 - i}`),
	);
});

it("likes and unlikes that race leave an exact count", async () => {
	const [star, ...fans] = await signUpMany(9, "Fan");
	const post = await star?.post("x", { audience: "public" });
	await Promise.all(
		fans.map(async (fan, i) => {
			const like = `/v1/posts/${post?.id}/like`;
			await together(4, (n) => fan.call(n % 2 ? "DELETE" : "PUT", like));
			await fan.ok(i % 2 ? "DELETE" : "PUT", like);
		}),
	);
	const { likeCount } = (await star?.ok<PostView>("GET", `/v1/posts/${post?.id}`)) ?? {};
	expect(likeCount).toBe(4);
});

it("comments that race with the post's deletion leave nothing behind", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.befriend(ben);
	const post = await ann.post("short-lived");
	const answers = await together(8, (i) =>
		i === 4
			? ann.call("DELETE", `/v1/posts/${post.id}`)
			: ben.call("POST", `/v1/posts/${post.id}/comments`, { text: `${i}` }),
	);
	for (const answer of answers) expect([201, 204, 404]).toContain(answer.status);
	for (const { status, body } of answers)
		if (status === 201) expect((await ben.call("GET", `/v1/posts/${body.id}`)).status).toBe(404);
});

it("posts written at once are all there, once, in one order for everybody", async () => {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.befriend(ben);
	const posts = await together(30, (i) => (i % 2 ? ann : ben).post(`${i}`));
	const expected = posts
		.map((post) => post.id)
		.sort()
		.reverse();
	for (const who of [ann, ben]) {
		await expect
			.poll(async () => (await who.wholeFeed(7)).map((post) => post.id), { timeout: 15_000 })
			.toEqual(expected);
	}
});
