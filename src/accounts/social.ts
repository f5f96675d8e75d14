import { z } from "@hono/zod-openapi";
import { Problem, type ProblemCode } from "../gateway/problem.ts";
import type { Region } from "../store/shard-map.ts";
import { inTime } from "../within.ts";
import { withQuery } from "./auth.ts";
import { accepted, newSessionOf, type SessionAnswer } from "./calls.ts";
import type { Identity } from "./identity.ts";

/** Milliseconds for a one-time code: a client comes back at once, and a provider's own code is not good for long. */
const CODE_LIFETIME = 5 * 60_000;
/** Milliseconds that a provider has. */
const PATIENCE = 10_000;

/** What a provider sends back; others of its own may be there. */
export const comingBackSchema = z.object({
	state: z.string().min(1).max(200),
	code: z.string().min(1).max(4096).optional(),
	error: z.string().max(200).optional(),
	iss: z.string().max(2048).optional(),
	/** Apple's: the name, the first time. */
	user: z.string().max(4096).optional(),
});
export type ComingBack = z.infer<typeof comingBackSchema>;

/** What is kept between going and coming back: better-auth's state with ours in it. */
const stateSchema = z.object({
	redirectTo: z.string(),
	provider: z.string(),
	codeChallenge: z.string(),
	link: z.object({ userId: z.string() }).optional(),
});

const keptSchema = z.object({ provider: z.string(), query: comingBackSchema });

export interface Going {
	provider: string;
	redirectTo: string;
	/** RFC 7636, method S256. */
	codeChallenge: string;
}

/** How better-auth says that it did not work, as a code of ours; anything else is `code_invalid`. */
const REFUSALS: Readonly<Record<string, ProblemCode>> = {
	account_not_linked: "email_taken",
	account_already_linked_to_different_user: "identity_taken",
	email_not_verified: "email_not_verified",
	internal_server_error: "unavailable",
};

/**
 * Signing in with somebody else's account. The client goes to the provider with a secret of its own (`codeChallenge`,
 * as RFC 7636 has it between a client and a server), the provider sends the browser here, and from here it goes to the
 * client with a one-time code. Nothing happens before the client shows the code and the secret: no account is made, no
 * session, no link. So a way back that was begun by somebody else leads nowhere.
 */
export class SocialSignIn {
	readonly #identity: Identity;
	readonly #database: D1Database;
	readonly #now: () => number;

	constructor(identity: Identity, database: D1Database, now: () => number) {
		this.#identity = identity;
		this.#database = database;
		this.#now = now;
	}

	/**
	 * @param request a call of better-auth's `/sign-in/social` or `/link-social`
	 * @returns the provider's address
	 * @throws Problem `session_invalid`, or `unavailable` when the provider is out of reach
	 */
	async go(request: Request, { provider, redirectTo, codeChallenge }: Going): Promise<string> {
		const body = JSON.stringify({
			provider,
			disableRedirect: true,
			additionalData: { provider, redirectTo, codeChallenge },
		});
		const response = await this.#ask(new Request(request, { body }), { provider });
		// The provider is one of ours: better-auth did not get its configuration.
		if (response.status === 404) throw new Problem("unavailable");
		const { url } = z.object({ url: z.string() }).parse(await accepted(response));
		return url;
	}

	/** @returns the client's address, with a one-time code or an error. @throws Problem `link_invalid` */
	async comeBack(request: Request, provider: string, query: ComingBack): Promise<string> {
		const state = await this.#state(request, query.state);
		if (state?.provider !== provider) throw new Problem("link_invalid");
		if (query.code === undefined || query.error !== undefined) {
			const error = query.error === "access_denied" ? "access_denied" : "provider_failed";
			return withQuery(state.redirectTo, { error });
		}
		const code = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
		const { internalAdapter } = await this.#identity.auth(request).$context;
		await internalAdapter.createVerificationValue({
			identifier: await identifierOf(code),
			value: JSON.stringify({ provider, query } satisfies z.infer<typeof keptSchema>),
			expiresAt: new Date(this.#now() + CODE_LIFETIME),
		});
		return withQuery(state.redirectTo, { code });
	}

	/**
	 * @param request with a session's token when an account is to be linked
	 * @throws Problem `code_invalid`, `session_invalid`, `email_taken`, `identity_taken`, or `unavailable`
	 */
	async finish(request: Request, code: string, codeVerifier: string, region: Region): Promise<SessionAnswer> {
		const { internalAdapter } = await this.#identity.auth(request).$context;
		const identifier = await identifierOf(code);
		const kept = parse(keptSchema, (await internalAdapter.findVerificationValue(identifier))?.value);
		const state = kept && (await this.#state(request, kept.query.state));
		if (!kept || !state || state.codeChallenge !== (await digest(codeVerifier))) throw new Problem("code_invalid");
		const linked = state.link?.userId;
		if (linked !== undefined) await this.#requireSession(request, linked);
		if (!(await internalAdapter.consumeVerificationValue(identifier))) throw new Problem("code_invalid");

		const { provider, query } = kept;
		const headers = new Headers(request.headers);
		headers.delete("authorization");
		headers.delete("content-type");
		const address = withQuery(new URL(`/auth/callback/${provider}`, request.url).href, query);
		const response = await this.#ask(new Request(address, { headers }), {
			provider,
			region,
			linking: linked !== undefined,
		});
		const location = response.headers.get("location");
		if (location === null) {
			await accepted(response);
			throw new Problem("code_invalid");
		}
		const error = new URL(location).searchParams.get("error");
		if (error !== null) throw new Problem(REFUSALS[error] ?? "code_invalid");

		if (linked !== undefined) {
			await this.#database
				.prepare("UPDATE user SET isAnonymous = 0 WHERE id = ? AND isAnonymous = 1")
				.bind(linked)
				.run();
			return this.#answer(request, String(request.headers.get("authorization")?.replace(/^bearer +/i, "")));
		}
		return this.#answer(request, String(newSessionOf(response)));
	}

	async #requireSession(request: Request, account: string): Promise<void> {
		const found = await this.#identity.session(request);
		if (!found) throw new Problem("session_invalid");
		if (found.user.id !== account) throw new Problem("code_invalid");
	}

	async #answer(request: Request, token: string): Promise<SessionAnswer> {
		const found = await this.#identity.session(
			new Request(request.url, { headers: { authorization: `Bearer ${token}` } }),
		);
		if (!found) throw new Problem("code_invalid");
		return { token, user: found.user as unknown as SessionAnswer["user"] };
	}

	async #state(request: Request, state: string) {
		const { internalAdapter } = await this.#identity.auth(request).$context;
		const found = await internalAdapter.findVerificationValue(state);
		if (!found || found.expiresAt.getTime() < this.#now()) return undefined;
		return parse(stateSchema, found.value);
	}

	async #ask(request: Request, occasion: Parameters<Identity["handle"]>[1]): Promise<Response> {
		return inTime(PATIENCE, this.#identity.handle(request, occasion), LATE).catch((error: unknown) => {
			throw error instanceof Error && error.message === LATE ? new Problem("unavailable") : error;
		});
	}
}

const LATE = "the provider did not answer in time";

function parse<T extends z.ZodType>(schema: T, text: string | undefined): z.infer<T> | undefined {
	try {
		return schema.safeParse(JSON.parse(text ?? "")).data;
	} catch {
		return undefined;
	}
}

async function identifierOf(code: string): Promise<string> {
	return `sign-in-code:${await digest(code)}`;
}

/** @returns the SHA-256 of a text in base64url. */
async function digest(text: string): Promise<string> {
	return Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toString("base64url");
}
