/** What every physical shard must hold, whatever it is: the same cases over D1, PGlite and a Postgres server. */
import { sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { AccountStore } from "../src/accounts/store.ts";
import { type Chunk, type Progress, ProgressStore, readProgress, START } from "../src/fanout/progress.ts";
import { FRIEND_LIMIT, type Level, STRANGERS, type Tie } from "../src/graph/rules.ts";
import { type Pair, pairOf, RelationStore } from "../src/graph/store.ts";
import { Belongings } from "../src/life/belongings.ts";
import { Avatars } from "../src/media/avatars.ts";
import { MediaStore, partsIn } from "../src/media/store.ts";
import { wantedBy } from "../src/media/ties.ts";
import { BulkStore } from "../src/ops/bulk.ts";
import { LikeStore } from "../src/posts/likes.ts";
import { PostStore } from "../src/posts/store.ts";
import { asText, jsonRows } from "../src/store/dialect.ts";
import { type Id, IdMinter, timeOf } from "../src/store/ids.ts";
import {
	done,
	isTaken,
	type Job,
	loadJob,
	noteProgress,
	promise,
	promiseOnce,
	SWEEP_AFTER,
	sweepDelay,
	takeDue,
} from "../src/store/outbox.ts";
import type { Shards } from "../src/store/shards.ts";

/** @param shards has the logical shards 0 and 1; on one physical shard or two. */
export function storeContract(shards: Shards): void {
	let now = Date.now();
	const clock = () => now;
	const minter = new IdMinter(clock, Math.random);
	const accounts = new AccountStore(shards);
	const relations = new RelationStore(shards, clock);
	const posts = new PostStore(shards, clock);
	const likes = new LikeStore(shards, clock);
	const progress = new ProgressStore(shards, clock);
	const bulk = new BulkStore(shards);
	const belongings = new Belongings(shards);
	const media = new MediaStore(shards, clock);
	const avatars = new Avatars(shards, media, clock);

	const mint = (shard = 0) => minter.mint(shard);
	const account = async (): Promise<Id> => {
		const id = mint();
		await accounts.ensure({ id, username: id.toLowerCase(), displayName: "Ann", region: "apac" });
		return id;
	};
	const people = (count: number) => Promise.all(Array.from({ length: count }, account));
	const pair = async (): Promise<Pair> => {
		const [a, b] = await people(2);
		return pairOf(a as Id, b as Id);
	};
	const settle = (low: Id, high: Id): Job => {
		const id = mint();
		return { id, task: { kind: "settle", low, high, timelines: [low, high], hold: id } };
	};
	/** Decides and mirrors, as a change that nothing disturbs. */
	const tie = async (a: Id, b: Id, change: Partial<Tie>): Promise<void> => {
		const { low, high } = pairOf(a, b);
		const from = await relations.authority({ low, high });
		const to = { ...from, ...change };
		const job = settle(low, high);
		expect(await relations.decide({ low, high }, from, to, job)).toBe(true);
		await relations.mirror({ low, high }, { ...to, version: from.version + 1 }, job.id);
	};
	const befriend = (a: Id, b: Id, friendAt = now) => tie(a, b, { friendAt });
	/** `a` follows `b`. */
	const follow = (a: Id, b: Id, at = now) => tie(a, b, a < b ? { followingAt: at } : { followerAt: at });
	const write = async (authorId: Id, more: { audience?: number; text?: string; link?: string | null } = {}) => {
		const id = mint();
		const { audience = 0, text = "a story", link = null } = more;
		await posts.insert({ id, authorId, text, audience, link }, add(id, authorId));
		return id;
	};
	const comment = async (authorId: Id, parentId: Id, rootId: Id) => {
		const id = mint();
		await posts.insertComment({ id, authorId, parentId, rootId, text: "an answer", audience: 0 });
		return id;
	};
	const add = (id: Id, authorId: Id): Job => ({ id, task: { kind: "add", postId: id, authorId, audience: 0 } });
	const react = async (postId: Id, accountId: Id, liked: boolean) =>
		(await likes.react([{ postId, accountId, liked }]))[0];
	const like = (postId: Id, accountId: Id) => react(postId, accountId, true);
	const unlike = (postId: Id, accountId: Id) => react(postId, accountId, false);
	const counts = async (id: Id) => {
		const row = (await posts.byIds([id], id)).get(id);
		return row && [row.likeCount, row.commentCount];
	};

	describe("a database", () => {
		it("runs a batch as a whole or not at all, and says which id is taken", async () => {
			const [ann, post] = [await account(), mint()];
			const database = shards.of(post);
			await database.all(promise(add(post, ann), now));
			const error = await posts
				.insert({ id: post, authorId: ann, text: "lost", audience: 0, link: null }, add(post, ann))
				.catch((error: unknown) => error);
			expect(isTaken(error)).toBe(true);
			expect(await posts.exists(post)).toBe(false);
			const other = await write(ann);
			const again = posts.insert({ id: other, authorId: ann, text: "x", audience: 0, link: null }, add(mint(), ann));
			expect(isTaken(await again.catch((error: unknown) => error))).toBe(true);
			const broken = database.all(sql`SELECT * FROM no_such_table`).catch((error: unknown) => error);
			expect(isTaken(await broken)).toBe(false);
			expect(await broken).toBeInstanceOf(Error);
		});

		it("keeps whatever people write, and times and ids as they are", async () => {
			const ann = await account();
			const text = `'"\\ $1 ? %s\n\t🧋가 {"a":[1]} ${"가".repeat(4000)}`;
			const id = await write(ann, { text, link: "https://example.com/?a=b&c='d'" });
			const row = (await posts.byIds([id], ann)).get(id);
			expect(row).toEqual({
				id,
				authorId: ann,
				parentId: null,
				rootId: null,
				text,
				audience: 0,
				link: "https://example.com/?a=b&c='d'",
				editedAt: null,
				likeCount: 0,
				commentCount: 0,
				media: null,
				preview: null,
				previewImage: null,
				liked: false,
			});
			// A NUL is kept where it can be; nowhere does it fail anything.
			expect((await posts.byIds([await write(ann, { text: "a\0b" })], ann)).size).toBe(1);
		});
	});

	describe("what an account has", () => {
		it("is found page by page, wherever it is, and can be taken away", async () => {
			const [ann, ben, cho] = (await people(3)) as [Id, Id, Id];
			const own = [await write(ann), await write(ann, { audience: 3 }), await write(ann)];
			const bens = await write(ben);
			const comments = [await comment(ann, bens, bens), await comment(ann, bens, bens)];
			await posts.update(own[0] as Id, { text: "changed" }, []);
			for (const id of [bens, ...comments]) await like(id, ann);
			await like(bens, cho);
			await befriend(ann, ben);
			const muting = { mutingAt: now, mutingUntil: null };
			await relations.mute(cho, ann, muting, settle(cho, ann));

			const database = shards.of(bens);
			const ids = async (page: Promise<{ id: Id }[]>) => (await page).map(({ id }) => id);
			const latest = own.toReversed();
			expect(await ids(belongings.posts(ann, "", 2))).toEqual(latest.slice(0, 2));
			expect(await ids(belongings.posts(ann, latest[1] as Id, 2))).toEqual(latest.slice(2));
			expect(await belongings.ownVersions(ann, own)).toMatchObject([{ postId: own[0], text: "a story" }]);
			expect(await ids(belongings.comments(database, ann, "", 9))).toEqual(comments);
			expect(await ids(belongings.comments(database, ann, comments[0] as Id, 9))).toEqual(comments.slice(1));
			const liked = [bens, ...comments].sort();
			expect((await belongings.likes(database, ann, "", 9)).map(({ postId }) => postId)).toEqual(liked);
			expect(await belongings.likes(database, ann, liked[1] as Id, 9)).toHaveLength(1);
			expect(await belongings.relations(ann, "", 9)).toMatchObject([{ owner: ann, other: ben, friendAt: now }]);
			expect(await belongings.relations(ann, ben, 9)).toEqual([]);

			await belongings.unlike(ann, liked);
			expect(await belongings.likes(database, ann, "", 9)).toEqual([]);
			expect(await counts(bens)).toEqual([1, 2]);
			await belongings.forgetRelations(ann, [ben]);
			expect([...(await relations.ties(ann, [ben])), ...(await relations.ties(ben, [ann]))]).toEqual([]);
			expect((await accounts.byId(ben))?.friendCount).toBe(0);
			expect((await relations.ties(cho, [ann])).size).toBe(1);
			await belongings.forgetMutes(ann);
			expect((await relations.ties(cho, [ann])).size).toBe(0);
		});
	});

	describe("a job of its own", () => {
		it("is promised once, and its progress is noted by one run of it", async () => {
			const ann = await account();
			const job: Job = { id: mint(), task: { kind: "erase", accountId: ann } };
			await promiseOnce(shards, job, now);
			const first = await noteProgress(shards, job, "one");
			expect(first).toMatchObject({ id: job.id, progress: "one" });
			await promiseOnce(shards, job, now);
			expect(await loadJob(shards, job.id)).toEqual({ ...job, progress: "one" });
			expect(await noteProgress(shards, job, "two")).toBeUndefined();
			expect(await noteProgress(shards, first as Job, "two")).toMatchObject({ progress: "two" });
			await belongings.finish(job.id);
			expect(await noteProgress(shards, { ...job, progress: "two" }, "three")).toBeUndefined();
			expect(await loadJob(shards, job.id)).toBeUndefined();
		});
	});

	describe("accounts", () => {
		it("are made once, found by id, and changed in part; a username that was changed is caught up with", async () => {
			const [ann, ben] = (await people(2)) as [Id, Id];
			await accounts.ensure({ id: ann, username: "other", displayName: "Other", region: "weur" });
			expect(await accounts.byId(ann)).toEqual({
				id: ann,
				username: "other",
				displayName: "Ann",
				bio: "",
				avatarUrl: null,
				region: "apac",
				friendCount: 0,
				followerCount: 0,
				followingCount: 0,
				postCount: 0,
				heavy: 0,
				herald: null,
				hidden: 0,
				words: '["ann"]',
			});
			expect([...(await accounts.byIds([ann, ben, mint()])).keys()].sort()).toEqual([ann, ben].sort());
			expect(await accounts.byIds([])).toEqual(new Map());
			const changed = await accounts.update(ann, {
				bio: "hello",
				avatarUrl: "https://example.com/a",
				region: undefined,
			});
			expect(changed).toMatchObject({ displayName: "Ann", bio: "hello", avatarUrl: "https://example.com/a" });
			expect(await accounts.update(ann, { avatarUrl: null })).toMatchObject({ bio: "hello", avatarUrl: null });
			expect(await accounts.update(ann, {})).toMatchObject({ bio: "hello" });
			await expect(accounts.update(mint(), { bio: "x" })).rejects.toMatchObject({ code: "account_not_found" });
			expect(await accounts.byId(mint())).toBeUndefined();
		});

		it("that are hidden are found by nobody but their owners, and so are their posts; the highest turn wins", async () => {
			const [ann, ben] = (await people(2)) as [Id, Id];
			const post = await write(ann);
			const answer = await comment(ben, post, post);
			const found = async () => [
				(await accounts.byId(ann)) !== undefined,
				(await accounts.byIds([ann, ben])).has(ann),
				(await posts.byIds([post, answer], ben)).has(post),
				(await posts.withAuthors([post])).length === 1,
				(await posts.byAuthor(ann, ben, 0, undefined, 9)).length === 1,
				(await posts.publicByAuthor(ann, undefined, 9)).length === 1,
			];
			const [everywhere, nowhere] = [Array(6).fill(true), Array(6).fill(false)];
			expect(await found()).toEqual(everywhere);
			await accounts.setHidden(ann, 3);
			expect(await found()).toEqual(nowhere);
			expect(await accounts.own(ann)).toMatchObject({ id: ann, hidden: 3 });
			await accounts.setHidden(ann, 2);
			expect(await found()).toEqual(nowhere);
			await accounts.setHidden(ann, 4);
			await accounts.setHidden(ann, 1);
			expect(await found()).toEqual(everywhere);
			await accounts.remove(ann);
			expect(await accounts.own(ann)).toBeUndefined();
		});

		it("of a physical shard are listed in order of their ids", async () => {
			const made = await people(7);
			const database = shards.of(made[0] as Id);
			const all: Id[] = [];
			for (let after = ""; ; after = all.at(-1) as Id) {
				const page = await accounts.idsOn(database, after, 3);
				all.push(...page);
				if (page.length < 3) break;
			}
			expect(all).toEqual([...all].sort());
			expect(all).toEqual(expect.arrayContaining(made));
		});
	});

	describe("a tie", () => {
		it("is written over the one it was made from only, and its job with it", async () => {
			const { low, high } = await pair();
			const job = settle(low, high);
			expect(await relations.authority({ low, high })).toEqual(STRANGERS);
			expect(await relations.decide({ low, high }, STRANGERS, { ...STRANGERS, requestedAt: 5 }, job)).toBe(true);
			const tie = await relations.authority({ low, high });
			expect(tie).toMatchObject({ version: 1, requestedAt: 5, friendAt: null, requestedByAt: null });
			expect(await loadJob(shards, job.id)).toEqual({ ...job, progress: null });
			const late = relations.decide({ low, high }, STRANGERS, { ...STRANGERS, friendAt: 7 }, settle(low, high));
			expect(await late).toBe(false);
			expect(await relations.authority({ low, high })).toEqual(tie);
		});

		it("that many change at once is changed by one of them", async () => {
			const { low, high } = await pair();
			for (const from of [STRANGERS, { ...STRANGERS, version: 1 }]) {
				const decided = await Promise.all(
					Array.from({ length: 8 }, (_, i) =>
						relations.decide({ low, high }, from, { ...from, requestedAt: i + 1 }, settle(low, high)),
					),
				);
				expect(decided.filter(Boolean)).toHaveLength(1);
				expect(await relations.authority({ low, high })).toMatchObject({
					version: from.version + 1,
					requestedAt: decided.indexOf(true) + 1,
				});
			}
		});

		it("is mirrored, but not by what is older, and gives its held place back in any case", async () => {
			const { low, high } = await pair();
			const [job, second] = [settle(low, high), settle(low, high)];
			expect(await relations.holder({ low, high })).toBeUndefined();
			expect(await relations.hold({ low, high }, job)).toBe(true);
			expect(await relations.hold({ low, high }, second)).toBe(false);
			expect(await relations.holder({ low, high })).toBe(job.id);
			expect(await accounts.byId(high)).toMatchObject({ friendCount: 1 });
			await relations.mirror({ low, high }, { ...STRANGERS, version: 2, followingAt: 9 }, second.id);
			expect(await relations.holder({ low, high })).toBe(job.id);
			await relations.mirror({ low, high }, { ...STRANGERS, version: 1, friendAt: 4 }, job.id);
			expect(await relations.holder({ low, high })).toBeUndefined();
			expect((await relations.ties(high, [low])).get(low)).toMatchObject({ version: 2, followerAt: 9, friendAt: null });
			expect(await accounts.byId(high)).toMatchObject({ friendCount: 0, followerCount: 1 });
			expect(await relations.mirrored({ low, high })).toBe(2);
			await relations.mirror({ low, high }, { ...STRANGERS, version: 3, friendAt: 6, followingAt: 9 });
			expect(await relations.holder({ low, high })).toBe(null);
			expect(await relations.mirrored({ low: mint(), high })).toBe(0);
			// The authority and the mirror agree, whoever asks.
			await relations.decide({ low, high }, STRANGERS, { ...STRANGERS, followingAt: 9 }, settle(low, high));
			expect(await relations.truth(low, high)).toMatchObject({ followingAt: 9 });
			expect(await relations.truth(high, low)).toMatchObject({ followerAt: 9, mutingAt: null });
			expect(await relations.truth(high, mint())).toMatchObject({ version: 0 });
		});

		it("makes no friend too many, however many come at once", async () => {
			const [ann, ...others] = (await people(7)) as [Id, ...Id[]];
			await shards.of(ann).all(sql`UPDATE profiles SET friend_count = ${FRIEND_LIMIT - 1} WHERE id = ${ann}`);
			expect(await relations.isFull(ann)).toBe(false);
			const made = await Promise.all(
				others.map((other) => {
					const { low, high } = pairOf(ann, other);
					const job = settle(low, high);
					return ann === low
						? relations.decide({ low, high }, STRANGERS, { ...STRANGERS, friendAt: now }, job)
						: relations.hold({ low, high }, job);
				}),
			);
			expect(made.filter(Boolean)).toHaveLength(1);
			expect(await relations.isFull(ann)).toBe(true);
			expect(await accounts.byId(ann)).toMatchObject({ friendCount: FRIEND_LIMIT });
		});

		it("is held, mirrored and muted at once without anybody waiting for ever", async () => {
			const [ann, ...others] = (await people(6)) as [Id, ...Id[]];
			await Promise.all(
				others.flatMap((other) => {
					const { low, high } = pairOf(ann, other);
					const job = settle(low, high);
					const tie = { ...STRANGERS, version: 1, friendAt: now };
					return [
						relations.hold({ low, high }, job),
						relations.mirror({ low, high }, tie, job.id),
						relations.mirror({ low, high }, tie, job.id),
						relations.mute(high, low, { mutingAt: 1, mutingUntil: null }, settle(low, high)),
					];
				}),
			);
			for (const other of others) {
				const { low, high } = pairOf(ann, other);
				expect((await relations.ties(high, [low])).get(low)).toMatchObject({ friendAt: now, mutingAt: 1 });
			}
		}, 20_000);
	});

	describe("relations", () => {
		it("are listed newest first, page by page", async () => {
			const [ann, ...others] = (await people(8)) as [Id, ...Id[]];
			// Two at a time, so that the id decides.
			for (const [i, other] of others.entries()) await befriend(ann, other, now + Math.floor(i / 2));
			const listed: Id[] = [];
			for (let before: { at: number; other: Id } | undefined; ; ) {
				const page = await relations.list(ann, "friends", before, 3);
				listed.push(...page.map((row) => row.other));
				before = page.at(-1);
				if (page.length < 3) break;
			}
			const at = (id: Id) => Math.floor(others.indexOf(id) / 2);
			expect(listed).toEqual([...others].sort((a, b) => at(b) - at(a) || (a < b ? 1 : -1)));
			expect(await accounts.byId(ann)).toMatchObject({ friendCount: 7 });
			for (const list of ["followers", "following", "incoming", "outgoing", "blocking", "muting"] as const)
				expect(await relations.list(ann, list, undefined, 9)).toEqual([]);
		});

		it("have an audience, oldest first: without friends among the followers, and without who is dormant", async () => {
			const [ann, ...others] = (await people(9)) as [Id, ...Id[]];
			for (const [i, other] of others.entries()) await follow(other, ann, now + i);
			await befriend(ann, others[0] as Id, now);
			await relations.setTurn(others[1] as Id, [ann], 1);
			const reached: Id[] = [];
			for (let after: { at: number; other: Id } | undefined; ; ) {
				const page = await relations.audience(ann, "followers", after, 4);
				reached.push(...page.map((row) => row.other));
				after = page.at(-1);
				if (page.length < 4) break;
			}
			expect(reached).toEqual(others.slice(2));
			expect((await relations.audience(ann, "friends", undefined, 9)).map((row) => row.other)).toEqual([others[0]]);
			// The highest turn wins, in whatever order they come.
			await relations.setTurn(others[1] as Id, [ann, mint()], 4);
			await relations.setTurn(others[1] as Id, [ann], 3);
			expect((await relations.audience(ann, "followers", undefined, 9)).map((row) => row.other)).toEqual(
				others.slice(1),
			);
			expect(await accounts.byId(ann)).toMatchObject({ friendCount: 1, followerCount: 8, followingCount: 0 });
		});

		it("say whose posts belong into a feed, and who is muted", async () => {
			const [ann, friend, both, followed, fan] = (await people(5)) as [Id, Id, Id, Id, Id];
			await befriend(ann, friend, 11);
			await befriend(ann, both, 12);
			await follow(ann, both, 13);
			await follow(ann, followed, 14);
			await follow(fan, ann, 15);
			await relations.mute(ann, followed, { mutingAt: 16, mutingUntil: 17 }, settle(ann, followed));
			await relations.mute(ann, fan, { mutingAt: 18, mutingUntil: null }, settle(ann, fan));
			const sources = (await relations.sources(ann)).sort((a, b) => (a.other < b.other ? -1 : 1));
			const no = { friendAt: null, followingAt: null, mutingAt: null, mutingUntil: null };
			expect(sources).toEqual(
				[
					{ ...no, other: friend, version: 1, friendAt: 11 },
					{ ...no, other: both, version: 2, friendAt: 12, followingAt: 13 },
					{ ...no, other: followed, version: 1, followingAt: 14, mutingAt: 16, mutingUntil: 17 },
				].sort((a, b) => (a.other < b.other ? -1 : 1)),
			);
			expect((await relations.list(ann, "muting", undefined, 9)).map((row) => row.other)).toEqual([fan, followed]);
			await relations.mute(ann, followed, { mutingAt: null, mutingUntil: null }, settle(ann, followed));
			expect((await relations.ties(ann, [followed])).get(followed)).toMatchObject({ mutingAt: null, followingAt: 14 });
			expect(await accounts.byId(ann)).toMatchObject({ friendCount: 2, followerCount: 1, followingCount: 2 });
		});
	});

	describe("posts", () => {
		it("are read with their authors, from whatever shard, comments and what is gone left out", async () => {
			const [ann, ben] = [await account(), await account()];
			const [one, two] = [await write(ann), await write(ben)];
			const found = await posts.withAuthors([one, two, one, mint()]);
			expect(found.map(({ id, author }) => [id, author.id]).sort()).toEqual(
				[
					[one, ann],
					[two, ben],
				].sort(),
			);
			const { id, username, displayName, avatarUrl } = (await accounts.byId(ann)) ?? {};
			expect(found.find((post) => post.id === one)?.author).toEqual({ id, username, displayName, avatarUrl });
			expect(found.find((post) => post.id === one)).toMatchObject(
				await posts.byIds([one], ann).then((rows) => {
					const { liked: _, ...row } = rows.get(one) as NonNullable<ReturnType<typeof rows.get>>;
					return row;
				}),
			);
		});

		it("that somebody likes are told apart", async () => {
			const [ann, ben] = [await account(), await account()];
			const [one, two] = [await write(ann), await write(ben)];
			await likes.react([{ postId: one, accountId: ben, liked: true }]);
			expect(await likes.among(ben, [one, two])).toEqual(new Set([one]));
			expect(await likes.among(ann, [one, two])).toEqual(new Set());
		});

		it("of an author are seen up to a level, newest first, and counted without those for herself", async () => {
			const ann = await account();
			const ids: Id[] = [];
			for (let i = 0; i < 12; i++) ids.push(await write(ann, { audience: i % 4 }));
			const visible = ids.filter((_, i) => i % 4 <= 1).reverse();
			expect((await posts.byAuthor(ann, ann, 1, undefined, 4)).map((row) => row.id)).toEqual(visible.slice(0, 4));
			expect((await posts.byAuthor(ann, ann, 1, visible[3], 4)).map((row) => row.id)).toEqual(visible.slice(4));
			expect(await posts.newest(ann, 1, 6)).toEqual({ ids: visible, complete: true });
			const open = ids.filter((_, i) => i % 4 === 0).reverse();
			expect((await posts.publicByAuthor(ann, undefined, 2)).map((row) => row.id)).toEqual(open.slice(0, 2));
			expect((await posts.publicByAuthor(ann, open[1], 2)).map((row) => row.id)).toEqual(open.slice(2));
			expect(await posts.newest(ann, 1, 5)).toEqual({ ids: visible.slice(0, 5), complete: false });
			expect(await accounts.byId(ann)).toMatchObject({ postCount: 9 });
			await posts.update(ids[0] as Id, { audience: 3 }, []);
			expect(await accounts.byId(ann)).toMatchObject({ postCount: 8 });
			await posts.update(ids[3] as Id, { audience: 0 }, []);
			await posts.remove(ids[4] as Id, []);
			expect(await accounts.byId(ann)).toMatchObject({ postCount: 8 });
		});

		it("of many authors come as one page, in both directions, each up to what its level shows", async () => {
			const authors = await people(12);
			const levels = new Map(authors.map((id, i): [Id, Level] => [id, ([0, 1, 2, 3] as const)[i % 4] as Level]));
			const quiet = mint(1);
			levels.set(quiet, 2);
			const made: { postId: Id; authorId: Id; audience: number }[] = [];
			for (let i = 0; i < 90; i++) {
				// A few of them write nearly everything.
				const authorId = authors[(i * i) % 7] as Id;
				const audience = (i * 7) % 4;
				made.push({ postId: await write(authorId, { audience }), authorId, audience });
			}
			await comment(authors[0] as Id, made[0]?.postId as Id, made[0]?.postId as Id);
			const seen = made
				.filter(({ authorId, audience }) => audience <= (levels.get(authorId) ?? -1))
				.map(({ postId, authorId }) => ({ postId, authorId }))
				.reverse();
			for (const limit of [1, 5, 200]) {
				expect(await posts.older(levels, undefined, limit)).toEqual(seen.slice(0, limit));
				const at = Math.floor(seen.length / 2);
				expect(await posts.older(levels, seen[at]?.postId, limit)).toEqual(seen.slice(at + 1, at + 1 + limit));
				const newer = seen.slice(3, at);
				expect(await posts.newer(levels, seen[at]?.postId as Id, seen[3]?.postId as Id, limit)).toEqual(
					newer.slice(Math.max(0, newer.length - limit)),
				);
			}
			expect(await posts.older(new Map(), undefined, 5)).toEqual([]);
			expect(await posts.older(new Map([[quiet, 2]]), undefined, 5)).toEqual([]);
		});

		it("that are newest are found for each of many authors", async () => {
			const [ann, ben, cho] = (await people(3)) as [Id, Id, Id];
			const made = new Map<Id, Id[]>([
				[ann, []],
				[ben, []],
				[cho, []],
			]);
			for (let i = 0; i < 8; i++) {
				const author = i % 4 === 0 ? ben : ann;
				const id = await write(author, { audience: i % 3 });
				if (i % 3 <= 1) made.get(author)?.unshift(id);
			}
			await comment(ann, made.get(ben)?.[0] as Id, made.get(ben)?.[0] as Id);
			expect(await posts.heads([ann, ben, cho], 1, 9)).toEqual(made);
			expect(await posts.heads([ann], 1, 2)).toEqual(new Map([[ann, made.get(ann)?.slice(0, 2)]]));
			expect(await posts.heads([], 1, 2)).toEqual(new Map());
		});

		it("keep what they said before", async () => {
			const ann = await account();
			now += 1000;
			const id = await write(ann, { text: "one", link: "https://example.com/1" });
			const job: Job = { id: mint(), task: { kind: "edit", postId: id, authorId: ann, audience: 0 } };
			now += 1000;
			await posts.update(id, { text: "two" }, [job]);
			expect(await loadJob(shards, job.id)).toEqual({ ...job, progress: null });
			now += 1;
			await posts.update(id, { link: null }, []);
			now += 1;
			await posts.update(id, { text: "two", audience: 2 }, []);
			expect((await posts.byIds([id], ann)).get(id)).toMatchObject({
				text: "two",
				link: null,
				audience: 2,
				editedAt: now,
			});
			const versions = await posts.versions(id, undefined, 5);
			expect(versions).toEqual([
				{ postId: id, writtenAt: now - 2, text: "two", link: "https://example.com/1" },
				{ postId: id, writtenAt: timeOf(id), text: "one", link: "https://example.com/1" },
			]);
			expect(await posts.versions(id, now - 2, 5)).toEqual(versions.slice(1));
			expect(await posts.versions(id, undefined, 1)).toEqual(versions.slice(0, 1));
			// Nobody's text is lost when two edit at once.
			now += 1;
			await Promise.all(
				["three", "four", "five"].map((text) => new PostStore(shards, () => now++).update(id, { text }, [])),
			);
			const last = (await posts.byIds([id], ann)).get(id)?.text;
			const texts = (await posts.versions(id, undefined, 9)).map((version) => version.text);
			expect([...texts, last].sort()).toEqual(["five", "four", "one", "three", "two", "two"]);
			await posts.remove(id, []);
			expect(await posts.versions(id, undefined, 9)).toEqual([]);
		});

		it("have comments, counted where they answer, and take them along", async () => {
			const [ann, ben] = (await people(2)) as [Id, Id];
			const root = await write(ann);
			const first = await comment(ben, root, root);
			const reply = await comment(ann, first, root);
			const deeper = await comment(ben, reply, root);
			const second = await comment(ben, root, root);
			expect(await counts(root)).toEqual([0, 2]);
			expect((await posts.comments(root, ann, undefined, 5)).map((row) => row.id)).toEqual([second, first]);
			expect((await posts.comments(root, ann, second, 5)).map((row) => row.id)).toEqual([first]);
			expect((await posts.byIds([deeper], ann)).get(deeper)).toMatchObject({ parentId: reply, rootId: root });
			await like(deeper, ann);
			await posts.removeComment(first);
			expect((await posts.byIds([first, reply, deeper, second], ann)).size).toBe(1);
			expect(await counts(root)).toEqual([0, 1]);
			expect(await likes.likers(deeper, undefined, 5)).toEqual([]);
			const gone = { id: mint(), authorId: ben, parentId: first, rootId: root, text: "late", audience: 0 };
			expect(await posts.insertComment(gone)).toBeUndefined();
			const taken = posts.insertComment({ ...gone, id: second, parentId: root });
			expect(isTaken(await taken.catch((error: unknown) => error))).toBe(true);
			await Promise.all(Array.from({ length: 8 }, () => comment(ben, root, root)));
			expect(await counts(root)).toEqual([0, 9]);
			// Comments do not count among an author's posts.
			expect(await accounts.byId(ben)).toMatchObject({ postCount: 0 });
		});

		it("are liked once by each, and by nobody when they are gone", async () => {
			const [ann, ...others] = (await people(6)) as [Id, ...Id[]];
			const id = await write(ann);
			await Promise.all([...others, ...others].map((other) => like(id, other)));
			expect(await counts(id)).toEqual([5, 0]);
			expect((await posts.byIds([id], others[0] as Id)).get(id)?.liked).toBe(true);
			expect((await posts.byIds([id], ann)).get(id)?.liked).toBe(false);
			now += 1;
			expect(await like(id, ann)).toEqual({ liked: true, likeCount: 6 });
			const likers = await likes.likers(id, undefined, 9);
			expect(likers.map((row) => row.other)).toEqual([ann, ...[...others].sort().reverse()]);
			expect(await likes.likers(id, likers[2], 2)).toEqual(likers.slice(3, 5));
			await Promise.all([unlike(id, ann), unlike(id, ann), unlike(id, mint())]);
			expect(await counts(id)).toEqual([5, 0]);
			expect(await like(mint(), ann)).toBeNull();
			await posts.remove(id, []);
			expect(await like(id, ann)).toBeNull();
			expect(await unlike(id, ann)).toBeNull();
			expect(await likes.likers(id, undefined, 9)).toHaveLength(5);
			expect(await posts.eraseThread(id)).toBe(true);
			expect(await likes.likers(id, undefined, 9)).toEqual([]);
		});

		it("are liked and not liked any more in one batch, in which the last wish of each counts", async () => {
			const [ann, ben, cho] = (await people(3)) as [Id, Id, Id];
			const [one, two, gone] = [await write(ann), await write(ann), mint()];
			await like(one, ben);
			const wish = (postId: Id, accountId: Id, liked: boolean) => ({ postId, accountId, liked });
			const batch = [
				wish(one, ann, true),
				wish(two, ann, true),
				wish(one, ben, false),
				wish(gone, ann, true),
				wish(one, cho, true),
				wish(one, cho, false),
				wish(two, cho, false),
				wish(two, cho, true),
			];
			for (let twice = 0; twice < 2; twice++) {
				expect(await likes.react(batch)).toEqual([
					{ liked: true, likeCount: 1 },
					{ liked: true, likeCount: 2 },
					{ liked: false, likeCount: 1 },
					null,
					{ liked: false, likeCount: 1 },
					{ liked: false, likeCount: 1 },
					{ liked: true, likeCount: 2 },
					{ liked: true, likeCount: 2 },
				]);
				expect((await likes.likers(one, undefined, 9)).map((row) => row.other)).toEqual([ann]);
				expect((await likes.likers(two, undefined, 9)).map((row) => row.other).sort()).toEqual([ann, cho].sort());
			}
			expect(await likes.react([])).toEqual([]);
		});

		it("count exactly when batches with the same posts run at once", async () => {
			const [ann, ...fans] = (await people(41)) as [Id, ...Id[]];
			const stories = await Promise.all([write(ann), write(ann), write(ann)]);
			const batches = Array.from({ length: 8 }, (_, n) =>
				fans.flatMap((accountId, m) =>
					(n % 2 ? stories : stories.toReversed()).map((postId) => ({ postId, accountId, liked: (m + n) % 3 > 0 })),
				),
			);
			await Promise.all(batches.map((batch) => likes.react(batch)));
			for (const id of stories) {
				const there = await likes.likers(id, undefined, 100);
				expect(await counts(id)).toEqual([there.length, 0]);
			}
		});

		it("lose a comment with all of a large and deep thread below it, some at a time", async () => {
			const [ann, ben] = (await people(2)) as [Id, Id];
			const root = await write(ann);
			const [kept, gone] = [await comment(ben, root, root), await comment(ben, root, root)];
			const wide = Array.from({ length: 700 }, () => ({ id: mint(), authorId: ben, parentId: gone, text: "so many" }));
			// Newest below oldest, as ids of different machines may be.
			const deep = Array.from({ length: 400 }, () => mint()).reverse();
			const rows = [
				...wide,
				...deep.map((id, n) => ({ id, authorId: ben, parentId: deep[n - 1] ?? gone, text: "deep" })),
			];
			await shards.of(root).all(sql`INSERT INTO posts (id, author_id, parent_id, root_id, text, audience)
				SELECT value->>0, value->>1, value->>2, ${asText(root)}, 'x', 0 FROM ${jsonRows(shards.of(root).dialect, JSON.stringify(rows.map((row) => [row.id, row.authorId, row.parentId])))}`);
			await like(deep[399] as Id, ann);
			expect(await counts(gone)).toEqual([0, 701]);
			expect(await posts.removeComment(gone)).toBe(true);
			expect(await counts(root)).toEqual([0, 1]);
			const left = await posts.byIds([kept, gone, ...rows.map(({ id }) => id)], ann);
			expect([...left.keys()]).toEqual([kept]);
			expect(await likes.likers(deep[399] as Id, undefined, 5)).toEqual([]);
			expect(await posts.removeComment(gone)).toBe(true);
		}, 30_000);

		it("leave nothing of a large thread", async () => {
			const [ann, ben] = (await people(2)) as [Id, Id];
			const root = await write(ann);
			const comments = Array.from({ length: 1200 }, () => ({
				id: mint(),
				authorId: ben,
				parentId: root,
				text: "so many",
			}));
			expect(await bulk.comments(comments)).toBe(1200);
			await like(comments[700]?.id as Id, ann);
			const job: Job = { id: mint(), task: { kind: "remove", postId: root, authorId: ann, audience: 0 } };
			await posts.remove(root, [job]);
			expect(await loadJob(shards, job.id)).toBeDefined();
			expect(await posts.eraseThread(root)).toBe(true);
			expect(
				(
					await posts.byIds(
						comments.map(({ id }) => id),
						ann,
					)
				).size,
			).toBe(0);
			expect(await likes.likers(comments[700]?.id as Id, undefined, 5)).toEqual([]);
		}, 30_000);
	});

	describe("the outbox", () => {
		it("puts what is due off, later and later, and gives it to one of those who ask at once", async () => {
			const ann = await account();
			const database = shards.of(ann);
			const jobs = Array.from({ length: 5 }, () => add(mint(), ann));
			for (const job of jobs) await database.all(promise(job, now));
			const [job] = jobs as [Job];
			await progress.advance(job, { phase: "own", chunks: 1 }, [{ chunk: 0, reason: "own", recipients: [ann] }]);
			const own = async (at: number, random = 0) => {
				const due = await takeDue(database, at, random, 10_000);
				const ids = due.jobs.filter((id) => jobs.some((job) => job.id === id)).sort();
				return [ids, due.chunks.filter(({ jobId }) => jobId === job.id)];
			};
			expect(await own(now + SWEEP_AFTER - 1)).toEqual([[], []]);
			const all = [jobs.map(({ id }) => id).sort(), [{ jobId: job.id, chunk: 0 }]];
			let at = now + SWEEP_AFTER;
			const taken = await Promise.all([own(at, 0.5), own(at, 0.5), own(at, 0.5)]);
			expect(taken.filter(([ids]) => ids?.length).flat()).toEqual(all);
			for (let attempts = 0; attempts < 8; attempts++) {
				const delay = sweepDelay(attempts, 0.5);
				expect(await own(at + delay - 1, 0.5)).toEqual([[], []]);
				at += delay;
				expect(await own(at, 0.5)).toEqual(all);
			}
			expect((await takeDue(database, Number.MAX_SAFE_INTEGER, 0, 2)).jobs).toHaveLength(2);
			for (const { id } of jobs) await database.all(done(id));
			expect(await loadJob(shards, job.id)).toBeUndefined();
		});

		it("advances a fan-out once for each step, and finishes it with its last chunk", async () => {
			const [ann, ...others] = (await people(5)) as [Id, ...Id[]];
			const job = add(mint(), ann);
			await shards.of(job.id).all(promise(job, now));
			const chunk = (number: number): Chunk => ({ chunk: number, reason: "friend", recipients: others });
			const steps: [Progress, Chunk[]][] = [
				[{ phase: "friends", after: { at: 5, other: ann }, chunks: 2 }, [chunk(0), chunk(1)]],
				[{ phase: "done", chunks: 3 }, [chunk(2)]],
			];
			expect(readProgress(job)).toEqual(START);
			let current: Job = { ...job, progress: null };
			for (const [next, chunks] of steps) {
				const moved = await Promise.all([1, 2, 3, 4].map(() => progress.advance(current, next, chunks)));
				expect(moved.filter(Boolean)).toHaveLength(1);
				expect(await progress.advance(current, next, chunks)).toBeUndefined();
				current = moved.find((job) => job !== undefined) as Job;
				expect(readProgress(current)).toEqual(next);
				expect(await loadJob(shards, job.id)).toEqual(current);
				if (next.phase !== "done") await progress.finishJob(job.id);
			}
			await progress.keep(job.id, chunk(1), others.slice(0, 1), "why");
			// Only what it was made from.
			await progress.keep(job.id, chunk(1), [], "too late");
			expect(await progress.load(job.id, 1)).toEqual({
				job: current,
				chunk: { chunk: 1, reason: "friend", recipients: others.slice(0, 1) },
			});
			expect((await progress.load(job.id, 0))?.chunk.recipients).toEqual(others);
			await progress.finishJob(job.id);
			expect(await loadJob(shards, job.id)).toBeDefined();
			await Promise.all([0, 1, 2].map((number) => progress.finishChunk(job.id, chunk(number))));
			expect(await progress.load(job.id, 1)).toBeUndefined();
			expect(await loadJob(shards, job.id)).toBeUndefined();
		});
	});

	describe("in bulk", () => {
		it("rows are brought in once, both sides of each tie", async () => {
			const ids = Array.from({ length: 40 }, (_, i) => mint(i % 2));
			const [a, b, c] = ids as [Id, Id, Id];
			const profiles = ids.map((id) => ({
				id,
				username: id.toLowerCase(),
				displayName: "가",
				bio: "\0 \\u0000 \ud83e",
				region: "apac",
			}));
			const post = mint();
			const answer = { id: mint(), authorId: c, parentId: post, text: "so" };
			const run = async () => [
				await bulk.profiles(profiles),
				await bulk.friendships([
					[a, b, now],
					[b, a, now],
				]),
				await bulk.follows([
					[a, b, now],
					[c, a, now],
				]),
				await bulk.posts([{ id: post, authorId: a, text: "가 'quoted'", audience: 1 }]),
				await bulk.comments([answer, { ...answer, id: mint(), parentId: mint() }]),
				await bulk.likes([
					[post, b, now],
					[post, b, now + 1],
					[mint(), b, now],
				]),
			];
			expect(await run()).toEqual([40, 1, 2, 1, 1, 1]);
			expect(await run()).toEqual([0, 0, 0, 0, 0, 0]);
			expect((await relations.ties(a, [b])).get(b)).toMatchObject({ version: 2, friendAt: now, followingAt: now });
			expect((await relations.ties(b, [a])).get(a)).toMatchObject({ version: 2, friendAt: now, followerAt: now });
			expect(await accounts.byId(a)).toMatchObject({
				friendCount: 1,
				followingCount: 1,
				followerCount: 1,
				postCount: 1,
			});
			expect((await posts.byIds([post], b)).get(post)).toMatchObject({
				text: "가 'quoted'",
				audience: 1,
				likeCount: 1,
				commentCount: 1,
				liked: true,
			});
		});
	});

	describe("media", () => {
		const DAY = 86_400_000;
		const process = (id: Id, owner: Id): Job => ({ id, task: { kind: "process", mediaId: id, ownerId: owner } });
		const found = { width: 40, height: 30, duration: null, blurhash: "x", widths: "[]" };
		const ready = async (owner: Id, purpose: "post" | "avatar" | "poster" = "post", type = "image/png") => {
			const id = mint();
			expect(await media.insert({ id, owner, purpose, type, size: 10, alt: null })).toMatchObject({ id, parts: "" });
			await media.complete({ id }, "1 tag\n", process(id, owner));
			await media.complete({ id }, "1 tag\n", process(id, owner));
			expect(await loadJob(shards, id)).toMatchObject({ task: { kind: "process", ownerId: owner } });
			expect(await media.ready(id, found)).toBe(true);
			expect(await media.ready(id, found)).toBe(false);
			await media.finish(id);
			return id;
		};
		const row = async (id: Id) => {
			const known = await media.byId(id);
			if (!known) throw new Error("no such medium");
			return known;
		};
		const states = async (...ids: Id[]) =>
			Promise.all(ids.map(async (id) => [(await row(id)).status, (await row(id)).attachedTo]));
		const show = async (owner: Id, ids: Id[]) => {
			const id = mint();
			const post = { id, authorId: owner, text: "", audience: 0, link: null };
			const written = await posts.insertWithMedia(post, await wantedBy(media, owner, ids, id), add(id, owner));
			return written && id;
		};

		it("is noted part by part, counted, and completed once", async () => {
			const ann = await account();
			const id = mint();
			const row = { id, owner: ann, purpose: "post", type: "video/mp4", size: 9e9, alt: null } as const;
			expect(await media.insert(row)).toMatchObject({ status: "uploading", size: 9e9, dueAt: now + DAY });
			expect(await media.insert(row)).toBeUndefined();
			expect([await media.begin(id, "one"), await media.begin(id, "two")]).toEqual([true, false]);
			for (const etag of ["a", "b"]) expect(await media.notePart(id, 2, etag)).toBe(true);
			expect(await media.notePart(id, 1, "c")).toBe(true);
			const { parts, uploadId } = (await media.byId(id)) ?? { parts: "" };
			expect([uploadId, partsIn(parts)]).toEqual([
				"one",
				[
					{ partNumber: 1, etag: "c" },
					{ partNumber: 2, etag: "b" },
				],
			]);
			expect(await media.recent(ann, DAY)).toEqual({ bytes: 9e9, pending: 1 });
			await media.complete({ id }, parts, process(id, ann));
			expect(await media.notePart(id, 3, "d")).toBe(false);
			expect(await media.fail(id, "unreadable")).toBe(true);
			expect((await media.ofOwner(ann, "", 9)).map(({ error, uploadId }) => [error, uploadId])).toEqual([
				["unreadable", null],
			]);
			expect(await media.ofOwner(ann, id, 9)).toEqual([]);
		});

		it("is tied to a post with the post, as it was found or not at all", async () => {
			const ann = await account();
			const [one, two, three] = [await ready(ann), await ready(ann), await ready(ann)];
			const post = await show(ann, [two, one]);
			if (!post) throw new Error("not written");
			expect(JSON.parse((await media.shownBy(post)) ?? "")).toMatchObject([{ id: two }, { id: one }]);
			expect(await states(one, two)).toEqual([
				["ready", post],
				["ready", post],
			]);
			expect(await loadJob(shards, post)).toMatchObject({ task: { kind: "add" } });
			expect(await media.discardOrphan(one)).toBe(false);

			// Changed between the look and the write.
			const wanted = await wantedBy(media, ann, [three], mint());
			expect(await media.describe(await row(three), "three", undefined)).toBe(true);
			const late = mint();
			const lost = { id: late, authorId: ann, text: "", audience: 0, link: null };
			expect(await posts.insertWithMedia(lost, wanted, add(late, ann))).toBeUndefined();
			expect([await posts.exists(late), await loadJob(shards, late)]).toEqual([false, undefined]);
			expect(await states(three)).toEqual([["ready", null]]);
			const job = (): Job => ({ id: mint(), task: { kind: "edit", postId: post, authorId: ann, audience: 0 } });
			expect(await posts.updateWithMedia(post, { text: "no" }, wanted, [job()])).toBe(false);
			expect(await posts.versions(post, undefined, 9)).toEqual([]);

			const again = await wantedBy(media, ann, [three, one], post);
			const edit = job();
			expect(await posts.updateWithMedia(post, { text: "yes" }, again, [edit])).toBe(true);
			expect(await loadJob(shards, edit.id)).toMatchObject({ task: { kind: "edit" } });
			expect(await states(one, two, three)).toEqual([
				["ready", post],
				["discarded", null],
				["ready", post],
			]);
			expect((await posts.versions(post, undefined, 9)).map(({ text }) => text)).toEqual([""]);

			const before = (await media.shownBy(post)) ?? "";
			expect(await media.describe(await row(one), "one", { before: "other", after: "[]" })).toBe(false);
			expect(await media.describe(await row(one), "one", { before, after: "[]" })).toBe(true);
			expect([await media.shownBy(post), (await row(one)).alt]).toEqual(["[]", "one"]);
			await posts.remove(post, []);
			expect(await states(one, three)).toEqual([
				["discarded", null],
				["discarded", null],
			]);
		});

		it("goes with what shows it: a still with its video, an avatar with the next one", async () => {
			const ann = await account();
			const [video, still, other] = [
				await ready(ann, "post", "video/mp4"),
				await ready(ann, "poster"),
				await ready(ann, "poster"),
			];
			const early = await row(video);
			expect(await media.setPoster(early, await row(still))).toBe(true);
			expect(await media.setPoster(early, await row(other))).toBe(false);
			expect(await media.setPoster(await row(video), await row(other))).toBe(true);
			expect(await states(still, other)).toEqual([
				["discarded", null],
				["ready", video],
			]);
			expect(await media.discardOrphan(video)).toBe(true);
			expect(await states(video, other)).toEqual([
				["discarded", null],
				["discarded", null],
			]);

			const [first, second] = [await ready(ann, "avatar"), await ready(ann, "avatar")];
			await avatars.choose(ann, first);
			await avatars.choose(ann, second);
			expect((await accounts.byId(ann))?.avatarUrl).toBe(`/media/${second}/avatar`);
			expect(await states(first, second)).toEqual([
				["discarded", null],
				["ready", ann],
			]);
			expect((await media.served(second))?.id).toBe(second);
			await accounts.setHidden(ann, 1);
			expect(await media.served(second)).toBeUndefined();
			await accounts.setHidden(ann, 2);
			await avatars.replace(ann, null);
			expect(await states(second)).toEqual([["discarded", null]]);
		});

		it("is found when it is due, and forgotten with its owner", async () => {
			const ann = await account();
			const [one, two] = [await ready(ann), await ready(ann)];
			const post = await show(ann, [two]);
			const dueOf = async (at: number) =>
				(await Promise.all(shards.all().map((database) => media.due(database, at, 1000)))).flat().map(({ id }) => id);
			expect(await dueOf(now)).not.toContain(one);
			expect(await dueOf(now + DAY)).toContain(one);
			expect(await dueOf(now + DAY)).not.toContain(two);
			expect(await media.discardOrphan(one, now - 1)).toBe(false);
			await media.putOff(one, now + 2 * DAY);
			expect(await dueOf(now + DAY)).not.toContain(one);
			await media.remove(one);
			expect(await media.byId(one)).toBeDefined();
			expect((await media.discardAll(ann, 1)).length).toBe(1);
			expect((await media.discardAll(ann, 9)).length).toBe(2);
			await media.remove(one);
			expect(await media.byId(one)).toBeUndefined();
			expect(post).toBeDefined();
		});
	});
}
