import { reportFailure } from "../report.ts";
import type { Id } from "../store/ids.ts";
import { type Change, type Sights, type Told, type Touched, told } from "./changes.ts";
import type { TimelineLog } from "./log.ts";

/** What the timeline knows today of some authors and of some posts. */
export type SightsOf = (authors: readonly Id[], postIds: readonly Id[]) => Promise<Sights>;

/** Shows posts to the owner of a timeline: those of `news` that belong into her feed as it is today, ready to send. */
export interface PostReader {
	visible(owner: Id, news: readonly Told[], touched: Touched, sightsOf: SightsOf): Promise<ReadonlyMap<Id, unknown>>;
}

/** What a socket gets, as JSON text. */
export type Frame =
	/** The first one: the number of the timeline's last change. */
	| { type: "hello"; seq: number }
	| { type: "change"; seq: number; kind: Change["kind"]; postId: Id; post?: unknown }
	/** There is no telling what came before `seq`: read the feed anew, and go on from here. */
	| { type: "outdated"; seq: number };

/** Close codes of ours, in the range that is left to applications (RFC 6455, section 7.4.2). */
export const CLOSE_CODES = {
	/** The access token that opened the socket has expired: connect again with a fresh one. */
	token_expired: 4401,
	/** Its session has ended: sign in again. */
	token_revoked: 4401,
	/** The client sent a frame that is no `ping`. */
	unexpected_frame: 4400,
	/** The client did not `ping` after so much was sent: connect again, from the last change that came. */
	too_slow: 4408,
} as const;

/** Devices of one account that are connected at once. */
export const SOCKET_LIMIT = 32;

/**
 * Characters that are sent to a client before it must have pinged. Workers do not tell what waits in a socket,
 * but a client that waits for the pong before it pings again can only have read what came before; with a batch
 * more, this bounds what one device can keep in the object's memory.
 */
export const UNHEARD_LIMIT = 1_000_000;
/** How long a client may then take to ping, in milliseconds, and how often that is looked at. */
const HEAR_WITHIN = 10_000;
const LISTEN_EVERY = 50;

/** What opened a socket. */
export interface Pass {
	/** Unix milliseconds. */
	expiresAt: number;
	/** What it is revoked by: the session of the access token, and when that was made, in Unix seconds. */
	session: string;
	issuedAt: number;
}

/** Kept with a socket while the object sleeps. */
interface Attachment extends Pass {
	/** The last change that was sent. */
	seq: number;
	hydrate: boolean;
	/** Characters sent since the ping that was answered at `heardAt` (Unix milliseconds). */
	unheard: number;
	heardAt: number;
}

const BATCH = 100;

/** What the sockets need of their timeline object. */
export interface SocketServices {
	log: () => Promise<TimelineLog>;
	owner: () => Id;
	touched: () => Touched;
	sightsOf: SightsOf;
	posts: PostReader;
	/** Whether what opened a socket of the owner's is revoked, as far as is known here. Never fails. */
	revoked: (owner: Id, pass: Pass) => Promise<boolean>;
	/** Asks for an alarm at a moment at the latest, in Unix milliseconds. */
	wakeAt: (time: number) => Promise<void>;
}

/**
 * The sockets of one timeline. Each has a place in the log, and is brought forward from it: what was
 * missed and what happens are the same thing, so every change is sent once and in order.
 */
export class Sockets {
	readonly #ctx: DurableObjectState;
	readonly #log: () => Promise<TimelineLog>;
	readonly #owner: () => Id;
	readonly #touched: () => Touched;
	readonly #sightsOf: SightsOf;
	readonly #posts: PostReader;
	readonly #revoked: SocketServices["revoked"];
	readonly #wakeAt: (time: number) => Promise<void>;
	readonly #pumping = new Map<WebSocket, Promise<void>>();

	constructor(ctx: DurableObjectState, services: SocketServices) {
		this.#ctx = ctx;
		this.#log = services.log;
		this.#owner = services.owner;
		this.#touched = services.touched;
		this.#sightsOf = services.sightsOf;
		this.#posts = services.posts;
		this.#revoked = services.revoked;
		this.#wakeAt = services.wakeAt;
		// Answered without waking the object.
		ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
	}

	get connected(): boolean {
		return this.#ctx.getWebSockets().length > 0;
	}

