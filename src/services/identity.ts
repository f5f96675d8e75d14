import { ExternalIdentities } from "../accounts/external.ts";
import { FamiliarNetworks } from "../accounts/familiar.ts";
import { Identity } from "../accounts/identity.ts";
import { IssuerKeys } from "../accounts/issuer-keys.ts";
import { Lives } from "../accounts/lives.ts";
import { RefreshTokens } from "../accounts/refresh.ts";
import { RevocationTable, SharedRevocations } from "../accounts/revocation-log.ts";
import { ServerKeyTable } from "../accounts/server-keys.ts";
import { Sessions } from "../accounts/sessions.ts";
import { KEYS_KEPT, SigningKeys } from "../accounts/signing-keys.ts";
import { SocialSignIn } from "../accounts/social.ts";
import type { AccountStore } from "../accounts/store.ts";
import type { Settings } from "../env.ts";
import { keptKeys } from "../gateway/key-set.ts";
import { Revocations } from "../gateway/revocations.ts";
import { type Acting, ServerKeys } from "../gateway/server-keys.ts";
import { TicketSeal } from "../gateway/tickets.ts";
import { AccessTokens, type TokenRules } from "../gateway/tokens.ts";
import { TrustedIssuers } from "../gateway/trusted-issuers.ts";
import { nameInLog, writeLine } from "../log.ts";
import { Mailer } from "../mail/mailer.ts";
import type { Metrics } from "../metrics.ts";
import { AuditLog } from "../ops/audit-log.ts";
import { providersOf, senderOf, throttleOf } from "./configured.ts";
import type { Ground } from "./ground.ts";

/** Milliseconds. */
const DAY = 86_400_000;

/** Who somebody is: sign-up and sign-in, sessions and tokens, keys of servers, the life of an account. */
export function identityServices(
	{ env, settings, map, shards, minter, doorbell, timelines, cache, metrics, now, random }: Ground,
	{ accounts }: { accounts: AccountStore },
) {
	const database = env.IDENTITY;
	const revocations = new Revocations({
		log: new SharedRevocations(new RevocationTable(database, now), { ...cache, beyond: [cache.edge] }),
		defer: cache.defer,
		metrics,
		now,
	});
	const sessions = new Sessions({
		database,
		revocations,
		now,
		ended: (account, ended) => timelines.tell(account, (timeline) => timeline.endStreams(ended)),
	});
	const signingKeys = new SigningKeys(database, minter, now);
	const mailer = new Mailer({
		database,
		sender: senderOf(env, settings, now),
		defer: cache.defer,
		mint: () => minter.mint(0),
		now,
	});
	const providers = providersOf(env, settings);
	const auditLog = new AuditLog({
		database,
		secret: settings.AUTH_SECRET,
		keep: settings.AUDIT_LOG_DAYS * DAY,
		now,
	});
	const lives = new Lives({
		database,
		sessions,
		accounts,
		shards,
		doorbell,
		minter,
		auditLog,
		grace: settings.DELETION_GRACE_DAYS * DAY,
		now,
	});
	const identity = new Identity({
		database,
		secret: settings.AUTH_SECRET,
		issuer: settings.TOKEN_ISSUER,
		audience: settings.TOKEN_AUDIENCE,
		publicUrl: settings.PUBLIC_URL,
		serviceName: settings.SERVICE_NAME,
		requireVerification: settings.REQUIRE_EMAIL_VERIFICATION === "on",
		providers,
		mailer,
		defaultRegion: settings.DEFAULT_REGION,
		map,
		minter,
		sessions,
		refreshTokens: new RefreshTokens(database, settings.AUTH_SECRET, now),
		signingKeys,
		metrics,
		lives,
		auditLog,
		now,
		random,
		ensureProfile: (profile) => accounts.ensure(profile),
	});
	const external = new ExternalIdentities({
		database,
		map,
		minter,
		defaultRegion: settings.DEFAULT_REGION,
		now,
		random,
		ensureProfile: (profile) => accounts.ensure(profile),
	});
	const trusted = new TrustedIssuers({
		own: settings.TOKEN_ISSUER,
		issuers: settings.TRUSTED_ISSUERS,
		accountOf: async (person) => {
			const account = await external.accountOf(person);
			return { ...account, hidden: (await lives.claims(account.id)).life !== undefined };
		},
		load: (address, signal) => fetch(address, { signal, redirect: "manual", headers: { accept: "application/json" } }),
		shelf: new IssuerKeys(database, cache.defer, now),
		now,
	});
	const serverKeyTable = new ServerKeyTable(database, minter, revocations, now);
	const serverKeys = new ServerKeys({
		register: serverKeyTable,
		exists: async (account) => (await accounts.byId(account)) !== undefined,
		revocations,
		acted: (acting) => noteActing(metrics, acting),
		defer: cache.defer,
		now,
	});
	return {
		revocations,
		sessions,
		signingKeys,
		mailer,
		providers,
		auditLog,
		lives,
		identity,
		external,
		serverKeyTable,
		tokens: new AccessTokens({ ...tokenIssue(identity, settings, now), revocations, trusted, serverKeys, now }),
		tickets: new TicketSeal(settings.AUTH_SECRET),
		throttle: throttleOf(env, settings, cache.tally, now),
		familiar: new FamiliarNetworks(database, now),
		social: new SocialSignIn(identity, database, now),
	};
}

/** An unknown key is looked for again at most so often, in milliseconds, so that forged ones cost little. */
const KEY_COOLDOWN = 5_000;

/** Milliseconds that the keys may take. */
const KEY_PATIENCE = 5_000;

function tokenIssue(
	identity: Identity,
	{ TOKEN_ISSUER, TOKEN_AUDIENCE }: Settings,
	now: () => number,
): Pick<TokenRules, "keys" | "issuer" | "audience"> {
	const keys = keptKeys({
		address: "http://localhost/auth/jwks",
		load: () => identity.keySet(),
		maxAge: KEYS_KEPT,
		cooldown: KEY_COOLDOWN,
		timeout: KEY_PATIENCE,
		now,
	});
	return { keys, issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE };
}

/** The one place that hears of everything that a server does as somebody else. */
function noteActing(metrics: Metrics, acting: Acting): void {
	metrics.add("server_key_uses", 1);
	writeLine("info", "a server acts for an account", { ...acting, account: nameInLog(acting.account) });
}
