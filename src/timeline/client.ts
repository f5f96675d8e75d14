import { nameInLog } from "../log.ts";
import { reportFailure } from "../report.ts";
import type { Id } from "../store/ids.ts";
import { Trace, traceparent, traceparentIfLogged } from "../trace.ts";
import { callObject } from "./call.ts";
import type { Audit, Changes, Delivery, Entry, Marker, Sights, Span, View } from "./changes.ts";
import { type Homes, inJurisdiction } from "./homes.ts";
import type { Reservation } from "./idempotency.ts";
import type { TimelineObject } from "./object.ts";
import { unpackView } from "./packed-view.ts";
import type { Retying } from "./projection.ts";

/** An account's timeline, as the rest of the Worker sees it. Every call is safe to repeat. */
export class Timeline {
	readonly #stub: () => Stub;

	/** `stub` gives a fresh one each time. */
	constructor(stub: () => Stub) {
		this.#stub = stub;
	}

	async page(span: Span): Promise<View> {
		return unpackView(await this.#call((stub) => stub.page(span, traceparentIfLogged())));
	}
	changes(since: number, limit: number): Promise<Changes> {
		return this.#call(async (stub): Promise<Changes> => stub.changes(since, limit, traceparent()));
	}
	marker(): Promise<Marker> {
		return this.#call((stub) => stub.marker());
	}
	mark(postId: Id, force: boolean): Promise<Marker> {
		return this.#call((stub) => stub.mark(postId, force));
	}
	entry(postId: Id): Promise<{ entry: Entry | null; floor: Id | null }> {
		return this.#call((stub) => stub.entry(postId));
	}
	sights(authors: readonly Id[], postIds: readonly Id[]): Promise<Sights> {
		return this.#call((stub) => stub.sights(authors, postIds));
	}
	seq(): Promise<number> {
		return this.#call((stub) => stub.seq());
	}
	apply(changes: Delivery[]): Promise<number> {
		return this.#call((stub) => stub.apply(changes, traceparent()));
	}
	like(postId: Id, liked: boolean, at: number): Promise<number> {
		return this.#call((stub) => stub.like(postId, liked, at, traceparent()));
	}
	changeProfile(): Promise<number> {
		return this.#call((stub) => stub.changeProfile());
	}
	retie(other: Id, how: Retying = {}): Promise<void> {
		return this.#call((stub) => stub.retie(other, how, traceparent()));
	}
	hear(authorId: Id, postId: Id): Promise<boolean> {
		return this.#call((stub) => stub.hear(authorId, postId, traceparent()));
	}
	drop(): Promise<void> {
		return this.#call((stub) => stub.drop());
	}
	erase(): Promise<void> {
		return this.#call((stub) => stub.erase());
	}
	remains(): Promise<Record<string, number>> {
		return this.#call((stub) => stub.remains());
	}
	audit(repair: boolean): Promise<Audit> {
		return this.#call((stub) => stub.audit(repair, traceparent()));
	}
	issueTicket(tokenExpiresAt: number): Promise<{ ticket: string; goodUntil: number }> {
		return this.#call((stub) => stub.issueTicket(tokenExpiresAt));
	}
	endStreams(sessions: readonly string[] | undefined): Promise<number> {
		return this.#call((stub) => stub.endStreams(sessions));
	}
	/** Opens a socket; the address has the query of {@link TimelineObject.fetch}. Not repeated: a ticket is good once. */
	connect(request: Request): Promise<Response> {
		return this.#stub().fetch(request);
	}
	reserve(key: string, fingerprint: string, candidate: Id): Promise<Reservation> {
		return this.#call(async (stub): Promise<Reservation> => stub.reserve(key, fingerprint, candidate));
	}
	renew(key: string, from: Id, to: Id): Promise<Id> {
		return this.#call((stub) => stub.renew(key, from, to));
	}
	complete(key: string, body: string): Promise<string> {
		return this.#call((stub) => stub.complete(key, body));
	}

	#call<T>(run: (stub: Stub) => Promise<T>): Promise<T> {
		return callObject(this.#stub, run);
	}
}

type Stub = DurableObjectStub<TimelineObject>;

/** The requests that have done something of which a timeline does not know yet. */
const untold = new WeakSet<Trace>();

/** Reaches timelines by their owners' ids, each placed in its owner's home region. */
export class Timelines {
	readonly #namespace: DurableObjectNamespace<TimelineObject>;
	readonly #homes: Homes;

	constructor(namespace: DurableObjectNamespace<TimelineObject>, homes: Homes) {
		this.#namespace = namespace;
		this.#homes = homes;
	}

	of(owner: Id): Timeline {
		return new Timeline(() => this.#stub(owner));
	}

	/**
	 * Tells a timeline of what its owner has done, which the stores have already: it would learn of it anyway, so a
	 * failure only delays that.
	 *
	 * @returns what `change` answers, its `seq` mostly; null when the timeline could not be told
	 */
	async tell(owner: Id, change: (timeline: Timeline) => Promise<number>): Promise<number | null> {
		try {
			return await change(this.of(owner));
		} catch (error) {
			reportFailure("a timeline was not told of its owner's own doing", error, { account: nameInLog(owner) });
			this.missed();
			return null;
		}
	}

	/** To be called where a timeline could not be told of what the request at hand has done. */
	missed(): void {
		if (Trace.current) untold.add(Trace.current);
	}

	/** Whether the timelines know of all that the request at hand has done. */
	get told(): boolean {
		return Trace.current === undefined || !untold.has(Trace.current);
	}

	#stub(owner: Id): Stub {
		const namespace = inJurisdiction(this.#namespace, this.#homes.jurisdictionOf(owner));
		return namespace.getByName(owner, { locationHint: this.#homes.hintOf(owner) });
	}
}
