import { Problem } from "../gateway/problem.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import type { Doorbell } from "../store/outbox.ts";
import type { MediaAddresses } from "./addresses.ts";
import type { DirectUploads } from "./direct.ts";
import { type MediaFiles, UPLOAD } from "./files.ts";
import { kindOf, type MediaLimits, type MediaType, type Purpose, partSize, partsOf } from "./limits.ts";
import { type MediaView, parseShown, presentMedia, shownOf } from "./media.ts";
import { type MediaRow, type MediaStore, notesOf, partsIn } from "./store.ts";

export interface UploadServices {
	store: MediaStore;
	files: MediaFiles;
	direct: DirectUploads | undefined;
	addresses: MediaAddresses;
	/** Rings where media are processed. */
	doorbell: Pick<Doorbell, "ring">;
	minter: IdMinter;
	limits: MediaLimits;
}

export interface UploadRequest {
	type: MediaType;
	size: number;
	purpose: Purpose;
	alt: string | null;
	poster?: Id | null | undefined;
}

/** Milliseconds of what an account may upload in a day. */
const DAY = 86_400_000;
const TRIES = 3;

/** What an account uploads, until something shows it. */
export class Uploads {
	readonly #services: UploadServices;

	constructor(services: UploadServices) {
		this.#services = services;
	}

	mintFor(owner: Id): Id {
		return this.#services.minter.mint(logicalShardOf(owner));
	}

	/** Makes room for an upload under `id`; when that is the owner's own already, a repeat of the same request got here first. */
	async begin(owner: Id, id: Id, { type, size, purpose, alt, poster }: UploadRequest): Promise<MediaRow> {
		this.#refuseSize(type, size, purpose);
		const { store, limits } = this.#services;
		const repeated = await store.byId(id);
		if (repeated?.owner === owner) return this.#withPoster(repeated, poster);
		const { bytes, pending } = await store.recent(owner, DAY);
		if (pending >= limits.pending || bytes + size > limits.bytesADay) throw new Problem("media_limit_reached");
		for (let candidate = id, attempt = 1; attempt <= TRIES; candidate = this.mintFor(owner), attempt++) {
			const row = await store.insert({ id: candidate, owner, purpose, type, size, alt });
			if (row) return this.#withPoster(row, poster);
		}
		throw new Problem("unavailable");
	}

	/** @throws Problem `media_not_found`, also for somebody else's */
	async own(owner: Id, id: Id): Promise<MediaRow> {
		const row = await this.#services.store.byId(id);
		if (row?.owner !== owner || row.status === "discarded") throw new Problem("media_not_found");
		return row;
	}

