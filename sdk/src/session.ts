import { EdgefeedError, localError } from "./errors.ts";
import { mintKey } from "./keys.ts";
import type { Platform } from "./platform.ts";
import { pause, waitAfter } from "./retry.ts";
import { Signal } from "./signal.ts";
import type { EdgefeedStorage } from "./storage.ts";
import type { WaysIn } from "./types.ts";
import { exchange } from "./wire.ts";

/** What is kept of a session, as JSON under {@link KEY}. */
interface Kept {
	accountId: string;
	refreshToken: string;
	/** The last access token, and until when it is used: Unix milliseconds of this device. */
	access?: { token: string; goodUntil: number };
	/** The key of a refresh whose answer has not come: who repeats it with this key is not taken for a thief. */
	attempt?: string;
}

const KEY = "session";
/** Access tokens are replaced so long before they end, in milliseconds. */
const EARLY = 60_000;
/** How long one is taken to last that does not say so, in milliseconds. */
const LASTS = 600_000;
/** Tries to get an answer to one refresh; the service takes a repeat for the same one for half a minute at least. */
const TRIES = 4;
const BACKOFF = { first: 500, longest: 4000 };

/** Who is signed in. */
export interface SignedIn {
	accountId: string;
}

/** Instead of a session, for an account that wants a second factor. */
export interface Challenge {
	challenge: string;
	methods: string[];
}

export type SignInResult =
	| { state: "signed-in"; accountId: string }
	/** Go on with {@link Session.verifyTwoFactor}. */
	| { state: "two-factor"; twoFactor: Challenge }
	/** The address has to be confirmed first: a message is on its way. */
	| { state: "verification-sent" };

export interface NewAccount {
	email: string;
	password: string;
	/** The display name. */
	name: string;
	username: string;
	region?: string;
}

export type Credentials = { username: string; password: string } | { email: string; password: string };

interface SessionAnswer {
	token: string;
	user: { id: string };
}
type SignInAnswer = SessionAnswer | { twoFactor: Challenge } | { verificationSent: true };

/** Signing in and staying so: the tokens, which nobody outside needs to see. */
export class Session {
	readonly #platform: Platform;
	readonly #storage: EdgefeedStorage;
	readonly #baseUrl: string;
	readonly #headers: () => Record<string, string>;
	readonly #changed = new Signal<SignedIn | null>();
	readonly #lock: string;
	#kept: Kept | undefined;
	#current: SignedIn | null = null;
	#refreshing: Promise<string> | undefined;
	/** Resolves when it is known whether somebody is signed in: until then `current` is null. Never rejects. */
	readonly ready: Promise<void>;

	/** @internal */
	constructor(parts: {
		platform: Platform;
		storage: EdgefeedStorage;
		baseUrl: string;
		headers: () => Record<string, string>;
	}) {
		this.#platform = parts.platform;
		this.#storage = parts.storage;
		this.#baseUrl = parts.baseUrl;
		this.#headers = parts.headers;
		this.#lock = `edgefeed session ${parts.baseUrl}`;
		this.ready = this.#read().then(() => undefined);
		// Another tab may have signed in or out meanwhile.
		parts.platform.wakes((wake) => {
			if (wake === "visible") void this.#read();
		});
	}

	/** Who is signed in on this device; null when nobody is, or when that is not known yet. */
	get current(): SignedIn | null {
		return this.#current;
	}

	/** Calls the listener after each sign-in and sign-out. @returns what ends that */
	subscribe(listener: (current: SignedIn | null) => void): () => void {
		return this.#changed.subscribe(listener);
	}

	/** Makes an account. */
	async signUp(account: NewAccount): Promise<SignInResult> {
		return this.enter("/auth/sign-up/email", account);
	}

	/** Signs in by username or by e-mail address. @throws EdgefeedError `invalid_credentials` */
	async signIn(credentials: Credentials): Promise<SignInResult> {
		return this.enter("email" in credentials ? "/auth/sign-in/email" : "/auth/sign-in/username", credentials);
	}

	/** Makes an account without an address; {@link keepGuest} keeps it for good. */
	async signInAsGuest(options: { name?: string; region?: string } = {}): Promise<SignInResult> {
		return this.enter("/auth/sign-in/anonymous", options);
	}

	async keepGuest(credentials: { email: string; password: string }): Promise<void> {
		await this.authorized("POST", "/auth/upgrade", credentials);
	}

