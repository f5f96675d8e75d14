import { EdgefeedError } from "./errors.ts";

/** What to say of an upload that the service could not use; codes as docs/media.md has them. */
const FAILURES: Record<string, string> = {
	type_mismatch: "The file is not what its name says",
	unreadable: "The file is damaged, or of a kind that is not understood",
	too_many_pixels: "The picture has too many pixels",
	too_long: "The video is too long",
	incomplete: "The file did not arrive as a whole",
	not_processed: "The file could not be processed",
};

/** 422, as the service would answer if it read the bytes at once. */
export function failure(code: string): EdgefeedError {
	const lost = "The photo or video is not on this device any more";
	return new EdgefeedError({ code, status: 422, title: FAILURES[code] ?? lost });
}
