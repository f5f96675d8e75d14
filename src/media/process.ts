import { nameInLog } from "../log.ts";
import { reportFailure } from "../report.ts";
import { type Job, noteProgress, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import { editing } from "./edits.ts";
import { type MediaFiles, UPLOAD } from "./files.ts";
import { kindOf, type MediaLimits, partsOf } from "./limits.ts";
import { WHOLE } from "./media.ts";
import { readVideo } from "./mp4.ts";
import { type Findings, type MediaRow, type MediaStore, partsIn } from "./store.ts";
import { type Fault, Unusable } from "./unusable.ts";

/**
 * What R2 says when parts will never be put together: one is too small, or is not there, or the upload is not, or they
 * are not alike (https://developers.cloudflare.com/r2/api/error-codes/). Everything else may pass.
 */
const NEVER_WHOLE = /\((?:10011|10024|10025|10048)\)/;

export interface ProcessingServices {
	shards: Shards;
	store: MediaStore;
	files: MediaFiles;
	images: ImagesBinding;
	limits: MediaLimits;
}

/** Bytes that tell what a file is. */
const HEAD = 4100;
/** What is served as MP4 also when its maker called it QuickTime: browsers play it by that name. */
const VIDEO_TYPE = "video/mp4";
/** Runs of a job that may fail, or end an isolate, before it is given up. */
const TRIES = 6;

/**
 * Reads what was uploaded, checks it and writes what is shown. A run that dies is begun anew: what it has written is
 * written again under the same names. Whoever finds that the medium was discarded meanwhile deletes what it has written.
 */
export class Processing {
	readonly #services: ProcessingServices;

	constructor(services: ProcessingServices) {
		this.#services = services;
	}

	/** Never answers anything but "done": what fails throws, and is tried again. */
	async run(job: Job<TaskOf<"process">>): Promise<"done"> {
		const { files, shards, store } = this.#services;
		const { mediaId, ownerId } = job.task;
		const row = await store.byId(mediaId);
		if (row?.status === "processing") {
			const tries = Number(job.progress ?? 0);
			// Before the work: a file that ends the isolate must not do so for ever.
			if (!(await noteProgress(shards, job, String(tries + 1)))) return "done";
			const kept = tries < TRIES ? await this.#process(row) : await this.#giveUp(row);
			if (kept) await files.dropUpload(row);
			else await files.empty(row);
		} else if (row && row.status !== "discarded") await files.dropUpload(row);
		else await files.empty({ id: mediaId, owner: ownerId });
		await store.finish(job.id);
		return "done";
	}

	/** @returns false when it was discarded meanwhile. */
	async #process(row: MediaRow): Promise<boolean> {
		const { store } = this.#services;
		let found: Findings;
		try {
			await this.#join(row);
			await this.#sniff(row);
			found = kindOf(row.type) === "video" ? await this.#video(row) : await this.#photo(row);
		} catch (error) {
			if (!(error instanceof Unusable)) throw error;
			return store.fail(row.id, error.fault);
		}
		return store.ready(row.id, found);
	}

	async #giveUp({ id, owner }: MediaRow): Promise<boolean> {
		reportFailure("a medium could not be processed", new Error("given up"), { account: nameInLog(owner) });
		const fault: Fault = "not_processed";
		return this.#services.store.fail(id, fault);
	}

	/** Puts the parts together; a run before may have done so. */
	async #join(row: MediaRow): Promise<void> {
		const { files } = this.#services;
		let size = await files.size(row, UPLOAD);
		if (size === undefined && row.uploadId !== null) {
			try {
				await files.join(row, row.uploadId, partsIn(row.parts));
			} catch (error) {
				size = await files.size(row, UPLOAD);
				if (size === undefined && NEVER_WHOLE.test(String(error))) throw new Unusable("incomplete");
				if (size === undefined) throw error;
			}
			size ??= await files.size(row, UPLOAD);
		}
		if (size !== row.size || (row.uploadId !== null && partsIn(row.parts).length !== partsOf(row.size)))
			throw new Unusable("incomplete");
	}

	async #sniff(row: MediaRow): Promise<void> {
		const head = await this.#bytes(row, 0, HEAD);
		// Loaded where it is needed: every isolate would else evaluate it, to read a feed.
		const { fileTypeFromBuffer } = await import("file-type");
		const found = await fileTypeFromBuffer(head);
		if (found === undefined || familyOf(found.mime) !== familyOf(row.type)) throw new Unusable("type_mismatch");
	}

	async #photo(row: MediaRow): Promise<Findings> {
		const { files, images, limits } = this.#services;
		const open = async () => (await this.#upload(row)).body as ReadableStream<Uint8Array>;
		const { makePhoto } = await import("./photo.ts");
		const { found, files: made } = await makePhoto(images, open, row.purpose, limits);
		for (const [name, bytes] of made) await files.put(row, name, bytes, "image/webp");
		return found;
	}

	async #video(row: MediaRow): Promise<Findings> {
		const { files, limits } = this.#services;
		const read = (offset: number, length: number) => this.#bytes(row, offset, length);
		const { width, height, duration, edits } = await readVideo(read, row.size);
		if (width * height > limits.videoPixels) throw new Unusable("too_many_pixels");
		if (duration > limits.videoSeconds * 1000) throw new Unusable("too_long");
		const { body } = await this.#upload(row);
		const edited = (body as ReadableStream<Uint8Array>)
			.pipeThrough(editing(edits))
			.pipeThrough(new FixedLengthStream(row.size));
		await files.put(row, WHOLE, edited, VIDEO_TYPE);
		return { width, height, duration, blurhash: null, widths: null };
	}

	async #upload(row: MediaRow, range?: R2Range): Promise<R2ObjectBody> {
		const object = await this.#services.files.read(row, UPLOAD, range);
		if (!object) throw new Error("an upload is gone");
		return object;
	}

	async #bytes(row: MediaRow, offset: number, length: number): Promise<Uint8Array> {
		const wanted = Math.min(length, row.size - offset);
		return (await this.#upload(row, { offset, length: wanted })).bytes();
	}
}

/** The two that are one format are one. */
function familyOf(type: string): string {
	return /^video\/(?:mp4|quicktime|x-m4v)$/.test(type) ? VIDEO_TYPE : type;
}
