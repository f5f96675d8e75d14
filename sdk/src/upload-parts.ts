import { type MediaSource, partOf, sizeOf } from "./blobs.ts";
import type { Core } from "./core.ts";
import { EdgefeedError } from "./errors.ts";
import { pause, waitAfter } from "./retry.ts";
import { tellingFetch } from "./upload-bytes.ts";
import { failure } from "./upload-failures.ts";
import type { MediaUpload, UploadOptions } from "./uploads.ts";
import { exchange } from "./wire.ts";

/** Parts that are sent at once. */
const AT_ONCE = 3;
/** How often in a row a part may fail before the upload does. */
const TRIES = 5;
const BACKOFF = { first: 1000, longest: 15_000 };
/** Milliseconds that a part may take: 8 MiB on a slow phone. */
const PART_LASTS = 300_000;
/**
 * Sends the parts of an upload that the service has not got.
 *
 * @param look what the service says of it now, with fresh addresses: signed ones end
 */
export async function sendParts(
	core: Core,
	state: MediaUpload,
	source: MediaSource,
	look: (signal: AbortSignal) => Promise<MediaUpload>,
	{ onProgress, signal }: UploadOptions,
): Promise<void> {
	const total = sizeOf(source);
	const sent = new Map<number, number>();
	const tell = () => {
		let loaded = 0;
		for (const bytes of sent.values()) loaded += bytes;
		onProgress?.({ loaded: Math.min(loaded, total), total });
	};
	let now = state;
	const there = new Set(state.parts);
	const { partSize = total, parts = 1 } = state.upload ?? {};
	const lengthOf = (part: number) => Math.min(partSize, total - (part - 1) * partSize);
	for (const part of there) sent.set(part, lengthOf(part));
	const missing = Array.from({ length: parts }, (_, index) => index + 1).filter((part) => !there.has(part));
	tell();
	const ended = new AbortController();
	const abort = () => ended.abort(signal?.reason);
	signal?.addEventListener("abort", abort);
	let failures = 0;
	const worker = async () => {
		for (let part = missing.shift(); part !== undefined; part = missing.shift()) {
			const from = (part - 1) * partSize;
			const bytes = await partOf(source, from, from + lengthOf(part));
			for (;;) {
				const number = part;
				try {
					await put(core, now, part, bytes, ended.signal, (loaded) => {
						sent.set(number, loaded);
						tell();
					});
					failures = 0;
					sent.set(part, lengthOf(part));
					tell();
					break;
				} catch (error) {
					sent.delete(part);
					ended.signal.throwIfAborted();
					if (!(error instanceof EdgefeedError) || ++failures >= TRIES) throw error;
					const signed = /^https?:/.test(now.upload?.urls[part - 1] ?? "");
					if (!error.retryable && !(signed && error.status === 403)) throw error;
					await pause(waitAfter(failures, BACKOFF, core.platform.random()), ended.signal);
					if (signed) now = await look(ended.signal);
					if (now.parts.includes(part)) break;
				}
			}
		}
	};
	const workers = Array.from({ length: Math.min(AT_ONCE, missing.length) }, () =>
		worker().catch((error: unknown) => {
			ended.abort(error);
			throw error;
		}),
	);
	try {
		await Promise.all(workers);
	} finally {
		signal?.removeEventListener("abort", abort);
	}
}

/** A path is the service's own and wants the token; a whole address is signed and must not get it. */
async function put(
	core: Core,
	{ upload }: MediaUpload,
	part: number,
	bytes: Blob | ArrayBuffer,
	signal: AbortSignal,
	onBytes: (bytes: number) => void,
): Promise<void> {
	const { baseUrl, platform, session } = core;
	const address = upload?.urls[part - 1];
	if (!upload || address === undefined) throw failure("incomplete");
	const { method } = upload;
	const telling = { fetch: tellingFetch(platform.fetch, onBytes) };
	if (!address.startsWith("/")) {
		const headers = new Headers(upload.headers);
		await exchange(telling, { method, url: address, headers, body: bytes, signal }, PART_LASTS);
		return;
	}
	for (let refused: string | undefined; ; ) {
		const token = await session.accessToken(refused);
		const headers = new Headers(upload.headers);
		if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
		try {
			await exchange(telling, { method, url: baseUrl + address, headers, body: bytes, signal }, PART_LASTS);
			return;
		} catch (error) {
			const again = error instanceof EdgefeedError && error.status === 401 && refused === undefined;
			if (!again || token === undefined) throw error;
			refused = token;
		}
	}
}