	/**
	 * Keeps a part, from 1 on; the same one may come again.
	 *
	 * @param length of the body in bytes, if it is known
	 */
	async putPart(
		owner: Id,
		id: Id,
		part: number,
		body: ReadableStream<Uint8Array> | null,
		length: number | undefined,
	): Promise<void> {
		const { files, store } = this.#services;
		const row = await this.own(owner, id);
		if (row.status !== "uploading") throw new Problem("media_complete");
		if (part > partsOf(row.size)) throw new Problem("not_found");
		const wanted = partSize(row.size, part);
		if (body === null || (length !== undefined && length < wanted)) throw wrongSize(wanted);
		if (length !== undefined && length > wanted) throw new Problem("body_too_large");
		const counted = new Counted(wanted);
		const bytes = body.pipeThrough(counted.stream).pipeThrough(new FixedLengthStream(wanted));
		let etag: string;
		try {
			etag =
				partsOf(row.size) === 1
					? await files.putWhole(row, bytes)
					: await files.putPart(row, await this.#uploadId(row), part, bytes);
		} catch (error) {
			if (counted.isOver) throw new Problem("body_too_large");
			if (counted.isShort) throw wrongSize(wanted);
			throw Object.assign(new Problem("unavailable"), { cause: error });
		}
		if (await store.notePart(id, part, etag)) return;
		// Completed or given up while the bytes came.
		await this.own(owner, id);
		throw new Problem("media_complete");
	}

	/** Nothing more comes: what has come is processed. @throws Problem `media_incomplete` */
	async complete(owner: Id, id: Id): Promise<MediaRow> {
		const { doorbell, store } = this.#services;
		const row = await this.own(owner, id);
		if (row.status === "uploading") {
			const parts = await this.#received(row);
			if (parts.length < partsOf(row.size)) throw new Problem("media_incomplete");
			// The job has the medium's id, so that there is one for each.
			await store.complete(row, notesOf(parts), { id, task: { kind: "process", mediaId: id, ownerId: owner } });
		}
		await doorbell.ring([id]);
		return this.own(owner, id);
	}

	/** Says something else of it, wherever it is shown. */
	async change(owner: Id, id: Id, change: { alt?: string | null | undefined; poster?: Id | null | undefined }) {
		let row = await this.own(owner, id);
		if (change.poster !== undefined) row = await this.#withPoster(row, change.poster);
		const { alt } = change;
		if (alt === undefined) return row;
		const { store } = this.#services;
		for (let attempt = 1; attempt <= TRIES; attempt++) {
			const before = row.attachedTo && row.purpose === "post" ? await store.shownBy(row.attachedTo) : null;
			const after = parseShown(before).map((each) => (each.id === id ? { ...each, alt } : each));
			const shown = before === null ? undefined : { before, after: JSON.stringify(after) };
			if (await store.describe(row, alt, shown)) return this.own(owner, id);
			row = await this.own(owner, id);
		}
		throw new Problem("unavailable");
	}

	/** Gives up what nothing shows. */
	async discard(owner: Id, id: Id): Promise<void> {
		const { store } = this.#services;
		await this.own(owner, id);
		if (await store.discardOrphan(id)) return;
		await this.own(owner, id);
		throw new Problem("media_attached");
	}

	/** What a post would show of it, or shows. */
	async show(row: MediaRow): Promise<MediaView | null> {
		const { addresses, store } = this.#services;
		const poster = row.poster ? await store.byId(row.poster) : undefined;
		const shown = shownOf(row, poster);
		return shown ? presentMedia(shown, addresses) : null;
	}

	/** The parts that have come, and where each is to be sent to. */
	async progress(row: MediaRow): Promise<{ parts: number[]; urls: string[] } | undefined> {
		if (row.status !== "uploading") return undefined;
		const { direct } = this.#services;
		const parts = (await this.#received(row)).map(({ partNumber }) => partNumber);
		if (direct) {
			const uploadId = partsOf(row.size) === 1 ? null : await this.#uploadId(row);
			return { parts, urls: await direct.addresses({ ...row, uploadId }) };
		}
		const urls = Array.from({ length: partsOf(row.size) }, (_, n) => `/v1/media/${row.id}/parts/${n + 1}`);
		return { parts, urls };
	}

	async #received(row: MediaRow): Promise<R2UploadedPart[]> {
		const { direct, files } = this.#services;
		const noted = partsIn(row.parts);
		if (direct && noted.length === 0) {
			if (partsOf(row.size) > 1) return direct.received(row);
			const head = await files.head(row, UPLOAD);
			return head ? [{ partNumber: 1, etag: head.etag }] : [];
		}
		return noted;
	}

	/** The name of an upload in parts: whoever comes first makes it. */
	async #uploadId(row: MediaRow): Promise<string> {
		if (row.uploadId !== null) return row.uploadId;
		const { files, store } = this.#services;
		const uploadId = await files.begin(row);
		if (await store.begin(row.id, uploadId)) return uploadId;
		await files.abort(row, uploadId).catch(() => undefined);
		const now = await this.own(row.owner, row.id);
		if (now.uploadId === null) throw new Problem("media_complete");
		return now.uploadId;
	}

	async #withPoster(row: MediaRow, poster: Id | null | undefined): Promise<MediaRow> {
		if (poster === undefined || row.poster === poster) return row;
		if (kindOf(row.type) !== "video")
			throw new Problem("invalid_request", undefined, [{ path: "poster", message: "only a video has a still" }]);
		const { store } = this.#services;
		let now = row;
		for (let attempt = 1; attempt <= TRIES; attempt++) {
			if (now.attachedTo !== null) throw new Problem("media_attached");
			const still = poster === null ? null : await this.own(row.owner, poster);
			if (still && still.purpose !== "poster") throw new Problem("media_not_found");
			if (still && still.attachedTo !== null && still.attachedTo !== row.id) throw new Problem("media_attached");
			if (still && still.status !== "ready") throw new Problem("media_not_ready");
			if (await store.setPoster(now, still)) return this.own(row.owner, row.id);
			now = await this.own(row.owner, row.id);
		}
		throw new Problem("unavailable");
	}

	#refuseSize(type: MediaType, size: number, purpose: Purpose): void {
		const { photoBytes, videoBytes } = this.#services.limits;
		const isVideo = kindOf(type) === "video";
		const most = isVideo ? videoBytes : photoBytes;
		const faults = [
			...(size > most ? [{ path: "size", message: `at most ${most} bytes` }] : []),
			...(isVideo && purpose !== "post" ? [{ path: "purpose", message: "a video is for a post" }] : []),
		];
		if (faults.length > 0) throw new Problem("invalid_request", undefined, faults);
	}
}

function wrongSize(wanted: number): Problem {
	return new Problem("invalid_request", undefined, [{ path: "", message: `this part has ${wanted} bytes` }]);
}

/** Counts what passes through, and stops at more than was said. */
class Counted {
	readonly stream: TransformStream<Uint8Array, Uint8Array>;
	readonly #wanted: number;
	#bytes = 0;
	#ended = false;

	constructor(wanted: number) {
		this.#wanted = wanted;
		this.stream = new TransformStream<Uint8Array, Uint8Array>({
			transform: (chunk, controller) => {
				this.#bytes += chunk.byteLength;
				if (this.isOver) controller.error(new Error("too many bytes"));
				else controller.enqueue(chunk);
			},
			flush: () => {
				this.#ended = true;
			},
		});
	}

	get isOver(): boolean {
		return this.#bytes > this.#wanted;
	}

	/** Whether it came to its end before all was there. */
	get isShort(): boolean {
		return this.#ended && this.#bytes < this.#wanted;
	}
}
