import { tracing } from "cloudflare:workers";
import { sql } from "drizzle-orm";
import { NameStore } from "./accounts/name-store.ts";
import { AccountStore } from "./accounts/store.ts";
import { Layered } from "./cache/layered.ts";
import { FlagTable, SharedFlags } from "./config/flag-table.ts";
import { LiveFlags } from "./config/live-flags.ts";
import type { Env } from "./env.ts";
import { ConnectedAccounts } from "./fanout/channel.ts";
import type { FanoutServices } from "./fanout/consume.ts";
import { DeadLetters } from "./fanout/dead-letters.ts";
import { HeavyAuthors } from "./fanout/heavy.ts";
import { type ChunkMessage, ChunkQueues } from "./fanout/messages.ts";
import { ProgressStore } from "./fanout/progress.ts";
import { FeedPages } from "./feed/pages.ts";
import { FeedPosts } from "./feed/posts.ts";
import { StoreSource } from "./feed/source.ts";
import { appPage } from "./gateway/app-page.ts";
import { RateLimits } from "./gateway/limits.ts";
import { idSchema } from "./gateway/openapi.ts";
import { type Part, Readiness } from "./gateway/readiness.ts";
import { RequestLog } from "./gateway/request-log.ts";
import { Graph } from "./graph/graph.ts";
import { FOLLOW_LIMIT, FRIEND_LIMIT, LEVELS } from "./graph/rules.ts";
import { AccountSearch } from "./graph/search.ts";
import { RelationStore } from "./graph/store.ts";
import { nameAccountsBy } from "./log.ts";
import { MEDIA_OF_POST } from "./media/limits.ts";
import { Verifier } from "./ops/verifier.ts";
import { LikeStore } from "./posts/likes.ts";
import { TEXT_LENGTH } from "./posts/post.ts";
import { Posts } from "./posts/posts.ts";
import { keptPageSchema, PUBLIC_PAGE_BOUND, readPublicPages } from "./posts/public-pages.ts";
import { Reactions } from "./posts/reactions.ts";
import { readShared, type SharedPost, sharedPostSchema } from "./posts/shared.ts";
import { PostStore } from "./posts/store.ts";
import type { PreviewConsumer } from "./previews/consume.ts";
import { NOT_AT_ALL } from "./services/configured.ts";
import { layGround } from "./services/ground.ts";
import { identityServices } from "./services/identity.ts";
import { lifeServices } from "./services/life.ts";
import { mediaServices } from "./services/media.ts";
import { previewServices } from "./services/previews.ts";
import { Consistency } from "./store/consistency.ts";
import type { Id } from "./store/ids.ts";
import { Mover } from "./store/moving/mover.ts";
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

/** The services of an environment. Here and in `services/` is the only place that builds any. */
export const servicesOf = perEnvironment(build);

function build(env: Env) {
	const ground = layGround(env);
	const { settings, now, random, map, mapTable, live, shards, minter, doorbell, homes, timelines, metrics, cache } =
		ground;
	nameAccountsBy(settings.AUTH_SECRET);

	const accounts = new AccountStore(shards);
	const names = new NameStore(shards);
	const relations = new RelationStore(shards, now);
	const postStore = new PostStore(shards, now);
	const likes = new LikeStore(shards, now);
	const ofMedia = mediaServices(ground);
	const { mediaStore, mediaAddresses, mediaDoorbell, mediaJobs } = ofMedia;
	const progress = new ProgressStore(shards, now);
	const sharedPosts = new Layered<Id, SharedPost>({
		...cache,
		kind: "post",
		schema: sharedPostSchema,
		beyond: [cache.grid],
		load: (ids, notBefore) => {
			Consistency.require(notBefore);
			return readShared({ posts: postStore, addresses: mediaAddresses }, ids);
		},
	});
	const publicPages = new Layered({
		...cache,
		kind: "public-page",
		schema: keptPageSchema,
		bound: settings.CACHE_PAGES === "on" ? PUBLIC_PAGE_BOUND : NOT_AT_ALL,
		beyond: [cache.edge],
		load: (questions) => readPublicPages({ accounts, posts: postStore, addresses: mediaAddresses }, questions),
	});
	const heads = new Layered<Id, Id[]>({
		...cache,
		kind: "head",
		schema: idSchema.array(),
		beyond: [cache.grid],
		load: (authors) => postStore.heads(authors, LEVELS.follow, HEADS),
	});
	const source = new StoreSource({ accounts, relations, posts: postStore, likes, heads, shards, now });

	const flagTable = new FlagTable(env.IDENTITY, now);
	const flags = new LiveFlags(new SharedFlags(flagTable, { ...cache, beyond: [cache.edge] }), cache.defer, now);
	const ofIdentity = identityServices(ground, { accounts });
	const { revocations } = ofIdentity;
	const graph = new Graph({ relations, shards, timelines, doorbell, minter, now });
	const { previewJobs, ...ofPreviews } = previewServices(ground, { accounts, posts: postStore });
	const { previews } = ofPreviews;
	const posts = new Posts({
		accounts,
		graph,
		posts: postStore,
		mediaStore,
		mediaAddresses,
		previews,
		timelines,
		doorbell,
		minter,
	});
	const reactions = new Reactions(env.REACTIONS, homes);

	const channels = new ConnectedAccounts(env.CHANNEL, homes);
	const chunkQueues = new ChunkQueues(settings.DELIVER_QUEUES.map((name) => queueOf(env, name)));
	const deadLetters = new DeadLetters({
		shards,
		progress,
		doorbell,
		chunkQueues,
		fanoutQueue: env.FANOUT,
		previewQueue: env.PREVIEWS,
		minter,
		now,
	});
	const { exports, lifeJobs } = lifeServices(ground, {
		...ofIdentity,
		...ofMedia,
		accounts,
		channels,
		graph,
		postStore,
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
		lifeJobs,
		mediaJobs,
		mediaDoorbell,
		previews,
		metrics,
		now,
		random,
		inSpan,
	};

	return {
		...ofIdentity,
		...ofMedia,
		...ofPreviews,
		settings,
		cache,
		defer: cache.defer,
		appPage: (request: Request) => appPage(env.ASSETS, request),
		pages: new FeedPages(settings.CACHE_PAGES === "on" ? cache.memory : undefined, now),
		publicPages,
		sharedPosts,
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
		clientLimits: {
			textLength: TEXT_LENGTH.max,
			friends: FRIEND_LIMIT,
			following: FOLLOW_LIMIT,
			streams: SOCKET_LIMIT,
			media: MEDIA_OF_POST,
			photoBytes: settings.MEDIA_LIMITS.photoBytes,
			videoBytes: settings.MEDIA_LIMITS.videoBytes,
			videoSeconds: settings.MEDIA_LIMITS.videoSeconds,
		},
		exports,
		channels,
		identityDatabase: env.IDENTITY,
		accounts,
		names,
		search: new AccountSearch({ accounts, names, relations, graph }),
		graph,
		relations,
		posts,
		postStore,
		previewConsumer: {
			jobs: previewJobs,
			putAside: (message, error) => deadLetters.addMessage("previews", message, error),
		} satisfies PreviewConsumer,
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

function queueOf(env: Env, name: string): Queue<ChunkMessage> {
	const queue = env[name];
	if (queue === undefined) throw new Error(`there is no queue ${name} bound`);
	return queue as Queue<ChunkMessage>;
}
