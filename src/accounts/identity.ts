import { betterAuth } from "better-auth";
import { APIError } from "better-auth/api";
import { bearer, createJwk, jwt, username } from "better-auth/plugins";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Role } from "../gateway/tokens.ts";
import type { Counter } from "../metrics.ts";
import type { Id, IdMinter } from "../store/ids.ts";
import { type Region, regionSchema, type ShardMap } from "../store/shard-map.ts";
import { type RefreshTokens, SESSION_LIFETIME, type Successor } from "./refresh.ts";
import { ACCESS_TOKEN_LIFETIME, type Sessions } from "./sessions.ts";
import type { SigningKeys } from "./signing-keys.ts";
import type { NewProfile } from "./store.ts";

/** What we read of better-auth's `user` table ourselves; `migrations/identity/` has the whole. */
const users = sqliteTable("user", {
	id: text("id").$type<Id>().primaryKey(),
	name: text("name").notNull(),
	email: text("email").notNull(),
	username: text("username"),
	region: text("region").$type<Region>().notNull(),
	role: text("role").$type<Role>().notNull(),
});

export interface IdentityOptions {
	database: D1Database;
	secret: string;
	issuer: string;
	audience: string;
	/** The public origin; by default each request's own. */
	publicUrl: string | undefined;
	map: ShardMap;
	minter: IdMinter;
	sessions: Sessions;
	refreshTokens: RefreshTokens;
	signingKeys: SigningKeys;
	metrics: Counter;
	now: () => number;
	random: () => number;
	/** Called before every session: makes the account's profile when it is not there yet. */
	ensureProfile: (profile: NewProfile) => Promise<void>;
}

/** After so long, in milliseconds, an account without credentials is one whose sign-up died. */
const HALF_MADE = 60_000;
export const USERNAME_LENGTH = { min: 3, max: 30 } as const;
export const PASSWORD_LENGTH = { min: 8, max: 128 } as const;

const KEY_KIND = { jwks: { keyPairConfig: { alg: "ES256" as const } } };
/** Who comes second sees at the next look what the first one did. */
const REFRESH_ROUNDS = 4;

/** Credentials and sessions: better-auth on its own database, apart from posts. */
export class Identity {
	readonly #options: IdentityOptions;

	constructor(options: IdentityOptions) {
		this.#options = options;
	}

