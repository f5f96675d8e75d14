import { tracing } from "cloudflare:workers";
import { sql } from "drizzle-orm";
import { ExternalIdentities } from "./accounts/external.ts";
import { FamiliarNetworks } from "./accounts/familiar.ts";
import { Identity } from "./accounts/identity.ts";
import { IssuerKeys } from "./accounts/issuer-keys.ts";
import { Lives } from "./accounts/lives.ts";
import { RefreshTokens } from "./accounts/refresh.ts";
import { RevocationTable, SharedRevocations } from "./accounts/revocation-log.ts";
import { ServerKeyTable } from "./accounts/server-keys.ts";
import { Sessions } from "./accounts/sessions.ts";
import { KEYS_KEPT, SigningKeys } from "./accounts/signing-keys.ts";
import { SocialSignIn } from "./accounts/social.ts";
import { AccountStore } from "./accounts/store.ts";
import { Layered } from "./cache/layered.ts";
import { FlagTable, SharedFlags } from "./config/flag-table.ts";
import { LiveFlags } from "./config/live-flags.ts";
import { layersOf, NOT_AT_ALL, providersOf, senderOf, throttleOf } from "./configured.ts";
import { type Env, parseSettings, type Settings } from "./env.ts";
import { ConnectedAccounts } from "./fanout/channel.ts";
import type { FanoutServices, LifeJobs } from "./fanout/consume.ts";
import { DeadLetters } from "./fanout/dead-letters.ts";
import { HeavyAuthors } from "./fanout/heavy.ts";
import { type ChunkMessage, ChunkQueues } from "./fanout/messages.ts";
import { ProgressStore } from "./fanout/progress.ts";
import { FeedPages } from "./feed/pages.ts";
import { FeedPosts } from "./feed/posts.ts";
import { StoreSource } from "./feed/source.ts";
import { keptKeys } from "./gateway/key-set.ts";
import { RateLimits } from "./gateway/limits.ts";
import { idSchema } from "./gateway/openapi.ts";
import { type Part, Readiness } from "./gateway/readiness.ts";
import { RequestLog } from "./gateway/request-log.ts";
import { Revocations } from "./gateway/revocations.ts";
import { type Acting, ServerKeys } from "./gateway/server-keys.ts";
import { TicketSeal } from "./gateway/tickets.ts";
import { AccessTokens, type TokenRules } from "./gateway/tokens.ts";
import { TrustedIssuers } from "./gateway/trusted-issuers.ts";
import { Graph } from "./graph/graph.ts";
import { FOLLOW_LIMIT, FRIEND_LIMIT, LEVELS } from "./graph/rules.ts";
import { RelationStore } from "./graph/store.ts";
import { Belongings } from "./life/belongings.ts";
import { Erasure } from "./life/erasure.ts";
import { Exporting } from "./life/exporting.ts";
import { Exports } from "./life/exports.ts";
import { nameAccountsBy, nameInLog, writeLine } from "./log.ts";
import { Mailer } from "./mail/mailer.ts";
import { Metrics, Tally } from "./metrics.ts";
import { AuditLog } from "./ops/audit-log.ts";
import { Verifier } from "./ops/verifier.ts";
import { LikeStore } from "./posts/likes.ts";
import { TEXT_LENGTH } from "./posts/post.ts";
import { Posts } from "./posts/posts.ts";
import { keptPageSchema, PUBLIC_PAGE_BOUND, readPublicPages } from "./posts/public-pages.ts";
import { Reactions } from "./posts/reactions.ts";
import { readShared, type SharedPost, sharedPostSchema } from "./posts/shared.ts";
import { PostStore } from "./posts/store.ts";
import { Consistency } from "./store/consistency.ts";
import { type Id, IdMinter } from "./store/ids.ts";
import { LiveMap, MapTable } from "./store/live-map.ts";
import { Mover } from "./store/moving/mover.ts";
import { openShard } from "./store/open.ts";
import { Doorbell, type JobMessage } from "./store/outbox.ts";
import { ShardMap } from "./store/shard-map.ts";
import { Shards } from "./store/shards.ts";
import { Timelines } from "./timeline/client.ts";
import { Homes } from "./timeline/homes.ts";
import type { TimelineServices } from "./timeline/object.ts";
import { SOCKET_LIMIT } from "./timeline/sockets.ts";
import { HEADS } from "./timeline/source.ts";
import { Trace } from "./trace.ts";

export type Services = ReturnType<typeof build>;

/** Makes something of an environment, once in each isolate. */
export function perEnvironment<T>(make: (env: Env) => T): (env: Env) => T {
	const made = new WeakMap<Env, T>();
	return (env) => {
		const known = made.get(env) ?? make(env);
		made.set(env, known);
		return known;
	};
}

/** The services of an environment. This is the only place that builds any; configured.ts has what the settings choose between. */
export const servicesOf = perEnvironment(build);

