import { reportFailure } from "../report.ts";
import { type Outside, readAtMost, Unreached, Unusable } from "./outside.ts";
import { IMAGE_NAME, IMAGE_PATH, type Preview } from "./preview.ts";

export interface PreviewImagesOptions {
	outside: Outside;
	bucket: R2Bucket;
	/** Without it previews have no images. */
	images: ImagesBinding | undefined;
	/** Milliseconds for an image with all of its redirects. */
	patience: number;
	/** Those of some images that a post shows. */
	inUse: (names: readonly string[]) => Promise<ReadonlySet<string>>;
}

type PreviewImage = NonNullable<Preview["image"]>;

/** Bytes of an image as its server sends it. */
const LARGEST = 5 * 1024 * 1024;
/** Pixels: an image of few bytes may have very many. */
const MOST_PIXELS = 40_000_000;
/** The longer side, in pixels: of what is worth showing, and of what is kept. */
const SMALLEST = 48;
const EDGE = 640;
const QUALITY = 80;
/** Keys of the bucket. */
const PREFIX = "previews/";

/** Milliseconds after which an image that no post shows is shown by none: far more than a preview waits for its post. */
const UNCLAIMED = 48 * 3_600_000;
/** Images that one round of the sweeper looks at. */
const ROUND = 500;

/**
 * The images of previews: made small, without what a camera wrote into them, and kept by us, so that a reader's address
 * is told to no third party. Each is made once for a preview and has a name of chance.
 */
export class PreviewImages {
	readonly #options: PreviewImagesOptions;

	constructor(options: PreviewImagesOptions) {
		this.#options = options;
	}

	/** Gets an image and keeps it. Never fails: a preview without an image is one. */
	async take(address: string): Promise<PreviewImage | null> {
		const { images } = this.#options;
		if (images === undefined) return null;
		try {
			return await this.#take(images, address);
		} catch (error) {
			if (!(error instanceof Unusable) && !(error instanceof Unreached))
				reportFailure("an image of a preview was not made", error);
			return null;
		}
	}

	async #take(images: ImagesBinding, address: string): Promise<PreviewImage> {
		const { bucket, outside, patience } = this.#options;
		const signal = AbortSignal.timeout(patience);
		const { response } = await outside.get(address, "image/*", signal);
		const { bytes, whole } = await readAtMost(response.body, LARGEST, signal);
		if (!whole) throw new Unusable("too large an image");
		if (!isPicture(bytes)) throw new Unusable("no image");
		const given = await images.info(streamOf(bytes)).catch(() => undefined);
		if (!given || !("width" in given)) throw new Unusable("no pixels");
		const { width, height } = given;
		if (width * height > MOST_PIXELS) throw new Unusable("too many pixels");
		if (Math.max(width, height) < SMALLEST) throw new Unusable("too small an image");
		const made = await images
			.input(streamOf(bytes))
			.transform({ width: EDGE, height: EDGE, fit: "scale-down" })
			.output({ format: "image/webp", quality: QUALITY, anim: false });
		const small = new Uint8Array(await made.response().arrayBuffer());
		const size = await images.info(streamOf(small));
		if (!("width" in size)) throw new Error("an image was made that is none");
		const name = crypto.randomUUID().replaceAll("-", "");
		await bucket.put(PREFIX + name, small, { httpMetadata: { contentType: "image/webp" } });
		return { url: IMAGE_PATH + name, width: size.width, height: size.height };
	}

	/** An image as it is kept; null when there is none. */
	async find(name: string): Promise<R2ObjectBody | null> {
		return IMAGE_NAME.test(name) ? this.#options.bucket.get(PREFIX + name) : null;
	}

	/**
	 * Deletes images that no post shows any more, or ever did. A round looks at some from a place of chance: names are
	 * evenly spread, so that all have their turn and no place has to be kept.
	 *
	 * @returns how many were deleted.
	 */
	async sweep(now: number, random: number): Promise<number> {
		const { bucket, inUse } = this.#options;
		const from = Math.floor(random * 0x1_0000_0000)
			.toString(16)
			.padStart(8, "0");
		const { objects } = await bucket.list({ prefix: PREFIX, startAfter: PREFIX + from, limit: ROUND });
		const old = objects.filter(({ uploaded }) => uploaded.getTime() < now - UNCLAIMED);
		if (old.length === 0) return 0;
		const used = await inUse(old.map(({ key }) => key.slice(PREFIX.length)));
		const unused = old.map(({ key }) => key).filter((key) => !used.has(key.slice(PREFIX.length)));
		if (unused.length > 0) await bucket.delete(unused);
		return unused.length;
	}
}

/** Whether bytes begin as those of a picture that browsers know, SVG apart, which is a document. */
function isPicture(bytes: Uint8Array): boolean {
	const text = String.fromCharCode(...bytes.subarray(0, 16));
	return (
		text.startsWith("\xff\xd8\xff") ||
		text.startsWith("\x89PNG\r\n\x1a\n") ||
		/^GIF8[79]a/.test(text) ||
		/^RIFF.{4}WEBP/s.test(text) ||
		/^.{4}ftypavi[fs]/s.test(text)
	);
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
	return new Blob([bytes]).stream();
}
