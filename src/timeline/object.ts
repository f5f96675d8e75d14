import { DurableObject } from "cloudflare:workers";
import { asId, firstIdAt, type Id } from "../store/ids.ts";
import type { Audit, Backfill, Changes, Delivery, Entry, Marker, Page, Span } from "./changes.ts";
import { Idempotency, type Reservation } from "./idempotency.ts";
import { type Effects, LOG_OPTIONS, type State, TimelineLog } from "./log.ts";
import { LOG_FORMAT, type Row, upgrade } from "./rows.ts";
import { type PostReader, Sockets } from "./sockets.ts";
import type { TimelineSource } from "./source.ts";
import { Tickets } from "./tickets.ts";

const DAY = 86_400_000;
/** Entries that an audit compares. */
const AUDITED = 2 * LOG_OPTIONS.keep;
/** For so long a delivery may be on its way, in milliseconds: twice the sweeper's patience. */
const ON_ITS_WAY = 120_000;

/** What a timeline object is given beside its storage. */
export interface TimelineServices {
	source: TimelineSource;
	posts: PostReader;
	/** A timeline that is not read for so long is dropped until it is, in milliseconds. */
	dormantAfter: number;
}

/**
 * One account's timeline: the log in this object's SQLite, folded into memory while it is awake.
 *
 * A timeline is cold until it is first read, then built from the store. A cold one takes no
 * deliveries: the post is in the store before its delivery is sent, so the build will find it.
 *
 * Methods without an `await` between reading memory and writing storage are atomic: the runtime
 * commits their writes together, and holds their answer back until they are on disk.
 */
export class TimelineObject extends DurableObject {
	readonly #source: TimelineSource;
	readonly #sql: SqlStorage;
	readonly #idempotency: Idempotency;
	readonly #dormantAfter: number;
	readonly #tickets: Tickets;
	readonly #sockets: Sockets;
	#log: TimelineLog | undefined;
	/** When the owner last read, to the day: Unix milliseconds. */
	#readAt: number;
	#building: Promise<TimelineLog> | undefined;

