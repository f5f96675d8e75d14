import { createRemoteJWKSet, customFetch } from "jose";
import { Identity } from "./accounts/identity.ts";
import { AccountStore } from "./accounts/store.ts";
import { type Env, parseSettings, type Settings } from "./env.ts";
import { ConnectedAccounts } from "./fanout/channel.ts";
import type { FanoutServices } from "./fanout/consume.ts";
import { DeadLetters } from "./fanout/dead-letters.ts";
import { HeavyAuthors } from "./fanout/heavy.ts";
import { type ChunkMessage, ChunkQueues } from "./fanout/messages.ts";
import { ProgressStore } from "./fanout/progress.ts";
import { FeedPosts } from "./feed/posts.ts";
import { StoreSource } from "./feed/source.ts";
import { TicketSeal } from "./gateway/tickets.ts";
import type { TokenRules } from "./gateway/tokens.ts";
import { Graph } from "./graph/graph.ts";
import { RelationStore } from "./graph/store.ts";
import { Metrics } from "./metrics.ts";
import { Verifier } from "./ops/verifier.ts";
import { Posts } from "./posts/posts.ts";
import { PostStore } from "./posts/store.ts";
import { IdMinter } from "./store/ids.ts";
import { LiveMap, MapTable } from "./store/live-map.ts";
import { Mover } from "./store/moving/mover.ts";
import { openShard } from "./store/open.ts";
import { Doorbell, type JobMessage } from "./store/outbox.ts";
import { ShardMap } from "./store/shard-map.ts";
import { Shards } from "./store/shards.ts";
import { Timelines } from "./timeline/client.ts";
import type { TimelineServices } from "./timeline/object.ts";

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
	const shards = new Shards(live, (name) => openShard(env, name));
	const minter = new IdMinter(now, random);
	const doorbell = new Doorbell(env.FANOUT as Queue<JobMessage>);
	const timelines = new Timelines(env.TIMELINE, map);

	const metrics = new Metrics(env.METRICS);

	const accounts = new AccountStore(shards);
	const relations = new RelationStore(shards, now);
	const postStore = new PostStore(shards, now);
	const progress = new ProgressStore(shards, now);
	const source = new StoreSource({ accounts, relations, posts: postStore, shards, now });

	const identity = new Identity({
		database: env.IDENTITY,
		secret: settings.AUTH_SECRET,
		issuer: settings.TOKEN_ISSUER,
		audience: settings.TOKEN_AUDIENCE,
		rateLimit: settings.AUTH_RATE_LIMIT === "on",
		publicUrl: settings.PUBLIC_URL,
		map,
		minter,
		now,
		random,
		ensureProfile: (profile) => accounts.ensure(profile),
	});
	const graph = new Graph({ relations, shards, timelines, doorbell, minter, now });
	const posts = new Posts({ accounts, graph, posts: postStore, timelines, doorbell, minter });

	const channels = new ConnectedAccounts(env.CHANNEL);
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
		tokens: tokenRules(identity, settings),
		tickets: new TicketSeal(settings.AUTH_SECRET),
		identity,
		identityDatabase: env.IDENTITY,
		accounts,
		graph,
		relations,
		posts,
		postStore,
		timelines,
		map,
		source,
		timeline: {
			source,
			posts: new FeedPosts({ posts, postStore }),
			channels,
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

function queueOf(env: Env, name: string): Queue<ChunkMessage> {
	const queue = env[name];
	if (queue === undefined) throw new Error(`DELIVER_QUEUES names ${name}, which is not bound`);
	return queue as Queue<ChunkMessage>;
}

/** An unknown key is looked for again at most so often, in milliseconds, so that forged ones cost little. */
const KEY_COOLDOWN = 5_000;

function tokenRules(identity: Identity, { TOKEN_ISSUER, TOKEN_AUDIENCE }: Settings): TokenRules {
	// jose keeps the keys in this isolate, for as long as it lives, and asks again when a token names another one.
	const keys = createRemoteJWKSet(new URL("http://localhost/auth/jwks"), {
		cacheMaxAge: Number.POSITIVE_INFINITY,
		cooldownDuration: KEY_COOLDOWN,
		[customFetch]: () => identity.keySet(),
	});
	return { keys, issuer: TOKEN_ISSUER, audience: TOKEN_AUDIENCE };
}
