import type { Context } from "hono";
import { networkOf } from "../gateway/address.ts";
import type { RateLimits } from "../gateway/limits.ts";
import { createRouter, type Gateway } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { type Id, isId } from "../store/ids.ts";
import { type MediaAddresses, WINDOW } from "./addresses.ts";
import type { MediaFiles } from "./files.ts";
import { kindOf, PHOTO_TYPE } from "./limits.ts";
import { AVATAR, WHOLE, widthsOf } from "./media.ts";
import { bytesOf, rangeOf } from "./ranges.ts";
import type { MediaRow, MediaStore } from "./store.ts";

export interface ServingServices {
	mediaStore: MediaStore;
	mediaFiles: MediaFiles;
	mediaAddresses: MediaAddresses;
	limits: RateLimits;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
	now: () => number;
}

/** Seconds for which the edge keeps a file: so long one that was deleted is found there by who has an address. */
const AT_EDGE = 3600;
/** Bytes of a file that the edge keeps; of what is larger, ranges are read from the bucket. */
const LARGEST_AT_EDGE = 64 * 1024 * 1024;

/** No script runs and nothing is loaded, should a file be opened as a page. */
const OF_FILES = {
	"x-content-type-options": "nosniff",
	"content-security-policy": "default-src 'none'; sandbox",
	"cross-origin-resource-policy": "cross-origin",
	"referrer-policy": "no-referrer",
	"strict-transport-security": "max-age=31536000",
	"accept-ranges": "bytes",
} as const;

/** The files: to who has a good address, and avatars to everybody. */
export function fileRoutes(services: ServingServices) {
	return createRouter().get("/media/:id/:file", async (c) => {
		const { id, file } = c.req.param();
		if (!isId(id) || !/^[a-z\d]{1,10}$/.test(file)) throw new Problem("not_found");
		const { exp, sig } = c.req.query();
		if (file !== AVATAR) {
			const verdict = await services.mediaAddresses.check(id, exp, sig);
			if (verdict !== "good")
				throw new Problem(verdict === "expired" ? "media_address_expired" : "media_address_invalid");
		}
		return new FileRequest(services, c, id, file).answer();
	});
}

class FileRequest {
	readonly #services: ServingServices;
	readonly #c: Context<Gateway>;
	readonly #id: Id;
	readonly #file: string;
	/** Stands for the file at the edge, whatever address it is asked for by. */
	readonly #key: string;

	constructor(services: ServingServices, c: Context<Gateway>, id: Id, file: string) {
		this.#services = services;
		this.#c = c;
		this.#id = id;
		this.#file = file;
		this.#key = `https://media.edgefeed.internal/${id}/${file}`;
	}

	async answer(): Promise<Response> {
		const { req } = this.#c;
		const conditional = req.header("if-range");
		// A part of another version would be put together with what the client has.
		const range = conditional === undefined || conditional === this.#etag ? rangeOf(req.header("range")) : undefined;
		if (req.header("if-none-match")?.includes(this.#etag)) {
			await this.#row();
			return this.#send(null, 304, {});
		}
		const kept = await this.#edge(range);
		if (kept) return kept;
		const row = await this.#row();
		return req.method === "HEAD" ? this.#head(row) : this.#fetch(row, range);
	}

	/** What a file is never changes: an edit is another medium. */
	get #etag(): string {
		return `"${this.#id}-${this.#file}"`;
	}

