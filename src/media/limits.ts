import { z } from "zod";

const MiB = 1024 * 1024;

/** Bytes of a part of an upload, the last one apart: R2 wants all of one size, of 5 MiB at least. */
export const PART_SIZE = 8 * MiB;
/** A single part is one request to the Worker: Cloudflare takes so many bytes of a body on its smallest plan. */
const LARGEST = 5000 * PART_SIZE;

/** The setting `MEDIA_LIMITS`: what it leaves out is as here; in a file of variables it is JSON. */
export const mediaLimitsSchema = z.preprocess(
	parseText,
	z
		.strictObject({
			/** Bytes of a photo. Cloudflare Images takes 20 MB. */
			photoBytes: z.int().min(1).max(LARGEST).default(20_000_000),
			videoBytes: z
				.int()
				.min(1)
				.max(LARGEST)
				.default(200 * MiB),
			/** Width times height of a photo. Cloudflare Images takes 100 million. */
			photoPixels: z.int().min(1).default(50_000_000),
			/** Width times height of a video. */
			videoPixels: z
				.int()
				.min(1)
				.default(4096 * 2304),
			videoSeconds: z.number().positive().default(180),
			/** Uploads of an account that belong to nothing yet. */
			pending: z.int().min(1).default(50),
			/** Bytes that an account may upload in 24 hours. */
			bytesADay: z
				.int()
				.min(1)
				.default(2048 * MiB),
		})
		.prefault({}),
);
export type MediaLimits = z.infer<typeof mediaLimitsSchema>;

function parseText(value: unknown): unknown {
	if (typeof value !== "string") return value;
	try {
		return JSON.parse(value);
	} catch {
		return value;
	}
}

/** The types that are taken, as they are said and as they are found in the bytes. */
export const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/quicktime"] as const;
export type MediaType = (typeof TYPES)[number];

export const PURPOSES = ["post", "avatar", "poster"] as const;
export type Purpose = (typeof PURPOSES)[number];

export type Kind = "photo" | "video";

export function kindOf(type: string): Kind {
	return type.startsWith("video/") ? "video" : "photo";
}

/** How many parts an upload has. */
export function partsOf(size: number): number {
	return Math.ceil(size / PART_SIZE);
}

/** Bytes of a part, from 1 on. */
export function partSize(size: number, part: number): number {
	return Math.min(PART_SIZE, size - (part - 1) * PART_SIZE);
}

/** What a post shows at most. */
export const MEDIA_OF_POST = 10;
/** Milliseconds for which what belongs to nothing is kept. */
export const ORPHAN_LIFETIME = 86_400_000;

/** The widths in which a photo is kept beside the whole one, in pixels, smallest first. */
export const WIDTHS = [320, 640, 1280] as const;
/** The longer side of the whole one at most. */
export const LONGEST_SIDE = 2048;
/** Both sides of an avatar. */
export const AVATAR_SIDE = 256;
/** What photos are kept as. */
export const PHOTO_TYPE = "image/webp";
