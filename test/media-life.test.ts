import { afterEach, expect, it, vi } from "vitest";
import type { AccountView } from "../src/accounts/account.ts";
import { PART_SIZE } from "../src/media/limits.ts";
import { Processing, type ProcessingServices } from "../src/media/process.ts";
import type { PostView } from "../src/posts/post.ts";
import { servicesOf } from "../src/services.ts";
import type { Id } from "../src/store/ids.ts";
import { type Job, loadJob, type TaskOf } from "../src/store/outbox.ts";
import { call, PASSWORD, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { holds, mp4, PLACE, png } from "./media-files.ts";
import { databaseOf } from "./obstruct.ts";
import { settled } from "./settled.ts";
import { begin, codeOf, file, processed, send, sendAll, type Upload, uploaded } from "./uploading.ts";

afterEach(() => vi.restoreAllMocks());

const DAY = 86_400_000;
const { media, mediaFiles } = servicesOf(env);
const keys = async ({ id }: Person) =>
	(await env.MEDIA.list({ prefix: `${id}/` })).objects.map(({ key }) => key.split("/").slice(1).join("/")).sort();
const photo = (person: Person, more: Record<string, unknown> = {}) => uploaded(person, "image/png", png(40, 30), more);
/** An upload in parts of which the last one has come. */
const begun = async (person: Person) => {
	const upload = await begin(person, "video/mp4", PART_SIZE + 10);
	expect((await send(person, upload.upload?.urls[1] ?? "", new Uint8Array(10))).status).toBe(204);
	return upload;
};
const refused = async (person: Person, method: string, path: string, body?: unknown) => {
	const answer = await person.call(method, path, body);
	return [answer.status, answer.body.code];
};
const addressOf = ({ media: [first] }: PostView) => first?.url ?? "";

it("is shown by one post, by its owner's, and only when it is ready", async () => {
	const [ann, eve] = (await signUpMany(2)) as [Person, Person];
	const one = await photo(ann);
	const two = await photo(ann);
	const avatar = await photo(ann, { purpose: "avatar" });
	const unfinished = await begin(ann, "image/png", 10);
	const post = (who: Person, ids: string[]) => refused(who, "POST", "/v1/posts", { text: "x", media: ids });
	expect(await post(eve, [one.id])).toEqual([404, "media_not_found"]);
	expect(await post(ann, [one.id, "0000000000000"])).toEqual([404, "media_not_found"]);
	expect(await post(ann, [avatar.id])).toEqual([404, "media_not_found"]);
	expect(await post(ann, [unfinished.id])).toEqual([409, "media_not_ready"]);
	expect((await ann.feed()).items).toEqual([]);

	const shown = await ann.post("two", { media: [two.id, one.id] });
	expect(shown.media.map(({ id }) => id)).toEqual([two.id, one.id]);
	expect(await post(ann, [one.id])).toEqual([409, "media_attached"]);
	expect(await refused(ann, "DELETE", `/v1/media/${one.id}`)).toEqual([409, "media_attached"]);
	expect((await ann.ok<Upload>("GET", `/v1/media/${one.id}`)).expiresAt).toBeNull();
	// Twice at once: one post gets it.
	const third = await photo(ann);
	const both = await Promise.all([1, 2].map((n) => ann.call("POST", "/v1/posts", { text: `${n}`, media: [third.id] })));
	expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
	// The same request twice is one post.
	const fourth = await photo(ann);
	const body = { text: "once", media: [fourth.id] };
	const posted = [1, 2].map(() => ann.call<PostView>("POST", "/v1/posts", body, { "idempotency-key": "once" }));
	const answers = await Promise.all(posted);
	expect(answers.map(({ status }) => status)).toEqual([201, 201]);
	expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
});

it("an upload that is asked for twice is one", async () => {
	const ann = await signUp("Ann");
	const ask = () =>
		ann.call<Upload>("POST", "/v1/media", { type: "image/png", size: 10 }, { "idempotency-key": "an-upload" });
	const [first, second] = await Promise.all([ask(), ask()]);
	expect([first.status, second.status, first.body.id === second.body.id]).toEqual([201, 201, true]);
	expect((await ask()).body).toMatchObject({ id: first.body.id, upload: { parts: 1 } });
});

it("an edit shows other media and gives up what is left out; what stands for it can be changed", async () => {
	const ann = await signUp("Ann");
	const [one, two, three] = [await photo(ann), await photo(ann, { alt: "two" }), await photo(ann)];
	const post = await ann.post("", { media: [one.id, two.id] });
	const [gone] = post.media;
	const edited = await ann.ok<PostView>("PATCH", `/v1/posts/${post.id}`, { media: [three.id, two.id] });
	expect(edited.media.map(({ id }) => id)).toEqual([three.id, two.id]);
	// At once, although the file is still there.
	const answer = await file(gone?.url ?? "");
	expect([answer.status, codeOf(answer)]).toEqual([404, "media_not_found"]);
	await media.sweep(Date.now());
	expect((await keys(ann)).map((key) => key.split("/")[0])).not.toContain(one.id);
	expect(await refused(ann, "GET", `/v1/media/${one.id}`)).toEqual([404, "media_not_found"]);

	await ann.ok("PATCH", `/v1/media/${two.id}`, { alt: "the second" });
	const { items } = await ann.feed();
	expect(items[0]?.media.map(({ alt }) => alt)).toEqual([null, "the second"]);
	await ann.ok("PATCH", `/v1/media/${two.id}`, { alt: null });
	expect((await ann.ok<PostView>("GET", `/v1/posts/${post.id}`)).media[1]?.alt).toBeNull();
	// A post says something or shows something.
	expect(await refused(ann, "PATCH", `/v1/posts/${post.id}`, { media: [] })).toEqual([400, "invalid_request"]);
	expect((await ann.ok<PostView>("PATCH", `/v1/posts/${post.id}`, { text: "words", media: [] })).media).toEqual([]);
	expect(await refused(ann, "PATCH", `/v1/posts/${post.id}`, { text: " " })).toEqual([400, "invalid_request"]);
	await media.sweep(Date.now());
	expect(await keys(ann)).toEqual([]);
});

it("goes with its post, a video with its still", async () => {
	const ann = await signUp("Ann");
	const still = await photo(ann, { purpose: "poster" });
	const video = await uploaded(ann, "video/mp4", mp4());
	expect(await refused(ann, "PATCH", `/v1/media/${still.id}`, { poster: still.id })).toEqual([400, "invalid_request"]);
	const { media: shown } = await ann.ok<Upload>("PATCH", `/v1/media/${video.id}`, { poster: still.id });
	expect(shown?.poster).toContain(still.id);
	const post = await ann.post("look", { media: [video.id] });
	const { url, poster } = post.media[0] ?? { url: "", poster: "" };
	expect(await refused(ann, "PATCH", `/v1/media/${video.id}`, { poster: null })).toEqual([409, "media_attached"]);
	expect(await keys(ann)).toHaveLength(2);
	await ann.ok("DELETE", `/v1/posts/${post.id}`);
	for (const address of [url, poster ?? ""]) expect((await file(address)).status).toBe(404);
	await media.sweep(Date.now());
	expect(await keys(ann)).toEqual([]);
	expect(await databaseOf(ann).prepare("SELECT count(*) AS n FROM media WHERE owner = ?").bind(ann.id).first("n")).toBe(
		0,
	);
});

it("an avatar is everybody's, and the one before goes", async () => {
	const ann = await signUp("Ann");
	const [first, second] = [await photo(ann, { purpose: "avatar" }), await photo(ann, { purpose: "avatar" })];
	const path = `/media/${first.id}/avatar`;
	expect((await file(path)).status).toBe(404);
	const change = (body: unknown) => ann.ok<AccountView>("PATCH", "/v1/accounts/me", body);
	expect((await change({ avatar: first.id, bio: "hi" })).avatarUrl).toBe(path);
	const shown = await file(path);
	expect([shown.status, shown.headers.get("cache-control")]).toEqual([200, "public, max-age=3600"]);
	expect(await env.IMAGES.info(new Blob([shown.bytes]).stream())).toMatchObject({ width: 256, height: 256 });
	const post = await ann.post("me");
	expect(post.author.avatarUrl).toBe(path);
	expect(await refused(ann, "PATCH", "/v1/accounts/me", { avatar: (await photo(ann)).id })).toEqual([
		404,
		"media_not_found",
	]);
	expect(await refused(ann, "PATCH", "/v1/accounts/me", { avatar: second.id, avatarUrl: null })).toEqual([
		400,
		"invalid_request",
	]);
	expect((await change({ avatar: second.id })).avatarUrl).toBe(`/media/${second.id}/avatar`);
	await media.sweep(Date.now());
	expect(await mediaFiles.head({ id: first.id as Id, owner: ann.id as Id }, "avatar")).toBeNull();
	expect((await change({ avatarUrl: "https://example.com/me.png" })).avatarUrl).toBe("https://example.com/me.png");
	expect((await file(`/media/${second.id}/avatar`)).status).not.toBe(500);
	expect((await change({ avatar: null })).avatarUrl).toBeNull();
	await media.sweep(Date.now());
	expect((await keys(ann)).filter((key) => key.endsWith("avatar"))).toEqual([]);
});

it("what nothing shows within a day is deleted, in whatever state; what is shown stays", async () => {
	const ann = await signUp("Ann");
	const shown = await photo(ann);
	const post = await ann.post("shown", { media: [shown.id] });
	const [ready, whole, parts] = [await photo(ann), await begin(ann, "image/png", 10), await begun(ann)];
	await sendAll(ann, whole, new Uint8Array(10));
	expect(ready.expiresAt).not.toBeNull();
	await media.sweep(Date.now() + DAY - 60_000);
	expect((await keys(ann)).length).toBe(3);
	await media.sweep(Date.now() + DAY + 1000);
	expect((await keys(ann)).map((key) => key.split("/")[0])).toEqual([shown.id]);
	for (const { id } of [ready, whole, parts])
		expect(await refused(ann, "GET", `/v1/media/${id}`)).toEqual([404, "media_not_found"]);
	expect((await file(addressOf(post))).status).toBe(200);
	const given = await photo(ann);
	await ann.ok("DELETE", `/v1/media/${given.id}`);
	expect(await refused(ann, "DELETE", `/v1/media/${given.id}`)).toEqual([404, "media_not_found"]);
});

it("a file that cannot be deleted is deleted later", async () => {
	const ann = await signUp("Ann");
	const { id } = await photo(ann);
	await ann.ok("DELETE", `/v1/media/${id}`);
	const empty = mediaFiles.empty.bind(mediaFiles);
	let tries = 0;
	vi.spyOn(mediaFiles, "empty").mockImplementation(async (row) => {
		if (row.id === id && ++tries === 1) throw new Error("R2 is away");
		return empty(row);
	});
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	await media.sweep(Date.now());
	expect(tries).toBe(1);
	expect((await keys(ann)).length).toBe(1);
	await media.sweep(Date.now() + DAY);
	expect(await keys(ann)).toEqual([]);
});

it("an account uploads so many at a time, and so much a day", async () => {
	const ann = await signUp("Ann");
	const isolate = new Isolate({ MEDIA_LIMITS: { pending: 2, bytesADay: 1000, photoBytes: 900 } });
	const ask = (size: number) => isolate.as(ann, "POST", "/v1/media", { type: "image/png", size });
	expect((await ask(901)).body).toMatchObject({ code: "invalid_request", errors: [{ path: "size" }] });
	expect((await ask(900)).status).toBe(201);
	expect((await ask(101)).body.code).toBe("media_limit_reached");
	expect((await ask(50)).status).toBe(201);
	expect((await ask(1)).body.code).toBe("media_limit_reached");
	expect((await isolate.call("GET", "/v1/config?deviceId=device-of-the-tests")).body).toMatchObject({
		limits: { photoBytes: 900, media: 10 },
	});
});

it("a hidden account's files are not found", async () => {
	const ann = await signUp("Ann");
	const { id } = await photo(ann);
	const post = await ann.post("x", { media: [id] });
	await databaseOf(ann).prepare("UPDATE profiles SET hidden = 1 WHERE id = ?").bind(ann.id).run();
	expect((await file(addressOf(post))).status).toBe(404);
});

it("is in an export, and nothing of it is left when its owner is erased", async () => {
	const [ann, ben] = (await signUpMany(2)) as [Person, Person];
	await ann.befriend(ben);
	const post = await ann.post("x", { media: [(await photo(ann, { alt: "a photo" })).id] });
	const avatar = await photo(ann, { purpose: "avatar" });
	await ann.ok("PATCH", "/v1/accounts/me", { avatar: avatar.id });
	await begun(ann);
	const requested = await ann.ok<{ id: string }>("POST", "/v1/accounts/me/export");
	await settled();
	const { archive } = await ann.ok<{ archive: Record<string, unknown[]> }>(
		"GET",
		`/v1/accounts/me/export/${requested.id}`,
	);
	expect(archive.media).toMatchObject([
		{ id: post.media[0]?.id, purpose: "post", alt: "a photo", shownBy: post.id },
		{ id: avatar.id, purpose: "avatar", shownBy: ann.id },
	]);
	expect(archive.posts).toMatchObject([{ media: [post.media[0]?.id] }]);

	const remains = async () => {
		const headers = { "x-operator-secret": env.OPERATOR_SECRET };
		const { body } = await call<{ found: { place: string }[] }>("GET", `/ops/accounts/${ann.id}/remains`, { headers });
		return body.found.map(({ place }) => place.replace(/^database \d\./, ""));
	};
	expect(await remains()).toEqual(expect.arrayContaining(["media", "MEDIA"]));
	await ann.ok("DELETE", "/v1/accounts/me", { password: PASSWORD });
	const { lives } = servicesOf(env);
	await lives.sweep(Date.now() + 31 * DAY);
	// Somebody who died has left a file that no row tells of.
	await env.MEDIA.put(`${ann.id}/${post.id}/full`, "left behind");
	await lives.sweep(Date.now() + 31 * DAY + 61_000);
	await settled();
	expect(await remains()).toEqual([]);
	expect(await keys(ann)).toEqual([]);
	expect((await file(addressOf(post))).status).toBe(404);
});

/** The services, each call of which fails the first two times that it is made with the same arguments: before it is done, and after. */
function mortal(services: ProcessingServices, deaths: Map<string, number>): ProcessingServices {
	const watch = <T extends object>(name: string, service: T): T =>
		new Proxy(service, {
			get(target, property) {
				const value = Reflect.get(target, property, target) as unknown;
				if (typeof value !== "function") return value;
				return (...given: unknown[]) =>
					(async () => {
						const call = `${name}.${String(property)}(${JSON.stringify(given.filter((each) => typeof each !== "function")).slice(0, 200)})`;
						const died = deaths.get(call) ?? 0;
						deaths.set(call, died + 1);
						if (died === 0) throw new Error("died before");
						const answer = (await value.apply(target, given)) as unknown;
						if (died === 1) throw new Error("died after");
						return answer;
					})();
			},
		});
	return { ...services, store: watch("store", services.store), files: watch("files", services.files) };
}

it.each(["image/png", "video/mp4"])(
	"the processing of %s that dies before and after each step is gone on with",
	async (type) => {
		const ann = await signUp("Ann");
		const bytes = type === "image/png" ? png(40, 30) : mp4({ run: 4_300_000 });
		const upload = await begin(ann, type, bytes.length);
		await sendAll(ann, upload, bytes);
		const services = servicesOf(env);
		// Whoever completes it dies before anybody hears of it.
		vi.spyOn(services.fanout.mediaDoorbell, "ring").mockResolvedValue();
		await ann.ok("POST", `/v1/media/${upload.id}/complete`);
		const deaths = new Map<string, number>();
		const { shards, mediaStore: store, mediaFiles: files, settings } = services;
		const processing = new Processing(
			mortal({ shards, store, files, images: env.IMAGES, limits: settings.MEDIA_LIMITS }, deaths),
		);
		let died = 0;
		for (let run = 0; run < 200; run++) {
			const job = await loadJob(shards, upload.id as Id);
			if (!job) break;
			// So often it would be given up.
			const patient = { ...job, progress: null };
			await databaseOf(ann).prepare("UPDATE outbox SET progress = NULL WHERE id = ?").bind(upload.id).run();
			await processing.run(patient as Job<TaskOf<"process">>).catch(() => died++);
		}
		expect(died).toBeGreaterThan(10);
		expect(await loadJob(shards, upload.id as Id)).toBeUndefined();
		expect((await processed(ann, upload.id)).status).toBe("ready");
		expect(await keys(ann)).toEqual([`${upload.id}/full`]);
		const post = await ann.post("there", { media: [upload.id] });
		expect(holds((await file(addressOf(post))).bytes, PLACE)).toBe(false);
	},
	90_000,
);

it("what is given up while it is processed leaves no file behind", async () => {
	const ann = await signUp("Ann");
	const bytes = png(40, 30);
	const upload = await begin(ann, "image/png", bytes.length);
	await sendAll(ann, upload, bytes);
	let discarded = false;
	const put = mediaFiles.put.bind(mediaFiles);
	vi.spyOn(mediaFiles, "put").mockImplementation(async (...given) => {
		if (!discarded) {
			discarded = true;
			await ann.ok("DELETE", `/v1/media/${upload.id}`);
			await media.sweep(Date.now());
		}
		return put(...given);
	});
	await ann.ok("POST", `/v1/media/${upload.id}/complete`);
	await settled();
	expect(discarded).toBe(true);
	expect(await keys(ann)).toEqual([]);
});

it("parts that cannot be put together for a moment are put together later; those that R2 has lost are not", async () => {
	const ann = await signUp("Ann");
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	const after = async (message: string) => {
		const bytes = mp4({ run: 4_400_000 });
		const upload = await begin(ann, "video/mp4", bytes.length);
		await sendAll(ann, upload, bytes);
		vi.spyOn(mediaFiles, "join").mockRejectedValueOnce(new Error(message));
		await ann.ok("POST", `/v1/media/${upload.id}/complete`);
		await settled();
		return processed(ann, upload.id);
	};
	const busy = "completeMultipartUpload: We encountered an internal error. Please try again. (10001)";
	expect(await after(busy)).toMatchObject({ status: "ready", error: null });
	const lost = "completeMultipartUpload: One or more of the specified parts could not be found. (10025)";
	expect(await after(lost)).toMatchObject({ status: "failed", error: "incomplete" });
});

it("what cannot be processed, again and again, is said to have failed", async () => {
	const ann = await signUp("Ann");
	const bytes = png(40, 30);
	const upload = await begin(ann, "image/png", bytes.length);
	await sendAll(ann, upload, bytes);
	vi.spyOn(console, "error").mockImplementation(() => undefined);
	vi.spyOn(mediaFiles, "put").mockRejectedValue(new Error("R2 is away"));
	await ann.ok("POST", `/v1/media/${upload.id}/complete`);
	await settled();
	expect(await processed(ann, upload.id)).toMatchObject({ status: "failed", error: "not_processed" });
	expect(await keys(ann)).toEqual([]);
});
