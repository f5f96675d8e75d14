import { encode } from "fast-png";
import { env } from "./env.ts";

/** Photos and videos to upload, made here: each says where it was taken, in a way that can be looked for. */

export const PLACE = "SECRET-PLACE";
const text = new TextEncoder();

export function joined(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array<ArrayBuffer> {
	const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
	let at = 0;
	for (const part of parts) {
		bytes.set(part, at);
		at += part.length;
	}
	return bytes;
}

/** Whether bytes hold a text somewhere. */
export function holds(bytes: Uint8Array, what: string): boolean {
	return new TextDecoder("latin1").decode(bytes).includes(what);
}

/** Red above, blue below. */
export function png(width: number, height: number): Uint8Array<ArrayBuffer> {
	const data = new Uint8Array(width * height * 3);
	for (let pixel = 0; pixel < width * height; pixel++)
		data.set(pixel < (width * height) / 2 ? [230, 20, 20] : [20, 20, 230], pixel * 3);
	return joined(encode({ width, height, data, channels: 3 }));
}

/** A JPEG lying on its side, as a phone writes it, with a place in its Exif. */
export async function jpeg(width: number, height: number): Promise<Uint8Array<ArrayBuffer>> {
	const plain = await env.IMAGES.input(new Blob([png(width, height)]).stream()).output({ format: "image/jpeg" });
	const bytes = new Uint8Array(await new Response(plain.image()).arrayBuffer());
	const exif = joined(text.encode("Exif\0\0"), tiff());
	const segment = joined([0xff, 0xe1, (exif.length + 2) >> 8, (exif.length + 2) & 255], exif);
	return joined(bytes.subarray(0, 2), segment, bytes.subarray(2));
}

/** Orientation 6 (to be turned by a quarter), a description, and a latitude of 37° 33' 0". */
function tiff(): Uint8Array {
	const note = text.encode(`${PLACE}\0`);
	const bytes = new Uint8Array(200);
	const view = new DataView(bytes.buffer);
	bytes.set(text.encode("II*\0"));
	view.setUint32(4, 8, true);
	let at = 8;
	const entry = (tag: number, type: number, count: number, value: number) => {
		view.setUint16(at, tag, true);
		view.setUint16(at + 2, type, true);
		view.setUint32(at + 4, count, true);
		view.setUint32(at + 8, value, true);
		at += 12;
	};
	view.setUint16(at, 3, true);
	at += 2;
	entry(0x010e, 2, note.length, 120);
	entry(0x0112, 3, 1, 6);
	entry(0x8825, 4, 1, 60);
	at = 60;
	view.setUint16(at, 2, true);
	at += 2;
	entry(0x0001, 2, 2, "N".charCodeAt(0));
	entry(0x0002, 5, 3, 150);
	bytes.set(note, 120);
	for (const [n, value] of [37, 1, 33, 1, 0, 1].entries()) view.setUint32(150 + n * 4, value, true);
	return bytes;
}

export function box(type: string, ...content: (Uint8Array | readonly number[])[]): Uint8Array {
	const inside = joined(...content);
	const head = new Uint8Array(8);
	new DataView(head.buffer).setUint32(0, inside.length + 8);
	head.set(
		[...type].map((letter) => letter.charCodeAt(0)),
		4,
	);
	return joined(head, inside);
}

const uint32 = (...values: number[]) =>
	joined(...values.map((value) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]));
const MADE = 3_900_000_000;

export interface VideoOptions {
	seconds?: number;
	width?: number;
	height?: number;
	/** Bytes of each run of picture samples. */
	run?: number;
	brand?: string;
	more?: Uint8Array[];
}

/** Two runs of picture samples and between them one of a track that tells the place; `moov` at the end, as cameras write it. */
export function mp4({
	seconds = 3,
	width = 640,
	height = 360,
	run = 64,
	brand = "isom",
	more = [],
}: VideoOptions = {}) {
	const picture = new Uint8Array(run).fill("P".charCodeAt(0));
	const place = text.encode(`GPS ${PLACE} `);
	const ftyp = box("ftyp", text.encode(`${brand}\0\0\0\0${brand}`));
	const start = ftyp.length + 8;
	const mdat = box("mdat", picture, place, picture);
	const track = (handler: string, chunks: number[], sides: [number, number]) =>
		box(
			"trak",
			box(
				"tkhd",
				uint32(7, MADE, MADE, 1, 0, seconds * 1000, 0, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000),
				uint32(sides[0] * 0x10000, sides[1] * 0x10000),
			),
			box(
				"mdia",
				box("mdhd", uint32(0, MADE, MADE, 1000, seconds * 1000, 0)),
				box("hdlr", uint32(0, 0), text.encode(handler), uint32(0, 0, 0), [0]),
				box(
					"minf",
					box("dinf", box("dref", uint32(0, 0))),
					box("stbl", box("stsd", uint32(0, 0)), box("stco", uint32(0, chunks.length, ...chunks))),
				),
			),
			box("udta", box("name", text.encode(PLACE))),
		);
	const moov = box(
		"moov",
		box("mvhd", uint32(0, MADE, MADE, 1000, seconds * 1000, 0x10000, 0x1000000), new Uint8Array(72)),
		track("vide", [start, start + run + place.length], [width, height]),
		track("meta", [start + run], [0, 0]),
		box("udta", box("\xa9xyz", text.encode(`+37.55+126.99/${PLACE}`))),
		box("meta", text.encode(PLACE)),
	);
	return joined(ftyp, mdat, moov, box("uuid", text.encode(PLACE)), ...more);
}
