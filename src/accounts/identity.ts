import { APIError } from "better-auth/api";
import { createJwk } from "better-auth/plugins";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import { Problem } from "../gateway/problem.ts";
import type { Role } from "../gateway/tokens.ts";
import type { Counter } from "../metrics.ts";
import type { Id } from "../store/ids.ts";
import type { Region } from "../store/shard-map.ts";
import { type AuthOptions, KEY_KIND, makeAuth, type Occasion } from "./auth.ts";
import type { RefreshTokens, Successor } from "./refresh.ts";
import type { Sessions } from "./sessions.ts";
import type { NewProfile } from "./store.ts";
import { removeWayIn } from "./ways-in.ts";

/** What we read of better-auth's `user` table ourselves; `migrations/identity/` has the whole. */
const users = sqliteTable("user", {
	id: text("id").$type<Id>().primaryKey(),
	name: text("name").notNull(),
	email: text("email").notNull(),
	username: text("username"),
	displayUsername: text("displayUsername"),
	region: text("region").$type<Region>().notNull(),
	role: text("role").$type<Role>().notNull(),
});

export interface IdentityOptions extends Omit<AuthOptions, "ensureProfile"> {
	sessions: Sessions;
	refreshTokens: RefreshTokens;
	metrics: Counter;
	now: () => number;
	/** Called before every session: makes the account's profile when it is not there yet. */
	ensureProfile: (profile: NewProfile) => Promise<void>;
}

/** After so long, in milliseconds, an account without credentials is one whose sign-up died. */
const HALF_MADE = 60_000;
/** Who comes second sees at the next look what the first one did. */
const REFRESH_ROUNDS = 4;

/** For what no client has asked. */
const LOCAL = new Request("http://localhost");

/** Credentials and sessions: better-auth on its own database, apart from posts. */
export class Identity {
	readonly #options: IdentityOptions;

	constructor(options: IdentityOptions) {
		this.#options = options;
	}

	/** Answers a request below `/auth` as better-auth does. */
	async handle(request: Request, occasion?: Occasion): Promise<Response> {
		return this.auth(request, occasion).handler(await this.#known(request));
	}

	/** The request as better-auth can read it: it knows nothing of refresh tokens. */
	async #known(request: Request): Promise<Request> {
		const bearer = /^bearer +(.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
		if (bearer === undefined) return request;
		// With a refresh token one refreshes: it would otherwise be good for as long as the session, unnoticed.
		const lasting = new URL(request.url).pathname === "/auth/token" && bearer.startsWith("efr_");
		const token = lasting ? undefined : await this.#options.refreshTokens.sessionToken(bearer);
		if (token === bearer) return request;
		const known = new Request(request);
		if (token === undefined) known.headers.delete("authorization");
		else known.headers.set("authorization", `Bearer ${token}`);
		return known;
	}

	/**
	 * Replaces a refresh token, and makes an access token of its session. The access token is signed first: should that
	 * fail, nothing has changed. One that was used up ends the session.
	 *
	 * @returns undefined when the token is good for nothing
	 */
	async refresh(refreshToken: string, key?: string): Promise<({ token: string } & Successor) | undefined> {
		const { refreshTokens, sessions, metrics } = this.#options;
		for (let round = 0; round < REFRESH_ROUNDS; round++) {
			const presented = await refreshTokens.present(refreshToken, key);
			if (!presented) return undefined;
			const { session } = presented;
			if (presented.state === "reused") {
				// One that was good when it came, and was overtaken, is no copy.
				if (round > 0) return undefined;
				metrics.add("refresh_reused", 1);
				await sessions.end(session.id);
				return undefined;
			}
			const token = await this.#accessToken(session.token);
			const next = token === undefined ? undefined : await refreshTokens.replace(presented, key);
			if (token !== undefined && next) return { token, ...next };
			// Somebody was faster: looked at again, this is the token before the last one.
		}
		return undefined;
	}

	/** @returns undefined when there is no such session (any more). */
	async #accessToken(sessionToken: string): Promise<string | undefined> {
		const headers = new Headers({ authorization: `Bearer ${sessionToken}` });
		try {
			return (await this.auth(LOCAL).api.getToken({ headers })).token;
		} catch (error) {
			if (error instanceof APIError && error.status === "UNAUTHORIZED") return undefined;
			throw error;
		}
	}