	/** By what the account can be signed in to: whether it is a guest's, has a second factor, and so on. */
	async waysIn(): Promise<WaysIn> {
		return this.authorized("GET", "/auth/account");
	}

	/** Ends a sign-in that wants a second factor: six digits of the app, or a backup code. @throws EdgefeedError `code_invalid` */
	async verifyTwoFactor({ challenge, code }: { challenge: string; code: string }): Promise<SignInResult> {
		const path = /^\d{6}$/.test(code) ? "verify-totp" : "verify-backup-code";
		return this.enter(`/auth/two-factor/${path}`, { challenge, code });
	}

	/**
	 * Has a message sent with which a new password is chosen. The answer does not tell whether there is such an account.
	 *
	 * @param redirectTo the page that the link leads to, with `token`; without one, the message has the token to type in
	 */
	async requestPasswordReset({ email, redirectTo }: { email: string; redirectTo?: string }): Promise<void> {
		await this.#post("/auth/request-password-reset", { email, ...(redirectTo ? { redirectTo } : {}) });
	}

	/** Sets a new password with the token of a message, and ends all sessions. @throws EdgefeedError `link_invalid` */
	async resetPassword({ token, newPassword }: { token: string; newPassword: string }): Promise<void> {
		await this.#post("/auth/reset-password", { token, newPassword });
	}

	/** Has the message sent again that confirms an address. @param redirectTo where its link leads in the end */
	async sendVerification({ email, redirectTo }: { email: string; redirectTo?: string }): Promise<void> {
		await this.#post("/auth/send-verification-email", { email, ...(redirectTo ? { redirectTo } : {}) });
	}

	/**
	 * Changes the account's address once the links of the messages are opened: one to the old address, if it was
	 * confirmed, then one to the new one. The answer does not tell whether another account has it.
	 *
	 * @throws EdgefeedError `invalid_credentials`, or `reauthentication_required` when the password is wanted
	 */
	async changeEmail(change: { newEmail: string; password?: string; redirectTo?: string }): Promise<void> {
		await this.authorized("POST", "/auth/change-email", change);
	}