	/** What the edge has of it. */
	async #edge(range: R2Range | undefined): Promise<Response | undefined> {
		const { req } = this.#c;
		const found = await caches.default.match(new Request(this.#key)).catch(() => undefined);
		if (!found) return undefined;
		const size = Number(found.headers.get("content-length"));
		const type = { "content-type": found.headers.get("content-type") ?? "", "x-cache": "HIT" };
		if (range === undefined || req.method === "HEAD") {
			if (req.method !== "HEAD") return this.#send(found.body, 200, { ...type, "content-length": String(size) });
			await found.body?.cancel();
			return this.#send(null, 200, { ...type, "content-length": String(size) });
		}
		await found.body?.cancel();
		const wanted = bytesOf(range, size);
		if (!wanted) return this.#outOfRange(size);
		const asked = new Request(this.#key, { headers: { range: `bytes=${wanted.first}-${wanted.last}` } });
		const part = await caches.default.match(asked).catch(() => undefined);
		if (part?.status !== 206) {
			await part?.body?.cancel();
			return undefined;
		}
		return this.#send(part.body, 206, { ...type, ...partOf(wanted, size) });
	}

	/** @throws Problem `media_not_found`, also of an account that is hidden */
	async #row(): Promise<MediaRow> {
		const { limits, mediaStore } = this.#services;
		if (this.#file === AVATAR) {
			// Whoever has a signed address was let in before.
			const network = networkOf(this.#c);
			if (!limits.passes("open", network)) await limits.admit(this.#c, "open", network);
		}
		const row = await mediaStore.served(this.#id);
		if (!row || !hasFile(row, this.#file)) throw new Problem("media_not_found");
		return row;
	}

	async #head(row: MediaRow): Promise<Response> {
		const object = await this.#services.mediaFiles.head(row, this.#file);
		if (!object) throw new Problem("media_not_found");
		return this.#send(null, 200, { ...typeOf(object), "content-length": String(object.size) });
	}

	async #fetch(row: MediaRow, range: R2Range | undefined): Promise<Response> {
		const { mediaFiles } = this.#services;
		if (range) {
			const size = await mediaFiles.size(row, this.#file);
			if (size === undefined) throw new Problem("media_not_found");
			const wanted = bytesOf(range, size);
			if (!wanted) return this.#outOfRange(size);
			const length = wanted.last - wanted.first + 1;
			const part = await mediaFiles.read(row, this.#file, { offset: wanted.first, length });
			if (!part) throw new Problem("media_not_found");
			if (size <= LARGEST_AT_EDGE) this.#services.defer(this.#keep(row));
			return this.#send(part.body, 206, { ...typeOf(part), ...partOf(wanted, size) });
		}
		const object = await mediaFiles.read(row, this.#file);
		if (!object) throw new Problem("media_not_found");
		const type = { ...typeOf(object), "content-length": String(object.size) };
		if (object.size > LARGEST_AT_EDGE) return this.#send(object.body, 200, type);
		const [shown, kept] = object.body.tee();
		this.#services.defer(this.#put(kept, type));
		return this.#send(shown, 200, type);
	}

	/** Has the edge keep a file of which somebody wants a part: the next part is asked for soon. */
	async #keep(row: MediaRow): Promise<void> {
		const object = await this.#services.mediaFiles.read(row, this.#file);
		if (object) await this.#put(object.body, { ...typeOf(object), "content-length": String(object.size) });
	}

	async #put(body: ReadableStream, headers: Record<string, string>): Promise<void> {
		const kept = new Response(body, { headers: { ...headers, "cache-control": `public, max-age=${AT_EDGE}` } });
		await caches.default.put(new Request(this.#key), kept).catch(() => undefined);
	}

	#outOfRange(size: number): Response {
		this.#c.header("content-range", `bytes */${size}`);
		throw new Problem("range_not_satisfiable");
	}

	#send(body: ReadableStream | null, status: 200 | 206 | 304, headers: Record<string, string>): Response {
		const all: Record<string, string> = {
			...OF_FILES,
			"x-cache": "MISS",
			...headers,
			etag: this.#etag,
			"cache-control": this.#cacheControl(),
			"content-disposition": "inline",
			"x-request-id": this.#c.get("requestId"),
		};
		return new Response(body, { status, headers: all });
	}

	/** The bytes behind an address never change, and it is good for so long; an avatar's is good until there is another. */
	#cacheControl(): string {
		if (this.#file === AVATAR) return `public, max-age=${AT_EDGE}`;
		const left = Number(this.#c.req.query("exp")) - Math.floor(this.#services.now() / 1000);
		return `private, max-age=${Math.max(0, Math.min(left, (2 * WINDOW) / 1000))}, immutable`;
	}
}

/** An avatar is for everybody as soon as it is one. */
function hasFile(row: MediaRow, file: string): boolean {
	if (row.purpose === "avatar") return file === AVATAR && row.attachedTo === row.owner;
	return file === WHOLE || (kindOf(row.type) === "photo" && widthsOf(row).some((each) => String(each) === file));
}

function typeOf({ httpMetadata }: R2Object): { "content-type": string } {
	return { "content-type": httpMetadata?.contentType ?? PHOTO_TYPE };
}

function partOf({ first, last }: { first: number; last: number }, size: number): Record<string, string> {
	return { "content-range": `bytes ${first}-${last}/${size}`, "content-length": String(last - first + 1) };
}