	/** Makes the next signing key, which signs from a moment on (Unix milliseconds), unless there is one already. */
	async rotateKey(signsFrom: number): Promise<void> {
		const { signingKeys } = this.#options;
		const context = (await this.auth(LOCAL).$context) as never;
		await createJwk({ context } as never, { ...KEY_KIND, adapter: signingKeys.adapter(signsFrom) });
	}

	/** The public keys of access tokens, as `GET /auth/jwks` answers, but past its rate limit. */
	async keySet(): Promise<Response> {
		return Response.json(await this.auth(LOCAL).api.getJwks());
	}

	/**
	 * Makes an account. better-auth writes it in two steps; what a process that died between them left behind
	 * would keep the address and the username for ever, so it is cleared away first.
	 */
	async signUp(
		request: Request,
		{ email, username }: { email: string; username: string },
		redirectTo?: string,
	): Promise<Response> {
		const before = new Date(this.#options.now() - HALF_MADE).toISOString();
		await this.#options.database
			.prepare(
				`DELETE FROM user WHERE (email = ?1 OR username = ?2) AND createdAt < ?3
				AND emailVerified = 0 AND isAnonymous IS NOT 1
				AND NOT EXISTS (SELECT 1 FROM account WHERE account.userId = user.id)
				AND NOT EXISTS (SELECT 1 FROM external_identities WHERE account_id = user.id)`,
			)
			.bind(email.toLowerCase(), username.toLowerCase(), before)
			.run();
		return this.handle(request, { redirectTo });
	}

	/** As {@link handle}, for what was begun in an earlier call: `value` is the cookie that was then set. */
	async resume(request: Request, cookie: string, value: string, occasion?: Occasion): Promise<Response> {
		const auth = this.auth(request, occasion);
		const { createAuthCookie } = await auth.$context;
		const known = await this.#known(request);
		const headers = new Headers(known.headers);
		headers.set("cookie", `${createAuthCookie(cookie).name}=${value}`);
		return auth.handler(new Request(known, { headers }));
	}

	/** The session that a request's token is of, and its account. */
	async session(request: Request) {
		return this.#sessionOf(await this.#known(request));
	}

	#sessionOf(known: Request) {
		const { headers } = known;
		return this.auth(known).api.getSession({ headers, query: { disableRefresh: true } });
	}

