import { z } from "zod";
import { oidcProvidersSchema } from "./accounts/providers.ts";
import type { GridObject } from "./cache/embedded.ts";
import type { ChannelObject } from "./fanout/channel.ts";
import { limitsSchema } from "./gateway/limits.ts";
import { trustedIssuersSchema } from "./gateway/trusted-issuers.ts";
import { mediaLimitsSchema } from "./media/limits.ts";
import type { ReactionsObject } from "./posts/reactions.ts";
import { regionSchema, shardMapSchema } from "./store/shard-map.ts";
import { jurisdictionsSchema } from "./timeline/homes.ts";
import type { TimelineObject } from "./timeline/object.ts";

/** What the runtime binds to the Worker: `wrangler.toml` and, for the secrets, `wrangler secret put` or an env file. */
export interface Env {
	readonly IDENTITY: D1Database;
	readonly TIMELINE: DurableObjectNamespace<TimelineObject>;
	readonly CHANNEL: DurableObjectNamespace<ChannelObject>;
	readonly GRID: DurableObjectNamespace<GridObject>;
	readonly REACTIONS: DurableObjectNamespace<ReactionsObject>;
	readonly FANOUT: Queue;
	readonly DELIVER: Queue;
	/** Carries what is to be processed. */
	readonly MEDIA_JOBS: Queue;
	/** Carries the links that are to be looked at. */
	readonly PREVIEWS: Queue;
	readonly ASSETS: Fetcher;
	/** The archives that accounts have asked for. */
	readonly EXPORTS: R2Bucket;
	/** Photos and videos, and the images of links. */
	readonly MEDIA: R2Bucket;
	readonly IMAGES: ImagesBinding;
	/** Optional: figures go to the log without it. */
	readonly METRICS?: AnalyticsEngineDataset;
	/** Optional: without them an isolate counts for itself alone. */
	readonly READ_LIMITER?: RateLimit;
	readonly WRITE_LIMITER?: RateLimit;
	readonly SEARCH_LIMITER?: RateLimit;
	readonly OPEN_LIMITER?: RateLimit;
	/** Optional: sends e-mail, from `EMAIL_FROM`. */
	readonly EMAIL?: SendEmail;
	/** The databases that the shard map names, and the settings below, still unchecked. */
	readonly [name: string]: unknown;
}

const credential = z.string().min(1).optional();

