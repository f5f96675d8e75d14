import { answerOf } from "./answers.ts";
import type { Core } from "./core.ts";
import { localError } from "./errors.ts";
import type { SignInResult } from "./session.ts";
import type { Provider } from "./types.ts";

/** Signing in with another service's account. */
export interface Providers {
	list(): Promise<Provider[]>;
	/**
	 * Begins to sign in with one; with `link`, to make it a way into the account that is signed in.
	 *
	 * @param to where to come back to: a page of the app, which then calls {@link Providers.finish}
	 * @returns the address to open, in the same browser
	 */
	begin(id: string, to: { redirectTo: string; link?: boolean }): Promise<string>;
	/**
	 * Comes back: `code` is what the address of the page has.
	 *
	 * @throws EdgefeedError `code_invalid` when it is too late, `not_begun` when that was on another device
	 */
	finish(code: string): Promise<SignInResult>;
	/** Has one sign in to this account no more. @throws EdgefeedError `last_way_in` when nothing else would */
	disconnect(id: string): Promise<void>;
}

/** What is kept on the device meanwhile: without it the code in the address is worth nothing. */
interface Begun {
	codeVerifier: string;
	link: boolean;
}

const KEY = "provider";
/** Bytes of a verifier: RFC 7636, section 4.1. */
const VERIFIER = 32;

export function providersOf({ api, session, storage }: Core): Providers {
	return {
		list: async () => (await answerOf<{ items: Provider[] }>(api.GET("/auth/providers"))).items,
		async begin(provider, { redirectTo, link = false }) {
			const { crypto } = globalThis as { crypto?: Crypto };
			if (!crypto?.subtle) throw localError("not_supported");
			const codeVerifier = base64url(crypto.getRandomValues(new Uint8Array(VERIFIER)));
			const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(codeVerifier));
			const body = { provider, redirectTo, codeChallenge: base64url(new Uint8Array(digest)) };
			const { url } = link
				? await session.authorized<{ url: string }>("POST", "/auth/link-social", body)
				: await answerOf<{ url: string }>(api.POST("/auth/sign-in/social", { body }));
			await storage.set(KEY, JSON.stringify({ codeVerifier, link } satisfies Begun));
			return url;
		},
		async finish(code) {
			const text = await storage.get(KEY);
			if (!text) throw localError("not_begun");
			const { codeVerifier, link } = JSON.parse(text) as Begun;
			const body = { code, codeVerifier };
			const result: SignInResult = link
				? await session
						.authorized<{ user: { id: string } }>("POST", "/auth/sign-in/code", body)
						.then(({ user }) => ({ state: "signed-in", accountId: user.id }))
				: await session.enter("/auth/sign-in/code", body);
			await storage.delete(KEY);
			return result;
		},
		disconnect: (provider) => session.authorized("POST", "/auth/unlink-social", { provider }),
	};
}

function base64url(bytes: Uint8Array): string {
	return btoa(String.fromCharCode(...bytes))
		.replaceAll("+", "-")
		.replaceAll("/", "_")
		.replaceAll("=", "");
}
