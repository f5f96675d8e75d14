import { requestId } from "hono/request-id";
import { authRoutes } from "./accounts/auth-routes.ts";
import { recordCredentials } from "./accounts/credential-log.ts";
import { emailRoutes } from "./accounts/email-routes.ts";
import { factorRoutes } from "./accounts/factor-routes.ts";
import { lifeRoutes, openToHidden } from "./accounts/life-routes.ts";
import { passkeyRoutes } from "./accounts/passkey-routes.ts";
import { callbackRoutes, providerRoutes } from "./accounts/provider-routes.ts";
import { Redirects } from "./accounts/redirects.ts";
import { accountRoutes } from "./accounts/routes.ts";
import { sessionRoutes } from "./accounts/session-routes.ts";
import { configRoutes } from "./config/routes.ts";
import { deliveryRoutes } from "./fanout/routes.ts";
import { noteOwnWrites } from "./feed/own-writes.ts";
import { feedRoutes, sendKept } from "./feed/routes.ts";
import { streamRoutes } from "./feed/stream-routes.ts";
import { syncRoutes } from "./feed/sync-routes.ts";
import { wantsAppPage } from "./gateway/app-page.ts";
import { limitBody, requireJson } from "./gateway/body.ts";
import { carryBookmarks } from "./gateway/bookmarks.ts";
import { privately, unkept } from "./gateway/conditional.ts";
import { allowOrigins } from "./gateway/cors.ts";
import { refuseSwitchedOff } from "./gateway/features.ts";
import { limitAccount, limitNetwork, limitStrangers } from "./gateway/limits.ts";
import { methodsOf } from "./gateway/methods.ts";
import { observe } from "./gateway/observe.ts";
import { createRouter } from "./gateway/openapi.ts";
import { withOperationIds } from "./gateway/operations.ts";
import { Problem, respondWithProblem } from "./gateway/problem.ts";
import { sendReadiness } from "./gateway/readiness.ts";
import { limitSignIns } from "./gateway/sign-in-limits.ts";
import { limitTime } from "./gateway/timeout.ts";
import { requireToken } from "./gateway/tokens.ts";
import { blockRoutes } from "./graph/block-routes.ts";
import { followRoutes } from "./graph/follow-routes.ts";
import { friendRoutes } from "./graph/friend-routes.ts";
import { searchRoutes } from "./graph/search-routes.ts";
import { exportRoutes } from "./life/export-routes.ts";
import { remainsRoutes } from "./life/remains.ts";
import { mediaRoutes, partRoutes } from "./media/routes.ts";
import { fileRoutes } from "./media/serve.ts";
import { auditRoutes } from "./ops/audit.ts";
import { auditLogRoutes, recordOperators } from "./ops/audit-log-routes.ts";
import { deadLetterRoutes } from "./ops/dead-letters.ts";
import { flagRoutes } from "./ops/flags.ts";
import { IMPORT_BODY, importRoutes } from "./ops/import.ts";
import { keyRoutes } from "./ops/keys.ts";
import { outboxRoutes } from "./ops/outbox.ts";
import { provisionRoutes } from "./ops/provision.ts";
import { roleRoutes } from "./ops/roles.ts";
import { requireOperator } from "./ops/secret.ts";
import { serverKeyRoutes } from "./ops/server-keys.ts";
import { shardRoutes } from "./ops/shards.ts";
import { verifyRoutes } from "./ops/verify.ts";
import { publicPageRoutes, sendKeptPublic } from "./posts/public-pages.ts";
import { reactionRoutes } from "./posts/reaction-routes.ts";
import { postRoutes } from "./posts/routes.ts";
import { previewImageRoutes, previewRoutes } from "./previews/routes.ts";
import type { Services } from "./services.ts";
import type { Id } from "./store/ids.ts";

/** Bytes of a request's body. */
const BODY = 64 * 1024;

