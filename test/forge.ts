import { base64url, exportJWK, exportSPKI, generateKeyPair, type JWK } from "jose";
import { call } from "./api.ts";
import { env } from "./env.ts";

const encoder = new TextEncoder();

/** Signs whatever it is given, as text or as JSON, in the compact form. */
export async function sealed(header: unknown, payload: unknown, key: CryptoKey): Promise<string> {
	const input = [header, payload].map((part) => base64url.encode(textOf(part))).join(".");
	const algorithm = key.algorithm.name === "ECDSA" ? { name: "ECDSA", hash: "SHA-256" } : key.algorithm.name;
	const signature = await crypto.subtle.sign(algorithm, key, encoder.encode(input));
	return `${input}.${base64url.encode(new Uint8Array(signature))}`;
}

/** Has no signature, or the one that is given. */
export function unsigned(header: unknown, payload: unknown, signature = ""): string {
	return `${base64url.encode(textOf(header))}.${base64url.encode(textOf(payload))}.${signature}`;
}

/** Signs by HMAC with some public text as the secret. */
export async function confused(header: object, payload: unknown, secret: string): Promise<string> {
	const algorithm = { name: "HMAC", hash: "SHA-256" };
	const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
	return sealed({ ...header, alg: "HS256" }, payload, key);
}

function textOf(part: unknown): string {
	return typeof part === "string" ? part : JSON.stringify(part);
}

/** The name of the keys that the service trusts: an id, as it gives its own. */
export const TRUSTED = "0000000000KEY";

/** A pair of keys for ES256, and all the texts that its public one is known by. */
export class Keys {
	readonly kid: string;
	readonly privateKey: CryptoKey;
	readonly publicKey: CryptoKey;
	readonly jwk: JWK;
	/** What HMAC might be tricked into taking for its secret. */
	readonly texts: readonly string[];

	private constructor(kid: string, pair: { privateKey: CryptoKey; publicKey: CryptoKey }, jwk: JWK, spki: string) {
		this.kid = kid;
		this.privateKey = pair.privateKey;
		this.publicKey = pair.publicKey;
		this.jwk = { ...jwk, kid, alg: "ES256" };
		this.texts = [spki, spki.trimEnd(), JSON.stringify(jwk), JSON.stringify(this.jwk), jwk.x ?? "", jwk.y ?? ""];
	}

	static async make(kid: string): Promise<Keys> {
		const pair = await generateKeyPair("ES256", { extractable: true });
		return new Keys(kid, pair, await exportJWK(pair.publicKey), await exportSPKI(pair.publicKey));
	}

	/** Keys that the service trusts as its own, so that a token of theirs can be wrong in one thing at a time. */
	static async trusted(): Promise<Keys> {
		// The service's own is made first: it signs with the newest.
		await call("GET", "/auth/jwks");
		const keys = await Keys.make(TRUSTED);
		await env.IDENTITY.prepare(
			"INSERT INTO jwks (id, publicKey, privateKey, alg, crv, createdAt) VALUES (?, ?, 'null', 'ES256', 'P-256', ?)",
		)
			.bind(keys.kid, JSON.stringify({ ...keys.jwk, kid: undefined }), new Date(0).toISOString())
			.run();
		return keys;
	}

	/** A token with the claims that are given, right in all the rest. */
	sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
		return sealed({ ...this.header, ...header }, claims, this.privateKey);
	}

	get header() {
		return { alg: "ES256", kid: this.kid };
	}
}

/** Unix seconds. */
export const seconds = () => Math.floor(Date.now() / 1000);

/** The claims of a good token; what is undefined is left out. */
export function claimsOf(sub: string, more: Record<string, unknown> = {}): Record<string, unknown> {
	const iat = seconds();
	return { iss: "edgefeed", aud: "edgefeed", sub, sid: "session", iat, exp: iat + 900, ...more };
}