	/** Opens a socket that has seen everything up to `since`, or up to now; undefined when there are too many. */
	async open(since: number | undefined, hydrate: boolean, pass: Pass): Promise<WebSocket | undefined> {
		const log = await this.#log();
		if (this.#ctx.getWebSockets().length >= SOCKET_LIMIT) return undefined;
		const { 0: client, 1: server } = new WebSocketPair();
		this.#ctx.acceptWebSocket(server);
		const place: Attachment = { seq: since ?? log.seq, hydrate, ...pass, unheard: 0, heardAt: 0 };
		send(server, place, { type: "hello", seq: log.seq });
		server.serializeAttachment(place);
		await this.#wakeAt(pass.expiresAt);
		void this.#forward(server);
		return client;
	}

	/** Brings every socket up to the log: after each change. */
	forward(): void {
		for (const socket of this.#ctx.getWebSockets()) void this.#forward(socket);
	}

	/** A client has nothing to say but `ping`, which does not come here. */
	refuse(socket: WebSocket): void {
		socket.close(CLOSE_CODES.unexpected_frame, "unexpected_frame");
	}

	/** Closes what has expired, and says when the next one does: Unix milliseconds, or infinity. */
	expire(now: number): number {
		let next = Number.POSITIVE_INFINITY;
		for (const socket of this.#ctx.getWebSockets()) {
			const { expiresAt } = attachmentOf(socket);
			if (expiresAt <= now) socket.close(CLOSE_CODES.token_expired, "token_expired");
			else next = Math.min(next, expiresAt);
		}
		return next;
	}

	/** Closes the sockets of sessions that ended, or all of them. @returns how many */
	end(sessions: readonly string[] | undefined): number {
		const ended = this.#ctx
			.getWebSockets()
			.filter((socket) => sessions === undefined || sessions.includes(attachmentOf(socket).session));
		for (const socket of ended) socket.close(CLOSE_CODES.token_revoked, "token_revoked");
		return ended.length;
	}

	/** One at a time for each socket; a change that comes meanwhile is found by the round after. */
	async #forward(socket: WebSocket): Promise<void> {
		const running = this.#pumping.get(socket);
		const next = (async () => {
			await running;
			await this.#pump(socket);
		})();
		this.#pumping.set(socket, next);
		try {
			await next;
		} catch (error) {
			// The client notices, connects again and goes on from what it has.
			reportFailure("a socket was dropped", error);
			socket.close(1011, "internal_error");
		} finally {
			if (this.#pumping.get(socket) === next) this.#pumping.delete(socket);
		}
	}

	async #pump(socket: WebSocket): Promise<void> {
		const place = attachmentOf(socket);
		for (let more = true; more; ) {
			// Should nobody have told that the session ended, it is noticed before anything more is sent.
			if (await this.#revoked(this.#owner(), place)) {
				return socket.close(CLOSE_CODES.token_revoked, "token_revoked");
			}
			if (!(await this.#heard(socket, place))) return socket.close(CLOSE_CODES.too_slow, "too_slow");
			const found = (await this.#log()).changes(place.seq, BATCH);
			if (socket.readyState !== WebSocket.OPEN) return;
			if (found.state !== "told") {
				send(socket, place, { type: "outdated", seq: found.seq });
				place.seq = found.seq;
				more = false;
			} else {
				const news = told(found.changes);
				const posts =
					place.hydrate && news.length > 0
						? await this.#posts.visible(this.#owner(), news, this.#touched(), this.#sightsOf)
						: undefined;
				if (socket.readyState !== WebSocket.OPEN) return;
				for (const { seq, kind, postId } of found.changes) {
					const post = posts?.get(postId);
					// To the owner, a post that she may not see any more is gone.
					const gone = posts !== undefined && post === undefined && (kind === "add" || kind === "edit");
					const change = { seq, kind: gone ? "remove" : kind, postId, ...(post ? { post } : {}) } as const;
					send(socket, place, { type: "change", ...change });
				}
				place.seq = found.more ? (found.changes.at(-1)?.seq ?? place.seq) : found.seq;
				more = found.more;
			}
			socket.serializeAttachment(place);
		}
	}

	/** Waits for a client that has much to read. @returns false when it takes too long. */
	async #heard(socket: WebSocket, place: Attachment): Promise<boolean> {
		for (let waited = 0; place.unheard > UNHEARD_LIMIT; waited += LISTEN_EVERY) {
			const heardAt = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
			if (heardAt > place.heardAt) {
				place.heardAt = heardAt;
				place.unheard = 0;
			} else if (waited >= HEAR_WITHIN) return false;
			else await new Promise((resolve) => setTimeout(resolve, LISTEN_EVERY));
		}
		return true;
	}
}

function send(socket: WebSocket, place: Attachment, frame: Frame): void {
	const text = JSON.stringify(frame);
	place.unheard += text.length;
	socket.send(text);
}

function attachmentOf(socket: WebSocket): Attachment {
	return socket.deserializeAttachment() as Attachment;
}
