import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { crc32, deflateSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { consume } from "../src/fanout/consume.ts";
import type { PostView } from "../src/posts/post.ts";
import { consumePreviews } from "../src/previews/consume.ts";
import { servicesOf } from "../src/services.ts";
import { type Id, logicalShardOf } from "../src/store/ids.ts";
import { all, call, eventually, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";
import { asked, html, page, release } from "./internet.ts";
import { Isolate } from "./isolate.ts";
import { databaseOf } from "./obstruct.ts";
import { settled } from "./settled.ts";

/** Where links are looked at: by the same queues and consumers as everywhere. */
const ON = { LINK_PREVIEWS: "on" };
const open = new Isolate(ON);

type Answer = { status: string; preview: PostView["preview"] };

const write = async (who: Person, body: Record<string, unknown>) =>
	(await open.as<PostView>(who, "POST", "/v1/posts", { audience: "public", text: "look", ...body })).body;
const show = (who: Person, { id }: { id: string }) => who.ok<PostView>("GET", `/v1/posts/${id}`);
const previewed = (who: Person, post: { id: string }) =>
	eventually(async () => {
		const { preview } = await show(who, post);
		expect(preview).not.toBeNull();
		return preview;
	});
const ask = async (who: Person, url: string) => (await open.as<Answer>(who, "POST", "/v1/link-previews", { url })).body;
const jobsOf = async ({ id }: { id: string }) =>
	(
		await databaseOf({ id })
			.prepare("SELECT task FROM outbox WHERE task LIKE ?")
			.bind(`%${id}%`)
			.all<{ task: string }>()
	).results.map(({ task }) => JSON.parse(task) as { kind: string; audience?: number });

let ann: Person;
let ben: Person;

beforeAll(async () => {
	[ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.befriend(ben);
	await ben.feed();
});
afterEach(() => vi.restoreAllMocks());

/** A picture of one colour, with a text in it that says where it was taken. */
function png(width: number, height: number): string {
	const chunk = (type: string, data: Uint8Array) => {
		const bytes = new Uint8Array(12 + data.length);
		const view = new DataView(bytes.buffer);
		view.setUint32(0, data.length);
		bytes.set(new TextEncoder().encode(type), 4);
		bytes.set(data, 8);
		view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
		return bytes;
	};
	const header = new Uint8Array(13);
	new DataView(header.buffer).setUint32(0, width);
	new DataView(header.buffer).setUint32(4, height);
	header.set([8, 2], 8);
	const rows = new Uint8Array(height * (1 + 3 * width)).fill(120);
	for (let row = 0; row < height; row++) rows[row * (1 + 3 * width)] = 0;
	const parts = [
		new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
		chunk("IHDR", header),
		chunk("tEXt", new TextEncoder().encode("Comment\0taken at 37.5665 N")),
		chunk("IDAT", new Uint8Array(deflateSync(rows))),
		chunk("IEND", new Uint8Array()),
	];
	return parts.map((part) => part.reduce((text, byte) => text + String.fromCharCode(byte), "")).join("");
}
const picture = (width: number, height: number) =>
	page({ base64: btoa(png(width, height)), headers: { "content-type": "image/png" } });
const card = (title: string, image?: string) =>
	html(`<title>${title}</title>${image ? `<meta property="og:image" content="${image}">` : ""}`);

describe("a post with a link", () => {
	it("shows what the page says, and its readers hear of that", async () => {
		const image = await picture(1600, 800);
		const link =
			await html(`<meta property="og:title" content="첫눈"><meta property="og:description" content="서울에 내렸다">
			<meta property="og:site_name" content="뉴스"><meta property="og:image" content="${image}">`);
		const { seq } = await ben.feed();
		const post = await write(ann, { link });
		expect(post).toMatchObject({ link, preview: null });
		const preview = await previewed(ben, post);
		expect(preview).toEqual({
			url: link,
			title: "첫눈",
			description: "서울에 내렸다",
			siteName: "뉴스",
			image: { url: expect.stringMatching(/^\/media\/previews\/[0-9a-f]{32}$/), width: 640, height: 320 },
		});
		await eventually(async () => {
			const { changes } = await ben.ok<{ changes: { kind: string; postId: string; post?: PostView }[] }>(
				"GET",
				`/v1/feed/changes?since=${seq}`,
			);
			expect(changes.map(({ kind, postId }) => [kind, postId])).toEqual([
				["add", post.id],
				["edit", post.id],
			]);
			expect(changes[1]?.post).toMatchObject({ id: post.id, preview: { title: "첫눈" }, editedAt: null });
		});
		expect((await ben.feed()).items[0]).toMatchObject({ id: post.id, preview });
		expect(await all(ben, `/v1/posts/${post.id}/edits?limit=5`)).toEqual([]);
		await settled();
	});

	it("has a picture that is kept by us, small and without what was written into it", async () => {
		const image = await picture(900, 1200);
		const post = await write(ann, { link: await card("pictured", image) });
		const kept = (await previewed(ann, post))?.image;
		expect(kept).toMatchObject({ width: 480, height: 640 });
		for (let time = 0; time < 2; time++) {
			const answer = await worker.fetch(`https://feed.test${kept?.url}`);
			expect(answer.status).toBe(200);
			expect(answer.headers.get("content-type")).toBe("image/webp");
			expect(answer.headers.get("cache-control")).toBe("public, max-age=2592000, immutable");
			expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
			const text = new TextDecoder("windows-1252").decode(await answer.arrayBuffer());
			expect(text.slice(8, 12)).toBe("WEBP");
			expect(text).not.toContain("taken at");
		}
		expect((await asked(image)).count).toBe(1);
	});

	it("has none when there is none worth showing", async () => {
		const document = '<svg xmlns="http://www.w3.org/2000/svg" width="500" height="500"><script>alert(1)</script></svg>';
		const images = [
			await picture(20, 20),
			await page({ text: document, headers: { "content-type": "image/svg+xml" } }),
			await page({ text: "no picture", headers: { "content-type": "image/png" } }),
			await page({ base64: btoa(png(60, 60).slice(0, 60)), headers: { "content-type": "image/png" } }),
			await page({ text: "\u0089PNG", endless: "fast", headers: { "content-type": "image/png" } }),
			"http://169.254.169.254/image.png",
			await page({ status: 302, headers: { location: "http://10.0.0.1/image.png" } }),
		];
		const posts = await Promise.all(images.map(async (image) => write(ann, { link: await card("plain", image) })));
		for (const post of posts) expect(await previewed(ann, post)).toMatchObject({ title: "plain", image: null });
	});

	it("has its preview at once when somebody else's has it, and the page is asked once", async () => {
		const link = await card("shared");
		const first = await Promise.all([
			write(ann, { link }),
			write(ben, { link }),
			write(ben, { link: `${link}#further` }),
		]);
		for (const post of first) expect(await previewed(ann, post)).toMatchObject({ title: "shared" });
		expect((await write(ann, { link })).preview).toMatchObject({ url: link, title: "shared" });
		expect((await asked(link)).count).toBe(1);
		await settled();
		expect((await asked(link)).count).toBe(1);
	});

	it("has the preview of its link, also after an edit", async () => {
		const [first, second] = [await card("first"), await card("second")];
		const post = await write(ann, { link: first });
		expect(await previewed(ann, post)).toMatchObject({ title: "first" });
		const edit = async (body: Record<string, unknown>) =>
			(await open.as<PostView>(ann, "PATCH", `/v1/posts/${post.id}`, body)).body.preview;
		expect(await edit({ text: "another", link: first })).toMatchObject({ title: "first" });
		expect(await edit({ link: second })).toBeNull();
		expect(await previewed(ann, post)).toMatchObject({ title: "second" });
		// What is known is there with the edit.
		expect(await edit({ link: first })).toMatchObject({ title: "first" });
		expect(await edit({ link: null })).toBeNull();
		await settled();
		expect((await show(ann, post)).preview).toBeNull();
	});

	it("never gets the preview of a link that it has not any more", async () => {
		const slow = await html("<title>slow</title>", { held: true });
		// Nobody looks at the other one, so that nothing puts right what the first one might do.
		const other = "https://feed.test/our-own";
		const post = await write(ann, { link: slow });
		await eventually(async () => expect((await asked(slow)).count).toBe(1));
		await open.as(ann, "PATCH", `/v1/posts/${post.id}`, { link: other });
		await release(slow);
		await eventually(async () => expect(await ask(ann, slow)).toMatchObject({ status: "ready" }));
		await settled();
		expect(await show(ann, post)).toMatchObject({ link: other, preview: null });
	});

	it("that leads to us, or to nowhere that may be asked, is not looked at", async () => {
		for (const link of [
			"https://feed.test/",
			"http://169.254.169.254/latest/",
			"http://localhost/",
			"http://[::1]/x",
		]) {
			const post = await write(ann, { link });
			expect([link, post.preview, (await jobsOf(post)).filter(({ kind }) => kind === "preview")]).toEqual([
				link,
				null,
				[],
			]);
		}
	});

	it("is not looked at where that is switched off", async () => {
		const link = await card("unseen");
		const { id } = await ann.post("off", { link });
		expect(await jobsOf({ id })).not.toContainEqual(expect.objectContaining({ kind: "preview" }));
		expect((await ann.ok<Answer>("POST", "/v1/link-previews", { url: link })).status).toBe("none");
		expect((await asked(link)).count).toBe(0);
	});
});

describe("a composer", () => {
	it("is told what a link shows, and the post has it at once", async () => {
		const link = await html("<title>composed</title>", { held: true });
		expect(await ask(ann, link)).toEqual({ status: "pending", preview: null });
		expect(await ask(ann, link)).toEqual({ status: "pending", preview: null });
		await release(link);
		await eventually(async () => {
			await release(link);
			expect(await ask(ben, link)).toMatchObject({ status: "ready", preview: { title: "composed" } });
		});
		expect((await write(ann, { link })).preview).toMatchObject({ title: "composed" });
		expect((await asked(link)).count).toBe(1);
	});

	it("is told when there is nothing", async () => {
		for (const url of ["http://10.0.0.1/", "http://localhost/x", "https://feed.test/docs"])
			expect(await ask(ann, url)).toEqual({ status: "none", preview: null });
		const empty = await html("");
		await eventually(async () => expect(await ask(ann, empty)).toEqual({ status: "none", preview: null }));
		const failing = await html("<title>x</title>", { status: 503 });
		await eventually(async () => expect(await ask(ann, failing)).toEqual({ status: "none", preview: null }));
	});
});

/** Queues whose messages are handed on by the test. */
class HeldQueue {
	readonly held: unknown[] = [];
	async send(body: unknown) {
		this.held.push(body);
	}
	async sendBatch(messages: Iterable<{ body: unknown }>) {
		for (const { body } of messages) this.held.push(body);
	}
}

describe("when things go wrong", () => {
	/** An isolate whose jobs for links run when the test says so. */
	function held() {
		const [fanoutQueue, previewQueue] = [new HeldQueue(), new HeldQueue()];
		const isolate = new Isolate({ ...ON, FANOUT: fanoutQueue, PREVIEWS: previewQueue });
		const { services } = isolate;
		const write = async (link: string) => {
			const body = { text: "held", audience: "public", link };
			return (await isolate.as<PostView>(ann, "POST", "/v1/posts", body)).body;
		};
		const batchOf = (queue: string, bodies: readonly unknown[]) =>
			createMessageBatch(
				queue,
				bodies.map((body, n) => ({ id: `${n}`, timestamp: Date.now(), attempts: 1, body })),
			);
		const look = async (bodies: readonly unknown[]) => {
			const batch = batchOf("edgefeed-previews", bodies);
			await consumePreviews(services.previewConsumer, batch);
			return getQueueResult(batch, createExecutionContext());
		};
		const jobOf = async (post: PostView) => {
			const row = await databaseOf(post)
				.prepare(`SELECT id, progress FROM outbox WHERE task LIKE '%"preview"%' AND task LIKE ?`)
				.bind(`%${post.id}%`)
				.first<{ id: Id; progress: string | null }>();
			return row ?? undefined;
		};
		return { services, fanoutQueue, previewQueue, write, look, jobOf, batchOf };
	}
	const message = (jobId: Id | undefined) => ({ v: 1, jobId });

	it("the queue of the fan-outs hands the job on, and a lost message costs nothing but time", async () => {
		const { services, fanoutQueue, previewQueue, write, look, jobOf, batchOf } = held();
		const post = await write(await card("handed on"));
		const job = await jobOf(post);
		expect(fanoutQueue.held).toContainEqual(expect.objectContaining({ jobId: job?.id }));
		// As the sweeper would ring.
		await consume(services.fanout, batchOf("edgefeed-fanout", [message(job?.id)]));
		expect(previewQueue.held).toEqual([expect.objectContaining(message(job?.id))]);
		expect((await look(previewQueue.held)).explicitAcks).toEqual(["0"]);
		expect((await show(ben, post)).preview).toMatchObject({ title: "handed on" });
		expect(await jobOf(post)).toBeUndefined();
	});

	it("a job that dies anywhere is done by the next one, and a message that comes twice does nothing more", async () => {
		const link = await card("again");
		const { services, write, look, jobOf } = held();
		const post = await write(link);
		const job = await jobOf(post);
		const dies = <T extends object>(on: T, method: keyof T & string) =>
			vi.spyOn(on as Record<string, () => Promise<unknown>>, method).mockRejectedValueOnce(new Error("died"));
		const { previewStore, postStore } = services;
		for (const death of [dies(previewStore, "claim"), dies(previewStore, "save"), dies(postStore, "setPreview")]) {
			void death;
			expect((await look([message(job?.id)])).retryMessages).toHaveLength(1);
			expect((await show(ben, post)).preview).toBeNull();
			expect(await jobOf(post)).toEqual(job);
			// Who died with an address in its hands leaves it for some seconds.
			await Promise.all(
				[env.SHARD_0, env.SHARD_1].map((shard) =>
					shard.exec("UPDATE previews SET good_until = 0 WHERE state = 'fetching'"),
				),
			);
		}
		await Promise.all([look([message(job?.id), message(job?.id)]), look([message(job?.id)])]);
		await look([message(job?.id)]);
		expect((await show(ben, post)).preview).toMatchObject({ title: "again" });
		expect(await jobOf(post)).toBeUndefined();
		expect((await jobsOf(post)).filter(({ kind }) => kind === "edit").length).toBeGreaterThan(0);
	});

	it("who finds an address in somebody's hands comes back", async () => {
		const link = await html("<title>busy</title>", { held: true });
		const { write, look, jobOf } = held();
		const posts = [await write(link), await write(link)];
		const [first, second] = await Promise.all(posts.map(jobOf));
		const looking = look([message(first?.id)]);
		await eventually(async () => expect((await asked(link)).count).toBe(1));
		expect((await look([message(second?.id)])).retryMessages).toHaveLength(1);
		await release(link);
		await looking;
		await look([message(second?.id)]);
		for (const post of posts) expect((await show(ben, post)).preview).toMatchObject({ title: "busy" });
		expect((await asked(link)).count).toBe(1);
	});

	it("a page that does not answer is asked three times, and then left alone", async () => {
		const link = await html("<title>x</title>", { status: 503 });
		const { write, look, jobOf } = held();
		const post = await write(link);
		const again = () =>
			Promise.all(
				[env.SHARD_0, env.SHARD_1].map((shard) => shard.prepare("DELETE FROM previews WHERE url = ?").bind(link).run()),
			);
		const job = await jobOf(post);
		for (const progress of ["1", "2"]) {
			expect((await look([message(job?.id)])).explicitAcks).toEqual(["0"]);
			expect((await jobOf(post))?.progress).toBe(progress);
			await again();
		}
		await look([message(job?.id)]);
		expect(await jobOf(post)).toBeUndefined();
		expect((await asked(link)).count).toBe(3);
	});

	it("a post that is gone has nothing left to be done", async () => {
		const { write, look, jobOf } = held();
		const post = await write(await card("gone"));
		const job = await jobOf(post);
		await ann.ok("DELETE", `/v1/posts/${post.id}`);
		expect((await look([message(job?.id)])).explicitAcks).toEqual(["0"]);
		expect(await jobOf(post)).toBeUndefined();
	});

	it("a message that nobody understands is kept for an operator", async () => {
		const { look } = held();
		expect((await look([{ v: 2, odd: "message" }])).explicitAcks).toEqual(["0"]);
		const { body } = await call<{ items: { body: { queue: string } }[] }>("GET", "/ops/dead-letters?limit=5", {
			headers: { "x-operator-secret": env.OPERATOR_SECRET },
		});
		expect(JSON.stringify(body.items)).toContain("previews");
	});

	it("the followers of a heavy author are not told one by one", async () => {
		const heavy = await signUp("Heavy");
		await databaseOf(heavy).prepare("UPDATE profiles SET heavy = 1 WHERE id = ?").bind(heavy.id).run();
		const { services, look } = held();
		const { post } = await services.posts.publish(heavy.id as Id, services.posts.mintFor(heavy.id as Id), {
			text: "to millions",
			audience: "public",
			link: await card("heavy"),
		});
		const row = await databaseOf(post)
			.prepare(`SELECT id FROM outbox WHERE task LIKE '%"preview"%' AND task LIKE ?`)
			.bind(`%${post.id}%`)
			.first<{ id: Id }>();
		await look([message(row?.id)]);
		expect(logicalShardOf(post.id)).toBe(logicalShardOf(heavy.id as Id));
		expect(await jobsOf(post)).toContainEqual(expect.objectContaining({ kind: "edit", audience: 2 }));
	});
});

it("what is true no more is deleted, and pictures that no post shows", async () => {
	const { previewStore, previewImages } = servicesOf(env);
	const shown = await write(ann, { link: await card("kept", await picture(200, 100)) });
	const image = (await previewed(ann, shown))?.image?.url ?? "";
	const gone = await write(ann, { link: await card("gone", await picture(300, 100)) });
	const lost = (await previewed(ann, gone))?.image?.url ?? "";
	await ann.ok("DELETE", `/v1/posts/${gone.id}`);
	const DAY = 86_400_000;
	// Young ones may belong to a post that is being written.
	expect(await previewImages.sweep(Date.now() + DAY, 0)).toBe(0);
	expect(await previewImages.sweep(Date.now() + 3 * DAY, 0)).toBeGreaterThan(0);
	expect(await env.MEDIA.head(image.replace("/media/", ""))).not.toBeNull();
	expect(await env.MEDIA.head(lost.replace("/media/", ""))).toBeNull();
	expect((await call("GET", "/media/previews/ffffffffffffffffffffffffffffffff")).status).toBe(404);

	const count = async () => {
		const counts = await Promise.all(
			[env.SHARD_0, env.SHARD_1].map((shard) => shard.prepare("SELECT count(*) AS n FROM previews").first<number>("n")),
		);
		return counts.reduce<number>((sum, n) => sum + (n ?? 0), 0);
	};
	expect(await count()).toBeGreaterThan(0);
	await previewStore.sweep();
	expect(await count()).toBeGreaterThan(0);
	const now = Date.now();
	vi.spyOn(Date, "now").mockReturnValue(now + 2 * DAY);
	await previewStore.sweep();
	expect(await count()).toBe(0);
});
