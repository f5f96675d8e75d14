import type { Id } from "../store/ids.ts";
import type { ShardMap } from "../store/shard-map.ts";
import type { Audit, Changes, Delivery, Entry, Marker, Reason, Span, View } from "./changes.ts";
import type { Reservation } from "./idempotency.ts";
import type { TimelineObject } from "./object.ts";

/** An account's timeline, as the rest of the Worker sees it. Every call is safe to repeat. */
export interface Timeline {
	page(span: Span): Promise<View>;
	changes(since: number, limit: number): Promise<Changes>;
	marker(): Promise<Marker>;
	mark(postId: Id, force: boolean): Promise<Marker>;
	entry(postId: Id): Promise<{ entry: Entry | null; floor: Id | null }>;
	apply(changes: Delivery[]): Promise<number>;
	retie(other: Id): Promise<void>;
	hear(authorId: Id, postId: Id): Promise<boolean>;
	reasons(authors: readonly Id[]): Promise<Map<Id, Reason>>;
	audit(repair: boolean): Promise<Audit>;
	issueTicket(tokenExpiresAt: number): Promise<{ ticket: string; goodUntil: number }>;
	/** Opens a socket; the address has the query of {@link TimelineObject.fetch}. Not repeated: a ticket is good once. */
	connect(request: Request): Promise<Response>;
	drop(): Promise<void>;
	reserve(key: string, fingerprint: string, candidate: Id): Promise<Reservation>;
	renew(key: string, from: Id, to: Id): Promise<Id>;
	complete(key: string, body: string): Promise<string>;
}

const TRIES = 3;
const PAUSE = 50;

/** Reaches timelines by their owners' ids, each placed in its owner's home region. */
export class Timelines {
	readonly #namespace: DurableObjectNamespace<TimelineObject>;
	readonly #map: ShardMap;

	constructor(namespace: DurableObjectNamespace<TimelineObject>, map: ShardMap) {
		this.#namespace = namespace;
		this.#map = map;
	}

	of(owner: Id): Timeline {
		const call = <T>(run: (stub: DurableObjectStub<TimelineObject>) => Promise<T>) => this.#call(owner, run);
		return {
			page: (span) => call((stub) => stub.page(span)),
			changes: (since, limit) => call(async (stub): Promise<Changes> => stub.changes(since, limit)),
			marker: () => call((stub) => stub.marker()),
			mark: (postId, force) => call((stub) => stub.mark(postId, force)),
			entry: (postId) => call((stub) => stub.entry(postId)),
			apply: (changes) => call((stub) => stub.apply(changes)),
			reasons: (authors) => call((stub) => stub.reasons(authors)),
			hear: (authorId, postId) => call((stub) => stub.hear(authorId, postId)),
			retie: (other) => call((stub) => stub.retie(other)),
			issueTicket: (tokenExpiresAt) => call((stub) => stub.issueTicket(tokenExpiresAt)),
			connect: (request) => this.#stub(owner).fetch(request),
			audit: (repair) => call((stub) => stub.audit(repair)),
			drop: () => call((stub) => stub.drop()),
			reserve: (key, fingerprint, candidate) =>
				call(async (stub): Promise<Reservation> => stub.reserve(key, fingerprint, candidate)),
			renew: (key, from, to) => call((stub) => stub.renew(key, from, to)),
			complete: (key, body) => call((stub) => stub.complete(key, body)),
		};
	}

	#stub(owner: Id): DurableObjectStub<TimelineObject> {
		return this.#namespace.getByName(owner, { locationHint: this.#map.regionOf(owner) });
	}

	/**
	 * An error breaks a stub, so each try takes a fresh one. An overloaded object is left alone: more calls would
	 * not help it (https://developers.cloudflare.com/durable-objects/best-practices/error-handling/).
	 */
	async #call<T>(owner: Id, run: (stub: DurableObjectStub<TimelineObject>) => Promise<T>): Promise<T> {
		for (let attempt = 1; ; attempt++) {
			try {
				return await run(this.#stub(owner));
			} catch (error) {
				const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
				if (!retryable || overloaded || attempt === TRIES) throw error;
				await new Promise((resolve) => setTimeout(resolve, PAUSE * 2 ** attempt * Math.random()));
			}
		}
	}
}
