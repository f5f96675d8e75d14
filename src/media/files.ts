import type { Id } from "../store/ids.ts";
import type { MediaRow } from "./store.ts";

/** Objects that are deleted at once. */
const OBJECTS = 1000;

type Owned = Pick<MediaRow, "id" | "owner">;

/** The name of what was uploaded, before it is written anew. */
export const UPLOAD = "upload";

/** Where a file is in the bucket: by its owner first, so that nothing of an account that is erased is missed. */
export function keyOf({ id, owner }: Owned, file: string): string {
	return `${owner}/${id}/${file}`;
}

/** The files of media in the bucket. */
export class MediaFiles {
	readonly #bucket: R2Bucket;

	constructor(bucket: R2Bucket) {
		this.#bucket = bucket;
	}

	async begin(row: Owned): Promise<string> {
		return (await this.#bucket.createMultipartUpload(keyOf(row, UPLOAD))).uploadId;
	}

	/** Keeps a part, from 1 on. @returns its tag, which puts the parts together at last */
	async putPart(row: Owned, uploadId: string, part: number, bytes: ReadableStream): Promise<string> {
		const upload = this.#bucket.resumeMultipartUpload(keyOf(row, UPLOAD), uploadId);
		return (await upload.uploadPart(part, bytes)).etag;
	}

	/** Keeps an upload that has one part only. */
	async putWhole(row: Owned, bytes: ReadableStream): Promise<string> {
		const object = await this.#bucket.put(keyOf(row, UPLOAD), bytes);
		// Null is for conditions, and there is none.
		if (!object) throw new Error("an upload was not kept");
		return object.etag;
	}

	/** Puts the parts together. @throws whatever R2 does when they are not all there, or were put together before */
	async join(row: Owned, uploadId: string, parts: R2UploadedPart[]): Promise<void> {
		await this.#bucket.resumeMultipartUpload(keyOf(row, UPLOAD), uploadId).complete(parts);
	}

	/** Bytes of a file; undefined when it is not there. */
	async size(row: Owned, file: string): Promise<number | undefined> {
		return (await this.#bucket.head(keyOf(row, file)))?.size;
	}

	async read(row: Owned, file: string, range?: R2Range): Promise<R2ObjectBody | null> {
		return this.#bucket.get(keyOf(row, file), range ? { range } : {});
	}

	async head(row: Owned, file: string): Promise<R2Object | null> {
		return this.#bucket.head(keyOf(row, file));
	}

	async put(row: Owned, file: string, bytes: ReadableStream | ArrayBuffer, type: string): Promise<void> {
		await this.#bucket.put(keyOf(row, file), bytes, { httpMetadata: { contentType: type } });
	}

	/** Deletes what was uploaded. */
	async dropUpload(row: Owned): Promise<void> {
		await this.#bucket.delete(keyOf(row, UPLOAD));
	}

	/** Deletes all files of a medium, and what has come of an upload. */
	async empty(row: Owned & { uploadId?: string | null }): Promise<void> {
		if (row.uploadId) await this.abort(row, row.uploadId);
		await this.#drop(`${row.owner}/${row.id}/`);
	}

	/** Gives up an upload in parts; one that is put together or given up already is there no more. */
	async abort(row: Owned, uploadId: string): Promise<void> {
		try {
			await this.#bucket.resumeMultipartUpload(keyOf(row, UPLOAD), uploadId).abort();
		} catch (error) {
			if (!isUnknownUpload(error)) throw error;
		}
	}

	/** Deletes all files of an account. */
	async emptyAll(owner: Id): Promise<void> {
		await this.#drop(`${owner}/`);
	}

	/** How many files an account has: a thousand at most. */
	async count(owner: Id): Promise<number> {
		return (await this.#bucket.list({ prefix: `${owner}/` })).objects.length;
	}

	async #drop(prefix: string): Promise<void> {
		for (let more = true; more; ) {
			const { objects, truncated } = await this.#bucket.list({ prefix, limit: OBJECTS });
			if (objects.length > 0) await this.#bucket.delete(objects.map(({ key }) => key));
			more = truncated;
		}
	}
}

/** R2's code 10024, in words: https://developers.cloudflare.com/r2/api/error-codes/. */
function isUnknownUpload(error: unknown): boolean {
	return /10024|multipart upload does not exist|NoSuchUpload/i.test(String(error));
}
