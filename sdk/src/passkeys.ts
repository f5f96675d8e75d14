import { answerOf } from "./answers.ts";
import type { Core } from "./core.ts";
import { localError } from "./errors.ts";
import type { SignInResult } from "./session.ts";
import type { Passkey } from "./types.ts";

/** Keys that a device or a password manager keeps: signing in with a finger, a face or a number. */
export interface Passkeys {
	/** Whether this device can make and use them. Only browsers do by themselves. */
	supported(): Promise<boolean>;
	/** Signs in with one that the person chooses. @throws EdgefeedError `passkey_invalid`, `cancelled`, `not_supported` */
	signIn(): Promise<SignInResult>;
	list(): Promise<Passkey[]>;
	/** Makes one for who is signed in, who must have signed in within a day. @throws EdgefeedError `session_invalid` after that */
	add(name?: string): Promise<Passkey>;
	delete(id: string): Promise<void>;
}

/** Of a ceremony: what the service wants of the authenticator, and by what it knows the answer again. */
interface Ceremony<Options> {
	ceremony: string;
	options: Options;
}

export function passkeysOf({ api, session }: Core): Passkeys {
	// Loaded when it is needed: few visits do.
	const webAuthn = () => import("@simplewebauthn/browser");
	const authenticator = async () => {
		const found = await webAuthn();
		if (!found.browserSupportsWebAuthn()) throw localError("not_supported");
		return found;
	};
	/** The person said no, took too long, or has none: the browser does not tell which. */
	const cancelled = (error: unknown) => {
		throw localError("cancelled", error);
	};
	return {
		supported: async () => (await webAuthn()).browserSupportsWebAuthn(),
		async signIn() {
			const { startAuthentication } = await authenticator();
			type Options = Parameters<typeof startAuthentication>[0]["optionsJSON"];
			const begun = api.GET("/auth/passkey/generate-authenticate-options");
			const { ceremony, options } = await answerOf<Ceremony<Options>>(begun);
			const response = await startAuthentication({ optionsJSON: options }).catch(cancelled);
			return session.enter("/auth/passkey/verify-authentication", { ceremony, response });
		},
		async list() {
			const answer = await session.authorized<{ items: Passkey[] }>("GET", "/auth/passkey/list-user-passkeys");
			return answer.items;
		},
		async add(name) {
			const { startRegistration } = await authenticator();
			type Options = Parameters<typeof startRegistration>[0]["optionsJSON"];
			const path = "/auth/passkey/generate-register-options";
			const { ceremony, options } = await session.authorized<Ceremony<Options>>("GET", path);
			const response = await startRegistration({ optionsJSON: options }).catch(cancelled);
			const named = name === undefined ? {} : { name };
			return session.authorized("POST", "/auth/passkey/verify-registration", { ceremony, response, ...named });
		},
		delete: (id) => session.authorized("POST", "/auth/passkey/delete-passkey", { id }),
	};
}
