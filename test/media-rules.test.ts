import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { MediaAddresses, WINDOW } from "../src/media/addresses.ts";
import { DirectUploads } from "../src/media/direct.ts";
import { type Edit, editing, sorted } from "../src/media/edits.ts";
import { PART_SIZE } from "../src/media/limits.ts";
import { readVideo } from "../src/media/mp4.ts";
import { bytesOf, rangeOf } from "../src/media/ranges.ts";
import type { MediaRow } from "../src/media/store.ts";
import { Unusable } from "../src/media/unusable.ts";
import type { Id } from "../src/store/ids.ts";
import { type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { Isolate } from "./isolate.ts";
import { box, holds, joined, mp4, PLACE } from "./media-files.ts";
import type { Upload } from "./uploading.ts";

const ID = "0C1RZ5A8W3K0T" as Id;

it("edits are the same however the file is cut into chunks", async () => {
	const pieces = fc.array(fc.record({ gap: fc.nat(9), zeros: fc.nat(12), bytes: fc.uint8Array({ maxLength: 9 }) }), {
		maxLength: 8,
	});
	await fc.assert(
		fc.asyncProperty(
			fc.uint8Array({ minLength: 1, maxLength: 200 }),
			pieces,
			fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
			async (file, parts, cuts) => {
				const edits: Edit[] = [];
				const wanted = file.slice();
				let at = 0;
				for (const { gap, zeros, bytes } of parts) {
					at += gap;
					const edit: Edit = zeros > 6 ? { at, bytes } : { at, zeros };
					const length = zeros > 6 ? bytes.length : zeros;
					if (at + length > file.length) break;
					edits.push(edit);
					wanted.set("bytes" in edit ? edit.bytes : new Uint8Array(length), at);
					at += length;
				}
				const chunks = new ReadableStream<Uint8Array>({
					start(controller) {
						for (let from = 0; from < file.length; ) {
							const to = from + (cuts.next().value ?? 1);
							controller.enqueue(file.slice(from, to));
							from = to;
						}
						controller.close();
					},
				});
				const got = await new Response(chunks.pipeThrough(editing(sorted(edits.toReversed())))).bytes();
				expect(got).toEqual(wanted);
			},
		),
		{ numRuns: 300 },
	);
});

describe("a video's boxes", () => {
	const readAll = (file: Uint8Array) =>
		readVideo(async (offset, length) => file.slice(offset, offset + length), file.length);
	const cleaned = async (file: Uint8Array) => {
		const { edits } = await readAll(file);
		return new Response(new Blob([joined(file)]).stream().pipeThrough(editing(edits))).bytes();
	};

	it("that are cleaned stay as they are when they are cleaned again, and tell no place", async () => {
		for (const file of [mp4(), mp4({ brand: "qt  " }), mp4({ more: [box("free", new TextEncoder().encode(PLACE))] })]) {
			const clean = await cleaned(file);
			expect(clean.length).toBe(file.length);
			expect(holds(clean, PLACE)).toBe(false);
			expect(await cleaned(clean)).toEqual(clean);
			expect(await readAll(clean)).toMatchObject({ width: 640, height: 360, duration: 3000 });
		}
	});

	it("may be followed by what is none", async () => {
		const file = mp4({ more: [new TextEncoder().encode(`zzzz${PLACE} trailer`)] });
		const clean = await cleaned(file);
		expect(holds(clean, PLACE)).toBe(false);
		expect(clean.slice(-12)).toEqual(new Uint8Array(12));
	});

	it("that are fragments are refused", async () => {
		await expect(readAll(mp4({ more: [box("moof", [0])] }))).rejects.toThrow(Unusable);
	});

	it("that are broken are refused, and never read for ever", async () => {
		const good = mp4();
		const spoiled = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
		await fc.assert(
			fc.asyncProperty(spoiled, fc.nat(good.length), async (changes, length) => {
				const file = good.slice(0, Math.max(length, 40));
				for (const [at, value] of changes) if (at < file.length) file[at] = value;
				try {
					const { edits } = await readAll(file);
					for (const edit of edits) expect(edit.at).toBeLessThanOrEqual(file.length);
				} catch (error) {
					if (!(error instanceof Unusable)) throw error;
				}
			}),
			{ numRuns: 500 },
		);
	});
});

it("a range is what RFC 9110 says", () => {
	for (const [header, size, wanted] of [
		["bytes=0-0", 10, [0, 0]],
		["bytes=3-", 10, [3, 9]],
		["bytes=-3", 10, [7, 9]],
		["bytes=-30", 10, [0, 9]],
		["bytes=5-500", 10, [5, 9]],
		["bytes=10-", 10, undefined],
		["bytes=-0", 10, undefined],
	] as const) {
		const range = rangeOf(header);
		if (!range) throw new Error(header);
		const found = bytesOf(range, size);
		expect([header, found && [found.first, found.last]]).toEqual([header, wanted]);
	}
	for (const none of [undefined, "", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "bytes 0-1", "items=0-1"])
		expect(rangeOf(none)).toBeUndefined();
});

it("an address is the same within a window, and good for one at least", async () => {
	let now = 100 * WINDOW;
	const addresses = new MediaAddresses("a secret", () => now);
	const path = () => addresses.of(ID)("full");
	const first = path();
	const query = () => new URL(first, "https://x.test").searchParams;
	const check = () => addresses.check(ID, query().get("exp") ?? undefined, query().get("sig") ?? undefined);
	now += WINDOW - 1;
	expect([path(), await check()]).toEqual([first, "good"]);
	now += 1;
	expect(path()).not.toBe(first);
	now += WINDOW - 1;
	expect(await check()).toBe("good");
	now += 1;
	expect(await check()).toBe("expired");
	expect(
		await new MediaAddresses("another", () => now).check(ID, query().get("exp") ?? "", query().get("sig") ?? ""),
	).toBe("wrong");
});

describe("uploads straight to R2", () => {
	const settings = { endpoint: "https://abc.r2.cloudflarestorage.com", bucket: "edgefeed-media" };
	const keys = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
	const now = () => Date.UTC(2026, 10, 21, 12);
	const row = { id: ID, owner: "0C1RZ5A8W3K0V", size: PART_SIZE + 1, uploadId: "an/upload+id" } as MediaRow;

	/** AWS Signature Version 4 of a query, worked out by itself. */
	async function signatureOf(url: URL): Promise<string> {
		const names = [...url.searchParams.keys()].filter((name) => name !== "X-Amz-Signature").sort();
		const encode = (value: string) =>
			encodeURIComponent(value).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
		const query = names.map((name) => `${encode(name)}=${encode(url.searchParams.get(name) ?? "")}`).join("&");
		const canonical = ["PUT", url.pathname, query, `host:${url.host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
		const utf8 = (text: string) => new TextEncoder().encode(text);
		const hex = (bytes: ArrayBuffer) =>
			Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
		const hmac = async (key: BufferSource, value: string) => {
			const algorithm = { name: "HMAC", hash: "SHA-256" };
			const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
			return crypto.subtle.sign("HMAC", imported, utf8(value));
		};
		const hash = hex(await crypto.subtle.digest("SHA-256", utf8(canonical)));
		const scope = "20261121/auto/s3/aws4_request";
		let key: BufferSource = utf8(`AWS4${keys.secretAccessKey}`);
		for (const part of scope.split("/")) key = await hmac(key, part);
		return hex(await hmac(key, ["AWS4-HMAC-SHA256", "20261121T120000Z", scope, hash].join("\n")));
	}

	it("go to addresses that are signed for one part each", async () => {
		const direct = new DirectUploads({ ...settings, ...keys, now });
		const urls = (await direct.addresses(row)).map((url) => new URL(url));
		expect(urls.map(({ searchParams }) => [searchParams.get("partNumber"), searchParams.get("uploadId")])).toEqual([
			["1", "an/upload+id"],
			["2", "an/upload+id"],
		]);
		const [whole] = (await direct.addresses({ ...row, uploadId: null })).map((url) => new URL(url));
		for (const url of [...urls, whole as URL]) {
			expect(`${url.origin}${url.pathname}`).toBe(`${settings.endpoint}/edgefeed-media/${row.owner}/${ID}/upload`);
			expect(url.searchParams.get("X-Amz-Expires")).toBe("3600");
			expect(url.searchParams.get("X-Amz-Credential")).toBe(`${keys.accessKeyId}/20261121/auto/s3/aws4_request`);
			expect(url.searchParams.get("X-Amz-Signature")).toBe(await signatureOf(url));
		}
		expect(whole?.searchParams.has("partNumber")).toBe(false);
	});

	it("are gone on with by what R2 lists, page by page", async () => {
		const direct = new DirectUploads({ ...settings, ...keys, now });
		const asked: URL[] = [];
		const part = (number: number, etag: string) =>
			`<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`;
		vi.spyOn(globalThis, "fetch").mockImplementation(async (request) => {
			const { url, headers } = request as Request;
			expect(headers.get("authorization")).toContain(`Credential=${keys.accessKeyId}/`);
			asked.push(new URL(url));
			const first = asked.length === 1;
			return new Response(
				`<ListPartsResult><IsTruncated>${first}</IsTruncated><NextPartNumberMarker>${first ? 2 : 3}</NextPartNumberMarker>${
					first ? part(1, "&quot;one&quot;") + part(2, '"two"') : part(3, "three")
				}</ListPartsResult>`,
			);
		});
		expect(await direct.received(row)).toEqual([
			{ partNumber: 1, etag: "one" },
			{ partNumber: 2, etag: "two" },
			{ partNumber: 3, etag: "three" },
		]);
		expect(asked.map(({ searchParams }) => searchParams.get("part-number-marker"))).toEqual(["0", "2"]);
		vi.mocked(globalThis.fetch).mockResolvedValue(new Response("no", { status: 403 }));
		await expect(direct.received(row)).rejects.toMatchObject({ code: "unavailable" });
		vi.restoreAllMocks();
	});

	it("are offered where there are credentials, and go on with what R2 has", async () => {
		const ann: Person = await signUp("Ann");
		const isolate = new Isolate({
			R2_ACCESS_KEY_ID: keys.accessKeyId,
			R2_SECRET_ACCESS_KEY: keys.secretAccessKey,
			R2_ACCOUNT_ID: "abc",
		});
		const body = { type: "image/png", size: 4 };
		const begun = (await isolate.as<Upload>(ann, "POST", "/v1/media", body)).body;
		expect(begun.upload?.urls).toHaveLength(1);
		expect(begun.upload?.urls[0]).toMatch(
			/^https:\/\/abc\.r2\.cloudflarestorage\.com\/edgefeed-media\/\w+\/\w+\/upload\?/,
		);
		expect((await isolate.as(ann, "POST", `/v1/media/${begun.id}/complete`)).body.code).toBe("media_incomplete");
		// What the client would have sent there.
		await env.MEDIA.put(`${ann.id}/${begun.id}/upload`, "none");
		expect((await isolate.as<Upload>(ann, "GET", `/v1/media/${begun.id}`)).body.parts).toEqual([1]);
		expect((await isolate.as(ann, "POST", `/v1/media/${begun.id}/complete`)).status).toBe(200);
	});
});
