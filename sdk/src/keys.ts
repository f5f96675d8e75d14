/** Characters of a key: 128 bits. */
const LENGTH = 32;

/** A key that nobody else makes, for `Idempotency-Key`: hexadecimal. */
export function mintKey(): string {
	const { crypto } = globalThis as { crypto?: { getRandomValues?<T extends Uint8Array>(bytes: T): T } };
	const bytes = new Uint8Array(LENGTH / 2);
	if (crypto?.getRandomValues) crypto.getRandomValues(bytes);
	// React Native has none without a polyfill; a key must be different, not secret.
	else for (let n = 0; n < bytes.length; n++) bytes[n] = Math.floor(Math.random() * 256);
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
