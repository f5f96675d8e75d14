import { expect, it, vi } from "vitest";
import { WINDOW } from "../src/media/addresses.ts";
import type { PostView } from "../src/posts/post.ts";
import { call, type Person, signUp, signUpMany } from "./api.ts";
import { env } from "./env.ts";
import { holds, jpeg, mp4, PLACE, png } from "./media-files.ts";
import { begin, codeOf, file, processed, send, sendAll, type Upload, uploaded } from "./uploading.ts";

const objects = async ({ id }: Person) =>
	(await env.MEDIA.list({ prefix: `${id}/` })).objects.map(({ key }) => key.split("/").at(-1)).sort();
const photo = async (person: Person, more: Record<string, unknown> = {}) =>
	uploaded(person, "image/png", png(400, 300), more);
const refused = async (person: Person, method: string, path: string, body?: unknown) => {
	const answer = await person.call(method, path, body);
	return [answer.status, answer.body.code];
};
const showing = (post: PostView) => {
	const [first] = post.media;
	if (!first) throw new Error("the post shows nothing");
	return first;
};

it("a photo is shown upright, in several sizes, with nothing in it but the picture", async () => {
	const ann = await signUp("Ann");
	const bytes = await jpeg(1000, 500);
	expect(holds(bytes, PLACE)).toBe(true);
	const { id, status, media, alt } = await uploaded(ann, "image/jpeg", bytes, { alt: "red and blue" });
	expect([status, alt]).toEqual(["ready", "red and blue"]);
	// Turned by a quarter, as its Exif says.
	expect(media).toMatchObject({ id, kind: "photo", width: 500, height: 1000, duration: null, poster: null });
	expect(media?.blurhash).toMatch(/^[\w#$%*+,\-.:;=?@[\]^{|}~]{28}$/);
	expect(media?.variants.map(({ width, height, type }) => [width, height, type])).toEqual([[320, 640, "image/webp"]]);
	expect(await objects(ann)).toEqual(["320", "full"]);

	const post = await ann.post("", { media: [id] });
	expect(showing(post)).toEqual({ ...media, alt: "red and blue" });
	for (const address of [showing(post).url, ...showing(post).variants.map(({ url }) => url)]) {
		const found = await file(address);
		expect(found.status).toBe(200);
		expect(found.headers.get("content-type")).toBe("image/webp");
		expect(found.headers.get("x-content-type-options")).toBe("nosniff");
		expect(found.headers.get("cache-control")).toMatch(/^private, max-age=\d{4,5}, immutable$/);
		for (const secret of [PLACE, "Exif", "GPS", "EXIF"]) expect(holds(found.bytes, secret)).toBe(false);
		const info = await env.IMAGES.info(new Blob([found.bytes]).stream());
		expect(info).toMatchObject({
			format: "image/webp",
			...(address.includes("/320?") ? { width: 320 } : { width: 500 }),
		});
	}
	expect((await ann.feed()).items[0]?.media).toEqual([showing(post)]);
});

it("a friend gets what a stranger does not, until the audience or the post changes", async () => {
	const [ann, ben, eve] = (await signUpMany(3)) as [Person, Person, Person];
	await ann.befriend(ben);
	const { id } = await photo(ann);
	const post = await ann.post("for friends", { media: [id], audience: "friends" });
	const { url } = showing(await ben.ok<PostView>("GET", `/v1/posts/${post.id}`));
	expect((await file(url)).status).toBe(200);
	expect(await refused(eve, "GET", `/v1/posts/${post.id}`)).toEqual([404, "post_not_found"]);
	expect(await refused(eve, "GET", `/v1/media/${id}`)).toEqual([404, "media_not_found"]);
	expect((await call<{ items: unknown[] }>("GET", `/v1/accounts/${ann.id}/posts`)).body.items).toEqual([]);

	const [path = ""] = url.split("?");
	const sig = new URL(url, "https://x.test").searchParams.get("sig") ?? "";
	const exp = Number(new URL(url, "https://x.test").searchParams.get("exp"));
	for (const wrong of [
		path,
		`${path}?exp=${exp}`,
		`${path}?exp=${exp}&sig=${sig.slice(1)}`,
		`${path}?exp=${exp}&sig=${sig.startsWith("A") ? "B" : "A"}${sig.slice(1)}`,
		`${path}?exp=${exp + WINDOW / 1000}&sig=${sig}`,
		`/media/${post.id}/full?exp=${exp}&sig=${sig}`,
	]) {
		const answer = await file(wrong);
		expect([wrong, answer.status, codeOf(answer)]).toEqual([wrong, 403, "media_address_invalid"]);
		expect(answer.headers.get("cache-control")).toBe("no-store");
	}
	for (const none of ["640", "upload", "avatar", "320"]) {
		const answer = await file(`${path.replace("full", none)}?exp=${exp}&sig=${sig}`);
		expect([none, answer.status]).toEqual([none, none === "320" ? 200 : 404]);
	}
	const now = Date.now();
	expect(exp * 1000 - now).toBeGreaterThanOrEqual(WINDOW);
	expect(exp * 1000 - now).toBeLessThanOrEqual(2 * WINDOW);
	const clock = vi.spyOn(Date, "now").mockReturnValue(exp * 1000);
	const late = await file(url);
	clock.mockRestore();
	expect([late.status, codeOf(late)]).toEqual([403, "media_address_expired"]);

	// For nobody any more: who has an address may use it until it expires, and gets no other.
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "me" });
	expect(await refused(ben, "GET", `/v1/posts/${post.id}`)).toEqual([404, "post_not_found"]);
	await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "public" });
	const open = await call<{ items: PostView[] }>("GET", `/v1/accounts/${ann.id}/posts`);
	expect(open.body.items[0]?.media).toMatchObject([{ id, url }]);
});