	/** Answers a request below `/auth` as better-auth does. */
	async handle(request: Request): Promise<Response> {
		return this.#auth(this.#origin(request)).handler(await this.#known(request));
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
	async refresh(refreshToken: string): Promise<({ token: string } & Successor) | undefined> {
		const { refreshTokens, sessions, metrics } = this.#options;
		for (let round = 0; round < REFRESH_ROUNDS; round++) {
			const presented = await refreshTokens.present(refreshToken);
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
			const next = token === undefined ? undefined : await refreshTokens.replace(presented);
			if (token !== undefined && next) return { token, ...next };
			// Somebody was faster: looked at again, this is the token before the last one.
		}
		return undefined;
	}

	/** @returns undefined when there is no such session (any more). */
	async #accessToken(sessionToken: string): Promise<string | undefined> {
		const headers = new Headers({ authorization: `Bearer ${sessionToken}` });
		try {
			return (await this.#auth("http://localhost").api.getToken({ headers })).token;
		} catch (error) {
			if (error instanceof APIError && error.status === "UNAUTHORIZED") return undefined;
			throw error;
		}
	}

	/** Makes the next signing key, which signs from a moment on (Unix milliseconds), unless there is one already. */
	async rotateKey(signsFrom: number): Promise<void> {
		const { signingKeys } = this.#options;
		const context = (await this.#auth("http://localhost").$context) as never;
		await createJwk({ context } as never, { ...KEY_KIND, adapter: signingKeys.adapter(signsFrom) });
	}

	#origin(request: Request): string {
		return this.#options.publicUrl ?? new URL(request.url).origin;
	}

	/** The public keys of access tokens, as `GET /auth/jwks` answers, but past its rate limit. */
	async keySet(): Promise<Response> {
		return Response.json(await this.#auth("http://localhost").api.getJwks());
	}

	/**
	 * Makes an account. better-auth writes it in two steps; what a process that died between them left behind
	 * would keep the address and the username for ever, so it is cleared away first.
	 */
	async signUp(request: Request, { email, username }: { email: string; username: string }): Promise<Response> {
		const before = new Date(this.#options.now() - HALF_MADE).toISOString();
		await this.#options.database
			.prepare(
				`DELETE FROM user WHERE (email = ?1 OR username = ?2) AND createdAt < ?3
				AND emailVerified = 0 AND NOT EXISTS (SELECT 1 FROM account WHERE account.userId = user.id)
				AND NOT EXISTS (SELECT 1 FROM external_identities WHERE account_id = user.id)`,
			)
			.bind(email.toLowerCase(), username.toLowerCase(), before)
			.run();
		return this.handle(request);
	}

	/**
	 * Ends the session of a request, and answers as better-auth does. Not left to it: it says "signed out" also when
	 * the session could not be deleted, and knows nothing of the access tokens that were made from it.
	 */
	async signOut(original: Request): Promise<Response> {
		const request = await this.#known(original);
		const { headers } = request;
		const found = await this.#auth(this.#origin(request)).api.getSession({ headers, query: { disableRefresh: true } });
		if (found) await this.#options.sessions.end(found.session.id);
		return this.#auth(this.#origin(request)).handler(request);
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

	/** Made for each request: better-auth keeps promises, which workerd ties to the request that made them. */
	#auth(origin: string) {
		const { database, secret, issuer, audience, map, minter, random, signingKeys } = this.#options;
		const mint = (region: Region) => minter.mint(map.draw(region, random()));
		return betterAuth({
			database,
			secret,
			baseURL: origin,
			basePath: "/auth",
			emailAndPassword: {
				enabled: true,
				minPasswordLength: PASSWORD_LENGTH.min,
				maxPasswordLength: PASSWORD_LENGTH.max,
			},
			user: {
				additionalFields: {
					region: { type: "string", required: true },
					// Nobody gives herself a role: `input: false`.
					role: { type: "string", required: false, input: false, defaultValue: "user" },
				},
			},
			session: { expiresIn: SESSION_LIFETIME / 1000 },
			// Ours are exact over all isolates: gateway/sign-in-limits.ts.
			rateLimit: { enabled: false },
			advanced: {
				// Sessions and keys belong to no shard of ours; their ids only have to be unique.
				database: { generateId: () => mint("apac") },
				ipAddress: { ipAddressHeaders: ["cf-connecting-ip"] },
			},
			telemetry: { enabled: false },
			logger: { level: "error" },
			plugins: [
				username({
					minUsernameLength: USERNAME_LENGTH.min,
					maxUsernameLength: USERNAME_LENGTH.max,
				}),
				bearer(),
				jwt({
					...KEY_KIND,
					adapter: signingKeys.adapter(),
					jwt: {
						issuer,
						audience,
						expirationTime: `${ACCESS_TOKEN_LIFETIME}s`,
						definePayload: ({ user, session }) => ({ role: user.role, sid: session.id }),
					},
					disableSettingJwtHeader: true,
				}),
			],
			databaseHooks: {
				user: {
					create: {
						before: async (user) => ({ data: { ...user, id: mint(regionSchema.parse(user.region)) } }),
					},
				},
				session: {
					create: {
						// Before each session and not once after sign-up: should the process die in between,
						// the next sign-in makes the profile.
						before: async (session) => {
							await this.#ensureProfile(session.userId as Id);
							return { data: session };
						},
					},
				},
			},
		});
	}

	async #ensureProfile(id: Id): Promise<void> {
		const [user] = await drizzle(this.#options.database).select().from(users).where(eq(users.id, id));
		if (!user?.username) throw new Error("a session for an account without a user row");
		await this.#options.ensureProfile({ id, username: user.username, displayName: user.name, region: user.region });
	}
}
