import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type Flag, faultOf, flagName, flagSchema, MOST_FLAGS } from "../config/flag.ts";
import { FlagsContended, type FlagTable, TooManyFlags, type VersionedFlags } from "../config/flag-table.ts";
import type { LiveFlags } from "../config/live-flags.ts";
import { decodeCursor, encodeCursor } from "../gateway/cursor.ts";
import { createRouter, json, jsonBody, listOf, moment, momentSchema, pageQuery, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { AccessTokens } from "../gateway/tokens.ts";

const security = [{ operator: [] }];
const tags = ["operations"];
const params = z.object({ name: flagName.openapi({ param: { name: "name", in: "path" } }) });
const version = z.int().openapi({ description: "the number of the last change" });
const versionOnly = z.object({ version });

const listFlags = createRoute({
	method: "get",
	path: "/ops/flags",
	tags,
	summary: "The flags that are in force",
	security,
	responses: {
		200: json(z.object({ version, flags: z.record(z.string(), flagSchema) }), "By name"),
		...problems(404, 503),
	},
});

const setFlag = createRoute({
	method: "put",
	path: "/ops/flags/{name}",
	tags,
	summary: "Make or change a flag: in force everywhere within five seconds",
	security,
	request: { params, body: jsonBody(flagSchema) },
	responses: { 200: json(versionOnly, "In force"), ...problems(400, 404, 413, 415, 503) },
});

const removeFlag = createRoute({
	method: "delete",
	path: "/ops/flags/{name}",
	tags,
	summary: "Take a flag away",
	security,
	request: { params },
	responses: { 200: json(versionOnly, "Gone"), ...problems(404, 503) },
});

const changeSchema = z
	.object({
		version: z.int(),
		name: z.string(),
		before: flagSchema.nullable(),
		after: flagSchema.nullable(),
		actor: z.string().openapi({ description: "an account, or `operator`: who knew the secret" }),
		at: momentSchema,
	})
	.openapi("FlagChange");

const listChanges = createRoute({
	method: "get",
	path: "/ops/flags/history",
	tags,
	summary: "Who changed which flag when, the last change first",
	security,
	request: { query: pageQuery },
	responses: { 200: json(listOf(changeSchema), "A page"), ...problems(400, 404, 503) },
});

const undoChange = createRoute({
	method: "post",
	path: "/ops/flags/undo",
	tags,
	summary: "Have a flag be again what it was before a change, by default before the last one",
	description: "That is a change as well: undone in turn, the flag is what it was.",
	security,
	request: { body: jsonBody(z.strictObject({ version: z.int().min(1).optional() })) },
	responses: { 200: json(versionOnly, "In force"), ...problems(400, 404, 413, 415, 503) },
});

export interface FlagServices {
	flagTable: FlagTable;
	flags: LiveFlags;
	tokens: Pick<AccessTokens, "verify">;
}

export function flagRoutes({ flagTable, flags, tokens }: FlagServices) {
	/** In force here at once, elsewhere soon. */
	const settled = async (work: Promise<VersionedFlags | undefined>) => {
		const changed = await refused(work);
		if (changed === undefined) throw new Problem("not_found");
		flags.learn(changed);
		return { version: changed.version };
	};

	return createRouter()
		.openapi(listFlags, async (c) => c.json(await flagTable.read(), 200))
		.openapi(setFlag, async (c) => {
			const { name } = c.req.valid("param");
			const flag: Flag = c.req.valid("json");
			const fault = faultOf(name, flag);
			if (fault) throw new Problem("invalid_request", undefined, [fault]);
			return c.json(await settled(flagTable.set(name, flag, await actorOf(c, tokens))), 200);
		})
		.openapi(removeFlag, async (c) => {
			const { name } = c.req.valid("param");
			if (!Object.hasOwn((await flagTable.read()).flags, name)) throw new Problem("not_found");
			return c.json(await settled(flagTable.set(name, null, await actorOf(c, tokens))), 200);
		})
		.openapi(listChanges, async (c) => {
			const { limit, cursor } = c.req.valid("query");
			const [before = String(Number.MAX_SAFE_INTEGER)] =
				cursor === undefined ? [] : decodeCursor("flags", cursor, /^\d{1,15}$/);
			const changes = await flagTable.history(Number(before), limit + 1);
			const items = changes.slice(0, limit).map((change) => ({ ...change, at: moment(change.at) }));
			const last = items.at(-1);
			return c.json({ items, next: last && changes.length > limit ? encodeCursor("flags", last.version) : null }, 200);
		})
		.openapi(undoChange, async (c) => {
			const { version } = c.req.valid("json");
			return c.json(await settled(flagTable.undo(version, await actorOf(c, tokens))), 200);
		});
}

/** Who is let in as an operator: the account of the token, else whoever knew the secret. */
async function actorOf(c: Context, tokens: FlagServices["tokens"]): Promise<string> {
	try {
		const { role, viewer } = await tokens.verify(c.req.header("authorization"));
		return role === "operator" ? viewer : "operator";
	} catch {
		return "operator";
	}
}

async function refused<T>(work: Promise<T>): Promise<T> {
	try {
		return await work;
	} catch (error) {
		if (error instanceof FlagsContended) throw new Problem("unavailable");
		if (!(error instanceof TooManyFlags)) throw error;
		const message = `there are ${MOST_FLAGS} flags, or they are too large in all`;
		throw new Problem("invalid_request", undefined, [{ path: "name", message }]);
	}
}