const settingsSchema = z.object({
	/** Signs sessions and encrypts the signing keys at rest; at least 32 characters. */
	AUTH_SECRET: z.string().min(32),
	/** Opens `/ops/*`; without it those routes do not exist. */
	OPERATOR_SECRET: z.string().min(16).optional(),
	/** The public origin, like `https://api.example.com`; by default the one a request was sent to. */
	PUBLIC_URL: z.url().optional(),
	TOKEN_ISSUER: z.string().min(1),
	TOKEN_AUDIENCE: z.string().min(1),
	/** Others whose tokens are accepted as ours are. */
	TRUSTED_ISSUERS: trustedIssuersSchema.default([]),
	DEFAULT_REGION: regionSchema,
	/** Home regions whose objects are kept in a jurisdiction. To be decided before the first account. */
	JURISDICTIONS: jurisdictionsSchema.default({}),
	/** Days between the deletion of an account and its erasure. */
	DELETION_GRACE_DAYS: z.number().min(0).default(30),
	/** Days for which the audit log is kept. */
	AUDIT_LOG_DAYS: z.number().min(1).default(400),
	/** A timeline that is not read for so many days is dropped, and built again when it is. */
	DORMANT_AFTER_DAYS: z.number().positive().default(30),
	/** Posts of authors with more followers are not pushed to these, but pulled by them. */
	PUSH_LIMIT: z.int().min(1).default(20_000),
	/** The bindings of the queues that carry deliveries, by recipient. */
	DELIVER_QUEUES: z.array(z.string().min(1)).min(1).default(["DELIVER"]),
	/** How often a timeline checks itself against the store; 0 is never. */
	AUDIT_EVERY_HOURS: z.number().min(0).default(168),
	/** How often somebody may ask for something; "off" to measure and to test. */
	RATE_LIMITS: limitsSchema.prefault({}),
	/** How much may be uploaded. */
	MEDIA_LIMITS: mediaLimitsSchema,
	/** With these, uploads go straight to R2 by its S3 interface: an API token's, and the name of the bucket behind `MEDIA`. */
	R2_ACCESS_KEY_ID: credential,
	R2_SECRET_ACCESS_KEY: credential,
	/** Like `https://<account id>.r2.cloudflarestorage.com`; by default made of `R2_ACCOUNT_ID`. */
	R2_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
	R2_ACCOUNT_ID: credential,
	R2_MEDIA_BUCKET: z.string().min(1).default("edgefeed-media"),
	/** Whether requests that only read may be answered by replicas of the shards. */
	READ_REPLICAS: z.enum(["on", "off"]).default("off"),
	/** What is written about requests: docs/logs.md. */
	LOG_REQUESTS: z.union([z.enum(["on", "errors", "off"]), z.coerce.number().min(0).max(1)]).default("errors"),
	/** The origins whose pages may call the API, like `https://app.example.com`. */
	CORS_ORIGINS: z.array(z.string().refine(isOrigin)).default([]),
	/** A request of `/v1` or `/auth` is answered after so long, by an error if by nothing else. */
	REQUEST_TIMEOUT_SECONDS: z.number().positive().default(20),
	/** An isolate looks for a newer shard map so often. */
	SHARD_MAP_REFRESH_SECONDS: z.number().positive().default(5),
	/** A Redis of Upstash's, or one behind its protocol, for the data grid; without it the grid is embedded. */
	UPSTASH_REDIS_REST_URL: z.url({ protocol: /^https?$/ }).optional(),
	UPSTASH_REDIS_REST_TOKEN: z.string().min(1).optional(),
	/** Whether pages that were made are sent again for some seconds, and whether posts are kept for as long: off to measure. */
	CACHE_PAGES: z.enum(["on", "off"]).default("on"),
	CACHE_SHARED: z.enum(["on", "off"]).default("on"),
	/** Whether the pages that posts link to are looked at. */
	LINK_PREVIEWS: z.enum(["on", "off"]).default("on"),
	/** Answers DNS over HTTPS as JSON: a link whose name stands for a private address is not looked at. */
	DNS_RESOLVER: z
		.union([z.literal("off"), z.url({ protocol: /^https?$/ })])
		.default("https://cloudflare-dns.com/dns-query"),
	/** A page, and its image, have so long; less than half of the time for which one of many looks at an address. */
	PREVIEW_TIMEOUT_SECONDS: z.number().positive().max(9).default(5),
	/** Of the tests only: an origin that is asked for previews wherever it is. */
	PREVIEW_TEST_ORIGIN: z.string().refine(isOrigin).optional(),
	/** What messages and authenticator apps call the service. */
	SERVICE_NAME: z.string().min(1).max(40).default("Edgefeed"),
	/** Whether an address must be confirmed before its account can sign in with a password. */
	REQUIRE_EMAIL_VERIFICATION: z.enum(["on", "off"]).default("off"),
	/** Where links in messages, and services that people sign in with, may lead to: whole addresses of clients'. */
	TRUSTED_REDIRECTS: z.array(z.url()).default([]),
	/** The domain that passkeys are for, and where they may be used: by default the public origin's. */
	PASSKEY_DOMAIN: z.string().min(1).optional(),
	PASSKEY_ORIGINS: z.array(z.string().min(1)).default([]),
	/** Whom messages are from. */
	EMAIL_FROM: z.email().optional(),
	/** Gets messages to send, when there is no binding `EMAIL`. */
	EMAIL_WEBHOOK_URL: z.url({ protocol: /^https?$/ }).optional(),
	EMAIL_WEBHOOK_SECRET: z.string().min(16).optional(),
	/** Services that people can sign in with: both of a pair, or neither. */
	GOOGLE_CLIENT_ID: credential,
	GOOGLE_CLIENT_SECRET: credential,
	APPLE_CLIENT_ID: credential,
	APPLE_CLIENT_SECRET: credential,
	FACEBOOK_CLIENT_ID: credential,
	FACEBOOK_CLIENT_SECRET: credential,
	KAKAO_CLIENT_ID: credential,
	KAKAO_CLIENT_SECRET: credential,
	LINE_CLIENT_ID: credential,
	LINE_CLIENT_SECRET: credential,
	NAVER_CLIENT_ID: credential,
	NAVER_CLIENT_SECRET: credential,
	/** Others, by OpenID Connect. */
	OIDC_PROVIDERS: oidcProvidersSchema.default([]),
	SHARD_MAP: shardMapSchema,
});

/** Scheme, host and port, as a browser sends them. */
function isOrigin(text: string): boolean {
	return URL.canParse(text) && new URL(text).origin === text;
}

/** The settings, parsed and checked. */
export type Settings = z.infer<typeof settingsSchema>;

/** @throws Error naming each setting that is missing or malformed, never its value. */
export function parseSettings(env: Env): Settings {
	const parsed = settingsSchema.safeParse(env);
	if (parsed.success) return parsed.data;
	const faults = parsed.error.issues.map((issue) => `${issue.path.join(".")} (${issue.code})`);
	throw new Error(`settings are missing or malformed: ${faults.join(", ")}`);
}
