import { type BetterAuthPlugin, betterAuth } from "better-auth";
import { APIError } from "better-auth/api";
import { anonymous, bearer, jwt, twoFactor, username } from "better-auth/plugins";
import type { AuditTrail } from "../audit-entry.ts";
import type { Mailer } from "../mail/mailer.ts";
import { languageOf, type Mail, write } from "../mail/texts.ts";
import { reportFailure } from "../report.ts";
import type { Id, IdMinter } from "../store/ids.ts";
import { type Region, regionSchema, type ShardMap } from "../store/shard-map.ts";
import type { Lives } from "./lives.ts";
import { NOWHERE, type Providers } from "./providers.ts";
import { SESSION_LIFETIME } from "./refresh.ts";
import { ACCESS_TOKEN_LIFETIME } from "./sessions.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface AuthOptions {
	database: D1Database;
	secret: string;
	issuer: string;
	audience: string;
	/** The public origin; by default each request's own. */
	publicUrl: string | undefined;
	/** What messages and authenticator apps call the service. */
	serviceName: string;
	/** Whether an address must be confirmed before its account can sign in with a password. */
	requireVerification: boolean;
	providers: Providers;
	mailer: Pick<Mailer, "post">;
	signingKeys: SigningKeys;
	lives: Pick<Lives, "claims" | "signingIn">;
	auditLog: AuditTrail;
	map: ShardMap;
	minter: IdMinter;
	random: () => number;
	defaultRegion: Region;
	/** Called before every session: makes the account's profile when it is not there yet. */
	ensureProfile: (account: Id) => Promise<void>;
}

/** What some calls need beside what all have. */
export interface Occasion {
	/** The home of an account that is made without being asked for one. */
	region?: Region | undefined;
	/** The name of an account that is made without being asked for one. */
	name?: string | undefined;
	/** Where the links in messages lead in the end: an address of a client's, which was found on the list. */
	redirectTo?: string | undefined;
	/** The provider that is spoken to. */
	provider?: string;
	/** Whether the provider's account becomes another way into an account of ours, which has asked for it. */
	linking?: boolean;
	/** What is loaded only where it is needed. */
	plugin?: BetterAuthPlugin;
	/** Done when the new password is about to be written. */
	beforePassword?: () => Promise<void>;
}

export const USERNAME_LENGTH = { min: 3, max: 30 } as const;
export const PASSWORD_LENGTH = { min: 8, max: 128 } as const;
/** Of the keys that sign access tokens. */
export const KEY_KIND = { jwks: { keyPairConfig: { alg: "ES256" as const } } };
/** Seconds for which links and codes in messages are good; the messages say so. */
const LINK_LIFETIME = 3600;
/** Characters of a name that a provider gave. */
const NAME_LENGTH = 80;

