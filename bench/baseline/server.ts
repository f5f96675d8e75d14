/** What both have: the token, the route, the shape of a page. */
import { readFileSync } from "node:fs";
import fastify, { type FastifyReply } from "fastify";
import { importJWK, jwtVerify } from "jose";
import type { Data, PostView } from "./data.ts";

export interface Page {
	items: PostView[];
	next: string | null;
}
export type ReadFeed = (viewer: string, limit: number, cursor: string | undefined) => Promise<Page>;

const string = { type: "string" } as const;
const nothing = { type: "null" } as const;
const author = {
	type: "object",
	properties: { id: string, username: string, displayName: string, avatarUrl: { type: ["string", "null"] } },
} as const;
/** With it Fastify compiles a serializer, which is faster than JSON.stringify. */
const pageSchema = {
	type: "object",
	properties: {
		items: {
			type: "array",
			items: {
				type: "object",
				properties: {
					id: string,
					author,
					parentId: nothing,
					text: string,
					audience: string,
					link: nothing,
					media: { type: "array", items: string },
					createdAt: string,
					editedAt: nothing,
					likeCount: { type: "integer" },
					commentCount: { type: "integer" },
					viewer: { type: "object", properties: { liked: { type: "boolean" } } },
				},
			},
		},
		next: { type: ["string", "null"] },
		prev: nothing,
		building: { type: "boolean" },
		seq: { type: "integer" },
	},
} as const;

/** The data that the command line names. */
export function loadData(path: string): Data {
	return JSON.parse(readFileSync(path, "utf8")) as Data;
}

/** Serves `GET /v1/feed` on a free loopback port, and says where. */
export async function serve(readFeed: ReadFeed): Promise<void> {
	const key = await importJWK(JSON.parse(process.env.PUBLIC_KEY ?? "{}"), "ES256");
	const app = fastify({ logger: false });
	const refuse = (reply: FastifyReply) => reply.code(401).send({ code: "token_invalid" });
	app.get<{ Querystring: { limit: number; cursor?: string } }>(
		"/v1/feed",
		{
			schema: {
				querystring: {
					type: "object",
					properties: { limit: { type: "integer", minimum: 1, maximum: 100, default: 20 }, cursor: string },
				},
				response: { 200: pageSchema },
			},
		},
		async (request, reply) => {
			const [, token = ""] = (request.headers.authorization ?? "").split(" ");
			const verified = await jwtVerify(token, key, {
				issuer: "edgefeed",
				audience: "edgefeed",
				algorithms: ["ES256"],
			}).catch(() => undefined);
			if (!verified?.payload.sub) return refuse(reply);
			const { limit, cursor } = request.query;
			const { items, next } = await readFeed(verified.payload.sub, limit, cursor);
			return { items, next, prev: null, building: false, seq: 0 };
		},
	);
	console.log(`listening on ${await app.listen({ host: "127.0.0.1", port: 0 })}`);
}
