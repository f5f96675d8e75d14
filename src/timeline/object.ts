import { DurableObject } from "cloudflare:workers";
import type { Metrics } from "../metrics.ts";
import { reportFailure } from "../report.ts";
import { asId, type Id } from "../store/ids.ts";
import { underTrace } from "../trace.ts";
import { audit } from "./audit.ts";
import type { Audit, Changes, Delivery, Entry, Marker, Reason, Sights, Span, View } from "./changes.ts";
import { Idempotency, type Reservation } from "./idempotency.ts";
import { packView } from "./packed-view.ts";
import { Projection, type Retying } from "./projection.ts";
import type { Relations } from "./relations.ts";
import { type Pass, type PostReader, Sockets } from "./sockets.ts";
import { CHANNEL_LEASE, type Channels, type TimelineSource } from "./source.ts";
import { TimelineStorage } from "./storage.ts";
import { Tickets } from "./tickets.ts";

const DAY = 86_400_000;
/** When what an alarm is for has failed, in milliseconds. */
const TEND_AGAIN = 300_000;
/** Entries that a timeline compares when it checks itself. */
const AUDIT_SAMPLE = 200;

/** What a timeline object is given beside its storage. */
export interface TimelineServices {
	source: TimelineSource;
	posts: PostReader;
	channels: Channels;
	/** Whether what opened a socket of an account's is revoked, as far as is known here. Never fails. */
	revoked: (owner: Id, pass: Pass) => Promise<boolean>;
	metrics: Metrics;
	/** A timeline that is not read for so long is dropped until it is, in milliseconds. */
	dormantAfter: number;
	/** How often it checks itself, in milliseconds. */
	auditEvery: number;
}

/** What a timeline object is made of: all of it is what its storage says. */
interface Parts {
	readonly storage: TimelineStorage;
	readonly timeline: Projection;
	readonly sockets: Sockets;
	readonly idempotency: Idempotency;
	readonly tickets: Tickets;
	/** When the owner last read, to the day: Unix milliseconds. */
	readAt: number;
}

/**
 * One account's object: her timeline with its sockets, and the idempotency keys of her mutations. Thin: what a
 * timeline is and how it changes is in {@link Projection} and in the log.
 */
export class TimelineObject extends DurableObject {
	readonly #services: TimelineServices;
	#parts: Parts;
	#id: Id | undefined;

	constructor(ctx: DurableObjectState, env: unknown, services: TimelineServices) {
		super(ctx, env as Cloudflare.Env);
		this.#services = services;
		this.#parts = this.#open();
	}

