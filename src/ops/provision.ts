import { createRoute, z } from "@hono/zod-openapi";
import type { ExternalIdentities } from "../accounts/external.ts";
import { displayNameSchema, usernameSchema } from "../accounts/routes.ts";
import { createRouter, json, jsonBody, nullableIdSchema, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import { PROVISIONED } from "../gateway/trusted-issuers.ts";
import { regionSchema } from "../store/shard-map.ts";

/** Accounts of a call. */
const MOST = 100;
/** Accounts that are made at once: each is a few statements of one database. */
const AT_ONCE = 10;

const provision = createRoute({
	method: "post",
	path: "/ops/provision",
	tags: ["operations"],
	summary: "Make accounts for people of yours, up to 100 at once",
	description:
		"The same `externalId` is the same account, so a call can be repeated: what is there stays as it is. With `issuer`, one of `TRUSTED_ISSUERS`, the account is that of the tokens with `externalId` as their subject.",
	security: [{ operator: [] }],
	request: {
		body: jsonBody(
			z.strictObject({
				issuer: z.string().min(1).max(500).optional(),
				accounts: z
					.array(
						z.strictObject({
							externalId: z.string().trim().min(1).max(255),
							username: usernameSchema.optional(),
							displayName: displayNameSchema.optional(),
							email: z.email().max(254).optional(),
							region: regionSchema.optional(),
						}),
					)
					.min(1)
					.max(MOST),
			}),
		),
	},
	responses: {
		200: json(
			z.object({
				items: z.array(
					z.object({
						externalId: z.string(),
						accountId: nullableIdSchema,
						created: z.boolean(),
						refused: z.enum(["username_taken", "email_taken"]).nullable(),
					}),
				),
			}),
			"What became of each, in the order of the request",
		),
		...problems(400, 404, 413, 415, 503),
	},
});

export interface ProvisionServices {
	external: ExternalIdentities;
	settings: { TRUSTED_ISSUERS: readonly { issuer: string }[] };
}

export function provisionRoutes({ external, settings }: ProvisionServices) {
	const issuers = new Set(settings.TRUSTED_ISSUERS.map(({ issuer }) => issuer));
	return createRouter().openapi(provision, async (c) => {
		const { issuer = PROVISIONED, accounts } = c.req.valid("json");
		if (issuer !== PROVISIONED && !issuers.has(issuer)) {
			throw new Problem("invalid_request", undefined, [{ path: "issuer", message: "is not one of TRUSTED_ISSUERS" }]);
		}
		const items = [];
		for (let from = 0; from < accounts.length; from += AT_ONCE) {
			const some = accounts
				.slice(from, from + AT_ONCE)
				.map(async ({ externalId, username, displayName, email, region }) => {
					const made = await external.provision({
						issuer,
						subject: externalId,
						username,
						name: displayName,
						email: email === undefined ? undefined : { address: email, verified: false },
						region,
					});
					return "refused" in made
						? { externalId, accountId: null, created: false, refused: made.refused }
						: { externalId, accountId: made.id, created: made.created, refused: null };
				});
			items.push(...(await Promise.all(some)));
		}
		return c.json({ items }, 200);
	});
}
