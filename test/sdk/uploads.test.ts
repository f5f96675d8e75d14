import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
	createEdgefeed,
	type Edgefeed,
	type EdgefeedError,
	type EdgefeedStorage,
	memoryStorage,
	type UploadProgress,
} from "../../sdk/src/index.ts";
import { VirtualClock } from "./virtual-clock.ts";

const clock = new VirtualClock();
beforeAll(() => clock.install());
afterAll(() => clock.uninstall());

const MiB = 1024 * 1024;
const PART = 8 * MiB;
const URL_OF_R2 = "https://account.r2.cloudflarestorage.com";

interface Uploaded {
	id: string;
	size: number;
	type: string;
	purpose: string;
	poster: string | undefined;
	alt: string | null;
	status: "uploading" | "processing" | "ready" | "failed";
	parts: Map<number, Uint8Array>;
	looks: number;
}

/** The media routes of a service, with faults. */
class MediaService {
	readonly uploads = new Map<string, Uploaded>();
	readonly puts: { part: number; authorization: string | null; url: string }[] = [];
	/** Puts that are on their way now, and the most that ever were. */
	atOnce = 0;
	most = 0;
	/** Whether addresses lead straight to the bucket; each look makes others. */
	signed = false;
	/** What becomes of the next parts: a status, or 0 for no answer. */
	fates: number[] = [];
	/** What becomes of what is processed. */
	error: string | null = null;
	#signature = 0;

	fetch = async (url: string, init: RequestInit): Promise<Response> => {
		const headers = new Headers(init.headers);
		const { pathname, origin, search } = new URL(url);
		const [, id = "", part] = pathname.match(/^\/v1\/media\/?([^/]*)(?:\/parts\/(\d+))?/) ?? [];
		const body = init.body;
		if (init.method === "PUT") return this.#put(id, Number(part), body as Blob, headers, origin + search, init.signal);
		if (headers.get("authorization") !== "Bearer access")
			return answer(401, { code: "token_missing", title: "No token" });
		if (init.method === "POST" && id === "") {
			const given = JSON.parse(String(body));
			const upload: Uploaded = {
				...given,
				alt: given.alt ?? null,
				id: `media${this.uploads.size}`,
				status: "uploading",
				parts: new Map(),
				looks: 0,
			};
			this.uploads.set(upload.id, upload);
			return answer(201, this.#show(upload));
		}
		const upload = this.uploads.get(id);
		if (!upload) return answer(404, { code: "media_not_found", title: "No such media" });
		if (init.method === "POST") {
			const whole = [...upload.parts.values()].reduce((sum, bytes) => sum + bytes.length, 0) === upload.size;
			upload.status = whole ? "processing" : "failed";
		} else if (upload.status === "processing" && ++upload.looks === 3) upload.status = this.error ? "failed" : "ready";
		return answer(200, this.#show(upload));
	};

	async #put(id: string, part: number, body: Blob, headers: Headers, url: string, signal?: AbortSignal | null) {
		this.puts.push({ part, authorization: headers.get("authorization"), url });
		this.most = Math.max(this.most, ++this.atOnce);
		await new Promise((resolve) => setTimeout(resolve, 1000));
		this.atOnce--;
		signal?.throwIfAborted();
		const fate = this.fates.shift() ?? 204;
		if (fate === 0) throw new TypeError("no network");
		if (fate === 204) this.uploads.get(id)?.parts.set(part, new Uint8Array(await new Response(body).arrayBuffer()));
		return fate === 204 ? new Response(null, { status: 204 }) : answer(fate, { code: "some_code", title: "No" });
	}

	#show({ alt, id, parts, size, status }: Uploaded) {
		const count = Math.ceil(size / PART);
		const signature = ++this.#signature;
		const pathOf = (part: number) => `/v1/media/${id}/parts/${part}`;
		const urls = Array.from({ length: count }, (_, index) =>
			this.signed ? `${URL_OF_R2}${pathOf(index + 1)}?sig=${signature}` : pathOf(index + 1),
		);
		const media = { id, kind: "photo", width: 1, height: 1, url: `/media/${id}/full`, variants: [] };
		return {
			id,
			alt,
			status,
			error: status === "failed" ? (this.error ?? "incomplete") : null,
			parts: [...parts.keys()],
			media: status === "ready" ? media : null,
			upload: status === "uploading" ? { method: "PUT", headers: {}, partSize: PART, parts: count, urls } : null,
		};
	}
}