	/** Takes over a session that was begun in another way: by a server of yours, a link. @param token the session token */
	async adopt({ token, accountId }: { token: string; accountId: string }): Promise<void> {
		await this.#platform.locks.request(this.#lock, async () => {
			const before = await this.#read();
			if (before && before.accountId !== accountId) await this.#forget(before.accountId, "without");
			await this.#write({ accountId, refreshToken: token });
		});
	}

	/** Signs out here, and tells the service if it can be reached. All that was kept on this device is deleted. */
	async signOut(): Promise<void> {
		await this.#platform.locks.request(this.#lock, async () => {
			const kept = await this.#read();
			if (!kept) return;
			await this.#post("/auth/sign-out", undefined, kept.refreshToken).catch(() => undefined);
			await this.#end("with");
		});
	}

	/**
	 * An access token that is good for a while yet, or undefined when nobody is signed in.
	 *
	 * @param refused one that the service has refused: it is replaced
	 * @throws EdgefeedError `not_signed_in` when the session has ended; what the network does
	 */
	async accessToken(refused?: string): Promise<string | undefined> {
		await this.ready;
		const kept = this.#kept ?? (await this.#read());
		if (!kept) return undefined;
		const { access } = kept;
		if (access && access.token !== refused && access.goodUntil > this.#platform.now()) return access.token;
		this.#refreshing ??= this.#refresh(refused).finally(() => {
			this.#refreshing = undefined;
		});
		return this.#refreshing;
	}

	/**
	 * Calls what wants the session itself, not an access token: the second factor, passkeys, the upgrade of a guest.
	 * A new session token in the answer takes the old one's place.
	 */
	async authorized<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
		return this.#platform.locks.request(this.#lock, async () => {
			const kept = await this.#read();
			if (!kept) throw localError("not_signed_in");
			const answer = await this.#call<T>(method, path, body, kept.refreshToken);
			const { token } = (answer ?? {}) as { token?: unknown };
			if (typeof token === "string") await this.#write({ accountId: kept.accountId, refreshToken: token });
			return answer;
		});
	}

	/** Signs in by a call that answers a session. @internal */
	async enter(path: string, body: unknown): Promise<SignInResult> {
		const answer = await this.#post<SignInAnswer>(path, body);
		if ("twoFactor" in answer) return { state: "two-factor", twoFactor: answer.twoFactor };
		if ("verificationSent" in answer) return { state: "verification-sent" };
		await this.adopt({ token: answer.token, accountId: answer.user.id });
		return { state: "signed-in", accountId: answer.user.id };
	}

	/**
	 * Replaces the tokens. Other tabs have the same ones and each is good once: so one tab at a time, which first looks
	 * whether another has been faster.
	 */
	#refresh(refused: string | undefined): Promise<string> {
		return this.#platform.locks.request(this.#lock, async () => {
			const kept = await this.#read();
			if (!kept) throw localError("not_signed_in");
			const { access, refreshToken } = kept;
			if (access && access.token !== refused && access.goodUntil > this.#platform.now()) return access.token;
			const attempt = kept.attempt ?? mintKey();
			// Kept before it is sent: should the answer be lost, whoever comes after repeats this and nothing else.
			if (kept.attempt === undefined) await this.#write({ ...kept, attempt });
			const answer = await this.#replace(refreshToken, attempt);
			const goodUntil = this.#platform.now() + lifetimeOf(answer.token) - EARLY;
			await this.#write({
				accountId: kept.accountId,
				refreshToken: answer.refreshToken,
				access: { token: answer.token, goodUntil },
			});
			return answer.token;
		});
	}

	async #replace(refreshToken: string, attempt: string): Promise<{ token: string; refreshToken: string }> {
		for (let failures = 1; ; failures++) {
			try {
				return await this.#post("/auth/refresh", { refreshToken }, undefined, attempt);
			} catch (error) {
				if (!(error instanceof EdgefeedError)) throw error;
				if (error.status === 401 || error.status === 400) {
					// Not her doing: what she has written waits until she is back.
					await this.#end("without");
					throw localError("not_signed_in", error);
				}
				if (!error.retryable || failures >= TRIES) throw error;
				await pause(waitAfter(failures, BACKOFF, this.#platform.random()));
			}
		}
	}

	#post<T>(path: string, body?: unknown, bearer?: string, key?: string): Promise<T> {
		return this.#call("POST", path, body, bearer, key);
	}

	async #call<T>(method: string, path: string, body: unknown, bearer?: string, key?: string): Promise<T> {
		const headers = new Headers(this.#headers());
		if (body !== undefined) headers.set("content-type", "application/json");
		if (bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
		if (key !== undefined) headers.set("idempotency-key", key);
		const url = `${this.#baseUrl}${path}`;
		const text = body === undefined ? undefined : JSON.stringify(body);
		const response = await exchange(this.#platform, { method, url, headers, body: text });
		const answer = await response.text();
		return (answer === "" ? undefined : JSON.parse(answer)) as T;
	}

	/** What is kept, which another tab may have changed; what storage fails to tell is what this tab knows. */
	async #read(): Promise<Kept | undefined> {
		let text: string | null | undefined;
		try {
			text = await this.#storage.get(KEY);
		} catch {
			return this.#kept;
		}
		this.#take(text ? (JSON.parse(text) as Kept) : undefined);
		return this.#kept;
	}

	async #write(kept: Kept): Promise<void> {
		await this.#storage.set(KEY, JSON.stringify(kept)).catch(() => undefined);
		this.#take(kept);
	}

	/** @param unsent `with`: what waits to be sent goes too */
	async #end(unsent: "with" | "without"): Promise<void> {
		const { accountId } = this.#kept ?? {};
		// First, so that nobody keeps anything for the account after it was deleted.
		this.#take(undefined);
		await this.#storage.delete(KEY).catch(() => undefined);
		if (accountId !== undefined) await this.#forget(accountId, unsent);
	}

	/** Deletes what is kept for an account: it is in keys that name it. */
	async #forget(accountId: string, unsent: "with" | "without"): Promise<void> {
		const keys = await this.#storage.keys().catch(() => []);
		for (const key of keys) {
			const [room, ...names] = key.split("/");
			if (!names.includes(accountId) || (unsent === "without" && room === "outbox")) continue;
			await this.#storage.delete(key).catch(() => undefined);
		}
	}

	#take(kept: Kept | undefined): void {
		this.#kept = kept;
		if (kept?.accountId === this.#current?.accountId) return;
		this.#current = kept ? { accountId: kept.accountId } : null;
		this.#changed.emit(this.#current);
	}
}

/** Milliseconds that an access token lasts, by its own clock: this device's may be wrong. */
function lifetimeOf(token: string): number {
	try {
		const payload = token.split(".")[1] ?? "";
		const { iat, exp } = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
		return Number.isFinite(exp - iat) ? (exp - iat) * 1000 : LASTS;
	} catch {
		return LASTS;
	}
}
