import { encode } from "blurhash";
import { decode } from "fast-png";
import { AVATAR_SIDE, LONGEST_SIDE, type MediaLimits, PHOTO_TYPE, type Purpose, WIDTHS } from "./limits.ts";
import { AVATAR, WHOLE } from "./media.ts";
import type { Findings } from "./store.ts";
import { Unusable } from "./unusable.ts";

/** Cloudflare Images takes no longer side, in pixels. */
const LONGEST_INPUT = 12_000;
/** Both sides at most of the picture that a blurhash is made of, in pixels, and its components. */
const HASHED_SIDE = 32;
const COMPONENTS = { x: 4, y: 3 } as const;
const QUALITY = 82;

export interface Photo {
	found: Findings;
	/** By name. */
	files: Map<string, ArrayBuffer>;
}

/**
 * Makes of a photo what is kept of it: upright, no larger than it is looked at, and with nothing in it but the picture.
 * An animation becomes its first frame.
 *
 * @param open gives the bytes anew each time
 * @throws Unusable when it is too large or no photo
 */
export async function makePhoto(
	images: ImagesBinding,
	open: () => Promise<ReadableStream<Uint8Array>>,
	purpose: Purpose,
	limits: MediaLimits,
): Promise<Photo> {
	// Before it is decoded: a small file can be a very large picture.
	const { width, height } = await measure(images, await open());
	if (width * height > limits.photoPixels || Math.max(width, height) > LONGEST_INPUT)
		throw new Unusable("too_many_pixels");
	const made = (stream: ReadableStream<Uint8Array>, transform: ImageTransform, format: "image/webp" | "image/png") =>
		understood(async () => {
			const options = { format, anim: false, ...(format === PHOTO_TYPE ? { quality: QUALITY } : {}) };
			const result = await images.input(stream).transform(transform).output(options);
			return new Response(result.image()).arrayBuffer();
		});
	if (purpose === "avatar") {
		const square = { width: AVATAR_SIDE, height: AVATAR_SIDE, fit: "cover" } as const;
		const bytes = await made(await open(), square, PHOTO_TYPE);
		const found = { width: AVATAR_SIDE, height: AVATAR_SIDE, duration: null, blurhash: null, widths: null };
		return { found, files: new Map([[AVATAR, bytes]]) };
	}
	const box = { width: LONGEST_SIDE, height: LONGEST_SIDE, fit: "scale-down" } as const;
	const whole = await made(await open(), box, PHOTO_TYPE);
	const size = await measure(images, streamOf(whole));
	const widths = WIDTHS.filter((each) => each < size.width);
	const [tiny, ...smaller] = await Promise.all([
		made(streamOf(whole), { width: HASHED_SIDE, height: HASHED_SIDE, fit: "scale-down" }, "image/png"),
		...widths.map((each) => made(streamOf(whole), { width: each, fit: "scale-down" }, PHOTO_TYPE)),
	]);
	return {
		found: { ...size, duration: null, blurhash: blurhashOf(tiny), widths: JSON.stringify(widths) },
		files: new Map([
			[WHOLE, whole],
			...widths.map((each, n): [string, ArrayBuffer] => [String(each), smaller[n] as ArrayBuffer]),
		]),
	};
}

async function measure(
	images: ImagesBinding,
	stream: ReadableStream<Uint8Array>,
): Promise<{ width: number; height: number }> {
	const info = await understood(() => images.info(stream));
	if (!("width" in info)) throw new Unusable("unreadable");
	return { width: info.width, height: info.height };
}

/** What is not a picture or a damaged one is so each time; other faults pass. */
async function understood<T>(work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		if (isAboutThePicture(error)) throw new Unusable("unreadable");
		throw error;
	}
}

/**
 * Faults of the picture have codes from 9400 to 9522 (https://developers.cloudflare.com/images/transform-images/bindings/);
 * the local binding repeats what sharp says.
 */
function isAboutThePicture(error: unknown): boolean {
	const { code } = error as { code?: unknown };
	if (typeof code === "number" && code >= 9400 && code < 9523) return true;
	return /response 500: Error: (?:vips|Input |.*(?:premature end|corrupt))/i.test(String(error));
}

function streamOf(bytes: ArrayBuffer): ReadableStream<Uint8Array> {
	return new Blob([bytes]).stream();
}

/** https://blurha.sh of a small PNG. */
export function blurhashOf(png: ArrayBuffer): string {
	const { width, height, data, channels, depth, palette } = decode(png);
	const pixels = new Uint8ClampedArray(width * height * 4);
	const shift = depth === 16 ? 8 : 0;
	for (let pixel = 0; pixel < width * height; pixel++) {
		const at = pixel * channels;
		const entry = palette?.[data[at] ?? 0];
		const gray = channels < 3;
		const [red = 0, green = 0, blue = 0] = entry ?? [
			(data[at] ?? 0) >> shift,
			(data[gray ? at : at + 1] ?? 0) >> shift,
			(data[gray ? at : at + 2] ?? 0) >> shift,
		];
		pixels.set([red, green, blue, 255], pixel * 4);
	}
	return encode(pixels, width, height, COMPONENTS.x, COMPONENTS.y);
}
