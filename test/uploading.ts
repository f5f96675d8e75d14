import { expect } from "vitest";
import type { MediaView } from "../src/media/media.ts";
import { eventually, ORIGIN, type Person, worker } from "./api.ts";

export interface Upload {
	id: string;
	status: string;
	error: string | null;
	expiresAt: string | null;
	alt: string | null;
	parts: number[];
	upload: { method: string; headers: Record<string, string>; partSize: number; parts: number; urls: string[] } | null;
	media: MediaView | null;
}

export async function begin(person: Person, type: string, size: number, more: Record<string, unknown> = {}) {
	return person.ok<Upload>("POST", "/v1/media", { type, size, ...more });
}

/** Sends bytes as they are. */
export async function send(
	person: Person,
	path: string,
	body: BodyInit | null,
	headers: Record<string, string> = { "content-type": "application/octet-stream" },
): Promise<{ status: number; code: string | undefined }> {
	const response = await worker.fetch(`${ORIGIN}${path}`, {
		method: "PUT",
		headers: { authorization: `Bearer ${person.token}`, ...headers },
		body: body as never,
	});
	const text = await response.text();
	return { status: response.status, code: text === "" ? undefined : JSON.parse(text).code };
}

/** Sends all parts of an upload, or those that are missing. */
export async function sendAll(person: Person, upload: Upload, bytes: Uint8Array): Promise<void> {
	const { partSize = 0, urls = [] } = upload.upload ?? {};
	for (const [n, url] of urls.entries()) {
		if (upload.parts.includes(n + 1)) continue;
		const sent = await send(person, url, bytes.slice(n * partSize, (n + 1) * partSize));
		expect(sent).toEqual({ status: 204, code: undefined });
	}
}

/** What became of an upload. */
export async function processed(person: Person, id: string): Promise<Upload> {
	return eventually(async () => {
		const upload = await person.ok<Upload>("GET", `/v1/media/${id}`);
		expect(upload.status).toMatch(/ready|failed/);
		return upload;
	});
}

/** Uploads from first to last. */
export async function uploaded(
	person: Person,
	type: string,
	bytes: Uint8Array,
	more: Record<string, unknown> = {},
): Promise<Upload> {
	const upload = await begin(person, type, bytes.length, more);
	await sendAll(person, upload, bytes);
	await person.ok("POST", `/v1/media/${upload.id}/complete`);
	return processed(person, upload.id);
}

export interface File {
	status: number;
	headers: Headers;
	bytes: Uint8Array;
}

/** Asks for a file as a browser does: without a token. */
export async function file(address: string, headers: Record<string, string> = {}, method = "GET"): Promise<File> {
	const response = await worker.fetch(`${ORIGIN}${address}`, { method, headers });
	return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) };
}

export const codeOf = ({ bytes }: File): string => JSON.parse(new TextDecoder().decode(bytes)).code;
