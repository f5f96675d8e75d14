import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { consume, type FanoutServices } from "../src/fanout/consume.ts";
import { DeadLetters, LAST_TRY } from "../src/fanout/dead-letters.ts";
import { CHUNK_SIZE, cut, type FanoutTask, nextProgress, PAGE_SIZE } from "../src/fanout/expand.ts";
import { ChunkQueues, retryDelay } from "../src/fanout/messages.ts";
import { type Progress, START } from "../src/fanout/progress.ts";
import { sweep } from "../src/fanout/sweep.ts";
import type { RelationKey } from "../src/graph/store.ts";
import { Posts } from "../src/posts/posts.ts";
import { servicesOf } from "../src/services.ts";
import { EPOCH, encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import { Doorbell, type Job, LONGEST_DELAY, promise, sweepDelay } from "../src/store/outbox.ts";
import type { Timeline } from "../src/timeline/client.ts";
import { Timelines } from "../src/timeline/client.ts";
import { call, eventually, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

const services = servicesOf(env);

afterEach(() => vi.restoreAllMocks());

/** A queue whose messages wait here until the test hands them on, in the order and as often as it likes. */
class HeldQueue {
	readonly held: unknown[] = [];
	async send(body: unknown) {
		this.held.push(body);
	}
	async sendBatch(messages: Iterable<{ body: unknown }>) {
		for (const { body } of messages) this.held.push(body);
	}
	take(): unknown[] {
		return this.held.splice(0);
	}
}

/** The real services, but for the queues. */
function held() {
	const [fanoutQueue, deliverQueue] = [new HeldQueue(), new HeldQueue()];
	const doorbell = new Doorbell(fanoutQueue as never);
	const fanout: FanoutServices = {
		...services.fanout,
		doorbell,
		chunkQueues: new ChunkQueues([deliverQueue as never]),
	};
	const posts = new Posts({ ...services, posts: services.postStore, doorbell });
	const publish = async (author: Person, text: string) => {
		const { post } = await posts.publish(author.id as Id, posts.mintFor(author.id as Id), {
			text,
			audience: "friends",
		});
		return post;
	};
	const remove = (author: Person, id: Id) => posts.remove(author.id as Id, id);
	return { fanout, fanoutQueue, deliverQueue, publish, remove };
}

async function handle(fanout: FanoutServices, queue: string, bodies: readonly unknown[]) {
	const messages = bodies.map((body, i) => ({ id: `${i}`, timestamp: Date.now(), attempts: 1, body }));
	const batch = createMessageBatch(queue, messages);
	// The result does not tell the delays, so they are noted on the way.
	const delays: (number | undefined)[] = [];
	for (const message of batch.messages) {
		const retry = message.retry.bind(message);
		vi.spyOn(message, "retry").mockImplementation((options) => {
			delays.push(options?.delaySeconds);
			retry(options);
		});
	}
	const ctx = createExecutionContext();
	await consume(fanout, batch);
	return { ...(await getQueueResult(batch, ctx)), delays };
}
const jobs = (fanout: FanoutServices, bodies: readonly unknown[]) => handle(fanout, "edgefeed-fanout", bodies);
const chunks = (fanout: FanoutServices, bodies: readonly unknown[]) => handle(fanout, "edgefeed-deliver", bodies);

/** Jobs, and chunks of jobs, that are left, or only the jobs that name somebody. */
async function outboxRows(of?: Person): Promise<number> {
	const counts = await Promise.all(
		[env.SHARD_0, env.SHARD_1].map((shard) =>
			shard
				.prepare(
					of
						? `SELECT count(*) AS n FROM outbox WHERE task LIKE '%${of.id}%'`
						: "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_chunks) AS n",
				)
				.first<number>("n"),
		),
	);
	return counts.reduce((sum: number, n) => sum + (n ?? 0), 0);
}

async function friends(count: number): Promise<[Person, ...Person[]]> {
	const [author, ...others] = await signUpMany(count + 1, "Friend");
	if (!author) throw new Error("nobody signed up");
	await Promise.all(others.map((other) => author.befriend(other)));
	await Promise.all([author, ...others].map((person) => person.feed()));
	return [author, ...others];
}

/** Followers that are rows only: their timelines are cold. */
async function giveFollowers(author: Person, count: number): Promise<Id[]> {
	const followers = Array.from({ length: count }, (_, i) => encodeId({ time: EPOCH + i, shard: i % 1024, tail: 7 }));
	const follows = followers.map((follower) => [follower, author.id, 1_700_000_000_000]);
	for (let at = 0; at < count; at += 2500) {
		await call("POST", "/ops/import", {
			headers: { "x-operator-secret": env.OPERATOR_SECRET },
			body: { follows: follows.slice(at, at + 2500) },
		});
	}
	return followers;
}

describe("messages that come twice and in any order", () => {
	it("change nothing: of additions and deletions, and of their expansions", async () => {
		const [author, ben, cho] = await friends(2);
		const { fanout, fanoutQueue, deliverQueue, publish, remove } = held();
		const kept = await publish(author, "kept");
		const gone = await publish(author, "gone");
		await remove(author, gone.id);
		const expanding = fanoutQueue.take();
		await jobs(fanout, [...expanding.toReversed(), ...expanding, ...expanding]);
		const delivering = deliverQueue.take();
		expect(delivering).toHaveLength(3);
		// Every order, as the removal may overtake the addition.
		await fc.assert(
			fc.asyncProperty(fc.shuffledSubarray([...delivering, ...delivering], { minLength: 3 }), async (messages) => {
				for (const message of messages) await chunks(fanout, [message]);
			}),
			{ numRuns: 5 },
		);
		await chunks(fanout, [...delivering, ...delivering]);
		await jobs(fanout, expanding);
		expect(deliverQueue.take()).toEqual([]);
		const seqs = await Promise.all([ben, cho].map(async (person) => (await person?.feed())?.seq));
		for (const person of [author, ben, cho])
			expect((await person?.wholeFeed())?.map((post) => post.id)).toEqual([kept.id]);
		await chunks(fanout, delivering);
		expect(await Promise.all([ben, cho].map(async (person) => (await person?.feed())?.seq))).toEqual(seqs);
		expect(await outboxRows()).toBe(0);
	});
});

it("an id that another job has is not used: nothing of either is lost", async () => {
	const [author, friend] = await friends(1);
	const { fanout, fanoutQueue, deliverQueue } = held();
	const posts = new Posts({ ...services, posts: services.postStore, doorbell: fanout.doorbell });
	const id = posts.mintFor(author.id as Id);
	const other: Job = {
		id,
		task: { kind: "settle", low: author.id as Id, high: (friend?.id ?? "") as Id, timelines: [], hold: id },
	};
	await services.shards.of(id).all(promise(other, Date.now()));
	const { post } = await posts.publish(author.id as Id, id, { text: "not lost", audience: "friends" });
	expect(post.id).not.toBe(id);
	await jobs(fanout, [{ v: 1, jobId: id }, ...fanoutQueue.take()]);
	await chunks(fanout, deliverQueue.take());
	expect(await friend?.texts()).toEqual(["not lost"]);
	expect(await outboxRows()).toBe(0);
});

it("one shard that is down keeps no other from being swept", async () => {
	const people = await Promise.all([signUp("East", { region: "apac" }), signUp("West", { region: "weur" })]);
	const { fanout, fanoutQueue, deliverQueue, publish } = held();
	for (const person of people) await publish(person, "waiting");
	fanoutQueue.take();
	vi.spyOn(console, "error").mockImplementation(() => {});
	const [first, ...rest] = services.shards.all();
	const down = { batch: async () => Promise.reject(new Error("D1 is down")) } as unknown as typeof first;
	vi.spyOn(services.shards, "all").mockReturnValue([down, ...rest] as never);
	const swept = await sweep(fanout, Date.now() + 61_000);
	vi.restoreAllMocks();
	const { jobs: others } = await sweep(fanout, Date.now() + 61_000);
	expect(swept.jobs + others).toBe(2);
	await jobs(fanout, fanoutQueue.take());
	await chunks(fanout, deliverQueue.take());
	expect(await outboxRows()).toBe(0);
});

describe("a message that is lost", () => {
	it("is sent again a minute later, at either stage, whatever died in between", async () => {
		const [author, friend] = await friends(1);
		const { fanout, fanoutQueue, deliverQueue, publish } = held();
		const post = await publish(author, "lost twice");
		expect(fanoutQueue.take()).toHaveLength(1);
		expect(await sweep(fanout, Date.now() + 59_000)).toEqual({ jobs: 0, chunks: 0 });
		expect(await sweep(fanout, Date.now() + 61_000)).toEqual({ jobs: 1, chunks: 0 });
		// Not again at once: later and later.
		expect(await sweep(fanout, Date.now() + 62_000)).toEqual({ jobs: 0, chunks: 0 });

		await jobs(fanout, fanoutQueue.take());
		expect(deliverQueue.take()).toHaveLength(1);
		expect((await friend?.feed())?.items).toEqual([]);
		expect(await sweep(fanout, Date.now() + 300_000)).toMatchObject({ chunks: 1 });
		await jobs(fanout, fanoutQueue.take());
		await chunks(fanout, deliverQueue.take());
		expect((await friend?.feed())?.items.map((each) => each.id)).toEqual([post.id]);
		expect(await outboxRows()).toBe(0);
	});

	it("and a queue that does not answer keep nobody waiting: posting succeeds", async () => {
		const [author, friend] = await friends(1);
		const { fanout, fanoutQueue, deliverQueue, publish } = held();
		vi.spyOn(console, "error").mockImplementation(() => {});
		vi.spyOn(fanoutQueue, "sendBatch").mockReturnValueOnce(new Promise(() => {}));
		await publish(author, "posted");
		expect(await author.texts()).toEqual(["posted"]);
		await sweep(fanout, Date.now() + 61_000);
		await jobs(fanout, fanoutQueue.take());
		await chunks(fanout, deliverQueue.take());
		expect(await friend?.texts()).toEqual(["posted"]);
	});

	it("is no loss when the queue itself refuses: posting succeeds", async () => {
		const [author, friend] = await friends(1);
		const { fanout, fanoutQueue, deliverQueue, publish } = held();
		vi.spyOn(console, "error").mockImplementation(() => {});
		vi.spyOn(fanoutQueue, "sendBatch").mockRejectedValueOnce(new Error("queue is down"));
		await publish(author, "posted");
		expect(await author.texts()).toEqual(["posted"]);
		await sweep(fanout, Date.now() + 61_000);
		vi.spyOn(deliverQueue, "sendBatch").mockRejectedValueOnce(new Error("queue is down"));
		expect(await jobs(fanout, fanoutQueue.take())).toMatchObject({ retryMessages: [{ msgId: "0" }] });
		await sweep(fanout, Date.now() + 600_000);
		await chunks(fanout, deliverQueue.take());
		await jobs(fanout, fanoutQueue.take());
		await chunks(fanout, deliverQueue.take());
		expect(await friend?.texts()).toEqual(["posted"]);
		expect(await outboxRows()).toBe(0);
	});
});

/** Timelines of which some fail, as an object does that was reset or is overloaded. */
class FailingTimelines extends Timelines {
	readonly failing = new Set<string>();
	readonly called: string[] = [];
	overloaded = false;
	override of(owner: Id): Timeline {
		const timeline = super.of(owner);
		const apply = timeline.apply.bind(timeline);
		timeline.apply = async (changes) => {
			this.called.push(owner);
			if (this.failing.has(owner)) throw Object.assign(new Error("overloaded"), { overloaded: this.overloaded });
			return apply(changes);
		};
		return timeline;
	}
}

const letterServices = {
	...services,
	doorbell: services.fanout.doorbell,
	chunkQueues: services.fanout.chunkQueues,
	fanoutQueue: env.FANOUT,
	previewQueue: env.PREVIEWS,
};

const operator = <T>(method: string, path: string) =>
	call<T>(method, path, { headers: { "x-operator-secret": env.OPERATOR_SECRET } });

describe("recipients that cannot be reached", () => {
	it("are left alone for longer when they have too much to do", async () => {
		const [author, ben] = await friends(1);
		const { fanout, fanoutQueue, deliverQueue, publish } = held();
		vi.spyOn(console, "error").mockImplementation(() => {});
		const timelines = new FailingTimelines(env.TIMELINE, services.homes);
		timelines.failing.add(ben?.id ?? "");
		const failing = { ...fanout, timelines };
		await publish(author, "to one who is busy");
		await jobs(failing, fanoutQueue.take());
		const messages = deliverQueue.take();
		timelines.overloaded = true;
		const { delays } = await chunks(failing, messages);
		expect(Math.max(...delays.map((delay) => delay ?? 0))).toBeGreaterThanOrEqual(60);
		expect(timelines.called.filter((owner) => owner === ben?.id)).toHaveLength(1);
		timelines.failing.clear();
		await chunks(failing, messages);
		expect(await ben?.texts()).toEqual(["to one who is busy"]);
	});

	it("are the only ones tried again, later, and hold up nobody else", async () => {
		const [author, ben, cho, dai] = await friends(3);
		const { fanout, fanoutQueue, deliverQueue, publish } = held();
		vi.spyOn(console, "error").mockImplementation(() => {});
		const timelines = new FailingTimelines(env.TIMELINE, services.homes);
		const failing = { ...fanout, timelines };
		const post = await publish(author, "for all three");
		const other = await publish(author, "and this");
		await jobs(failing, fanoutQueue.take());
		const messages = deliverQueue.take();

		timelines.failing.add(cho?.id ?? "");
		const result = await chunks(failing, messages);
		expect(result.explicitAcks).toEqual([]);
		expect(result.retryMessages).toHaveLength(2);
		for (const delay of result.delays) expect(delay).toBeGreaterThanOrEqual(5);
		for (const person of [ben, dai])
			expect((await person?.feed())?.items.map((each) => each.id)).toEqual([other.id, post.id]);
		expect((await cho?.feed())?.items).toEqual([]);

		timelines.called.length = 0;
		await chunks(failing, messages);
		expect(new Set(timelines.called)).toEqual(new Set([cho?.id]));
		timelines.failing.clear();
		await chunks(failing, messages);
		expect((await cho?.feed())?.items.map((each) => each.id)).toEqual([other.id, post.id]);
		expect(await outboxRows()).toBe(0);
	});
});

it("a message that makes no sense is put aside at once, and holds up no other", async () => {
	const [author, friend] = await friends(1);
	const { fanout, fanoutQueue, deliverQueue, publish } = held();
	vi.spyOn(console, "error").mockImplementation(() => {});
	await publish(author, "beside poison");
	const poison = [
		null,
		"x",
		{},
		{ v: 2, jobId: author.id },
		{ v: 1, jobId: "x" },
		{ v: 1, jobId: author.id, chunk: -1 },
	];
	const expanded = await jobs(fanout, [...poison.slice(0, 5), ...fanoutQueue.take()]);
	expect(expanded.explicitAcks).toHaveLength(6);
	const delivered = await chunks(fanout, [...poison, ...deliverQueue.take()]);
	expect(delivered.retryMessages).toEqual([]);
	const { items } = (await operator<{ items: { kind: string; body: unknown }[] }>("GET", "/ops/dead-letters")).body;
	expect(items.map(({ kind }) => kind)).toEqual(Array.from({ length: 11 }, () => "message"));
	expect(items[0]?.body).toEqual({ queue: "deliver", message: JSON.stringify(poison[5]) });
	for (const { id } of (await operator<{ items: { id: string }[] }>("GET", "/ops/dead-letters")).body.items) {
		expect((await operator("DELETE", `/ops/dead-letters/${id}`)).status).toBe(204);
	}
	expect(await friend?.texts()).toEqual(["beside poison"]);
});

it("recipients who cannot be reached for hours become a dead letter, which an operator sends again", async () => {
	const [author, ben, cho] = await friends(2);
	const { fanout, fanoutQueue, deliverQueue, publish } = held();
	vi.spyOn(console, "error").mockImplementation(() => {});
	const timelines = new FailingTimelines(env.TIMELINE, services.homes);
	const failing = { ...fanout, timelines };
	const post = await publish(author, "for both");
	await jobs(failing, fanoutQueue.take());
	timelines.failing.add(cho?.id ?? "");
	let now = Date.now();
	const progress = () => author.ok("GET", `/v1/posts/${post.id}/delivery`);
	for (let round = 0; round <= LAST_TRY; round++) {
		await chunks(failing, deliverQueue.take());
		expect(await progress()).toMatchObject({ followers: 2, delivered: 1, failed: 0, completedAt: null });
		now += 2 * LONGEST_DELAY;
		const services = { ...failing, deadLetters: new DeadLetters({ ...letterServices, now: () => now }) };
		await sweep(services, now);
	}
	expect(deliverQueue.take()).toEqual([]);
	expect(await progress()).toMatchObject({ followers: 2, delivered: 1, failed: 1 });
	expect(await outboxRows()).toBe(0);

	const list = async () =>
		(await operator<{ items: Record<string, unknown>[] }>("GET", "/ops/dead-letters")).body.items;
	expect(await list()).toMatchObject([
		{ kind: "chunk", body: { recipients: [cho?.id] }, error: "Error: overloaded", attempts: LAST_TRY },
	]);
	timelines.failing.clear();
	expect((await operator("POST", "/ops/dead-letters/redrive-all")).body).toEqual({ redriven: 1, more: false });
	await eventually(async () => expect(await cho?.texts()).toEqual(["for both"]));
	expect(await ben?.texts()).toEqual(["for both"]);
	await eventually(async () => expect(await progress()).toMatchObject({ delivered: 2, failed: 0 }));
	expect((await progress()).completedAt).not.toBeNull();
	expect(await list()).toEqual([]);
	expect((await ben?.call("GET", `/v1/posts/${post.id}/delivery`))?.status).toBe(403);
});

describe("an audience larger than a page", () => {
	it("is cut into chunks of at most 100, each recipient once, also when every run dies after its first page", async () => {
		const author = await signUp("Star");
		const followers = await giveFollowers(author, 2 * PAGE_SIZE + 250);
		const { fanout, fanoutQueue, deliverQueue } = held();
		const posts = new Posts({ ...services, posts: services.postStore, doorbell: fanout.doorbell });
		await posts.publish(author.id as Id, posts.mintFor(author.id as Id), { text: "to many", audience: "public" });
		const [message] = fanoutQueue.take() as { jobId: string }[];

		vi.spyOn(console, "error").mockImplementation(() => {});
		const { audience } = fanout.relations;
		let pages = 0;
		vi.spyOn(fanout.relations, "audience").mockImplementation(async (...given) => {
			if (++pages % 3 === 0) throw new Error("the isolate died");
			return audience.apply(fanout.relations, given);
		});
		const sent: unknown[] = [];
		for (let run = 0; run < 20; run++) {
			const { explicitAcks } = await jobs(fanout, [message]);
			sent.push(...deliverQueue.take());
			if (explicitAcks.length > 0) break;
		}
		const shards = await Promise.all(
			[env.SHARD_0, env.SHARD_1].map((shard) =>
				shard
					.prepare("SELECT recipients FROM outbox_chunks WHERE job_id = ?")
					.bind(message?.jobId)
					.all<{ recipients: string }>(),
			),
		);
		const lists = shards.flatMap(({ results }) => results.map((row) => JSON.parse(row.recipients) as string[]));
		expect(Math.max(...lists.map((list) => list.length))).toBeLessThanOrEqual(CHUNK_SIZE);
		// The author herself is reached without a chunk.
		expect(lists.flat().sort()).toEqual([...followers].sort());
		expect(sent).toHaveLength(lists.length);
		await chunks(fanout, sent.slice(0, 3));
	}, 60_000);
});

describe("the plan of a fan-out", () => {
	const key = (n: number): RelationKey => ({ at: n, other: encodeId({ time: EPOCH, shard: 0, tail: n }) });
	const author = key(0).other;
	const task = (kind: "add" | "remove", audience: number): FanoutTask =>
		kind === "add"
			? { kind, postId: author, authorId: author, audience }
			: { kind, postId: author, authorId: author, audience };

	it("reaches everybody whom the audience allows, friends first, each once, whatever their number", () => {
		const number = fc.integer({ min: 0, max: 2500 });
		fc.assert(
			fc.property(
				fc.constantFrom("add" as const, "remove" as const),
				fc.integer({ min: 0, max: 3 }),
				number,
				number,
				fc.constantFrom(1, 3),
				(kind, audience, friendCount, followerCount, count) => {
					const queues = { count, partOf: (id: Id) => id.charCodeAt(id.length - 1) % count };
					const numbers = new Set<number>();
					const people = {
						own: [],
						friends: Array.from({ length: friendCount }, (_, i) => key(1 + i)),
						followers: Array.from({ length: followerCount }, (_, i) => ({
							...key(0),
							at: 5000 + i,
							other: `F${i}` as Id,
						})),
					};
					const reached: string[] = [];
					let progress: Progress = START;
					for (let page = 0; progress.phase !== "done"; page++) {
						expect(page).toBeLessThan(20);
						const list = people[progress.phase];
						const from = progress.after ? list.findIndex((each) => each.at === progress.after?.at) + 1 : 0;
						const recipients = list.slice(from, from + PAGE_SIZE);
						const { chunks: made, end } = cut(recipients, progress, queues);
						for (const { chunk, recipients: ids } of made) {
							expect(chunk).toBeGreaterThanOrEqual(progress.chunks);
							expect(chunk).toBeLessThan(end);
							expect(numbers.has(chunk)).toBe(false);
							numbers.add(chunk);
							expect(ids.length).toBeLessThanOrEqual(CHUNK_SIZE);
							// The number tells the queue, and each recipient has hers.
							for (const id of ids) expect(chunk % count).toBe(queues.partOf(id));
							reached.push(...ids);
						}
						progress = nextProgress(task(kind, audience), progress, recipients, end);
					}
					// The author herself is reached without a chunk.
					const expected = [
						...(audience <= 2 ? people.friends.map((each) => each.other) : []),
						...(audience <= 1 ? people.followers.map((each) => each.other) : []),
					];
					expect(reached.toSorted()).toEqual(expected.toSorted());
					if (count === 1) expect(reached).toEqual(expected);
				},
			),
			{ numRuns: 60 },
		);
	});

	it("waits longer with every try, up to an hour, and never the same time for all", () => {
		for (const [delay, unit] of [
			[retryDelay, 1],
			[sweepDelay, 1000],
		] as const) {
			let last = 0;
			for (let attempts = 1; attempts < 30; attempts++) {
				const wait = delay(attempts, 0);
				expect(wait).toBeGreaterThanOrEqual(last);
				expect(wait).toBeLessThanOrEqual(3600 * unit);
				if (wait < 3600 * unit) expect(delay(attempts, 0.9)).toBeGreaterThan(wait);
				last = wait;
			}
			expect(last).toBe(3600 * unit);
		}
	});
});

describe("a change to two shards that died half-way", () => {
	it("is finished by the sweeper: a friendship decided but not mirrored", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann", { region: "apac" }), signUp("Ben", { region: "weur" })]);
		await ann.post("from ann");
		await ben.post("from ben");
		await Promise.all([ann.feed(), ben.feed()]);
		// Else the sweeper, to whom a minute has passed, would put off what is just being done.
		await settled();
		await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
		vi.spyOn(console, "error").mockImplementation(() => {});
		// The process dies after the decision: nothing of the settling happens.
		vi.spyOn(services.graph, "settle").mockRejectedValueOnce(new Error("the isolate died"));
		await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`);
		const half = await Promise.all([
			(await ann.account(ben.id)).relation?.friend,
			(await ben.account(ann.id)).relation?.friend,
		]);
		expect(half.filter(Boolean)).toHaveLength(1);

		await sweep(services.fanout, Date.now() + 61_000);
		await eventually(async () => {
			expect((await ann.account(ben.id)).relation).toMatchObject({ friend: true });
			expect((await ben.account(ann.id)).relation).toMatchObject({ friend: true });
			expect([(await ann.account()).friendCount, (await ben.account()).friendCount]).toEqual([1, 1]);
			expect(await ann.texts()).toEqual(["from ben", "from ann"]);
			expect(await ben.texts()).toEqual(["from ben", "from ann"]);
			expect(await outboxRows(ann)).toBe(0);
		}, 40_000);
	}, 60_000);

	it("is finished late: what was posted meanwhile comes to a timeline that knew of the friendship all along", async () => {
		const [low, high] = (await signUpMany(2)).sort((a, b) => (a.id < b.id ? -1 : 1)) as [Person, Person];
		await low.ok("POST", "/v1/friend-requests", { accountId: high.id });
		await settled();
		vi.spyOn(console, "error").mockImplementation(() => {});
		const settle = vi.spyOn(services.graph, "settle").mockRejectedValue(new Error("the shard is down"));
		await high.call("POST", `/v1/friend-requests/${low.id}/accept`);
		// Built from her own side of the tie, which is decided.
		await low.feed();
		await high.post("meanwhile");
		const read = await high.post("and this");
		await eventually(async () => {
			const delivery = await high.ok<{ completedAt: string | null }>("GET", `/v1/posts/${read.id}/delivery`);
			expect(delivery.completedAt).not.toBeNull();
		});
		expect(await low.texts()).toEqual([]);
		const { seq } = await low.feed();

		settle.mockRestore();
		await settled();
		expect(await low.texts()).toEqual(["and this", "meanwhile"]);
		expect([200, 410]).toContain((await low.call("GET", `/v1/feed/changes?since=${seq}`)).status);
		expect((await low.feed()).seq).toBeGreaterThan(seq);
	}, 60_000);

	it("is undone by the sweeper: a place held for a friendship that was never decided", async () => {
		const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
		await ann.ok("POST", "/v1/friend-requests", { accountId: ben.id });
		vi.spyOn(services.relations, "decide").mockRejectedValueOnce(new Error("the isolate died"));
		vi.spyOn(console, "error").mockImplementation(() => {});
		expect((await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`)).status).toBe(500);
		expect((await ann.account()).friendCount + (await ben.account()).friendCount).toBe(1);
		await sweep(services.fanout, Date.now() + 61_000);
		await eventually(async () => {
			expect((await ann.account()).friendCount + (await ben.account()).friendCount).toBe(0);
			expect(await outboxRows(ann)).toBe(0);
		});
		expect((await ben.account(ann.id)).relation).toMatchObject({ friend: false, requestedBy: true });
		expect((await ben.call("POST", `/v1/friend-requests/${ann.id}/accept`)).status).toBe(200);
	});
});

