import { waitUntil } from "cloudflare:workers";
import { ExternalIdentities } from "./accounts/external.ts";
import { Identity } from "./accounts/identity.ts";
import { IssuerKeys } from "./accounts/issuer-keys.ts";
import { RefreshTokens } from "./accounts/refresh.ts";
import { RevocationTable, SharedRevocations } from "./accounts/revocation-log.ts";
import { ServerKeyTable } from "./accounts/server-keys.ts";
import { Sessions } from "./accounts/sessions.ts";
import { KEYS_KEPT, SigningKeys } from "./accounts/signing-keys.ts";
import { AccountStore } from "./accounts/store.ts";
import { Breaker } from "./cache/breaker.ts";
import { EdgeCache } from "./cache/edge.ts";
import { EmbeddedGrid } from "./cache/embedded.ts";
import { Layered } from "./cache/layered.ts";
import { Memory } from "./cache/memory.ts";
import { RedisGrid } from "./cache/redis.ts";
import { type Env, parseSettings, type Settings } from "./env.ts";
import { ConnectedAccounts } from "./fanout/channel.ts";
import type { FanoutServices } from "./fanout/consume.ts";
import { DeadLetters } from "./fanout/dead-letters.ts";
import { HeavyAuthors } from "./fanout/heavy.ts";
import { type ChunkMessage, ChunkQueues } from "./fanout/messages.ts";
import { ProgressStore } from "./fanout/progress.ts";
import { FeedPages } from "./feed/pages.ts";
import { FeedPosts } from "./feed/posts.ts";
import { StoreSource } from "./feed/source.ts";
import { keptKeys } from "./gateway/key-set.ts";
import { idSchema } from "./gateway/openapi.ts";
import { Revocations } from "./gateway/revocations.ts";
import { type Acting, ServerKeys } from "./gateway/server-keys.ts";
import { TicketSeal } from "./gateway/tickets.ts";
import { AccessTokens, type TokenRules } from "./gateway/tokens.ts";
import { TrustedIssuers } from "./gateway/trusted-issuers.ts";
import { Graph } from "./graph/graph.ts";
import { LEVELS } from "./graph/rules.ts";
import { RelationStore } from "./graph/store.ts";
import { Metrics, Tally } from "./metrics.ts";
import { Verifier } from "./ops/verifier.ts";
import { LikeStore } from "./posts/likes.ts";
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
import { HEADS } from "./timeline/source.ts";

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

/** The services of an environment. This is the only place that builds any. */
export const servicesOf = perEnvironment(build);

function build(env: Env) {
	const settings = parseSettings(env);
	const now = () => Date.now();
	const random = () => Math.random();

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
	const sessions = new Sessions({
		database: env.IDENTITY,
		revocations,
		now,
		ended: (account, ended) => timelines.tell(account, (timeline) => timeline.endStreams(ended)),
	});
	const signingKeys = new SigningKeys(env.IDENTITY, minter, now);
	const identity = new Identity({
		database: env.IDENTITY,
		secret: settings.AUTH_SECRET,
		issuer: settings.TOKEN_ISSUER,
		audience: settings.TOKEN_AUDIENCE,
		rateLimit: settings.AUTH_RATE_LIMIT === "on",
		publicUrl: settings.PUBLIC_URL,
		map,
		minter,
		sessions,
		refreshTokens: new RefreshTokens(env.IDENTITY, settings.AUTH_SECRET, now),
		signingKeys,
		metrics,
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
		accountOf: (person) => external.accountOf(person),
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
		metrics,
		now,
		random,
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
		sessions,
		signingKeys,
		serverKeyTable,
		external,
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
	};
}

/** How old what many read may be, in milliseconds: a part of the five seconds after which everybody sees a change. */
const SHARED_BOUND = 4000;
const NOT_AT_ALL = -1;
/** Bytes of an isolate's 128 MB for values kept in memory. */
const MEMORY = 16 * 1024 * 1024;
/** Milliseconds that a reader waits for a layer at most. */
const EDGE_LIMIT = 100;
const GRID_LIMIT = 50;

/** Where values are kept near their readers, and what a reader through them needs beside. */
function layersOf(env: Env, settings: Settings, tally: Tally, now: () => number) {
	const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = settings;
	if (url !== undefined && token === undefined)
		throw new Error("UPSTASH_REDIS_REST_URL wants UPSTASH_REDIS_REST_TOKEN");
	const grid =
		url !== undefined && token !== undefined
			? new RedisGrid({ url, token, now })
			: new EmbeddedGrid(env.GRID, settings.DEFAULT_REGION);
	return {
		memory: new Memory(MEMORY, now),
		edge: new Breaker(new EdgeCache(now), { limit: EDGE_LIMIT, tally, now }),
		grid: new Breaker(grid, { limit: GRID_LIMIT, tally, now }),
		tally,
		bound: settings.CACHE_SHARED === "on" ? SHARED_BOUND : NOT_AT_ALL,
		/** Has work go on after the answer of the request, message or call that it is done in. */
		defer: waitUntil as (work: Promise<unknown>) => void,
		now,
	};
}

function queueOf(env: Env, name: string): Queue<ChunkMessage> {
	const queue = env[name];
	if (queue === undefined) throw new Error(`DELIVER_QUEUES names ${name}, which is not bound`);
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
	console.log(JSON.stringify({ level: "info", message: "a server acts for an account", ...acting }));
}
