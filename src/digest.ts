import { createHmac } from "node:crypto";

/** SHA-256 of a text, as 64 hexadecimal digits. */
export async function sha256(text: string): Promise<string> {
	return Array.from(new Uint8Array(await bytesOf(text)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** HMAC-SHA256 of a text, in base64url. */
export function hmac(secret: string, text: string): string {
	return createHmac("sha256", secret).update(text).digest("base64url");
}

/** Whether two texts are the same. Compares digests, so that the time it takes tells nothing of either or its length. */
export async function same(a: string, b: string): Promise<boolean> {
	const [left, right] = await Promise.all([bytesOf(a), bytesOf(b)]);
	return crypto.subtle.timingSafeEqual(left, right);
}

function bytesOf(text: string): Promise<ArrayBuffer> {
	return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
