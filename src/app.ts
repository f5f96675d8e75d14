import { requestId } from "hono/request-id";
import { authRoutes } from "./accounts/auth-routes.ts";
import { accountRoutes } from "./accounts/routes.ts";
import { deliveryRoutes } from "./fanout/routes.ts";
import { noteOwnWrites } from "./feed/own-writes.ts";
import { feedRoutes, sendKept } from "./feed/routes.ts";
import { streamRoutes } from "./feed/stream-routes.ts";
import { syncRoutes } from "./feed/sync-routes.ts";
import { limitBody, requireJson } from "./gateway/body.ts";
import { carryBookmarks } from "./gateway/bookmarks.ts";
import { privately, unkept } from "./gateway/conditional.ts";
import { createRouter } from "./gateway/openapi.ts";
import { Problem, respondWithProblem } from "./gateway/problem.ts";
import { requireToken } from "./gateway/tokens.ts";
import { blockRoutes } from "./graph/block-routes.ts";
import { followRoutes } from "./graph/follow-routes.ts";
import { friendRoutes } from "./graph/friend-routes.ts";
import { auditRoutes } from "./ops/audit.ts";
import { deadLetterRoutes } from "./ops/dead-letters.ts";
import { IMPORT_BODY, importRoutes } from "./ops/import.ts";
import { roleRoutes } from "./ops/roles.ts";
import { requireOperator } from "./ops/secret.ts";
import { shardRoutes } from "./ops/shards.ts";
import { verifyRoutes } from "./ops/verify.ts";
import { publicPageRoutes } from "./posts/public-pages.ts";
import { reactionRoutes } from "./posts/reaction-routes.ts";
import { postRoutes } from "./posts/routes.ts";
import type { Services } from "./services.ts";
import type { Id } from "./store/ids.ts";

/** Bytes of a request's body. */
const BODY = 64 * 1024;

/** The HTTP interface: what every request passes, in order, then the routes. */
export function createApp(services: Services) {
	const app = createRouter();

	app.use(requestId());
	app.onError(respondWithProblem);
	app.notFound((c) => respondWithProblem(new Problem("not_found"), c));

	app.use("/v1/feed", sendKept(services));

	app.get("/healthz", (c) => c.json({ status: "ok" }));

	const bookmarks = carryBookmarks(services.settings.READ_REPLICAS === "on", services.now);
	app.use("/auth/*", unkept, bookmarks, limitBody(BODY), requireJson);
	// Before the token is required: a stream's can come in other ways.
	app.route("/", streamRoutes(services));
	app.route("/", publicPageRoutes(services));
	app.use("/v1/*", privately, requireToken(services.tokens), bookmarks);
	app.use("/v1/*", limitBody(BODY), requireJson, noteOwnWrites(services));
	app.use(
		"/ops/*",
		unkept,
		requireOperator(services.settings.OPERATOR_SECRET, services.tokens),
		limitBody(IMPORT_BODY),
		requireJson,
	);

	app.use("/ops/*", async (_c, next) => {
		await services.shards.fresh();
		await next();
	});

	app.route("/", authRoutes({ identity: services.identity, defaultRegion: services.settings.DEFAULT_REGION }));
	const changed = (id: Id) => services.timelines.tell(id, (timeline) => timeline.changeProfile());
	app.route("/", accountRoutes({ ...services, relations: services.graph, changed }));
	app.route("/", friendRoutes(services));
	app.route("/", followRoutes(services));
	app.route("/", blockRoutes(services));
	app.route("/", postRoutes(services));
	app.route("/", reactionRoutes(services));
	app.route("/", feedRoutes(services));
	app.route("/", syncRoutes(services));
	app.route("/", deliveryRoutes(services));
	app.route("/", auditRoutes(services));
	app.route("/", verifyRoutes(services));
	app.route("/", deadLetterRoutes(services));
	app.route("/", roleRoutes(services));
	app.route("/", shardRoutes(services));
	app.route("/", importRoutes({ ...services, identity: services.identityDatabase }));

	const scheme = { type: "http", scheme: "bearer" } as const;
	app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
		...scheme,
		bearerFormat: "JWT",
		description: "the access token of GET /auth/token",
	});
	app.openAPIRegistry.registerComponent("securitySchemes", "session", {
		...scheme,
		description: "the session token that signing in answers with",
	});
	app.openAPIRegistry.registerComponent("securitySchemes", "operator", {
		type: "apiKey",
		in: "header",
		name: "X-Operator-Secret",
	});
	app.doc31("/openapi.json", {
		openapi: "3.1.0",
		info: {
			title: "Edgefeed",
			version: "0.1.0",
			description:
				"A social feed. Errors are problem documents (RFC 9457) with stable codes. Where a response has `X-Feed-Bookmark`, keep the last one and send it with every request: what you have done is then in what you read. One that is none of ours is refused with `invalid_bookmark`.",
		},
	});
	return app;
}