	/** What there is of the timeline in storage, in memory. */
	#open(): Parts {
		const { ctx } = this;
		const services = this.#services;
		const storage = new TimelineStorage(ctx.storage);
		const timeline = new Projection({
			...services,
			storage,
			owner: () => this.#owner(),
			connected: () => this.#sockets.connected,
			changed: () => this.#afterChange(),
		});
		const sockets = new Sockets(ctx, {
			log: async () => (await timeline.warm()).log,
			owner: () => this.#owner(),
			touched: () => timeline.touched,
			sightsOf: (authors, postIds) => this.sights(authors, postIds),
			posts: services.posts,
			revoked: services.revoked,
			wakeAt: (time) => this.#wakeAt(time),
		});
		return {
			storage,
			timeline,
			sockets,
			idempotency: new Idempotency(ctx.storage.sql),
			tickets: new Tickets(ctx.storage.sql),
			readAt: Number(storage.meta("read") ?? 0),
		};
	}

	get #storage(): TimelineStorage {
		return this.#parts.storage;
	}

	get #timeline(): Projection {
		return this.#parts.timeline;
	}

	get #sockets(): Sockets {
		return this.#parts.sockets;
	}

	/**
	 * A page of what is shown, the timeline being built first when it is cold: a {@link View}, packed. The last argument
	 * of a call is the `traceparent` of what it is a part of.
	 */
	async page(span: Span, trace?: string): Promise<string> {
		return underTrace(trace, () => this.#page(span));
	}

	async #page(span: Span): Promise<string> {
		const { log, relations, seq, changedAt, building } = await this.#look();
		const now = Date.now();
		const reasonOf = (author: Id) => this.#reasonOf(author, relations, now);
		const { entries, floor } = log.page(span, (author) => reasonOf(author) !== undefined);
		const deep = floor !== null && ("after" in span ? span.after < floor : entries.length < span.limit);
		return packView({
			entries: entries.map(({ postId, authorId, reason, via }) => ({
				postId,
				authorId,
				reason: reasonOf(authorId) ?? reason,
				via,
			})),
			seq,
			floor,
			building,
			changedAt,
			authors: deep ? relations.packed(now) : null,
			liked: building ? null : entries.flatMap(({ postId }) => (log.likes(postId) ? [postId] : [])),
			touched: this.#timeline.touched,
		});
	}

	/** What came after a number, at most `limit` changes. */
	async changes(since: number, limit: number, trace?: string): Promise<Changes> {
		return underTrace(trace, () => this.#changes(since, limit));
	}

	async #changes(since: number, limit: number): Promise<Changes> {
		const { log, seq, building } = await this.#look();
		const { touched } = this.#timeline;
		if (!building) return { ...log.changes(since, limit), touched };
		if (since > seq) return { state: "future", seq, touched };
		return since < seq
			? { state: "outdated", seq, touched }
			: { state: "told", changes: [], seq, more: false, touched };
	}

	/** What is known today of some authors and of some posts. */
	async sights(authors: readonly Id[], postIds: readonly Id[]): Promise<Sights> {
		const { log, relations, building } = await this.#timeline.look();
		const { floor } = log.page({ limit: 0 });
		const now = Date.now();
		const reasons = authors.flatMap((author): [Id, Reason][] => {
			const reason = this.#reasonOf(author, relations, now);
			return reason ? [[author, reason]] : [];
		});
		const known = (postId: Id) => !building && (floor === null || postId > floor);
		return {
			reasons: new Map(reasons),
			liked: postIds.filter((postId) => known(postId) && log.likes(postId)),
			unclear: postIds.filter((postId) => !known(postId)),
		};
	}

	/** How far the owner has read. */
	async marker(): Promise<Marker> {
		const { log, relations, seq } = await this.#look();
		const now = Date.now();
		const shown = (author: Id) => this.#reasonOf(author, relations, now) !== undefined;
		return { ...log.marker(this.#owner(), relations.hides(now) ? shown : undefined), seq };
	}

	/** Moves the marker, forward only unless `force`. */
	async mark(postId: Id, force: boolean): Promise<Marker> {
		await this.#timeline.warm();
		this.#timeline.write((log) => this.#storage.store(log.mark(postId, force)));
		return this.marker();
	}

	/** Why a post is here, and the floor, below which the store must be asked. */
	async entry(postId: Id): Promise<{ entry: Entry | null; floor: Id | null }> {
		const { log } = await this.#look();
		return { entry: log.entry(postId), floor: log.page({ limit: 0 }).floor };
	}

	/** {@link Projection.apply} */
	async apply(deliveries: Delivery[], trace?: string): Promise<number> {
		return underTrace(trace, () => this.#timeline.apply(deliveries));
	}

	/** {@link Projection.like} */
	async like(postId: Id, liked: boolean, at: number, trace?: string): Promise<number> {
		return underTrace(trace, () => this.#timeline.like(postId, liked, at));
	}

	/** {@link Projection.changeProfile} */
	async changeProfile(): Promise<number> {
		return this.#timeline.changeProfile();
	}

	/** {@link Projection.seq} */
	async seq(): Promise<number> {
		return this.#timeline.seq;
	}

	/** {@link Projection.retie} */
	async retie(other: Id, how: Retying = {}, trace?: string): Promise<void> {
		return underTrace(trace, () => this.#retie(other, how));
	}

	async #retie(other: Id, how: Retying): Promise<void> {
		await this.#timeline.retie(other, how);
		if (this.#sockets.connected && this.#timeline.relations?.of(other).heavy) await this.#join();
	}

	/** A heavy author has posted. @returns false when nobody is connected who would want to know. */
	async hear(authorId: Id, postId: Id, trace?: string): Promise<boolean> {
		if (!this.#sockets.connected) return false;
		underTrace(trace, () => this.#timeline.apply([{ kind: "add", postId, authorId, reason: "follow", via: "pull" }]));
		return true;
	}

	/** {@link Projection.drop} */
	async drop(): Promise<void> {
		this.#timeline.drop();
	}

	/** Erases all that is kept here: its owner's account is erased. */
	async erase(): Promise<void> {
		for (const socket of this.ctx.getWebSockets()) socket.close(1000, "erased");
		await this.ctx.blockConcurrencyWhile(async () => {
			await this.ctx.storage.deleteAlarm();
			await this.ctx.storage.deleteAll();
			// As a later call would find it: empty tables, and nothing in memory.
			this.#parts = this.#open();
		});
	}

	/** How many rows each table has. */
	async remains(): Promise<Record<string, number>> {
		const { sql } = this.ctx.storage;
		const tables = ["log", "meta", "relations", "idempotency", "tickets"];
		return Object.fromEntries(
			tables.map((table) => [table, sql.exec<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).one().count]),
		);
	}

	/** {@link audit} */
	async audit(repair: boolean, trace?: string): Promise<Audit> {
		return underTrace(trace, () => audit(this.#timeline, this.#services.source, this.#owner(), { repair }));
	}

	/** {@link Tickets.issue} */
	async issueTicket(tokenExpiresAt: number): Promise<{ ticket: string; goodUntil: number }> {
		return this.#parts.tickets.issue(tokenExpiresAt, Date.now());
	}

	/** {@link Sockets.end} */
	async endStreams(sessions: readonly string[] | undefined): Promise<number> {
		return this.#sockets.end(sessions);
	}

	/** {@link Idempotency.reserve} */
	async reserve(key: string, fingerprint: string, candidate: Id): Promise<Reservation> {
		return this.#parts.idempotency.reserve(key, fingerprint, candidate, Date.now());
	}

	/** {@link Idempotency.renew} */
	async renew(key: string, from: Id, to: Id): Promise<Id> {
		return this.#parts.idempotency.renew(key, from, to, Date.now());
	}

	/** {@link Idempotency.complete} */
	async complete(key: string, body: string): Promise<string> {
		return this.#parts.idempotency.complete(key, body);
	}

	/**
	 * Opens a socket: the one thing that cannot be a method, as a socket only travels in a response. The
	 * query has `since` and `hydrate`, `session` and `issued` of the access token, and either its `expires` or, unchecked by
	 * the gateway, `ticket`.
	 */
	override async fetch(request: Request): Promise<Response> {
		const query = new URL(request.url).searchParams;
		const ticket = query.get("ticket");
		const expiresAt = ticket === null ? Number(query.get("expires")) : this.#parts.tickets.redeem(ticket, Date.now());
		if (expiresAt === undefined) return new Response(null, { status: 401 });
		const since = query.get("since");
		const socket = await this.#sockets.open(since === null ? undefined : Number(since), query.get("hydrate") === "1", {
			expiresAt,
			session: query.get("session") ?? "",
			issuedAt: Number(query.get("issued")),
		});
		if (!socket) return new Response(null, { status: 429 });
		await this.#noteRead();
		await this.#join();
		const headers = request.headers.has("sec-websocket-protocol") ? { "sec-websocket-protocol": "bearer" } : {};
		return new Response(null, { status: 101, webSocket: socket, headers });
	}

	override webSocketMessage(socket: WebSocket): void {
		this.#sockets.refuse(socket);
	}

	override webSocketClose(socket: WebSocket, code: number): void {
		// 1005 and 1006 say that there was no code, and may not be sent.
		socket.close(code === 1005 || code === 1006 ? 1000 : code);
	}

	/** Closes the sockets that have expired, ends mutes, and lets a timeline that nobody reads go dormant. */
	override async alarm(): Promise<void> {
		const now = Date.now();
		let next = this.#sockets.expire(now);
		try {
			next = Math.min(next, await this.#tend(now));
		} catch (error) {
			// The runtime gives up after some tries: so it is an alarm of its own.
			reportFailure("a timeline was not tended", error);
			next = Math.min(next, now + TEND_AGAIN);
		}
		if (Number.isFinite(next)) await this.#wakeAt(next);
	}

	/** What an alarm is for, sockets apart. @returns when it is wanted again: Unix milliseconds, or infinity. */
	async #tend(now: number): Promise<number> {
		const timeline = this.#timeline;
		if (this.#sockets.connected) await this.#join();
		for (const other of timeline.relations?.ended(now) ?? []) await timeline.retie(other);
		const dormantAt = this.#parts.readAt + this.#services.dormantAfter;
		if (dormantAt <= now && !this.#sockets.connected) timeline.fallAsleep();
		if (timeline.cold) {
			// The next read sets the alarm again.
			this.#parts.readAt = 0;
			await timeline.tellStore();
			return Number.POSITIVE_INFINITY;
		}
		const auditAt = await this.#checkItself(now);
		const muteEnds = timeline.relations?.nextEnd(now) ?? Number.POSITIVE_INFINITY;
		const joinAt = this.#sockets.connected ? now + CHANNEL_LEASE / 2 : auditAt;
		// Looked at once a day at most: what matters is weeks.
		return Math.min(Math.max(dormantAt, now + DAY), auditAt, muteEnds, joinAt);
	}

	async #look() {
		if (this.#timeline.relations?.heavy.length) await this.#pull();
		const look = await this.#timeline.look();
		await this.#noteRead();
		return look;
	}

	/** Never fails: what cannot be pulled now is pulled by the next read. */
	async #pull(): Promise<void> {
		try {
			await this.#timeline.pull();
		} catch (error) {
			reportFailure("heavy authors were not read", error);
		}
	}

	/** While the owner is connected she comes first in fan-outs, and hears of what heavy authors post. */
	async #join(): Promise<void> {
		const heavy = this.#timeline.relations?.heavy ?? [];
		if (heavy.length > 0) await this.#pull();
		try {
			await this.#services.channels.join(this.#owner(), heavy);
			await this.#wakeAt(Date.now() + CHANNEL_LEASE / 2);
		} catch (error) {
			reportFailure("an account is not listed as connected", error);
		}
	}

	/** Why an author's posts are shown at a moment; undefined when they are not. */
	#reasonOf(author: Id, relations: Relations | undefined, now: number): Reason | undefined {
		return author === this.#owner() ? "own" : relations?.shown(author, now);
	}

	#afterChange(): void {
		this.#sockets.forward();
		const end = this.#timeline.relations?.nextEnd(Date.now()) ?? Number.POSITIVE_INFINITY;
		if (Number.isFinite(end)) this.ctx.waitUntil(this.#wakeAt(end));
	}

	/** Written at most once a day. */
	async #noteRead(): Promise<void> {
		const now = Date.now();
		if (now - this.#parts.readAt < DAY) return;
		this.#parts.readAt = now;
		this.#storage.setMeta("read", String(now));
		const { dormantAfter, auditEvery } = this.#services;
		await this.#wakeAt(now + Math.min(dormantAfter, auditEvery));
	}

	/** Compares a part of the timeline with the store when it is time. @returns when it is time again. */
	async #checkItself(now: number): Promise<number> {
		const { metrics, auditEvery } = this.#services;
		const due = Number(this.#storage.meta("audited") ?? 0) + auditEvery;
		if (due > now) return due;
		const { checked, missing, stale, relations, likes } = await audit(
			this.#timeline,
			this.#services.source,
			this.#owner(),
			{
				repair: true,
				sample: AUDIT_SAMPLE,
			},
		);
		metrics.add("feed_audit_checked", checked);
		metrics.add("feed_audit_drift", missing + stale + relations + likes);
		this.#storage.setMeta("audited", String(now));
		return now + auditEvery;
	}

	async #wakeAt(time: number): Promise<void> {
		const alarm = await this.ctx.storage.getAlarm();
		if (alarm === null || alarm > time) await this.ctx.storage.setAlarm(time);
	}

	#owner(): Id {
		if (this.#id) return this.#id;
		const { name } = this.ctx.id;
		if (!name) throw new Error("a timeline is reached by its owner's id");
		this.#id = asId(name);
		return this.#id;
	}
}
