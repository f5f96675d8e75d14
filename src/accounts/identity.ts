import { betterAuth } from "better-auth";
import { bearer, jwt, username } from "better-auth/plugins";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { AuditTrail } from "../audit-entry.ts";
import type { Role } from "../gateway/tokens.ts";
import type { Id, IdMinter } from "../store/ids.ts";
import { type Region, regionSchema, type ShardMap } from "../store/shard-map.ts";
import type { Lives } from "./lives.ts";
import { ACCESS_TOKEN_LIFETIME, type Sessions } from "./sessions.ts";
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
	rateLimit: boolean;
	/** The public origin; by default each request's own. */
	publicUrl: string | undefined;
	map: ShardMap;
	minter: IdMinter;
	sessions: Sessions;
	lives: Pick<Lives, "claims" | "signingIn">;
	auditLog: AuditTrail;
	now: () => number;
	random: () => number;
	/** Called before every session: makes the account's profile when it is not there yet. */
	ensureProfile: (profile: NewProfile) => Promise<void>;
}

/** After so long, in milliseconds, an account without credentials is one whose sign-up died. */
const HALF_MADE = 60_000;
export const USERNAME_LENGTH = { min: 3, max: 30 } as const;
export const PASSWORD_LENGTH = { min: 8, max: 128 } as const;

/** Credentials and sessions: better-auth on its own database, apart from posts. */
export class Identity {
	readonly #options: IdentityOptions;

	constructor(options: IdentityOptions) {
		this.#options = options;
	}

	/** Answers a request below `/auth` as better-auth does. */
	async handle(request: Request): Promise<Response> {
		return this.#auth(this.#origin(request)).handler(request);
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
				AND emailVerified = 0 AND NOT EXISTS (SELECT 1 FROM account WHERE account.userId = user.id)`,
			)
			.bind(email.toLowerCase(), username.toLowerCase(), before)
			.run();
		return this.handle(request);
	}

	/**
	 * Ends the session of a request, and answers as better-auth does. Not left to it: it says "signed out" also when
	 * the session could not be deleted, and knows nothing of the access tokens that were made from it.
	 */
	async signOut(request: Request): Promise<Response> {
		const { headers } = request;
		const found = await this.#auth(this.#origin(request)).api.getSession({ headers, query: { disableRefresh: true } });
		if (found) {
			const { id, userId } = found.session;
			const requestId = headers.get("x-request-id") ?? undefined;
			await this.#options.auditLog.record({
				act: "sign_out",
				actor: userId,
				subject: userId,
				detail: { session: id },
				...(requestId ? { requestId } : {}),
			});
			await this.#options.sessions.end(id);
		}
		return this.handle(request);
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
		const { database, secret, issuer, audience, rateLimit, map, minter, random, lives, auditLog } = this.#options;
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
			rateLimit: { enabled: rateLimit },
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
					jwks: { keyPairConfig: { alg: "ES256" } },
					jwt: {
						issuer,
						audience,
						expirationTime: `${ACCESS_TOKEN_LIFETIME}s`,
						definePayload: async ({ user, session }) => ({
							role: user.role,
							sid: session.id,
							...(await lives.claims(user.id as Id)),
						}),
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
							await lives.signingIn(session.userId as Id);
							await this.#ensureProfile(session.userId as Id);
							return { data: session };
						},
						// A session that is not recorded is given to nobody: when this fails, so does signing in.
						after: async (session, context) => {
							const requestId = context?.request?.headers.get("x-request-id");
							await auditLog.record({
								act: "sign_in",
								actor: session.userId,
								subject: session.userId,
								...(requestId ? { requestId } : {}),
								detail: {
									session: session.id,
									...(session.ipAddress ? { ip: await auditLog.mark(session.ipAddress) } : {}),
								},
							});
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