it("a deleted post takes its comments and their likes with it, in the end", async () => {
	const [author, friend] = await friends(1);
	const post = await author.post("root");
	const comment = await friend?.ok<{ id: Id }>("POST", `/v1/posts/${post.id}/comments`, { text: "below" });
	await author.ok("PUT", `/v1/posts/${comment?.id}/like`);
	await friend?.ok("PUT", `/v1/posts/${post.id}/like`);
	await author.ok("DELETE", `/v1/posts/${post.id}`);
	await eventually(async () => {
		for (const table of ["posts WHERE root_id", "likes WHERE post_id"]) {
			for (const id of [post.id, comment?.id]) {
				const rows = await Promise.all(
					[env.SHARD_0, env.SHARD_1].map((shard) =>
						shard.prepare(`SELECT count(*) AS n FROM ${table} = ?`).bind(id).first<number>("n"),
					),
				);
				expect(rows).toEqual([0, 0]);
			}
		}
		expect(await outboxRows()).toBe(0);
	});
});

it("an id keeps the shard of its author, and a comment's that of its post", async () => {
	const [author, friend] = await friends(1);
	const post = await author.post("here");
	const comment = await friend?.ok<{ id: Id }>("POST", `/v1/posts/${post.id}/comments`, { text: "there" });
	expect(logicalShardOf(post.id)).toBe(logicalShardOf(author.id as Id));
	expect(logicalShardOf(comment?.id as Id)).toBe(logicalShardOf(author.id as Id));
});
