import { answerOf, done } from "./answers.ts";
import type { Core } from "./core.ts";
import type { Export, LinkPreview, SignIn } from "./types.ts";

export interface Sessions {
	/** Where you are signed in, the last used first. */
	list(): Promise<SignIn[]>;
	end(id: string): Promise<void>;
	/** Ends all but this one. */
	endOthers(): Promise<void>;
}

export interface Exports {
	/** Has all that you have made put together; while one is being made, it is the answer. */
	request(): Promise<Export>;
	/** How far it is, and with it the archive once it is ready. */
	get(id: string): Promise<Export & { archive: Record<string, unknown> | null }>;
}

/** A second factor: codes of an authenticator app. */
export interface TwoFactor {
	/** @returns what to show the app, and codes for when it is lost; it counts from {@link TwoFactor.confirm} on */
	enable(password: string): Promise<{ totpURI: string; backupCodes: string[] }>;
	/** @param code six digits that the app shows. @throws EdgefeedError `code_invalid` */
	confirm(code: string): Promise<void>;
	disable(password: string): Promise<void>;
	newBackupCodes(password: string): Promise<string[]>;
}

export interface Links {
	/** What a link leads to, for a composer; `pending`: ask again. */
	preview(url: string, options?: { signal?: AbortSignal }): Promise<LinkPreview>;
}

/** An archive may be large: milliseconds. */
const EXPORT_LASTS = 300_000;

export function sessionsOf({ api }: Core): Sessions {
	return {
		list: async () => (await answerOf<{ items: SignIn[] }>(api.GET("/v1/sessions"))).items,
		end: (id) => done(api.DELETE("/v1/sessions/{id}", { params: { path: { id } } })),
		endOthers: () => done(api.DELETE("/v1/sessions")),
	};
}

export function exportsOf(core: Core): Exports {
	return {
		request: () => answerOf(core.api.POST("/v1/accounts/me/export")),
		async get(id) {
			const url = `${core.baseUrl}/v1/accounts/me/export/${id}`;
			const response = await core.send({ method: "GET", url, headers: new Headers() }, { lasts: EXPORT_LASTS });
			return response.json();
		},
	};
}

export function twoFactorOf({ session }: Core): TwoFactor {
	return {
		enable: (password) => session.authorized("POST", "/auth/two-factor/enable", { password }),
		confirm: (code) => done(session.authorized("POST", "/auth/two-factor/verify-totp", { code })),
		disable: (password) => done(session.authorized("POST", "/auth/two-factor/disable", { password })),
		async newBackupCodes(password) {
			const path = "/auth/two-factor/generate-backup-codes";
			return (await session.authorized<{ backupCodes: string[] }>("POST", path, { password })).backupCodes;
		},
	};
}

export function linksOf({ api }: Core): Links {
	return {
		preview: (url, { signal } = {}) =>
			answerOf(api.POST("/v1/link-previews", { body: { url }, ...(signal ? { signal } : {}) })),
	};
}
