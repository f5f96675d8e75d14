import { waitUntil } from "cloudflare:workers";
import { type ClientCredentials, Providers, SOCIAL, type Social } from "../accounts/providers.ts";
import { Breaker } from "../cache/breaker.ts";
import { EdgeCache } from "../cache/edge.ts";
import { EmbeddedGrid, EmbeddedThrottle } from "../cache/embedded.ts";
import { Memory } from "../cache/memory.ts";
import { RedisGrid, RedisThrottle } from "../cache/redis.ts";
import { SteadyThrottle } from "../cache/throttle.ts";
import type { Env, Settings } from "../env.ts";
import { BoundSender, type EmailSender, WebhookSender } from "../mail/senders.ts";
import { DirectUploads } from "../media/direct.ts";
import type { Tally } from "../metrics.ts";
import { Outside } from "../previews/outside.ts";

/** What of several there could be the settings choose: caches, counters, senders of e-mail, services to sign in with. */

/** How old what many read may be, in milliseconds: a part of the five seconds after which everybody sees a change. */
const SHARED_BOUND = 4000;
export const NOT_AT_ALL = -1;
/** Bytes of an isolate's 128 MB for values kept in memory. */
const MEMORY = 16 * 1024 * 1024;
/** Milliseconds that a reader waits for a layer at most. */
const EDGE_LIMIT = 100;
const GRID_LIMIT = 50;

/** Where values are kept near their readers, and what a reader through them needs beside. */
export function layersOf(env: Env, settings: Settings, tally: Tally, now: () => number) {
	const redis = redisOf(settings);
	const grid = redis ? new RedisGrid({ ...redis, now }) : new EmbeddedGrid(env.GRID, settings.DEFAULT_REGION);
	return {
		memory: new Memory(MEMORY, now),
		edge: new Breaker(new EdgeCache(now), { limit: EDGE_LIMIT, tally, now }),
		grid: new Breaker(grid, { limit: GRID_LIMIT, tally, now }),
		/** Without the breaker, which hides its failures. */
		bareGrid: grid,
		tally,
		bound: settings.CACHE_SHARED === "on" ? SHARED_BOUND : NOT_AT_ALL,
		/** Has work go on after the answer of the request, message or call that it is done in. */
		defer: waitUntil as (work: Promise<unknown>) => void,
		now,
	};
}

/** Where limits are counted that must be exact: beside the data grid. */
export function throttleOf(env: Env, settings: Settings, tally: Tally, now: () => number) {
	const redis = redisOf(settings);
	const exact = redis ? new RedisThrottle(redis) : new EmbeddedThrottle(env.GRID, settings.DEFAULT_REGION);
	return new SteadyThrottle(exact, { tally, now });
}

function redisOf({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token }: Settings) {
	if (url === undefined) return undefined;
	if (token === undefined) throw new Error("UPSTASH_REDIS_REST_URL wants UPSTASH_REDIS_REST_TOKEN");
	return { url, token };
}

/** Who sends e-mail: nobody, where nobody is set up. */
export function senderOf(env: Env, settings: Settings, now: () => number): EmailSender | undefined {
	const { EMAIL_FROM: from, EMAIL_WEBHOOK_URL: url, EMAIL_WEBHOOK_SECRET: secret } = settings;
	if (env.EMAIL !== undefined) {
		if (from === undefined) throw new Error("the binding EMAIL wants EMAIL_FROM");
		return new BoundSender(env.EMAIL, from);
	}
	if (url === undefined) return undefined;
	if (secret === undefined) throw new Error("EMAIL_WEBHOOK_URL wants EMAIL_WEBHOOK_SECRET");
	return new WebhookSender({ url, secret, now });
}

/** How servers that users name are asked. */
export function outsideOf(settings: Settings, own: ReadonlySet<string>): Outside {
	const { DNS_RESOLVER, PREVIEW_TEST_ORIGIN, SERVICE_NAME } = settings;
	// A header takes no other letters.
	const name = SERVICE_NAME.replace(/[^\w.-]/g, "") || "Edgefeed";
	return new Outside({
		fetch: (address, init) => fetch(address, init),
		resolver: DNS_RESOLVER === "off" ? undefined : DNS_RESOLVER,
		own,
		agent: `${name}/1.0 (link previews)`,
		exempt: PREVIEW_TEST_ORIGIN,
	});
}

/** Where clients send uploads to without the Worker, if there is such a way. */
export function directUploadsOf(settings: Settings, now: () => number): DirectUploads | undefined {
	const { R2_ACCESS_KEY_ID: accessKeyId, R2_SECRET_ACCESS_KEY: secretAccessKey, R2_ACCOUNT_ID: account } = settings;
	if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
	const endpoint = settings.R2_ENDPOINT ?? (account && `https://${account}.r2.cloudflarestorage.com`);
	if (accessKeyId === undefined || secretAccessKey === undefined || endpoint === undefined)
		throw new Error("R2_ACCOUNT_ID, R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY want each other");
	return new DirectUploads({
		endpoint: endpoint.replace(/\/$/, ""),
		bucket: settings.R2_MEDIA_BUCKET,
		accessKeyId,
		secretAccessKey,
		now,
	});
}

/** Whom people can sign in with. */
export function providersOf(env: Env, settings: Settings): Providers {
	const social = new Map<Social, ClientCredentials>();
	for (const name of SOCIAL) {
		const upper = name.toUpperCase() as Uppercase<Social>;
		const clientId = settings[`${upper}_CLIENT_ID`];
		const clientSecret = settings[`${upper}_CLIENT_SECRET`];
		if (clientId !== undefined && clientSecret !== undefined) social.set(name, { clientId, clientSecret });
		else if (clientId !== clientSecret)
			throw new Error(`${upper}_CLIENT_ID and ${upper}_CLIENT_SECRET want each other`);
	}
	const oidc = settings.OIDC_PROVIDERS.map(({ secret, ...provider }) => {
		const clientSecret = env[secret];
		if (typeof clientSecret !== "string") throw new Error(`OIDC_PROVIDERS names ${secret}, which is not bound`);
		return { ...provider, clientSecret };
	});
	return new Providers(social, oidc);
}