	/**
	 * Ends the session of a request, and answers as better-auth does. Not left to it: it says "signed out" also when
	 * the session could not be deleted, and knows nothing of the access tokens that were made from it.
	 */
	async signOut(original: Request): Promise<Response> {
		// Known before its session ends: afterwards nobody could tell whose token it is.
		const request = await this.#known(original);
		const found = await this.#sessionOf(request);
		if (found) {
			const { id, userId } = found.session;
			const requestId = request.headers.get("x-request-id") ?? undefined;
			await this.#options.auditLog.record({
				act: "sign_out",
				actor: userId,
				subject: userId,
				detail: { session: id },
				...(requestId ? { requestId } : {}),
			});
			await this.#options.sessions.end(id);
		}
		return this.auth(request).handler(request);
	}

	/**
	 * Sets a new password, and ends all other sessions: before it is written, so that none outlives a process that dies
	 * here, and after, because until then somebody could sign in with the old one.
	 */
	async changePassword(original: Request): Promise<Response> {
		// Known once: what a refresh token came with can be read only then.
		const request = await this.#known(original);
		const found = await this.#sessionOf(request);
		if (!found) throw new Problem("session_invalid");
		const endOthers = () => this.#options.sessions.endOthers(found.user.id as Id, found.session.id);
		const response = await this.auth(request, { beforePassword: endOthers }).handler(request);
		if (response.ok) await endOthers();
		return response;
	}

	/** Sets a new password for whoever has the code, and ends all sessions, before and after as above. */
	async resetPassword(request: Request, code: string): Promise<Response> {
		const { internalAdapter } = await this.auth(request).$context;
		const account = (await internalAdapter.findVerificationValue(`reset-password:${code}`))?.value as Id | undefined;
		const endAll = async () => {
			if (account !== undefined) await this.#options.sessions.endAll(account);
		};
		const response = await this.handle(request, { beforePassword: endAll });
		if (response.ok) await endAll();
		return response;
	}

	/**
	 * Makes an account of an anonymous one, with the same id: all at once or not at all.
	 *
	 * @param request with the session's token
	 * @throws Problem `session_invalid`, `not_anonymous` or `email_taken`
	 */
	async upgrade(request: Request, { email, password }: { email: string; password: string }): Promise<void> {
		const { database, now } = this.#options;
		const found = await this.session(request);
		if (!found) throw new Problem("session_invalid");
		if (!found.user.isAnonymous) throw new Problem("not_anonymous");
		const auth = this.auth(request);
		const context = await auth.$context;
		const hash = await context.password.hash(password);
		const at = new Date(now()).toISOString();
		try {
			const [made] = await database.batch([
				database
					.prepare(
						`INSERT INTO account (id, accountId, providerId, userId, password, createdAt, updatedAt)
						SELECT ?2, id, 'credential', id, ?3, ?4, ?4 FROM user WHERE id = ?1 AND isAnonymous = 1`,
					)
					.bind(found.user.id, this.#options.minter.mint(0), hash, at),
				database
					.prepare(
						`UPDATE user SET email = ?2, emailVerified = 0, isAnonymous = 0, updatedAt = ?3
						WHERE id = ?1 AND isAnonymous = 1`,
					)
					.bind(found.user.id, email.toLowerCase(), at),
			]);
			if (made?.meta.changes === 0) throw new Problem("not_anonymous");
		} catch (error) {
			if (await this.idOfEmail(email)) throw new Problem("email_taken");
			throw error;
		}
		// Nothing is lost when this fails: the client can ask for the message again.
		const { headers } = await this.#known(request);
		await auth.api.sendVerificationEmail({ body: { email }, headers });
	}

	/** Forgets a passkey. @throws Problem `not_found` when it is none of the account's, or `last_way_in` */
	async removePasskey(account: string, id: string): Promise<void> {
		await removeWayIn(this.#options.database, account, "passkey", id);
	}

	/** Has another service's account sign in no more. @throws Problem `not_found` when it does not, or `last_way_in` */
	async disconnect(account: string, provider: string): Promise<void> {
		await removeWayIn(this.#options.database, account, "provider", provider);
	}

	/** Takes back a session that nobody was told of. */
	async forgetSession(token: string): Promise<void> {
		await this.#options.database.prepare("DELETE FROM session WHERE token = ?").bind(token).run();
	}

	/** Whose an address is. */
	async idOfEmail(email: string): Promise<Id | undefined> {
		const [user] = await drizzle(this.#options.database)
			.select({ id: users.id })
			.from(users)
			.where(eq(users.email, email.toLowerCase()));
		return user?.id;
	}

	/** Gives an account a role; its next access token has it. @returns false when there is no such account. */
	async setRole(id: Id, role: Role): Promise<boolean> {
		const changed = await drizzle(this.#options.database)
			.update(users)
			.set({ role })
			.where(eq(users.id, id))
			.returning({ id: users.id });
		return changed.length > 0;
	}

	async idOf(username: string): Promise<Id | undefined> {
		const [user] = await drizzle(this.#options.database)
			.select({ id: users.id })
			.from(users)
			.where(eq(users.username, username.toLowerCase()));
		return user?.id;
	}

	/**
	 * Gives an account another username; the old one is free from then on. Its profile is the caller's to change: until
	 * then it has the old one, at the latest until the next session begins.
	 *
	 * @throws Problem `username_taken`, or `account_not_found`
	 */
	async rename(id: Id, username: string): Promise<void> {
		const change = { username: username.toLowerCase(), displayUsername: username };
		const named = await drizzle(this.#options.database)
			.update(users)
			.set(change)
			.where(eq(users.id, id))
			.returning({ id: users.id })
			.catch(async (error: unknown) => {
				throw (await this.isTaken(username, id)) ? new Problem("username_taken") : error;
			});
		if (named.length === 0) throw new Problem("account_not_found");
	}

	/** Whether anybody else has a username. */
	async isTaken(username: string, id: Id): Promise<boolean> {
		const owner = await this.idOf(username);
		return owner !== undefined && owner !== id;
	}

	/** The public origin, for a request. */
	originOf(request: Request): string {
		return this.#options.publicUrl ?? new URL(request.url).origin;
	}

	/** better-auth for a request. */
	auth(request: Request, occasion?: Occasion) {
		return makeAuth({ ...this.#options, ensureProfile: (id) => this.#ensureProfile(id) }, request, occasion);
	}

	async #ensureProfile(id: Id): Promise<void> {
		const [user] = await drizzle(this.#options.database).select().from(users).where(eq(users.id, id));
		if (!user?.username) throw new Error("a session for an account without a user row");
		await this.#options.ensureProfile({ id, username: user.username, displayName: user.name, region: user.region });
	}
}