/** The HTTP interface: what every request passes, in order, then the routes. */
export function createApp(services: Services) {
	const app = createRouter();

	app.use(requestId());
	app.onError(respondWithProblem);
	app.notFound((c) => {
		const methods = methodsOf(app, c);
		if (methods.length === 0) {
			if (wantsAppPage(c.req.raw)) return services.appPage(c.req.raw);
			return respondWithProblem(new Problem("not_found"), c);
		}
		c.header("allow", methods.join(", "));
		return respondWithProblem(new Problem("method_not_allowed"), c);
	});

	const { CORS_ORIGINS, REQUEST_TIMEOUT_SECONDS } = services.settings;
	if (CORS_ORIGINS.length > 0) {
		app.use("/v1/*", allowOrigins(CORS_ORIGINS));
		app.use("/auth/*", allowOrigins(CORS_ORIGINS));
		app.use("/media/*", allowOrigins(CORS_ORIGINS));
	}
	app.use("/v1/feed", sendKept(services));
	app.use("/v1/accounts/:id/posts", sendKeptPublic(services));
	app.use(observe(services.requestLog, services.now, services.annotate));

	app.get("/healthz", (c) => c.json({ status: "ok" }));
	app.get("/readyz", (c) => sendReadiness(c, services.readiness));

	// Before other files, whose paths begin alike.
	app.route("/", previewImageRoutes(services));
	app.route("/", fileRoutes(services));

	const bookmarks = carryBookmarks(services.settings.READ_REPLICAS === "on", services.now);
	const timeout = limitTime(REQUEST_TIMEOUT_SECONDS * 1000, services.defer);
	const { limits } = services;
	const switches = refuseSwitchedOff(services.flags);
	app.use("/auth/*", unkept, timeout, limitNetwork(limits, "open"), switches, bookmarks, limitBody(BODY));
	// Before bodies must be JSON: a browser comes back from Apple with a form.
	app.route("/", callbackRoutes(services));
	app.use("/auth/*", requireJson);
	const guesses = limitSignIns({
		limits: services.settings.RATE_LIMITS,
		throttle: services.throttle,
		secret: services.settings.AUTH_SECRET,
		familiar: (name, network) => services.familiar.has(name, network),
	});
	app.use("/auth/*", guesses, recordCredentials(services));
	app.use("/v1/*", limitStrangers(limits), switches);
	// Before the token is required: a stream's can come in other ways.
	app.route("/", configRoutes({ ...services, clientLimits: { ...services.clientLimits, bodyBytes: BODY } }));
	app.route("/", streamRoutes(services));
	app.route("/", publicPageRoutes(services));
	// A part of an upload is large, takes the time that its sender's network takes, and is no JSON.
	const identified = requireToken(services.tokens, openToHidden);
	app.use("/v1/media/:id/parts/:part", privately, identified, bookmarks, limitAccount(limits));
	app.route("/", partRoutes(services));
	app.use("/v1/*", timeout, privately, identified, bookmarks);
	app.use("/v1/*", limitAccount(limits), limitBody(BODY), requireJson, noteOwnWrites(services));
	app.use("/v1/accounts/me", guesses);
	app.use(
		"/ops/*",
		unkept,
		requireOperator(services.settings.OPERATOR_SECRET, services.tokens),
		limitNetwork(limits, "ops"),
		limitBody(IMPORT_BODY),
		requireJson,
		recordOperators(services.auditLog),
	);

	app.use("/ops/*", async (_c, next) => {
		await services.shards.fresh();
		await next();
	});

	const signIn = {
		...services,
		defaultRegion: services.settings.DEFAULT_REGION,
		redirects: new Redirects(services.settings.TRUSTED_REDIRECTS, (request) => services.identity.originOf(request)),
		passkeys: { domain: services.settings.PASSKEY_DOMAIN, origins: services.settings.PASSKEY_ORIGINS },
		requireVerification: services.settings.REQUIRE_EMAIL_VERIFICATION === "on",
	};
	app.route("/", authRoutes(signIn));
	app.route("/", emailRoutes(signIn));
	app.route("/", providerRoutes(signIn));
	app.route("/", factorRoutes(signIn));
	app.route("/", passkeyRoutes(signIn));
	app.route("/", sessionRoutes(services));
	const changed = (id: Id) => services.timelines.tell(id, (timeline) => timeline.changeProfile());
	app.route("/", accountRoutes({ ...services, relations: services.graph, changed }));
	app.route("/", lifeRoutes(services));
	app.route("/", exportRoutes(services));
	app.route("/", friendRoutes(services));
	app.route("/", followRoutes(services));
	app.route("/", blockRoutes(services));
	app.route("/", searchRoutes(services));
	app.route("/", mediaRoutes(services));
	app.route("/", postRoutes(services));
	app.route("/", reactionRoutes(services));
	app.route("/", previewRoutes(services));
	app.route("/", feedRoutes(services));
	app.route("/", syncRoutes(services));
	app.route("/", deliveryRoutes(services));
	app.route("/", auditRoutes(services));
	app.route("/", auditLogRoutes(services));
	app.route("/", remainsRoutes(services));
	app.route("/", verifyRoutes(services));
	app.route("/", deadLetterRoutes(services));
	app.route("/", roleRoutes(services));
	app.route("/", keyRoutes(services));
	app.route("/", serverKeyRoutes(services));
	app.route("/", provisionRoutes(services));
	app.route("/", outboxRoutes(services));
	app.route("/", shardRoutes(services));
	app.route("/", flagRoutes(services));
	app.route("/", importRoutes({ ...services, identity: services.identityDatabase }));

	const scheme = { type: "http", scheme: "bearer" } as const;
	app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
		...scheme,
		bearerFormat: "JWT",
		description:
			"the access token of POST /auth/refresh or GET /auth/token, or one of a trusted issuer; or the key of a server, with the header `X-Act-As`",
	});
	app.openAPIRegistry.registerComponent("securitySchemes", "session", {
		...scheme,
		description: "the session token that signing in answers with, or the last refresh token in its place",
	});
	app.openAPIRegistry.registerComponent("securitySchemes", "operator", {
		type: "apiKey",
		in: "header",
		name: "X-Operator-Secret",
	});
	const about = {
		openapi: "3.1.0",
		info: {
			title: "Edgefeed",
			version: "0.1.0",
			description:
				"A social feed. Errors are problem documents (RFC 9457) with stable codes. Where a response has `X-Feed-Bookmark`, keep the last one and send it with every request: what you have done is then in what you read. One that is none of ours is refused with `invalid_bookmark`.",
		},
	};
	app.get("/openapi.json", (c) => c.json(withOperationIds(app.getOpenAPI31Document(about))));
	return app;
}
