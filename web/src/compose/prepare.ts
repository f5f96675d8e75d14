/** What photos and videos are made into before they are uploaded. */
export interface Prepared {
	kind: "photo" | "video";
	source: Blob;
	type: string;
	/** Pixels; null when this browser cannot tell. */
	width: number | null;
	height: number | null;
	/** A still of a video, where this browser can make one. */
	poster: Blob | null;
}

/** A file of a kind that the service does not take and that this browser cannot turn into one. */
export class UnusableFile extends Error {}

export const PHOTO_TYPES: readonly string[] = ["image/jpeg", "image/png", "image/webp", "image/gif"];
export const VIDEO_TYPES: readonly string[] = ["video/mp4", "video/quicktime"];

/** The service keeps no longer side than this: what is longer is made smaller before it is sent. */
const LONGEST_SIDE = 2048;
/** Bytes above which a photo is worth being written anew. */
const LARGE = 3_000_000;
const STILL_SIDE = 1280;
/** Milliseconds that a video may take to show its first picture. */
const FIRST_PICTURE = 8000;

export async function prepare(file: File): Promise<Prepared> {
	if (VIDEO_TYPES.includes(file.type)) return prepareVideo(file);
	if (!file.type.startsWith("image/")) throw new UnusableFile(file.type);
	return preparePhoto(file);
}

async function preparePhoto(file: File): Promise<Prepared> {
	const taken = PHOTO_TYPES.includes(file.type);
	let bitmap: ImageBitmap;
	try {
		bitmap = await createImageBitmap(file);
	} catch {
		throw new UnusableFile(file.type);
	}
	try {
		const { width, height } = within(bitmap.width, bitmap.height, LONGEST_SIDE);
		const whole: Prepared = { kind: "photo", source: file, type: file.type, width, height, poster: null };
		// A moving picture would stand still.
		if (file.type === "image/gif") return whole;
		const smaller = width < bitmap.width || file.size > LARGE;
		if (taken && !smaller) return whole;
		// A photo may have see-through parts unless it is a JPEG.
		const wanted = file.type === "image/jpeg" ? "image/jpeg" : "image/webp";
		const drawn = await draw(bitmap, width, height, wanted);
		if (!drawn || !PHOTO_TYPES.includes(drawn.type) || (taken && drawn.size >= file.size)) {
			if (taken) return whole;
			throw new UnusableFile(file.type);
		}
		return { ...whole, source: drawn, type: drawn.type };
	} finally {
		bitmap.close();
	}
}

async function prepareVideo(file: File): Promise<Prepared> {
	const prepared: Prepared = { kind: "video", source: file, type: file.type, width: null, height: null, poster: null };
	const video = document.createElement("video");
	const address = URL.createObjectURL(file);
	try {
		video.muted = true;
		video.playsInline = true;
		video.preload = "auto";
		video.src = address;
		await event(video, "loadeddata");
		const { videoWidth: width, videoHeight: height, duration } = video;
		if (width === 0 || height === 0) return prepared;
		// The very first picture is black all too often.
		if (Number.isFinite(duration) && duration > 0.2) {
			video.currentTime = Math.min(1, duration / 3);
			await event(video, "seeked");
		}
		const still = within(width, height, STILL_SIDE);
		return { ...prepared, width, height, poster: await draw(video, still.width, still.height, "image/jpeg") };
	} catch {
		// The browser cannot play it; the service may know it all the same.
		return prepared;
	} finally {
		video.removeAttribute("src");
		video.load();
		URL.revokeObjectURL(address);
	}
}

/** @returns null where the browser cannot draw */
async function draw(source: CanvasImageSource, width: number, height: number, type: string): Promise<Blob | null> {
	if (typeof OffscreenCanvas === "undefined") return null;
	const canvas = new OffscreenCanvas(width, height);
	const context = canvas.getContext("2d");
	if (!context) return null;
	context.imageSmoothingQuality = "high";
	context.drawImage(source, 0, 0, width, height);
	return canvas.convertToBlob({ type, quality: 0.88 });
}

/** The same shape, with no side longer than `longest`. */
export function within(width: number, height: number, longest: number): { width: number; height: number } {
	const scale = Math.min(1, longest / Math.max(width, height));
	return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function event(video: HTMLVideoElement, name: "loadeddata" | "seeked"): Promise<void> {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`no ${name}`)), FIRST_PICTURE);
		const end = (settle: () => void) => () => {
			clearTimeout(timer);
			settle();
		};
		video.addEventListener(name, end(resolve), { once: true });
		video.addEventListener(
			"error",
			end(() => reject(new Error("not playable"))),
			{ once: true },
		);
	});
}
