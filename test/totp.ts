/** RFC 6238 with what authenticator apps assume: SHA-1, 30 seconds, six digits. */
export async function totp(uri: string, steps = 0): Promise<string> {
	const secret = base32(new URL(uri).searchParams.get("secret") ?? "");
	const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
	const counter = new DataView(new ArrayBuffer(8));
	counter.setBigUint64(0, BigInt(Math.floor(Date.now() / 30_000) + steps));
	const mac = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
	const number = mac.getUint32(mac.getUint8(19) & 15) & 0x7fffffff;
	return String(number % 1_000_000).padStart(6, "0");
}

function base32(text: string): Uint8Array<ArrayBuffer> {
	let bits = "";
	for (const letter of text.replace(/=+$/, "")) {
		bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
	}
	return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}
