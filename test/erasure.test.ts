import { afterEach, expect, it, vi } from "vitest";
import { Belongings } from "../src/life/belongings.ts";
import { Erasure, type ErasureServices } from "../src/life/erasure.ts";
import { CHECKS, type Finding } from "../src/ops/checks.ts";
import type { PostView } from "../src/posts/post.ts";
import { servicesOf } from "../src/services.ts";
import { type Id, logicalShardOf } from "../src/store/ids.ts";
import { type Job, loadJob, promiseOnce, type TaskOf } from "../src/store/outbox.ts";
import { all, call, type List, PASSWORD, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { databaseOf } from "./obstruct.ts";
import { settled } from "./settled.ts";

afterEach(() => vi.restoreAllMocks());

const DAY = 86_400_000;
const operator = { "x-operator-secret": env.OPERATOR_SECRET };

interface Place {
	place: string;
	count: number;
}
const remains = async ({ id }: Person) =>
	(await call<{ found: Place[]; kept: Place[] }>("GET", `/ops/accounts/${id}/remains`, { headers: operator })).body;

async function verify(): Promise<string[]> {
	const faults: string[] = [];
	for (const check of CHECKS) {
		for (let cursor: string | null = ""; cursor !== null; ) {
			const body = { check, ...(cursor ? { cursor } : {}) };
			const found: Finding = (await call<Finding>("POST", "/ops/verify", { headers: operator, body })).body;
			faults.push(...found.faults);
			cursor = found.next;
		}
	}
	return faults;
}

/** What timelines have that the store does not, or the other way round. */
async function drift(): Promise<number> {
	let drift = 0;
	for (let cursor: string | null = ""; cursor !== null; ) {
		const body = cursor ? { cursor } : {};
		const found: Record<string, number> & { next: string | null } = (
			await call<Record<string, number> & { next: string | null }>("POST", "/ops/audit", { headers: operator, body })
		).body;
		drift += (found.missing ?? 0) + (found.stale ?? 0) + (found.relations ?? 0) + (found.likes ?? 0);
		cursor = found.next;
	}
	return drift;
}

/** Zoe with all that an account can have, among others who have to do with her and with each other. */
async function network() {
	const [zoe, ben, cho, dan, eve, fay] = (await signUpMany(6, "Zoe")) as [
		Person,
		Person,
		Person,
		Person,
		Person,
		Person,
	];
	await zoe.befriend(ben);
	await cho.befriend(zoe);
	await ben.befriend(cho);
	await dan.ok("PUT", `/v1/following/${zoe.id}`);
	await zoe.ok("PUT", `/v1/following/${dan.id}`);
	await zoe.ok("PUT", `/v1/blocks/${eve.id}`);
	await eve.ok("PUT", `/v1/blocks/${zoe.id}`);
	await fay.ok("POST", "/v1/friend-requests", { accountId: zoe.id });
	// Of these two only she who mutes knows.
	await fay.ok("PUT", `/v1/mutes/${zoe.id}`);
	await zoe.ok("PUT", `/v1/mutes/${cho.id}`);
	const stranger = await signUp("Stranger");
	await stranger.ok("PUT", `/v1/mutes/${zoe.id}`);

	const [hers, secret] = [await zoe.post("hers", { audience: "public" }), await zoe.post("secret", { audience: "me" })];
	await zoe.ok("PATCH", `/v1/posts/${hers.id}`, { text: "hers, edited" });
	const [bens, chos] = [await ben.post("ben's", { audience: "public" }), await cho.post("cho's")];
	const comment = async (who: Person, on: PostView, text: string) =>
		who.ok<PostView>("POST", `/v1/posts/${on.id}/comments`, { text });
	const onBens = await comment(zoe, bens, "zoe on ben's");
	await comment(cho, onBens, "cho answers zoe");
	await comment(cho, bens, "cho on ben's");
	const onHers = await comment(ben, hers, "ben on zoe's");
	await comment(zoe, onHers, "zoe answers ben");
	await comment(zoe, chos, "zoe on cho's");
	for (const post of [bens, chos, onHers]) await zoe.ok("PUT", `/v1/posts/${post.id}/like`);
	for (const who of [ben, cho, dan]) await who.ok("PUT", `/v1/posts/${hers.id}/like`);
	await cho.ok("PUT", `/v1/posts/${bens.id}/like`);
	await cho.ok("PUT", `/v1/posts/${onBens.id}/like`);
	await settled();
	const others = [ben, cho, dan, eve, fay, stranger];
	for (const who of [zoe, ...others]) await who.feed();
	await zoe.ok("PUT", "/v1/feed/marker", { postId: bens.id });
	await zoe.call("POST", "/v1/posts", { text: "once" }, { "idempotency-key": "once" });
	await zoe.ok("POST", "/v1/feed/tickets");
	await zoe.ok("POST", "/v1/accounts/me/export");
	await settled();
	return { zoe, ben, cho, dan, others, hers, secret, bens, chos, onHers };
}

async function expectNothingLeft({
	zoe,
	ben,
	cho,
	others,
	hers,
	onHers,
	bens,
	chos,
}: Awaited<ReturnType<typeof network>>) {
	const { found, kept } = await remains(zoe);
	expect(found).toEqual([]);
	for (const { place } of kept) expect(place).toMatch(/^IDENTITY\.(audit_log|revocations)$/);
	const letters = env.IDENTITY.prepare("SELECT count(*) AS n FROM emails WHERE recipient = ?").bind(zoe.email);
	expect(await letters.first("n")).toBe(0);
	expect(await verify()).toEqual([]);
	expect(await drift()).toBe(0);
	for (const who of others) {
		for (const post of await who.wholeFeed()) expect(post.author.id).not.toBe(zoe.id);
		const { friendCount, followerCount, followingCount } = await who.account();
		expect([followerCount, followingCount]).toEqual([0, 0]);
		expect(friendCount).toBe(who === ben || who === cho ? 1 : 0);
		for (const list of ["/v1/blocks?limit=9", "/v1/mutes?limit=9", "/v1/friend-requests?direction=outgoing"])
			expect(await all(who, list)).toEqual([]);
	}
	expect((await ben.texts()).toSorted()).toEqual(["ben's", "cho's"]);
	for (const gone of [hers, onHers]) expect((await ben.call("GET", `/v1/posts/${gone.id}`)).status).toBe(404);
	expect(await cho.ok("GET", `/v1/posts/${bens.id}`)).toMatchObject({ likeCount: 1, commentCount: 1 });
	expect(await cho.ok("GET", `/v1/posts/${chos.id}`)).toMatchObject({ likeCount: 0, commentCount: 0 });
	const { items } = await ben.ok<List<PostView>>("GET", `/v1/posts/${bens.id}/comments`);
	expect(items.map(({ text }) => text)).toEqual(["cho on ben's"]);
}

it("of an account that was deleted nothing is left when the time of grace is over", async () => {
	const network_ = await network();
	const { zoe, ben, dan } = network_;
	// She is connected, and hears of what a heavy author posts.
	const { channels } = servicesOf(env).fanout;
	await databaseOf(dan).prepare("UPDATE profiles SET heavy = 1 WHERE id = ?").bind(dan.id).run();
	await channels.join(zoe.id as Id, [dan.id as Id]);
	const channel = env.CHANNEL.getByName(`${dan.id}/${logicalShardOf(zoe.id as Id) % 8}`);
	expect(await channel.among([zoe.id as Id])).toEqual([zoe.id]);
	const verification = (identifier: string, value: string) => {
		const at = new Date().toISOString();
		return env.IDENTITY.prepare("INSERT INTO verification VALUES (?1, ?2, ?3, ?4, ?4, ?4)").bind(
			crypto.randomUUID(),
			identifier,
			value,
			at,
		);
	};
	await env.IDENTITY.batch([
		verification("reset-password:x", zoe.id),
		verification(`email-verification-otp-${zoe.email}`, "123456"),
		verification("magic", JSON.stringify({ email: zoe.email })),
		verification(`jo${zoe.email}`, "somebody else's"),
		verification("magic", JSON.stringify({ email: `jo${zoe.email}` })),
	]);
	const before = await remains(zoe);
	expect(before.found.map(({ place }) => place)).toEqual(
		expect.arrayContaining([
			"IDENTITY.user",
			"IDENTITY.session",
			"IDENTITY.account",
			"IDENTITY.exports",
			...["log", "meta", "relations", "idempotency", "tickets"].map((table) => `timeline.${table}`),
			"connected",
			"EXPORTS",
		]),
	);
	for (const table of ["profiles", "relations", "posts", "likes"])
		expect(before.found.map(({ place }) => place.replace(/^database \d\./, ""))).toContain(table);
	const { seq } = await ben.feed();

	await zoe.ok("DELETE", "/v1/accounts/me", { password: PASSWORD });
	const { lives } = servicesOf(env);
	// Nothing is erased before.
	await lives.sweep(Date.now() + 29 * DAY);
	await settled();
	expect((await remains(zoe)).found.length).toBeGreaterThan(10);
	await lives.sweep(Date.now() + 31 * DAY);
	await lives.sweep(Date.now() + 31 * DAY + 61_000);
	await settled();

	await expectNothingLeft(network_);
	expect(await channel.among([zoe.id as Id])).toEqual([]);
	const { results: left } = await env.IDENTITY.prepare("SELECT identifier, value FROM verification").all();
	expect(left).toHaveLength(2);
	for (const each of left) expect(JSON.stringify(each)).toContain(`jo${zoe.email}`);
	// A device that was reading is told, or told to read anew.
	const news = await ben.call<{ changes?: { kind: string }[] }>("GET", `/v1/feed/changes?since=${seq}`);
	if (news.status !== 410) expect(news.body.changes?.map(({ kind }) => kind)).toContain("remove");
	// Her names are free, and whoever takes them is somebody else.
	const again = await call<{ user: { id: string } }>("POST", "/auth/sign-up/email", {
		body: { email: zoe.email, password: PASSWORD, name: "Zoe", username: zoe.username },
	});
	expect(again.status).toBe(200);
	expect(again.body.user.id).not.toBe(zoe.id);
	await lives.sweep(Date.now() + 40 * DAY);
	await settled();
	expect((await remains(zoe)).found).toEqual([]);
}, 90_000);

/** The services, each call of which fails the first time that it is made with the same arguments: before it is done, or after. */
function mortal(services: ErasureServices, deaths: Map<string, number>): ErasureServices {
	const watch = (name: string, service: object): object =>
		new Proxy(service, {
			get(target, property) {
				const value = Reflect.get(target, property, target) as unknown;
				if (typeof value !== "function") return value;
				return (...given: unknown[]) => {
					const result = () => value.apply(target, given) as unknown;
					if (property === "databases") return result();
					if (property === "of" && name === "timelines") {
						const of = result() as object;
						return watch("timeline", of);
					}
					return (async () => {
						const call = `${name}.${String(property)}(${JSON.stringify(given.filter((each) => typeof each !== "function")).slice(0, 300)})`;
						const died = deaths.get(call) ?? 0;
						deaths.set(call, died + 1);
						if (died === 0) throw new Error("died before");
						const answer = await result();
						if (died === 1) throw new Error("died after");
						return answer;
					})();
				};
			},
		});
	return Object.fromEntries(
		Object.entries(services).map(([name, service]) => [
			name,
			name === "shards" ? service : watch(name, service as object),
		]),
	) as unknown as ErasureServices;
}

it("an erasure that dies before and after each of its steps is gone on with", async () => {
	const network_ = await network();
	const { zoe } = network_;
	await zoe.ok("DELETE", "/v1/accounts/me", { password: PASSWORD });
	const services = servicesOf(env);
	const { accounts, exports, fanout, lives, media, sessions, shards, timelines } = services;
	const { channels, graph, posts } = fanout;
	await lives.sweep(Date.now() + 31 * DAY);
	const job = await env.IDENTITY.prepare("SELECT job FROM lives WHERE account = ?").bind(zoe.id).first<Id>("job");
	if (job === null) throw new Error("no job");
	await promiseOnce(shards, { id: job, task: { kind: "erase", accountId: zoe.id as Id } }, Date.now());

	const belongings = new Belongings(shards);
	const deaths = new Map<string, number>();
	const erasure = new Erasure(
		mortal(
			{ accounts, belongings, channels, exports, graph, lives, media, posts, sessions, shards, timelines },
			deaths,
		),
	);
	let died = 0;
	for (let run = 0; run < 2000; run++) {
		const found = await loadJob(shards, job);
		if (!found) break;
		await erasure.run(found as Job<TaskOf<"erase">>).catch(() => died++);
	}
	expect(died).toBeGreaterThan(60);
	expect(await loadJob(shards, job)).toBeUndefined();
	await settled();
	await expectNothingLeft(network_);
}, 120_000);

it("accounts that know each other and are erased at once leave nothing behind", async () => {
	const [ann, ben, cho] = (await signUpMany(3)) as [Person, Person, Person];
	await ann.befriend(ben);
	await cho.befriend(ann);
	const post = await ann.post("x");
	const comment = await ben.ok<PostView>("POST", `/v1/posts/${post.id}/comments`, { text: "y" });
	await ann.ok("POST", `/v1/posts/${comment.id}/comments`, { text: "z" });
	await ben.ok("PUT", `/v1/posts/${post.id}/like`);
	await settled();
	for (const who of [ann, ben, cho]) await who.feed();
	for (const who of [ann, ben]) await who.ok("DELETE", "/v1/accounts/me", { password: PASSWORD });
	const { lives } = servicesOf(env);
	await lives.sweep(Date.now() + 31 * DAY);
	await lives.sweep(Date.now() + 31 * DAY + 61_000);
	await settled();
	for (const who of [ann, ben]) expect((await remains(who)).found).toEqual([]);
	expect(await verify()).toEqual([]);
	expect(await cho.texts()).toEqual([]);
	expect((await cho.account()).friendCount).toBe(0);
});

it("an erasure waits while shards are switched from one database to another: some rows are found on neither", async () => {
	const [ann, ben] = (await signUpMany(2)) as [Person, Person];
	const post = await ben.post("x", { audience: "public" });
	await ann.ok("PUT", `/v1/posts/${post.id}/like`);
	await ann.ok("DELETE", "/v1/accounts/me", { password: PASSWORD });
	await settled();
	const { lives, fanout } = servicesOf(env);
	await lives.sweep(Date.now() + 31 * DAY);
	// The likes of Ben's shard are on their way, and have come nowhere yet.
	const shard = logicalShardOf(ben.id as Id);
	await databaseOf(ben)
		.prepare("INSERT INTO moves (low, high, phase) VALUES (?, ?, 'fenced')")
		.bind(shard, shard)
		.run();
	vi.spyOn(fanout.doorbell, "ring").mockResolvedValue();
	await lives.sweep(Date.now() + 31 * DAY + 61_000);
	vi.restoreAllMocks();
	const job = await env.IDENTITY.prepare("SELECT job FROM lives WHERE account = ?").bind(ann.id).first<Id>("job");
	const found = job && (await loadJob(fanout.shards, job));
	if (!found) throw new Error("no job");
	for (const outcome of ["later", "later"]) {
		const again = await loadJob(fanout.shards, found.id);
		if (again) expect(await fanout.lifeJobs.run(again as Job<TaskOf<"erase">>)).toBe(outcome);
	}
	expect((await remains(ann)).found.map(({ place }) => place)).toContain("IDENTITY.user");
	await databaseOf(ben).prepare("DELETE FROM moves").run();
	// By its clock the sweeper has a month until this is due.
	await fanout.doorbell.ring([found.id]);
	await settled();
	expect((await remains(ann)).found).toEqual([]);
	expect(await verify()).toEqual([]);
	expect(await ben.ok("GET", `/v1/posts/${post.id}`)).toMatchObject({ likeCount: 0 });
});

it("an erased account is taken out of dead letters", async () => {
	const [ann, ben] = await signUpMany(2);
	if (!ann || !ben) throw new Error("nobody signed up");
	const task = { kind: "add", postId: ben.id, authorId: ben.id, audience: 0 };
	const letter = (tail: string, body: unknown) =>
		env.SHARD_0.prepare(
			"INSERT INTO dead_letters (id, kind, body, attempts, since) VALUES (?, 'chunk', ?, 12, 0)",
		).bind(`${ann.id.slice(0, 8)}000${tail}`, JSON.stringify(body));
	const chunk = { jobId: ben.id, task, progress: null, chunk: 0, reason: "friend" };
	await env.SHARD_0.batch([
		letter("01", { ...chunk, recipients: [ann.id, ben.id] }),
		letter("02", { ...chunk, recipients: [ann.id] }),
		letter("03", { ...chunk, task: { ...task, authorId: ann.id }, recipients: [ben.id] }),
	]);
	await new Belongings(servicesOf(env).shards).forgetLetters(ann.id as Id);
	const { results } = await env.SHARD_0.prepare("SELECT body FROM dead_letters").all<{ body: string }>();
	expect(results.map(({ body }) => JSON.parse(body).recipients)).toEqual([[ben.id]]);
});
