import { AwsClient } from "aws4fetch";
import { Problem } from "../gateway/problem.ts";
import { keyOf, UPLOAD } from "./files.ts";
import { partsOf } from "./limits.ts";
import type { MediaRow } from "./store.ts";

export interface DirectSettings {
	/** Like `https://<account>.r2.cloudflarestorage.com`. */
	endpoint: string;
	bucket: string;
	accessKeyId: string;
	secretAccessKey: string;
	now: () => number;
}

/** How often R2 is asked again when it fails. */
const RETRIES = 2;
/** Seconds for which an address to send a part to is good. */
const GOOD_FOR = 3600;

/**
 * Uploads that go straight from the client to R2, by its S3 interface
 * (https://developers.cloudflare.com/r2/api/s3/presigned-urls/).
 */
export class DirectUploads {
	readonly #client: AwsClient;
	readonly #settings: DirectSettings;

	constructor(settings: DirectSettings) {
		const { accessKeyId, secretAccessKey } = settings;
		this.#client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto", retries: RETRIES });
		this.#settings = settings;
	}

	/** The signed address of each part, in order. Who has one can write that part, and nothing else. */
	async addresses(row: MediaRow): Promise<string[]> {
		const { uploadId } = row;
		if (uploadId === null) return [await this.#sign(row, {})];
		const parts = Array.from({ length: partsOf(row.size) }, (_, n) => String(n + 1));
		return Promise.all(parts.map((partNumber) => this.#sign(row, { partNumber, uploadId })));
	}

	/** The parts that R2 has of an upload in parts, in order. */
	async received(row: MediaRow): Promise<R2UploadedPart[]> {
		if (row.uploadId === null) return [];
		const found: R2UploadedPart[] = [];
		for (let marker = "0"; ; ) {
			const url = this.#urlOf(row, { uploadId: row.uploadId, "part-number-marker": marker });
			const answer = await this.#client.fetch(url);
			const text = await answer.text();
			if (!answer.ok) {
				const cause = new Error(`R2 answered ${answer.status} when it was asked for parts`);
				throw Object.assign(new Problem("unavailable"), { cause });
			}
			for (const [, part = ""] of text.matchAll(/<Part>([\s\S]*?)<\/Part>/g)) {
				const partNumber = Number(tagged(part, "PartNumber"));
				found.push({ partNumber, etag: tagged(part, "ETag").replace(/^(?:&quot;|")|(?:&quot;|")$/g, "") });
			}
			const next = tagged(text, "NextPartNumberMarker");
			if (tagged(text, "IsTruncated") !== "true" || next === marker) return found;
			marker = next;
		}
	}

	async #sign(row: MediaRow, query: Record<string, string>): Promise<string> {
		const url = this.#urlOf(row, { ...query, "X-Amz-Expires": String(GOOD_FOR) });
		const datetime = new Date(this.#settings.now()).toISOString().replace(/[:-]|\.\d{3}/g, "");
		const signed = await this.#client.sign(url, { method: "PUT", aws: { signQuery: true, datetime } });
		return signed.url;
	}

	#urlOf(row: MediaRow, query: Record<string, string>): URL {
		const { bucket, endpoint } = this.#settings;
		const url = new URL(`${endpoint}/${bucket}/${keyOf(row, UPLOAD)}`);
		for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
		return url;
	}
}

function tagged(xml: string, name: string): string {
	return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
}