/** Made for each request: better-auth keeps promises, which workerd ties to the request that made them. */
export function makeAuth(options: AuthOptions, request: Request, occasion: Occasion = {}) {
	const { database, secret, issuer, audience, signingKeys, publicUrl, serviceName } = options;
	const { map, minter, random, providers, requireVerification, defaultRegion, mailer, lives, auditLog } = options;
	const origin = publicUrl ?? new URL(request.url).origin;
	const mint = (region: Region) => minter.mint(map.draw(region, random()));
	const provider = providers.optionsOf(occasion.provider);
	const language = languageOf(request.headers.get("accept-language"));
	const send = async (to: string, mail: Mail) => {
		if (!to.endsWith(NOWHERE)) await mailer.post(to, mail.kind, write(mail, language, serviceName));
	};
	const { redirectTo } = occasion;
	const verifyLink = (token: string) => withQuery(`${origin}/auth/verify-email`, { token, redirectTo });
	const passwordIsWritten = async <T extends { password?: string | null | undefined }>(account: T) => {
		if (account.password) await occasion.beforePassword?.();
		return { data: account };
	};
	const isTaken = (email: unknown) => database.prepare("SELECT 1 FROM user WHERE email = ?").bind(email).first();
	let newAddress = false;
	return betterAuth({
		appName: serviceName,
		database,
		secret,
		baseURL: origin,
		basePath: "/auth",
		emailAndPassword: {
			enabled: true,
			minPasswordLength: PASSWORD_LENGTH.min,
			maxPasswordLength: PASSWORD_LENGTH.max,
			requireEmailVerification: requireVerification,
			resetPasswordTokenExpiresIn: LINK_LIFETIME,
			sendResetPassword: async ({ user, token }) => {
				const link = redirectTo === undefined ? undefined : withQuery(redirectTo, { token });
				await send(user.email, { kind: "reset", link, code: token });
			},
			onPasswordReset: async ({ user }) =>
				auditLog.record({ act: "password_reset", actor: "nobody", subject: user.id }),
			onExistingUserSignUp: async ({ user }) => send(user.email, { kind: "exists" }),
		},
		emailVerification: {
			sendOnSignUp: true,
			expiresIn: LINK_LIFETIME,
			sendVerificationEmail: async ({ user, token }) => send(user.email, { kind: "verify", link: verifyLink(token) }),
		},
		socialProviders: provider.socialProviders,
		account: {
			// No cookies go in or out. What binds the way back to whoever went is `codeChallenge` (social.ts).
			skipStateCookieCheck: true,
			encryptOAuthTokens: true,
			...(occasion.linking
				? { accountLinking: { allowDifferentEmails: true, trustedProviders: [String(occasion.provider)] } }
				: {}),
		},
		user: {
			additionalFields: {
				region: { type: "string", required: false },
				// Nobody gives herself a role: `input: false`.
				role: { type: "string", required: false, input: false, defaultValue: "user" },
			},
			changeEmail: {
				enabled: true,
				sendChangeEmailConfirmation: async ({ user, newEmail, token }) =>
					send(user.email, { kind: "change", link: verifyLink(token), newAddress: newEmail }),
			},
		},
		session: { expiresIn: SESSION_LIFETIME / 1000 },
		// Ours are exact over all isolates: gateway/sign-in-limits.ts.
		rateLimit: { enabled: false },
		advanced: {
			// Sessions and keys belong to no shard of ours; their ids only have to be unique.
			database: { generateId: () => mint("apac") },
			ipAddress: { ipAddressHeaders: ["cf-connecting-ip"] },
			// A browser's cookies never come here, so nobody can make it do anything.
			disableCSRFCheck: true,
		},
		telemetry: { enabled: false },
		logger: {
			level: "error",
			// The message alone: what comes with it may name somebody.
			log: (_level, message, ...details) => reportFailure("better-auth", message || nameOf(details[0])),
		},
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
					definePayload: async ({ user, session }) => ({
						role: user.role,
						sid: session.id,
						...(await lives.claims(user.id as Id)),
					}),
				},
				disableSettingJwtHeader: true,
			}),
			// It would delete an anonymous account that signs in to another one, and its posts would have no author.
			anonymous({ disableDeleteAnonymousUser: true, generateName: () => occasion.name ?? "Guest" }),
			twoFactor({ issuer: serviceName }),
			...provider.plugins,
			...(occasion.plugin ? [occasion.plugin] : []),
		],
		databaseHooks: {
			user: {
				create: {
					before: async (user) => {
						const region = regionSchema.safeParse(user.region).data ?? occasion.region ?? defaultRegion;
						const id = mint(region);
						return { data: { ...user, id, region, ...named(user, id) } };
					},
				},
				update: {
					before: async (user) => {
						newAddress = user.email !== undefined;
						// Somebody may have signed up with it since the message was sent.
						if (newAddress && (await isTaken(user.email))) {
							throw new APIError("CONFLICT", { code: "USER_ALREADY_EXISTS" });
						}
						return { data: user };
					},
					after: async (user) => {
						if (!newAddress) return;
						newAddress = false;
						await auditLog.record({ act: "email_changed", actor: "nobody", subject: user.id });
					},
				},
			},
			account: { create: { before: passwordIsWritten }, update: { before: passwordIsWritten } },
			session: {
				create: {
					// Before each session and not once after sign-up: should the process die in between,
					// the next sign-in makes the profile.
					before: async (session) => {
						await lives.signingIn(session.userId as Id);
						await options.ensureProfile(session.userId as Id);
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

/** What a fault is called: an error's name, or the code that a provider answered. */
function nameOf(fault: unknown): string {
	if (fault instanceof Error) return fault.name;
	return fault !== null && typeof fault === "object" && "error" in fault ? String(fault.error) : "unknown";
}

/** Who comes by a provider, or as a guest, brings no username: one that is free is made of the new id. */
function named(user: { name: string; username?: unknown }, id: Id) {
	if (typeof user.username === "string") return {};
	const made = `user_${id.toLowerCase()}`;
	const name = [...user.name.trim()].slice(0, NAME_LENGTH).join("").trim();
	return { name: name || made, username: made, displayUsername: made };
}

/** An address with more in its query. */
export function withQuery(address: string, query: Readonly<Record<string, string | undefined>>): string {
	const url = new URL(address);
	for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
	return url.href;
}
