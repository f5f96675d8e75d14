import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createRouter, type Gateway, json, moment, momentSchema, problems, signedIn } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { TicketSeal } from "../gateway/tickets.ts";
import type { AccessTokens } from "../gateway/tokens.ts";
import type { Timelines } from "../timeline/client.ts";
import { type Frame, UNHEARD_LIMIT } from "../timeline/sockets.ts";

const sinceSchema = z
	.string()
	.regex(/^\d{1,15}$/, "not a number of a change")
	.optional()
	.openapi({
		type: "integer",
		description: "the last change that you know; by default, only what happens from now on",
	});

const streamQuery = z.object({
	since: sinceSchema,
	hydrate: z.enum(["0", "1"]).default("0").openapi({ description: "1: additions and edits come with the post" }),
	ticket: z.string().max(500).optional().openapi({ description: "of POST /v1/feed/tickets, instead of a token" }),
});

const openStream = createRoute({
	method: "get",
	path: "/v1/feed/stream",
	tags: ["feed"],
	summary: "Your feed's changes as they happen, over a WebSocket",
	description:
		"Upgrades to a WebSocket of JSON frames: `hello`, what you missed since `since`, then every `change`; `outdated` when you must read the feed anew. The token comes in the header, as `Sec-WebSocket-Protocol: bearer, <token>` or as a ticket. Send `ping` to get `pong`, every half minute and whenever half a megabyte has come. Closes with 4401 when the token expires or its session ends, and with 4408 when a megabyte was sent and no ping comes: connect again from the last change that came.",
	security: signedIn,
	request: { query: streamQuery },
	responses: { 101: { description: "Switching protocols" }, ...problems(400, 401, 426, 429, 503) },
});

const openEvents = createRoute({
	method: "get",
	path: "/v1/feed/events",
	tags: ["feed"],
	summary: "The same as Server-Sent Events, for clients that have no sockets",
	description:
		"Each event's `id` is the number of its change, so that `Last-Event-ID` goes on where the connection broke.",
	security: signedIn,
	request: { query: streamQuery, headers: z.object({ "last-event-id": sinceSchema }) },
	responses: {
		200: { description: "The events", content: { "text/event-stream": { schema: z.string() } } },
		...problems(400, 401, 429, 503),
	},
});

const makeTicket = createRoute({
	method: "post",
	path: "/v1/feed/tickets",
	tags: ["feed"],
	summary:
		"A pass to the stream, good once and for a minute: for clients that can send neither a header nor a subprotocol",
	security: signedIn,
	responses: {
		201: json(z.object({ ticket: z.string(), expiresAt: momentSchema }), "The ticket"),
		...problems(401, 503),
	},
});

export interface StreamServices {
	timelines: Timelines;
	tokens: AccessTokens;
	tickets: TicketSeal;
}

/** The stream's own routes: mounted before the token is required, because a token can come in other ways here. */
export function streamRoutes({ timelines, tokens, tickets }: StreamServices) {
	/** Who wants the stream, and what the timeline object is told of it: when the token expires, or a ticket to redeem. */
	const authenticate = async (c: Context<Gateway>, sealed: string | undefined) => {
		if (sealed !== undefined) {
			const { token, ticket } = await tickets.open(sealed);
			await tokens.refuseRevoked(token);
			return { viewer: token.viewer, pass: { ticket, session: token.session, issued: String(token.issuedAt) } };
		}
		const [scheme, token] = (c.req.header("sec-websocket-protocol") ?? "").split(",").map((part) => part.trim());
		const { viewer, session, issuedAt, expiresAt } =
			scheme === "bearer" && token ? await tokens.verify(`Bearer ${token}`) : await tokens.claimsOf(c);
		return {
			viewer,
			pass: { expires: String(expiresAt), session, issued: String(issuedAt) },
		};
	};

	const connect = async (c: Context<Gateway>, query: z.infer<typeof streamQuery>, since: string | undefined) => {
		const { viewer, pass } = await authenticate(c, query.ticket);
		const address = new URL("https://timeline/stream");
		for (const [name, value] of Object.entries({ ...pass, since, hydrate: query.hydrate })) {
			if (value !== undefined) address.searchParams.set(name, value);
		}
		const headers = new Headers({ upgrade: "websocket" });
		const protocol = c.req.header("sec-websocket-protocol");
		if (protocol) headers.set("sec-websocket-protocol", protocol);
		const response = await timelines.of(viewer).connect(new Request(address, { headers }));
		if (response.status === 401) throw new Problem("ticket_invalid");
		if (response.status === 429) throw new Problem("too_many_streams");
		return response;
	};

	return createRouter()
		.openapi(openStream, async (c) => {
			requireGet(c);
			if (c.req.header("upgrade")?.toLowerCase() !== "websocket") throw new Problem("upgrade_required");
			const query = c.req.valid("query");
			return (await connect(c, query, query.since)) as never;
		})
		.openapi(openEvents, async (c) => {
			requireGet(c);
			const query = c.req.valid("query");
			const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
			const { webSocket } = await connect(c, query, c.req.valid("header")["last-event-id"] ?? query.since);
			if (!webSocket) throw new Problem("unavailable");
			return c.body(events(webSocket), 200, headers);
		})
		.openapi(makeTicket, async (c) => {
			const token = await tokens.claimsOf(c);
			const { ticket, goodUntil } = await timelines.of(token.viewer).issueTicket(token.expiresAt);
			return c.json({ ticket: await tickets.seal(token, ticket, goodUntil), expiresAt: moment(goodUntil) }, 201);
		});
}

/** A HEAD would take a device's place and use a ticket up for nothing. */
function requireGet(c: Context): void {
	if (c.req.method === "GET") return;
	c.header("allow", "GET");
	throw new Problem("method_not_allowed");
}

/** Milliseconds between comments that keep the connection from being taken for dead. */
const KEEP_ALIVE = 25_000;

/** Characters between two pings to the timeline object: see {@link UNHEARD_LIMIT}. */
const ACKNOWLEDGE = UNHEARD_LIMIT / 4;

/** A socket's frames as events; the stream ends with the socket, and the socket with the stream. */
function events(socket: WebSocket): ReadableStream<Uint8Array> {
	const encoder = new TextEncoder();
	let alive: ReturnType<typeof setInterval>;
	let open = true;
	let unread = 0;
	const leave = () => {
		open = false;
		clearInterval(alive);
	};
	return new ReadableStream<Uint8Array>({
		start(controller) {
			const write = (text: string) => {
				if (open) controller.enqueue(encoder.encode(text));
			};
			const end = (reason: string) => {
				if (!open) return;
				write(`event: close\ndata: ${JSON.stringify({ reason })}\n\n`);
				leave();
				controller.close();
			};
			alive = setInterval(() => write(": still here\n\n"), KEEP_ALIVE);
			socket.addEventListener("message", ({ data }) => {
				if (data === "pong") return;
				unread += String(data).length;
				const frame: Frame = JSON.parse(String(data));
				// A hello tells where the log is, not how far this client has come.
				const id = frame.type === "hello" ? "" : `id: ${frame.seq}\n`;
				write(`${id}event: ${frame.type}\ndata: ${String(data)}\n\n`);
			});
			socket.addEventListener("close", ({ reason }) => end(reason));
			socket.addEventListener("error", () => end("internal_error"));
			socket.accept();
		},
		// The client has read what there was: only then does the socket hear of it, and stays open.
		pull() {
			if (!open || unread < ACKNOWLEDGE) return;
			unread = 0;
			socket.send("ping");
		},
		cancel() {
			leave();
			socket.close(1000);
		},
	});
}
