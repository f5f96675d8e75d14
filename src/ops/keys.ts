import { createRoute, z } from "@hono/zod-openapi";
import type { Identity } from "../accounts/identity.ts";
import type { SigningKey, SigningKeys } from "../accounts/signing-keys.ts";
import { createRouter, idSchema, json, jsonBody, moment, momentSchema, problems } from "../gateway/openapi.ts";

const operator = [{ operator: [] }];
const keysSchema = z.object({
	items: z.array(
		z
			.object({
				id: idSchema.openapi({ description: "the `kid` of its tokens" }),
				algorithm: z.string(),
				state: z.enum(["next", "signing", "retired"]).openapi({
					description:
						"`next`: published, and signs from `signsFrom`; `retired`: published until its tokens have expired",
				}),
				createdAt: momentSchema,
				signsFrom: momentSchema,
				publishedUntil: momentSchema.nullable(),
			})
			.openapi("SigningKey"),
	),
});

const list = createRoute({
	method: "get",
	path: "/ops/keys",
	tags: ["operations"],
	summary: "The keys that sign access tokens: those that are published, the latest first",
	security: operator,
	responses: { 200: json(keysSchema, "The keys"), ...problems(404, 503) },
});

const rotate = createRoute({
	method: "post",
	path: "/ops/keys/rotate",
	tags: ["operations"],
	summary: "Have a new key sign access tokens, without a token that cannot be verified",
	description:
		"The new key is published at once and signs after `signsIn` seconds; the old one stays published until its tokens have expired. While there is a next key already, nothing is done: the call can be repeated.",
	security: operator,
	request: {
		body: jsonBody(
			z.strictObject({
				signsIn: z.int().min(10).max(86_400).default(60).openapi({
					description: "seconds; longer than others keep the key set that you know to verify your tokens",
				}),
			}),
		),
	},
	responses: { 200: json(keysSchema, "The keys as they are now"), ...problems(400, 404, 413, 415, 503) },
});

export interface KeyServices {
	identity: Identity;
	signingKeys: SigningKeys;
	now: () => number;
}

export function keyRoutes({ identity, signingKeys, now }: KeyServices) {
	const keys = async () => ({ items: (await signingKeys.list()).map(present) });
	return createRouter()
		.openapi(list, async (c) => c.json(await keys(), 200))
		.openapi(rotate, async (c) => {
			await identity.rotateKey(now() + c.req.valid("json").signsIn * 1000);
			return c.json(await keys(), 200);
		});
}

function present({ createdAt, signsFrom, publishedUntil, id, ...key }: SigningKey) {
	return {
		...key,
		id: idSchema.parse(id),
		createdAt: moment(createdAt),
		signsFrom: moment(signsFrom),
		publishedUntil: publishedUntil === null ? null : moment(publishedUntil),
	};
}