function answer(status: number, body: unknown): Response {
	return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}

/** A client with somebody signed in. */
async function clientOf(service: MediaService, storage: EdgefeedStorage = memoryStorage()): Promise<Edgefeed> {
	const access = { token: "access", goodUntil: Number.MAX_SAFE_INTEGER };
	await storage.set("session", JSON.stringify({ accountId: "me", refreshToken: "refresh", access }));
	const edgefeed = createEdgefeed({ baseUrl: "https://feed.example", storage, fetch: service.fetch, WebSocket: null });
	await edgefeed.session.ready;
	return edgefeed;
}

function fileOf(size: number, name = "a.mp4"): File {
	const bytes = new Uint8Array(size);
	for (let at = 0; at < size; at += MiB) bytes[at] = at / MiB + 1;
	return new File([bytes], name, { type: "video/mp4", lastModified: 1 });
}

async function digest(bytes: Blob): Promise<string> {
	const hash = await crypto.subtle.digest("SHA-256", await bytes.arrayBuffer());
	return [...new Uint8Array(hash)].join();
}

/** Lets time pass until it has settled. */
async function played<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
	let over = false;
	const settled = Promise.allSettled([promise]).then(([result]) => {
		over = true;
		return result;
	});
	for (let turn = 0; turn < 600 && !over; turn++) await clock.pass(500);
	return settled;
}

const reason = (result: PromiseSettledResult<unknown>) =>
	(result as PromiseRejectedResult).reason as EdgefeedError & { code: string };

