import { expect, it } from "vitest";
import { expand, type FanoutTask } from "../src/fanout/expand.ts";
import type { ChunkQueues } from "../src/fanout/messages.ts";
import { servicesOf } from "../src/services.ts";
import { encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import type { Job } from "../src/store/outbox.ts";
import type { Frame } from "../src/timeline/sockets.ts";
import { HEADS } from "../src/timeline/source.ts";
import { call, eventually, ORIGIN, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

const databaseOf = (who: Person) => (logicalShardOf(who.id as Id) < 320 ? env.SHARD_0 : env.SHARD_1);

/** Nobody signs thirty thousand people up: the count alone decides. */
const pretendFollowers = (who: Person, count: number) =>
	databaseOf(who).prepare("UPDATE profiles SET follower_count = ? WHERE id = ?").bind(count, who.id).run();

const via = async (who: Person, postId: string) =>
	(await who.ok<{ via: string | null }>("GET", `/v1/feed/entries/${postId}`)).via;

const open = { audience: "public" };

it("an author who becomes heavy is pulled, and pushed again when she is not, with no gap and no repeat", async () => {
	const [star, ann, ben] = await Promise.all([signUp("Star"), signUp("Ann"), signUp("Ben")]);
	await ann.ok("PUT", `/v1/following/${star.id}`);
	await star.befriend(ben);
	await Promise.all([ann.feed(), ben.feed()]);
	const posts = [await star.post("0", open)];
	await settled();
	await pretendFollowers(star, 30_000);
	// Whoever crosses the limit is pushed until every follower knows.
	posts.push(await star.post("1", open));
	await settled();
	expect([await via(ann, posts[0]?.id ?? ""), await via(ann, posts[1]?.id ?? "")]).toEqual(["push", "push"]);

	const { seq } = await ann.feed();
	posts.push(await star.post("2", open));
	await settled();
	// What readers share is some seconds old at most.
	await eventually(async () => expect(await ann.texts()).toEqual(["2", "1", "0"]));
	expect(await via(ann, posts[2]?.id ?? "")).toBe("pull");
	expect(await via(ben, posts[2]?.id ?? "")).toBe("push");
	const { changes } = await ann.ok<{ changes: unknown[] }>("GET", `/v1/feed/changes?since=${seq}`);
	expect(changes).toMatchObject([{ seq: seq + 1, kind: "add", postId: posts[2]?.id }]);

	// More than the shared head of an author has.
	const many = HEADS + 5;
	for (let n = 3; n < 3 + many; n++) posts.push(await star.post(`${n}`, open));
	await eventually(async () => expect(await ann.texts()).toEqual(posts.map(({ text }) => text).toReversed()));

	// What she takes back is told to those who have it.
	await star.ok("DELETE", `/v1/posts/${posts[2]?.id}`);
	await settled();
	posts.splice(2, 1);
	expect(await ann.texts()).toEqual(posts.map(({ text }) => text).toReversed());

	await pretendFollowers(star, 10);
	posts.push(await star.post("last", open));
	await settled();
	expect(await via(ann, posts.at(-1)?.id ?? "")).toBe("push");
	posts.push(await star.post("very last", open));
	await settled();
	expect(await ann.texts()).toEqual(posts.map(({ text }) => text).toReversed());
	expect(await via(ann, posts.at(-1)?.id ?? "")).toBe("push");
}, 60_000);

it("a follower who is connected hears of a heavy author's post within seconds", async () => {
	const [star, ann] = await Promise.all([signUp("Star"), signUp("Ann")]);
	await pretendFollowers(star, 30_000);
	await star.post("first", open);
	await settled();
	await ann.ok("PUT", `/v1/following/${star.id}`);
	await pretendFollowers(star, 30_000);
	const response = await worker.fetch(`${ORIGIN}/v1/feed/stream`, {
		headers: { upgrade: "websocket", authorization: `Bearer ${ann.token}` },
	});
	const socket = response.webSocket as WebSocket;
	const told: string[] = [];
	socket.addEventListener("message", ({ data }) => {
		const frame: Frame = JSON.parse(String(data));
		if (frame.type === "change") told.push(frame.postId);
	});
	socket.accept();
	for (const text of ["one", "two"]) {
		const { id } = await star.post(text, open);
		await eventually(async () => expect(told.at(-1)).toBe(id));
	}
	expect(await via(ann, told[0] ?? "")).toBe("pull");
	socket.close();
}, 60_000);

it("whoever is connected comes first in a large fan-out", async () => {
	const { fanout } = servicesOf(env);
	const [star, ann] = await Promise.all([signUp("Star"), signUp("Ann")]);
	const post = await star.post("hello", open);
	await settled();
	const followers = Array.from({ length: 1000 }, (_, n) =>
		encodeId({ time: Date.now() - 100_000 + n, shard: n % 640, tail: 7 }),
	);
	const headers = { "x-operator-secret": env.OPERATOR_SECRET };
	const follows = followers.map((follower, n) => [follower, star.id, 1_700_000_000_000 + n]);
	await call("POST", "/ops/import", { headers, body: { follows } });
	// The last of all to follow, and the only one who is connected.
	await ann.ok("PUT", `/v1/following/${star.id}`);
	await fanout.channels.join(ann.id as Id, []);
	const order: string[][] = [];
	const send = async (chunks: readonly { jobId: Id; chunk: number }[]) => {
		for (const { jobId, chunk } of chunks)
			order.push((await fanout.progress.load(jobId, chunk))?.chunk.recipients ?? []);
	};
	const job: Job = {
		id: servicesOf(env).posts.mintFor(star.id as Id),
		task: { kind: "edit", postId: post.id, authorId: star.id as Id, audience: 0 },
	};
	await databaseOf(star)
		.prepare("INSERT INTO outbox (id, task, due_at) VALUES (?, ?, ?)")
		.bind(job.id, JSON.stringify(job.task), Date.now() + 600_000)
		.run();
	const chunkQueues = { count: 1, partOf: () => 0, send } as unknown as ChunkQueues;
	expect(await expand({ ...fanout, chunkQueues }, job as Job<FanoutTask>)).toBe(true);
	expect(order.flat()).toHaveLength(1001);
	// Though her page is the last.
	expect(order[0]).toEqual([ann.id]);
}, 60_000);
