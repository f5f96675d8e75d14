import { createRoute, z } from "@hono/zod-openapi";
import { render, sendRendered } from "../gateway/conditional.ts";
import { FEATURES } from "../gateway/features.ts";
import type { RateLimits } from "../gateway/limits.ts";
import { createRouter, json, notModified, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { AccessTokens } from "../gateway/tokens.ts";
import { evaluate, platformSchema, versionSchema } from "./flag.ts";
import type { LiveFlags } from "./live-flags.ts";

const deviceSchema = z
	.string()
	.regex(/^[A-Za-z0-9_-]{8,64}$/, "8 to 64 letters, digits, hyphens and underscores")
	.openapi({ description: "made by the client once, and kept: for who has no token", example: "3f0c2a9e-phone" });

/** What the service takes and has, for clients to check before they send. */
const limitsSchema = z.object({
	textLength: z.int().openapi({ description: "characters of a post or comment" }),
	friends: z.int(),
	following: z.int(),
	streams: z.int().openapi({ description: "devices of an account that are connected at the same time" }),
	media: z.int().openapi({ description: "photos and videos of a post" }),
	photoBytes: z.int(),
	videoBytes: z.int(),
	videoSeconds: z.number(),
	bodyBytes: z.int().openapi({ description: "of a request's body" }),
});
export type ClientLimits = z.infer<typeof limitsSchema>;

const configSchema = z
	.object({
		version: z.int().openapi({ description: "the number of the last change of the flags" }),
		flags: z.record(z.string(), z.union([z.boolean(), z.number(), z.string()])),
		experiments: z.record(z.string(), z.string()).openapi({ description: "the arm of each that you are in" }),
		features: z.record(z.string(), z.boolean()).openapi({ description: "what the service does at present" }),
		minimumVersion: z.string().nullable().openapi({ description: "older clients should ask for an update" }),
		limits: limitsSchema,
	})
	.openapi("Config");

const getConfig = createRoute({
	method: "get",
	path: "/v1/config",
	tags: ["config"],
	summary: "What this client should do: flags, experiments, limits",
	description:
		"With a token for its account, else for the device that `X-Device-Id` or `deviceId` names. Good for a minute; then ask again with `If-None-Match`.",
	security: [{ bearer: [] }, {}],
	request: {
		query: z.strictObject({
			deviceId: deviceSchema.optional(),
			platform: platformSchema.optional(),
			version: versionSchema.optional().openapi({ description: "of the client" }),
		}),
		headers: z.object({ "x-device-id": deviceSchema.optional() }),
	},
	responses: { 200: json(configSchema, "The configuration"), 304: notModified, ...problems(400, 401, 429, 503) },
});

export interface ConfigServices {
	flags: LiveFlags;
	tokens: AccessTokens;
	limits: RateLimits;
	/** What clients are told; none of it changes while the Worker runs. */
	clientLimits: ClientLimits;
}

/** Mounted before the token is required: a device has none before somebody signs in. */
export function configRoutes({ flags, tokens, limits, clientLimits }: ConfigServices) {
	return createRouter().openapi(getConfig, async (c) => {
		const { deviceId, platform, version } = c.req.valid("query");
		const authorization = c.req.header("authorization");
		const device = c.req.valid("header")["x-device-id"] ?? deviceId;
		const id = authorization === undefined ? device : (await tokens.verify(authorization)).viewer;
		if (id === undefined) {
			const message = "needed without a token, here or as X-Device-Id";
			throw new Problem("invalid_request", undefined, [{ path: "deviceId", message }]);
		}
		// Devices are counted by where they come from.
		if (authorization !== undefined && !limits.passes("read", id)) await limits.admit(c, "read", id);
		await flags.fresh();
		const { version: number, flags: all } = flags.known;
		const { country } = (c.req.raw.cf ?? {}) as { country?: string };
		const config: z.infer<typeof configSchema> = {
			version: number,
			...evaluate(all, { id, platform, version, country }),
			features: Object.fromEntries(FEATURES.map((feature) => [feature, !flags.isOff(feature)])),
			limits: clientLimits,
		};
		return sendRendered(c, render(JSON.stringify(config)), {
			"cache-control": "private, max-age=60",
			vary: "Authorization, X-Device-Id",
		}) as never;
	});
}
