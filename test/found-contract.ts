/** What every physical shard must hold of names and previews: the same cases over D1, PGlite and a Postgres server. */
import { sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { type Named, NameStore } from "../src/accounts/name-store.ts";
import { searched } from "../src/accounts/names.ts";
import { AccountStore } from "../src/accounts/store.ts";
import { RelationStore } from "../src/graph/store.ts";
import { BulkStore } from "../src/ops/bulk.ts";
import { PostStore } from "../src/posts/store.ts";
import type { Looked } from "../src/previews/fetch.ts";
import { columnsOf, type Preview } from "../src/previews/preview.ts";
import { PreviewStore } from "../src/previews/store.ts";
import { type Id, IdMinter } from "../src/store/ids.ts";
import { type Job, loadJob } from "../src/store/outbox.ts";
import type { Shards } from "../src/store/shards.ts";

export function foundContract(shards: Shards): void {
	// Not the millisecond of another contract's ids: their sequences begin anywhere, and would meet now and then.
	let now = Date.now() + 3_600_000;
	const minter = new IdMinter(() => now, Math.random);
	const accounts = new AccountStore(shards);
	const names = new NameStore(shards);
	const posts = new PostStore(shards, () => now);
	const previews = new PreviewStore(shards, () => now);
	const joins = async (displayName: string): Promise<Id> => {
		const id = minter.mint(0);
		await accounts.ensure({ id, username: id.toLowerCase(), displayName, region: "apac" });
		return id;
	};
	const ids = (found: readonly Named[]) => found.map(({ id }) => id);

	describe("names", () => {
		it("are found in their order, each account once, page by page", async () => {
			const texts = ["Qxb Qxa", "qxc", "qxa", "qxaa qxa", "ｑｘａｂ"];
			const made = new Map<string, Id>();
			for (const text of texts) made.set(text, await joins(text));
			const wanted = ["qxa", "qxaa qxa", "Qxb Qxa", "ｑｘａｂ", "qxc"];
			const found = await names.find("qx", undefined, 10);
			expect(found.map(({ word }) => word)).toEqual(["qxa", "qxa", "qxa", "qxab", "qxc"]);
			expect(new Set(ids(found))).toEqual(new Set(wanted.map((text) => made.get(text))));
			const paged: Named[] = [];
			for (let page = await names.find("qx", undefined, 2); page.length > 0; ) {
				paged.push(...page);
				page = await names.find("qx", page.at(-1), 2);
			}
			expect(paged).toEqual(found);
			expect(await names.among([...made.values()], "qx")).toEqual(found);
			expect(await names.among([], "qx")).toEqual([]);
			// By bytes, and not by halves of surrogate pairs.
			for (const text of ["㐂𠮷", "㐂﨑"]) made.set(text, await joins(text));
			const rare = ["㐂﨑", "㐂𠮷"].map((text) => made.get(text) as Id);
			expect(ids(await names.find("㐂", undefined, 5))).toEqual(rare);
			expect(ids(await names.among(rare.toReversed(), "㐂"))).toEqual(rare);
		});

		it("follow their profile, whoever writes it", async () => {
			const id = await joins("Wxone Wxtwo");
			const words = async () => (await names.among([id], "wx")).map(({ word }) => word);
			expect(await words()).toEqual(["wxone wxtwo"]);
			await accounts.update(id, { displayName: "Wxthree" });
			expect(await words()).toEqual(["wxthree"]);
			await accounts.update(id, { bio: "wxfour" });
			expect(await words()).toEqual(["wxthree"]);
			await accounts.ensure({ id, username: "wxother", displayName: "Wxanother", region: "apac" });
			expect(await words()).toEqual(["wxother"]);
			await accounts.update(id, { username: "zother" });
			expect(await words()).toEqual(["wxthree"]);
			await accounts.setHidden(id, 1);
			expect(await words()).toEqual([]);
			await accounts.update(id, { displayName: "Wxfive" });
			expect(await words()).toEqual([]);
			await accounts.setHidden(id, 2);
			expect(await words()).toEqual(["wxfive"]);
			await accounts.remove(id);
			expect(await words()).toEqual([]);
			const other = minter.mint(0);
			const row = { id: other, username: "wxbulk_user", displayName: "갉민춘 Wxbulk", bio: "", region: "apac" };
			await new BulkStore(shards).profiles([row, row]);
			expect(ids(await names.find("wxbulk", undefined, 5))).toEqual([other]);
			expect(ids(await names.find(searched("민추"), undefined, 5))).toContain(other);
		});

		it("are made for profiles that have none yet", async () => {
			const [ann, ben] = [await joins("Vxann"), await joins("Vxben")];
			await shards.of(ann).all(sql`UPDATE profiles SET words = NULL WHERE id IN (${ann}, ${ben})`);
			expect(await names.find("vx", undefined, 5)).toEqual([]);
			expect(await names.backfill()).toBe(2);
			expect(await names.backfill()).toBe(0);
			expect(ids(await names.find("vx", undefined, 5))).toEqual([ann, ben]);
		});

		it("of friends are known by the owner's shard", async () => {
			const [ann, ben, cho] = [await joins("Uxann"), await joins("Uxben"), await joins("Uxcho")];
			const relations = new RelationStore(shards, () => now);
			const bulk = new BulkStore(shards);
			await bulk.friendships([[ann, ben, now]]);
			await bulk.follows([[ann, cho, now]]);
			expect(await relations.friends(ann)).toEqual([ben]);
			expect(await relations.friends(cho)).toEqual([]);
		});
	});

	const preview: Preview = {
		url: "https://example.com/1",
		title: "하나",
		description: null,
		siteName: null,
		image: { url: `/media/previews/${"a".repeat(32)}`, width: 1, height: 1 },
	};
	const ready = (lifetime: number): Looked => ({ state: "ready", preview, lifetime });

	describe("what is known of an address", () => {
		it("is looked for by one, and known until its time", async () => {
			const url = `https://example.com/${minter.mint(0)}`;
			expect(await previews.known(url)).toBeUndefined();
			const key = (await previews.want(url)) as Id;
			expect(await previews.addressOf(key)).toBe(url);
			expect([await previews.want(url), await previews.known(url)]).toEqual([undefined, { state: "pending" }]);
			const claims = await Promise.all([previews.claim(url), previews.claim(url), previews.claim(url)]);
			expect(claims.filter(Boolean)).toHaveLength(1);
			expect(await previews.want(url)).toBeUndefined();
			await previews.save(url, ready(1000));
			expect(await previews.known(url)).toEqual({ state: "ready", preview });
			expect([await previews.want(url), await previews.claim(url)]).toEqual([undefined, false]);
			now += 1000;
			expect(await previews.known(url)).toBeUndefined();
			expect(await previews.claim(url)).toBe(true);
			// Who does not come back is not waited for.
			now += 20_000;
			expect(await previews.claim(url)).toBe(true);
			await previews.save(url, { state: "none", preview: null, why: "x", lifetime: 1000 });
			expect(await previews.known(url)).toEqual({ state: "none" });
			await previews.save(url, { state: "failed", preview: null, why: "x", lifetime: 1000 });
			expect(await previews.known(url)).toEqual({ state: "failed" });
			await previews.sweep();
			expect(await previews.addressOf(key)).toBe(url);
			now += 1001;
			await previews.sweep();
			expect(await previews.addressOf(key)).toBeUndefined();
		});

		it("is nothing that another address of the same key shows", async () => {
			const [url, other] = [1, 2].map((n) => `https://example.com/${minter.mint(0)}/${n}`) as [string, string];
			await previews.save(url, ready(1000));
			const key = (await previews.want(other)) as Id;
			await shards.of(key).all(sql`UPDATE previews SET url = ${url}, state = 'ready', preview = 'x' WHERE id = ${key}`);
			expect(await previews.known(other)).toBeUndefined();
			expect(await previews.claim(other)).toBe(true);
			expect(await previews.addressOf(key)).toBe(other);
		});
	});

	describe("a post with a link", () => {
		const write = async (link: string) => {
			const id = minter.mint(0);
			const add: Job = { id, task: { kind: "add", postId: id, authorId: id, audience: 0 } };
			const look: Job = { id: minter.mint(0), task: { kind: "preview", postId: id, authorId: id } };
			await posts.insert({ id, authorId: id, text: "x", audience: 0, link }, add, [look]);
			return { id, look };
		};
		const edit = (postId: Id): Job => ({
			id: minter.mint(0),
			task: { kind: "edit", postId, authorId: postId, audience: 0 },
		});

		it("gets its preview and the promise to tell of it at once, and only for the link that it has", async () => {
			const { id, look } = await write("https://example.com/1");
			expect(await loadJob(shards, look.id)).toEqual({ ...look, progress: null });
			const told = edit(id);
			await posts.setPreview(id, "https://example.com/1", columnsOf(preview), [told], look.id);
			expect(await loadJob(shards, look.id)).toBeUndefined();
			expect(await loadJob(shards, told.id)).toEqual({ ...told, progress: null });
			const row = await posts.linked(id);
			expect(row).toEqual({
				authorId: id,
				audience: 0,
				link: "https://example.com/1",
				preview: JSON.stringify(preview),
			});
			expect((await posts.byIds([id], id)).get(id)).toMatchObject({ previewImage: "a".repeat(32), editedAt: null });
			expect(await posts.previewImagesAmong(["a".repeat(32), "b".repeat(32)])).toEqual(new Set(["a".repeat(32)]));
			await posts.setPreview(id, "https://example.com/2", columnsOf({ ...preview, title: "wrong" }), [], look.id);
			expect(await posts.linked(id)).toEqual(row);
			expect(await posts.versions(id, undefined, 5)).toEqual([]);
		});
	});
}