	constructor(ctx: DurableObjectState, env: unknown, services: TimelineServices) {
		super(ctx, env as Cloudflare.Env);
		this.#source = services.source;
		this.#dormantAfter = services.dormantAfter;
		this.#sql = ctx.storage.sql;
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS log (first INTEGER PRIMARY KEY, changes TEXT NOT NULL)`);
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`);
		this.#idempotency = new Idempotency(this.#sql);
		this.#tickets = new Tickets(this.#sql);
		this.#sockets = new Sockets(ctx, {
			log: () => this.#warm(),
			owner: () => this.#owner(),
			posts: services.posts,
			wakeAt: (time) => this.#wakeAt(time),
		});
		this.#log = this.#load();
		this.#readAt = Number(this.#meta("read") ?? 0);
	}

	/** Reads a page, building the timeline first when it is cold. */
	async page(span: Span): Promise<Page> {
		return (await this.#warm()).page(span);
	}

	/** What came after a number: {@link TimelineLog.changes}. */
	async changes(since: number, limit: number): Promise<Changes> {
		return (await this.#warm()).changes(since, limit);
	}

	/** How far the owner has read. */
	async marker(): Promise<Marker> {
		return (await this.#warm()).marker(this.#owner());
	}

	/** Moves the marker: {@link TimelineLog.mark}. */
	async mark(postId: Id, force: boolean): Promise<Marker> {
		await this.#warm();
		await this.#write((log) => log.mark(postId, force));
		return this.marker();
	}

	/** Why a post is here, and the floor, below which the store must be asked. */
	async entry(postId: Id): Promise<{ entry: Entry | null; floor: Id | null }> {
		const log = await this.#warm();
		return { entry: log.entry(postId), floor: log.page({ limit: 0 }).floor };
	}

	/** Compares the timeline with the store, and mends what differs when `repair`. */
	async audit(repair: boolean): Promise<Audit> {
		await this.#settle();
		const before = this.#log?.page({ limit: AUDITED });
		if (!before) return { cold: true, checked: 0, missing: 0, stale: 0 };
		const stored = await this.#source.older(this.#owner(), undefined, AUDITED);
		await this.#settle();
		const log = this.#log;
		if (!log) return { cold: true, checked: 0, missing: 0, stale: 0 };
		const until = firstIdAt(Date.now() - ON_ITS_WAY);
		const { missing, stale } = log.compare(before, stored, stored.length < AUDITED, until);
		if (repair && missing.length + stale.length > 0) {
			await this.#write((current) => current.apply([...stale, ...missing], Date.now()));
		}
		return {
			cold: false,
			checked: Math.max(before.entries.length, stored.length),
			missing: missing.length,
			stale: stale.length,
		};
	}

	/** Applies changes; repeats and late ones change nothing. Answers with the new `seq`. */
	async apply(changes: Delivery[]): Promise<number> {
		return this.#write((log) => log.apply(changes, Date.now()));
	}

	/** Brings the newest posts of a new friend or followed account: {@link TimelineLog.backfill}. */
	async backfill(backfill: Backfill): Promise<number> {
		return this.#write((log) => log.backfill(backfill, Date.now()));
	}

	/** Takes out the posts of an author to whom the owner has no tie any more: {@link TimelineLog.removeAuthor}. */
	async removeAuthor(authorId: Id): Promise<number> {
		return this.#write((log) => log.removeAuthor(authorId));
	}

	/** Says that more has changed than changes tell: {@link TimelineLog.reset}. */
	async reset(): Promise<number> {
		return this.#write((log) => log.reset());
	}

	/** Forgets the entries, so that the next read builds them again; the numbers and the marker stay. */
	async drop(): Promise<void> {
		await this.#settle();
		const log = this.#log;
		if (log) this.ctx.storage.transactionSync(() => this.#forget(log));
		this.#sockets.forward();
	}

	/** A one-time pass to the stream, for the bearer of a token that expires at `tokenExpiresAt`. */
	async issueTicket(tokenExpiresAt: number): Promise<{ ticket: string; goodUntil: number }> {
		return this.#tickets.issue(tokenExpiresAt, Date.now());
	}

	/**
	 * Opens a socket: the one thing that cannot be a method, as a socket only travels in a response. The
	 * query has `since` and `hydrate`, and either `expires` or, unchecked by the gateway, `ticket`.
	 */
	override async fetch(request: Request): Promise<Response> {
		const query = new URL(request.url).searchParams;
		const ticket = query.get("ticket");
		const expiresAt = ticket === null ? Number(query.get("expires")) : this.#tickets.redeem(ticket, Date.now());
		if (expiresAt === undefined) return new Response(null, { status: 401 });
		const since = query.get("since");
		const socket = await this.#sockets.open(
			since === null ? undefined : Number(since),
			query.get("hydrate") === "1",
			expiresAt,
		);
		if (!socket) return new Response(null, { status: 429 });
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

	/** Closes the sockets that have expired, and lets a timeline that nobody reads go dormant. */
	override async alarm(): Promise<void> {
		const now = Date.now();
		let next = this.#sockets.expire(now);
		const dormantAt = this.#readAt + this.#dormantAfter;
		if (this.#log && dormantAt <= now && !this.#sockets.connected) await this.drop();
		// Looked at once a day at most: what matters is weeks.
		if (this.#log) next = Math.min(next, Math.max(dormantAt, now + DAY));
		if (Number.isFinite(next)) await this.#wakeAt(next);
	}

	/** Written at most once a day. */
	async #noteRead(): Promise<void> {
		const now = Date.now();
		if (now - this.#readAt < DAY) return;
		this.#readAt = now;
		this.#setMeta("read", String(now));
		await this.#wakeAt(now + this.#dormantAfter);
	}

	async #wakeAt(time: number): Promise<void> {
		const alarm = await this.ctx.storage.getAlarm();
		if (alarm === null || alarm > time) await this.ctx.storage.setAlarm(time);
	}

	/** Claims an idempotency key for a request of the owner's: {@link Idempotency.reserve}. */
	async reserve(key: string, fingerprint: string, candidate: Id): Promise<Reservation> {
		return this.#idempotency.reserve(key, fingerprint, candidate, Date.now());
	}

	/** Replaces the id of a claim that came to nothing: {@link Idempotency.renew}. */
	async renew(key: string, from: Id, to: Id): Promise<Id> {
		return this.#idempotency.renew(key, from, to, Date.now());
	}

	/** Keeps a request's first answer and gives it back: {@link Idempotency.complete}. */
	async complete(key: string, body: string): Promise<string> {
		return this.#idempotency.complete(key, body);
	}

	/** Memory is changed first, so a failed write must not leave it ahead of the storage. */
	async #write(change: (log: TimelineLog) => Effects): Promise<number> {
		await this.#settle();
		const log = this.#log;
		if (!log) return this.#state().seq;
		try {
			this.ctx.storage.transactionSync(() => {
				this.#store(change(log));
				if (log.overgrown) this.#forget(log);
			});
		} catch (error) {
			this.#log = this.#load();
			throw error;
		}
		this.#sockets.forward();
		return log.seq;
	}

	/** The log for a read by its owner, built when it is cold. */
	async #warm(): Promise<TimelineLog> {
		if (!this.#log) {
			this.#building ??= this.#build().finally(() => {
				this.#building = undefined;
			});
		}
		const log = this.#log ?? (await this.#building);
		await this.#noteRead();
		return log ?? this.#warm();
	}

	/**
	 * Waits for a build under way, so that no delivery falls between its read and its write. Whoever waited reads
	 * `#log` afterwards, without another `await`: several may have waited for the same build.
	 */
	async #settle(): Promise<void> {
		while (this.#building) await this.#building;
		// Who is connected is told of everything: her timeline does not stay cold.
		while (!this.#log && this.#sockets.connected) await this.#warm();
	}

	async #build(): Promise<TimelineLog> {
		const found = await this.#source.older(this.#owner(), undefined, LOG_OPTIONS.keep + 1);
		// One more than is kept tells whether there are older ones; it marks the floor.
		const floor = found[LOG_OPTIONS.keep]?.postId ?? null;
		const log = new TimelineLog([], { ...this.#state(), floor });
		this.ctx.storage.transactionSync(() => {
			this.#store(log.fill(found.slice(0, LOG_OPTIONS.keep), Date.now()));
			if (floor) this.#setMeta("floor", floor);
			this.#setMeta("format", String(LOG_FORMAT));
		});
		this.#log = log;
		return log;
	}

	#owner(): Id {
		const { name } = this.ctx.id;
		if (!name) throw new Error("a timeline is reached by its owner's id");
		return asId(name);
	}

	#forget(log: TimelineLog): void {
		this.#setMeta("seq", String(log.seq));
		this.#sql.exec(`DELETE FROM log`);
		this.#sql.exec(`DELETE FROM meta WHERE name IN ('format', 'floor')`);
		this.#log = undefined;
	}

	#load(): TimelineLog | undefined {
		const format = Number(this.#meta("format") ?? 0);
		if (format === 0) return undefined;
		let rows: Row[] = this.#sql
			.exec<Row & Record<string, SqlStorageValue>>(`SELECT first, changes FROM log ORDER BY first`)
			.toArray();
		if (format !== LOG_FORMAT) {
			rows = upgrade(rows, format);
			this.ctx.storage.transactionSync(() => {
				this.#store({ puts: rows, drops: [] });
				this.#setMeta("format", String(LOG_FORMAT));
			});
		}
		return new TimelineLog(rows, this.#state());
	}

	#state(): State {
		const [floor, marker] = [this.#meta("floor"), this.#meta("marker")];
		return {
			seq: Number(this.#meta("seq") ?? 0),
			floor: floor === undefined ? null : asId(floor),
			marker: marker === undefined ? null : asId(marker),
		};
	}

	#store({ puts, drops, floor, marker }: Effects): void {
		for (const row of puts) {
			this.#sql.exec(
				`INSERT INTO log (first, changes) VALUES (?, ?) ON CONFLICT DO UPDATE SET changes = excluded.changes`,
				row.first,
				row.changes,
			);
		}
		for (const first of drops) this.#sql.exec(`DELETE FROM log WHERE first = ?`, first);
		if (floor) this.#setMeta("floor", floor);
		if (marker) this.#setMeta("marker", marker);
	}

	#meta(name: string): string | undefined {
		return this.#sql.exec<{ value: string }>(`SELECT value FROM meta WHERE name = ?`, name).toArray()[0]?.value;
	}

	#setMeta(name: string, value: string): void {
		this.#sql.exec(
			`INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
			name,
			value,
		);
	}
}