function build(env: Env) {
	const settings = parseSettings(env);
	const now = () => Date.now();
	const random = () => Math.random();
	nameAccountsBy(settings.AUTH_SECRET);

	const map = new ShardMap(settings.SHARD_MAP);
	const mapTable = new MapTable(env.IDENTITY, map);
	const live = new LiveMap(mapTable, map, settings.SHARD_MAP_REFRESH_SECONDS * 1000, now);
	const replicas = settings.READ_REPLICAS === "on" ? { map: () => live.current.version, now } : undefined;
	const shards = new Shards(live, (name) => openShard(env, name, replicas));
	const minter = new IdMinter(now, random);
	const doorbell = new Doorbell(env.FANOUT as Queue<JobMessage>);
	const homes = new Homes(map, settings.JURISDICTIONS);
	const timelines = new Timelines(env.TIMELINE, homes);

	const metrics = new Metrics(env.METRICS);

	const accounts = new AccountStore(shards);
	const relations = new RelationStore(shards, now);
	const postStore = new PostStore(shards, now);
	const likes = new LikeStore(shards, now);
	const progress = new ProgressStore(shards, now);
	const cache = { ...layersOf(env, settings, new Tally(metrics, now), now), lag: () => shards.lag };
	const sharedPosts = new Layered<Id, SharedPost>({
		...cache,
		kind: "post",
		schema: sharedPostSchema,
		beyond: [cache.grid],
		load: (ids, notBefore) => {
			Consistency.require(notBefore);
			return readShared(postStore, ids);
		},
	});
	const publicPages = new Layered({
		...cache,
		kind: "public-page",
		schema: keptPageSchema,
		bound: settings.CACHE_PAGES === "on" ? PUBLIC_PAGE_BOUND : NOT_AT_ALL,
		beyond: [cache.edge],
		load: (questions) => readPublicPages({ accounts, posts: postStore }, questions),
	});
	const heads = new Layered<Id, Id[]>({
		...cache,
		kind: "head",
		schema: idSchema.array(),
		beyond: [cache.grid],
		load: (authors) => postStore.heads(authors, LEVELS.follow, HEADS),
	});
	const source = new StoreSource({ accounts, relations, posts: postStore, likes, heads, shards, now });

	const revocations = new Revocations({
		log: new SharedRevocations(new RevocationTable(env.IDENTITY, now), { ...cache, beyond: [cache.edge] }),
		defer: cache.defer,
		metrics,
		now,
	});
	const flagTable = new FlagTable(env.IDENTITY, now);
	const flags = new LiveFlags(new SharedFlags(flagTable, { ...cache, beyond: [cache.edge] }), cache.defer, now);
	const sessions = new Sessions({
		database: env.IDENTITY,
		revocations,
		now,
		ended: (account, ended) => timelines.tell(account, (timeline) => timeline.endStreams(ended)),
	});
	const signingKeys = new SigningKeys(env.IDENTITY, minter, now);
	const mailer = new Mailer({
		database: env.IDENTITY,
		sender: senderOf(env, settings, now),
		defer: cache.defer,
		mint: () => minter.mint(0),
		now,
	});
	const providers = providersOf(env, settings);
	const auditLog = new AuditLog({
		database: env.IDENTITY,
		secret: settings.AUTH_SECRET,
		keep: settings.AUDIT_LOG_DAYS * DAY,
		now,
	});
	const lives = new Lives({
		database: env.IDENTITY,
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
		database: env.IDENTITY,
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
		refreshTokens: new RefreshTokens(env.IDENTITY, settings.AUTH_SECRET, now),
		signingKeys,
		metrics,
		lives,
		auditLog,
		now,
		random,
		ensureProfile: (profile) => accounts.ensure(profile),
	});
	const external = new ExternalIdentities({
		database: env.IDENTITY,
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
		shelf: new IssuerKeys(env.IDENTITY, cache.defer, now),
		now,
	});
	const serverKeyTable = new ServerKeyTable(env.IDENTITY, minter, revocations, now);
	const serverKeys = new ServerKeys({
		register: serverKeyTable,
		exists: async (account) => (await accounts.byId(account)) !== undefined,
		revocations,
		acted: (acting) => noteActing(metrics, acting),
		defer: cache.defer,
		now,
	});
	const graph = new Graph({ relations, shards, timelines, doorbell, minter, now });
	const posts = new Posts({ accounts, graph, posts: postStore, timelines, doorbell, minter });

	const reactions = new Reactions(env.REACTIONS, homes);

	const channels = new ConnectedAccounts(env.CHANNEL, homes);
	const chunkQueues = new ChunkQueues(settings.DELIVER_QUEUES.map((name) => queueOf(env, name)));
	const deadLetters = new DeadLetters({
		shards,
		progress,
		doorbell,
		chunkQueues,
		fanoutQueue: env.FANOUT,
		minter,
		now,
	});
	const belongings = new Belongings(shards);
	const exports = new Exports({ database: env.IDENTITY, bucket: env.EXPORTS, shards, doorbell, minter, auditLog, now });
	const erasure = new Erasure({
		accounts,
		belongings,
		channels,
		exports,
		graph,
		lives,
		posts: postStore,
		sessions,
		shards,
		timelines,
	});
	const exporting = new Exporting({ database: env.IDENTITY, accounts, belongings, exports, shards, timelines });
	const lifeJobs: LifeJobs = {
		run: ({ task, ...job }) =>
			task.kind === "erase" ? erasure.run({ ...job, task }) : exporting.run({ ...job, task }),
	};

	const fanout: FanoutServices = {
		shards,
		relations,
		posts: postStore,
		progress,
		heavy: new HeavyAuthors(shards, minter, settings.PUSH_LIMIT, now),
		channels,
		timelines,
		graph,
		doorbell,
		chunkQueues,
		deadLetters,
		lifeJobs,
		metrics,
		now,
		random,
		inSpan,
	};

	return {
		settings,
		cache,
		defer: cache.defer,
		pages: new FeedPages(settings.CACHE_PAGES === "on" ? cache.memory : undefined, now),
		publicPages,
		sharedPosts,
		tokens: new AccessTokens({ ...tokenIssue(identity, settings, now), revocations, trusted, serverKeys, now }),
		tickets: new TicketSeal(settings.AUTH_SECRET),
		identity,
		flagTable,
		flags,
		limits: new RateLimits({
			limits: settings.RATE_LIMITS,
			counters: {
				read: env.READ_LIMITER,
				write: env.WRITE_LIMITER,
				search: env.SEARCH_LIMITER,
				open: env.OPEN_LIMITER,
			},
			now,
		}),
		throttle: throttleOf(env, settings, cache.tally, now),
		familiar: new FamiliarNetworks(env.IDENTITY, now),
		clientLimits: {
			textLength: TEXT_LENGTH.max,
			friends: FRIEND_LIMIT,
			following: FOLLOW_LIMIT,
			streams: SOCKET_LIMIT,
		},
		providers,
		social: new SocialSignIn(identity, env.IDENTITY, now),
		mailer,
		sessions,
		signingKeys,
		serverKeyTable,
		external,
		auditLog,
		lives,
		exports,
		channels,
		identityDatabase: env.IDENTITY,
		accounts,
		graph,
		relations,
		posts,
		postStore,
		likes,
		reactions,
		timelines,
		homes,
		map,
		source,
		timeline: {
			source,
			posts: new FeedPosts({ sharedPosts, likes, now }),
			channels,
			revoked: async (owner, { session, issuedAt }) => {
				// Without a list nobody is known to be revoked; her stream ends with its token.
				await revocations.fresh().catch(() => undefined);
				return revocations.has({ session, viewer: owner, issuedAt });
			},
			metrics,
			dormantAfter: settings.DORMANT_AFTER_DAYS * 86_400_000,
			auditEvery: settings.AUDIT_EVERY_HOURS * 3_600_000 || Number.POSITIVE_INFINITY,
		} satisfies TimelineServices,
		fanout,
		deadLetters,
		mapTable,
		mover: new Mover({ table: mapTable, live, shards, now }),
		verifier: new Verifier(shards, graph, now),
		progress,
		shards,
		minter,
		now,
		annotate,
		requestLog: new RequestLog({ requests: settings.LOG_REQUESTS, random, now }),
		readiness: new Readiness(
			() => [
				{ name: "identity", needed: true, check: () => env.IDENTITY.prepare("SELECT 1").first() },
				...shards
					.all()
					.map(
						(shard, n): Part => ({ name: `shard ${n}`, needed: true, check: () => shard.all(sql`SELECT 1 AS one`) }),
					),
				{ name: "timelines", needed: true, check: () => timelines.of(NOBODY).seq() },
				{ name: "queues", needed: true, check: async () => queueOf(env, "FANOUT").send },
				{ name: "grid", needed: false, check: () => cache.bareGrid.get(["ready/"]) },
			],
			now,
		),
	};
}

/** Tells the span that is under way, if the platform records it. */
function annotate(attributes: Record<string, string>): void {
	tracing.getActiveSpan()?.setAttributes(attributes);
}

function inSpan<T>(name: string, work: () => T): T {
	return tracing.enterSpan(name, (span) => {
		span.setAttribute("edgefeed.trace", Trace.current?.id ?? "");
		return work();
	});
}

/** An id that no account has: the first of all. */
const NOBODY = "0000000000000" as Id;

/** Milliseconds. */
const DAY = 86_400_000;
function queueOf(env: Env, name: string): Queue<ChunkMessage> {
	const queue = env[name];
	if (queue === undefined) throw new Error(`there is no queue ${name} bound`);
	return queue as Queue<ChunkMessage>;
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
