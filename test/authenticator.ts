/**
 * An authenticator in software: one key, real attestations (format "none") and assertions, as
 * https://www.w3.org/TR/webauthn-3/ has them.
 */
export class Authenticator {
	readonly #keys: CryptoKeyPair;
	readonly #credential = crypto.getRandomValues(new Uint8Array(16));
	readonly #origin: string;
	#uses = 0;

	private constructor(keys: CryptoKeyPair, origin: string) {
		this.#keys = keys;
		this.#origin = origin;
	}

	static async make(origin: string): Promise<Authenticator> {
		const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
		return new Authenticator(keys as CryptoKeyPair, origin);
	}

	/** Answers `navigator.credentials.create`. */
	async create(options: { challenge: string; rp: { id: string } }) {
		const key = (await crypto.subtle.exportKey("jwk", this.#keys.publicKey)) as JsonWebKey;
		// COSE (RFC 9053): key type EC2, algorithm ES256, curve P-256.
		const cose = map([
			[1, 2],
			[3, -7],
			[-1, 1],
			[-2, bytes(String(key.x))],
			[-3, bytes(String(key.y))],
		]);
		const length = new Uint8Array([0, this.#credential.length]);
		// User present, user verified, attested credential data.
		const data = await this.#data(options.rp.id, 0x45, join(new Uint8Array(16), length, this.#credential, cose));
		return this.#answer({
			clientDataJSON: this.#clientData("webauthn.create", options.challenge),
			attestationObject: text(
				map([
					["fmt", "none"],
					["attStmt", new Map()],
					["authData", data],
				]),
			),
		});
	}

	/** Answers `navigator.credentials.get`. */
	async get(options: { challenge: string; rpId: string }, { verified = true } = {}) {
		const data = await this.#data(options.rpId, verified ? 0x05 : 0x01);
		const clientDataJSON = this.#clientData("webauthn.get", options.challenge);
		const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(clientDataJSON)));
		const algorithm = { name: "ECDSA", hash: "SHA-256" };
		const signature = await crypto.subtle.sign(algorithm, this.#keys.privateKey, join(data, hash));
		return this.#answer({
			clientDataJSON,
			authenticatorData: text(data),
			signature: text(der(new Uint8Array(signature))),
		});
	}

	async #data(domain: string, flags: number, more = new Uint8Array()): Promise<Uint8Array<ArrayBuffer>> {
		const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(domain)));
		const tail = new DataView(new ArrayBuffer(5));
		tail.setUint8(0, flags);
		tail.setUint32(1, ++this.#uses);
		return join(hash, new Uint8Array(tail.buffer), more);
	}

	#clientData(type: string, challenge: string): string {
		return text(
			new TextEncoder().encode(JSON.stringify({ type, challenge, origin: this.#origin, crossOrigin: false })),
		);
	}

	#answer<T>(response: T) {
		const id = text(this.#credential);
		return { id, rawId: id, type: "public-key", response, clientExtensionResults: {} };
	}
}

const text = (data: Uint8Array) => Buffer.from(data).toString("base64url");
const bytes = (base64url: string) => Uint8Array.from(Buffer.from(base64url, "base64url"));
const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** CBOR (RFC 8949) of a map, as far as it is needed here. */
function map(entries: Iterable<[unknown, unknown]>): Uint8Array<ArrayBuffer> {
	const list = [...entries];
	return join(head(5, list.length), ...list.flatMap(([key, value]) => [cbor(key), cbor(value)]));
}

function cbor(value: unknown): Uint8Array<ArrayBuffer> {
	if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
	if (typeof value === "string") return join(head(3, value.length), new TextEncoder().encode(value));
	if (value instanceof Uint8Array) return join(head(2, value.length), value);
	return map(value as Map<unknown, unknown>);
}

function head(type: number, length: number): Uint8Array<ArrayBuffer> {
	if (length < 24) return new Uint8Array([(type << 5) | length]);
	if (length < 256) return new Uint8Array([(type << 5) | 24, length]);
	return new Uint8Array([(type << 5) | 25, length >> 8, length & 255]);
}

/** WebCrypto's signature, two numbers side by side, in ASN.1. */
function der(signature: Uint8Array): Uint8Array<ArrayBuffer> {
	const integer = (number: Uint8Array) => {
		const start = number.findIndex((byte) => byte !== 0);
		const short = number.slice(start);
		const positive = (short[0] ?? 0) > 127 ? join(new Uint8Array(1), short) : short;
		return join(new Uint8Array([2, positive.length]), positive);
	};
	const numbers = join(integer(signature.slice(0, 32)), integer(signature.slice(32)));
	return join(new Uint8Array([0x30, numbers.length]), numbers);
}