it("a video is played from any place, and says nothing of where it was made", async () => {
	const ann = await signUp("Ann");
	const still = await photo(ann, { purpose: "poster" });
	const bytes = mp4({ seconds: 7 });
	expect(holds(bytes, PLACE)).toBe(true);
	const { id, media } = await uploaded(ann, "video/mp4", bytes, { poster: still.id });
	expect(media).toMatchObject({ kind: "video", width: 640, height: 360, duration: 7, blurhash: still.media?.blurhash });
	expect(media?.variants.map(({ width }) => width)).toEqual([320]);
	const { url, poster } = showing(await ann.post("look", { media: [id] }));
	expect((await file(poster ?? "")).headers.get("content-type")).toBe("image/webp");

	const whole = await file(url);
	expect(whole.status).toBe(200);
	expect(whole.headers.get("content-type")).toBe("video/mp4");
	expect(whole.bytes.length).toBe(bytes.length);
	expect(holds(whole.bytes, PLACE)).toBe(false);
	expect(holds(whole.bytes, "GPS")).toBe(false);
	// Nothing has moved: the samples are where the tables say.
	expect(new TextDecoder("latin1").decode(whole.bytes).match(/P{64}/g)).toHaveLength(2);
	expect(whole.bytes.indexOf("P".charCodeAt(0))).toBe(bytes.indexOf("P".charCodeAt(0)));
	for (let round = 0; round < 2; round++) {
		const size = bytes.length;
		for (const [range, first, last] of [
			["bytes=0-", 0, size - 1],
			["bytes=10-19", 10, 19],
			[`bytes=${size - 5}-99999999`, size - 5, size - 1],
			["bytes=-7", size - 7, size - 1],
		] as const) {
			const part = await file(url, { range });
			expect([range, part.status, part.headers.get("content-range")]).toEqual([
				range,
				206,
				`bytes ${first}-${last}/${size}`,
			]);
			expect(part.bytes).toEqual(whole.bytes.slice(first, last + 1));
		}
		const beyond = await file(url, { range: `bytes=${size}-` });
		expect([beyond.status, codeOf(beyond), beyond.headers.get("content-range")]).toEqual([
			416,
			"range_not_satisfiable",
			`bytes */${size}`,
		]);
		for (const ignored of ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=x"])
			expect((await file(url, { range: ignored })).status).toBe(200);
	}
	const etag = whole.headers.get("etag") ?? "";
	expect((await file(url, { range: "bytes=0-1", "if-range": etag })).status).toBe(206);
	expect((await file(url, { range: "bytes=0-1", "if-range": '"other"' })).status).toBe(200);
	expect((await file(url, { "if-none-match": etag })).status).toBe(304);
	const head = await file(url, {}, "HEAD");
	expect([head.status, head.headers.get("content-length"), head.bytes.length]).toEqual([200, `${bytes.length}`, 0]);
});

it("an upload that was interrupted goes on with what is missing, in any order and twice", async () => {
	const ann = await signUp("Ann");
	const bytes = mp4({ run: 4_400_000 });
	const upload = await begin(ann, "video/mp4", bytes.length);
	expect(upload.upload).toMatchObject({ partSize: 8_388_608, parts: 2 });
	const { partSize = 0, urls = [] } = upload.upload ?? {};
	const part = (n: number) => bytes.slice((n - 1) * partSize, n * partSize);
	expect(await refused(ann, "POST", `/v1/media/${upload.id}/complete`)).toEqual([409, "media_incomplete"]);
	expect(await send(ann, urls[1] ?? "", part(2))).toMatchObject({ status: 204 });
	expect(await send(ann, urls[1] ?? "", part(2))).toMatchObject({ status: 204 });
	// The other one breaks off.
	expect((await send(ann, urls[0] ?? "", part(1).slice(0, 1000))).status).toBe(400);
	expect(await refused(ann, "POST", `/v1/media/${upload.id}/complete`)).toEqual([409, "media_incomplete"]);
	const again = await ann.ok<Upload>("GET", `/v1/media/${upload.id}`);
	expect([again.status, again.parts]).toEqual(["uploading", [2]]);
	await sendAll(ann, again, bytes);
	const complete = () => ann.ok<Upload>("POST", `/v1/media/${upload.id}/complete`);
	await Promise.all([complete(), complete()]);
	expect(await processed(ann, upload.id)).toMatchObject({ status: "ready", parts: [], upload: null });
	expect((await complete()).status).toBe("ready");
	expect(await send(ann, urls[0] ?? "", part(1))).toEqual({ status: 409, code: "media_complete" });
	expect(await objects(ann)).toEqual(["full"]);
	const { url } = showing(await ann.post("long", { media: [upload.id] }));
	const { bytes: last } = await file(url, { range: "bytes=-4" });
	expect(last.length).toBe(4);
});

it("a part that is too long, too short, of another type or somebody else's is refused", async () => {
	const [ann, eve] = (await signUpMany(2)) as [Person, Person];
	const { id } = await begin(ann, "image/png", 100);
	const path = `/v1/media/${id}/parts/1`;
	expect(await send(ann, path, new Uint8Array(101))).toEqual({ status: 413, code: "body_too_large" });
	expect(await send(ann, path, new Uint8Array(99))).toEqual({ status: 400, code: "invalid_request" });
	expect(await send(ann, path, null)).toEqual({ status: 400, code: "invalid_request" });
	// Nobody says how long these are.
	const stream = (size: number) => new Blob([new Uint8Array(size)]).stream();
	expect(await send(ann, path, stream(101))).toEqual({ status: 413, code: "body_too_large" });
	expect(await send(ann, path, stream(99))).toEqual({ status: 400, code: "invalid_request" });
	expect(await send(ann, path, new Uint8Array(100), { "content-type": "image/png" })).toMatchObject({ status: 415 });
	expect(await send(ann, `/v1/media/${id}/parts/2`, new Uint8Array(100))).toEqual({ status: 404, code: "not_found" });
	expect(await send(ann, `/v1/media/${id}/parts/0`, new Uint8Array(100))).toEqual({ status: 404, code: "not_found" });
	expect(await send(eve, path, new Uint8Array(100))).toEqual({ status: 404, code: "media_not_found" });
	for (const [method, body] of [["GET"], ["PATCH", { alt: "mine" }], ["DELETE"]] as const)
		expect(await refused(eve, method, `/v1/media/${id}`, body)).toEqual([404, "media_not_found"]);
	expect(await refused(eve, "POST", `/v1/media/${id}/complete`)).toEqual([404, "media_not_found"]);
	expect(await objects(ann)).toEqual([]);
	expect(await send(ann, path, stream(100))).toEqual({ status: 204, code: undefined });
});

it("what is not what it was said to be, or too much of it, comes to nothing", async () => {
	const ann = await signUp("Ann");
	const tooWide = png(8, 8);
	new DataView(tooWide.buffer).setUint32(16, 30_000);
	for (const [type, bytes, error] of [
		["image/jpeg", png(8, 8), "type_mismatch"],
		["image/png", new TextEncoder().encode("<html><script>alert(1)</script></html>"), "type_mismatch"],
		["video/mp4", png(8, 8), "type_mismatch"],
		["image/png", tooWide, "too_many_pixels"],
		["image/png", png(300, 300).slice(0, 60), "unreadable"],
		["video/mp4", mp4().slice(0, 200), "unreadable"],
		["video/mp4", mp4({ width: 9000, height: 9000 }), "too_many_pixels"],
		["video/mp4", mp4({ seconds: 181 }), "too_long"],
	] as const) {
		const upload = await uploaded(ann, type, bytes);
		expect([error, upload.status, upload.error, upload.media]).toEqual([error, "failed", error, null]);
		expect(await refused(ann, "POST", "/v1/posts", { text: "", media: [upload.id] })).toEqual([409, "media_not_ready"]);
	}
	expect(await objects(ann)).toEqual([]);
});
