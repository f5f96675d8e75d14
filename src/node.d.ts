/** Of Node's modules, what workerd has with `nodejs_compat` and the Worker uses. */
declare module "node:async_hooks" {
	export class AsyncLocalStorage<T> {
		getStore(): T | undefined;
		run<R>(store: T, work: () => R): R;
	}
}

declare module "node:crypto" {
	interface Hash {
		update(bytes: Uint8Array): Hash;
		digest(encoding: "base64"): string;
	}
	export function createHash(algorithm: "sha1"): Hash;
	interface Hmac {
		update(text: string): Hmac;
		digest(encoding: "base64url"): string;
	}
	export function createHmac(algorithm: "sha256", key: string): Hmac;
}
