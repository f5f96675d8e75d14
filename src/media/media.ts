import { z } from "@hono/zod-openapi";
import { idSchema } from "../gateway/openapi.ts";
import type { Id } from "../store/ids.ts";
import type { MediaAddresses } from "./addresses.ts";
import { type Kind, kindOf, PHOTO_TYPE } from "./limits.ts";
import type { MediaRow } from "./store.ts";

const addressSchema = z.string().openapi({
	description: "a path on the API's origin, good for 6 to 12 hours; what is before `?` names the bytes for good",
	example: "/media/0C1RZ5A8W3K0T/640?exp=1795000000&sig=2h8k1Yw0m5dVb3Jc9pQxZA",
});

/** A photo or video as a post shows it. */
export const mediaSchema = z
	.object({
		id: idSchema,
		kind: z.enum(["photo", "video"]),
		width: z.int().openapi({ description: "pixels, as it is to be shown" }),
		height: z.int(),
		blurhash: z.string().nullable().openapi({ description: "https://blurha.sh; a video has its still's" }),
		alt: z.string().nullable(),
		duration: z.number().nullable().openapi({ description: "seconds, of a video" }),
		url: addressSchema,
		variants: z
			.array(z.object({ url: addressSchema, width: z.int(), height: z.int(), type: z.string() }))
			.openapi({ description: "a photo in smaller sizes, or a video's still, smallest first" }),
		poster: addressSchema.nullable().openapi({ description: "a still of a video" }),
	})
	.openapi("Media");
export type MediaView = z.infer<typeof mediaSchema>;

/** What of a medium is kept with the post that shows it: all but the addresses. */
export interface ShownMedia {
	id: Id;
	kind: Kind;
	width: number;
	height: number;
	blurhash: string | null;
	alt: string | null;
	/** Seconds. */
	duration: number | null;
	/** The widths of the smaller sizes: of a video, those of its still. */
	widths: number[];
	poster: Id | null;
}

/** @returns undefined when it is not ready. */
export function shownOf(row: MediaRow, poster: MediaRow | undefined): ShownMedia | undefined {
	const { id, type, status, width, height, blurhash, alt, duration } = row;
	if (status !== "ready" || width === null || height === null) return undefined;
	return {
		id,
		kind: kindOf(type),
		width,
		height,
		blurhash: poster ? poster.blurhash : blurhash,
		alt,
		duration: duration === null ? null : duration / 1000,
		widths: widthsOf(poster ?? row),
		poster: poster?.id ?? null,
	};
}

export function widthsOf({ widths }: Pick<MediaRow, "widths">): number[] {
	return widths === null ? [] : (JSON.parse(widths) as number[]);
}

export function presentMedia(shown: ShownMedia, addresses: MediaAddresses): MediaView {
	const { id, kind, width, height, blurhash, alt, duration, widths, poster } = shown;
	const addressOf = addresses.of(id);
	const photoOf = poster ? addresses.of(poster) : addressOf;
	return {
		id,
		kind,
		width,
		height,
		blurhash,
		alt,
		duration,
		url: addressOf(WHOLE),
		variants: widths.map((each) => ({
			url: photoOf(String(each)),
			width: each,
			height: Math.max(1, Math.round((height / width) * each)),
			type: PHOTO_TYPE,
		})),
		poster: poster ? photoOf(WHOLE) : null,
	};
}

/** The name of a file that is the photo or video as a whole. */
export const WHOLE = "full";
/** The name of the one file of an avatar. */
export const AVATAR = "avatar";

/** What a post's column `media` says. */
export function parseShown(text: string | null): ShownMedia[] {
	return text === null ? [] : (JSON.parse(text) as ShownMedia[]);
}

/** The media of a post as its readers get them. */
export function presentAll(text: string | null, addresses: MediaAddresses): MediaView[] {
	return text === null ? [] : parseShown(text).map((shown) => presentMedia(shown, addresses));
}