describe("an upload", () => {
	it("sends parts, three at once, and tells how many bytes have gone", async () => {
		const service = new MediaService();
		const edgefeed = await clientOf(service);
		const told: UploadProgress[] = [];
		const file = fileOf(4 * PART + 3);
		const result = await played(edgefeed.media.upload(file, { alt: "waves", onProgress: (each) => told.push(each) }));
		expect(result).toMatchObject({ status: "fulfilled", value: { id: "media0" } });
		expect(service.most).toBe(3);
		const upload = service.uploads.get("media0");
		expect(upload).toMatchObject({ alt: "waves", type: "video/mp4", purpose: "post", size: 4 * PART + 3 });
		const parts = [1, 2, 3, 4, 5].map((part) => upload?.parts.get(part) as Uint8Array<ArrayBuffer>);
		expect(await digest(new Blob(parts))).toBe(await digest(file));
		expect(service.puts.every(({ authorization }) => authorization === "Bearer access")).toBe(true);
		expect(told[0]).toEqual({ loaded: 0, total: file.size });
		expect(told.at(-1)).toEqual({ loaded: file.size, total: file.size });
		expect(told.map(({ loaded }) => loaded)).toEqual(told.map(({ loaded }) => loaded).sort((a, b) => a - b));
	});

	it("tries a part again that failed, and only that", async () => {
		const service = new MediaService();
		service.fates = [204, 0, 503, 204];
		const edgefeed = await clientOf(service);
		expect(await played(edgefeed.media.upload(fileOf(3 * PART)))).toMatchObject({ status: "fulfilled" });
		expect(service.puts.map(({ part }) => part).sort()).toEqual([1, 2, 2, 3, 3]);
	});

	it("goes on after a crash with what is missing, when the same file is chosen again", async () => {
		const service = new MediaService();
		const storage = memoryStorage();
		const edgefeed = await clientOf(service, storage);
		service.fates = [204, 204, ...Array(40).fill(0)];
		const failed = await played(edgefeed.media.upload(fileOf(5 * PART)));
		expect(reason(failed).code).toBe("network_error");
		service.fates = [];
		service.puts.length = 0;
		const told: UploadProgress[] = [];
		const later = await clientOf(service, storage);
		const result = await played(later.media.upload(fileOf(5 * PART), { onProgress: (each) => told.push(each) }));
		expect(result).toMatchObject({ status: "fulfilled", value: { id: "media0" } });
		expect(service.puts.map(({ part }) => part).sort()).toEqual([3, 4, 5]);
		expect(told[0]?.loaded).toBe(2 * PART);
		// It is a new upload when it is chosen once more: this one belongs to a post.
		expect(await played(later.media.upload(fileOf(5 * PART)))).toMatchObject({ value: { id: "media1" } });
	});

	it("begins anew when the service has swept what was begun", async () => {
		const service = new MediaService();
		const storage = memoryStorage();
		const edgefeed = await clientOf(service, storage);
		const stop = new AbortController();
		const stopped = edgefeed.media.upload(fileOf(2 * PART), { signal: stop.signal });
		await clock.pass(1500);
		stop.abort(new Error("stopped"));
		expect(reason(await played(stopped)).message).toBe("stopped");
		expect(service.uploads.size).toBe(1);
		service.uploads.clear();
		service.uploads.set("another", {} as Uploaded);
		expect(await played(edgefeed.media.upload(fileOf(2 * PART)))).toMatchObject({ value: { id: "media1" } });
	});

	it("gives signed addresses no token, and asks for new ones when they have ended", async () => {
		const service = new MediaService();
		service.signed = true;
		service.fates = [403];
		const edgefeed = await clientOf(service);
		expect(await played(edgefeed.media.upload(fileOf(PART)))).toMatchObject({ status: "fulfilled" });
		expect(service.puts).toEqual([
			{ part: 1, authorization: null, url: `${URL_OF_R2}?sig=1` },
			{ part: 1, authorization: null, url: `${URL_OF_R2}?sig=2` },
		]);
	});

	it("says what the service could not use, and forgets it", async () => {
		const service = new MediaService();
		service.error = "too_long";
		const storage = memoryStorage();
		const edgefeed = await clientOf(service, storage);
		const result = await played(edgefeed.media.upload(fileOf(10)));
		expect(reason(result)).toMatchObject({ code: "too_long", status: 422, title: "The video is too long" });
		expect((await storage.keys()).filter((key) => key.startsWith("upload/"))).toEqual([]);
	});

	it("takes whatever can give a part of itself", async () => {
		const service = new MediaService();
		const edgefeed = await clientOf(service);
		const bytes = new Uint8Array(PART + 5).fill(7);
		const sources = [
			{ size: bytes.length, slice: async (from: number, to: number) => bytes.slice(from, to) },
			bytes,
			bytes.buffer,
			new Blob([bytes]),
		];
		for (const source of sources)
			expect(await played(edgefeed.media.upload(source, { type: "video/mp4" }))).toMatchObject({ status: "fulfilled" });
		for (const { parts } of service.uploads.values()) expect(parts.get(2)).toEqual(new Uint8Array(5).fill(7));
	});

	it("is one upload for two who ask for the same key", async () => {
		const service = new MediaService();
		const edgefeed = await clientOf(service);
		const told: number[] = [];
		const first = edgefeed.media.start(fileOf(PART), { key: "a" });
		const second = edgefeed.media.start(fileOf(PART), { key: "a", onProgress: ({ loaded }) => told.push(loaded) });
		expect(await played(Promise.all([first, second]))).toMatchObject({ value: [{ id: "media0" }, { id: "media0" }] });
		expect(service.puts).toHaveLength(1);
		expect(told).toContain(PART);
	});

	it("brings a video's still before it, and goes without when that cannot be used", async () => {
		const service = new MediaService();
		const edgefeed = await clientOf(service);
		const poster = new Blob([new Uint8Array(4)], { type: "image/jpeg" });
		await played(edgefeed.media.upload(fileOf(10), { poster }));
		expect(service.uploads.get("media0")).toMatchObject({ purpose: "poster", type: "image/jpeg" });
		expect(service.uploads.get("media1")).toMatchObject({ purpose: "post", poster: "media0" });
	});
});
