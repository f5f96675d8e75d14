import { AsyncLocalStorage } from "node:async_hooks";

/**
 * What ties together all that one request has caused: W3C Trace Context (https://www.w3.org/TR/trace-context/). It goes
 * along with jobs, queue messages and calls of objects as the text of a `traceparent`, and beside the calls of one isolate.
 */

const current = new AsyncLocalStorage<Trace>();

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const ZEROS = /^0+$/;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

interface TraceParts {
	id: string;
	span: string;
	parent?: string | undefined;
	requestId?: string | undefined;
	logged: boolean;
}

/** One part of the work of a trace. */
export class Trace {
	/** 32 hexadecimal digits: the same from the request to the last timeline. */
	readonly id: string;
	/** 16 hexadecimal digits: this part's own. */
	readonly span: string;
	/** The part that caused this one, if it is known. */
	readonly parent: string | undefined;
	/** Of the part that answers a request. */
	readonly requestId: string | undefined;
	/** Whether lines are written about what goes well: the flag `sampled`. */
	readonly logged: boolean;

	constructor({ id, span, parent, requestId, logged }: TraceParts) {
		this.id = id;
		this.span = span;
		this.parent = parent;
		this.requestId = requestId;
		this.logged = logged;
	}

	/** That of what is being done here, when it has one. */
	static get current(): Trace | undefined {
		return current.getStore();
	}

	/**
	 * The trace of a request: the caller's, when its `traceparent` is well-formed, or a new one. A request id that is
	 * a UUID gives the digits, so that a trace costs no randomness of its own and the one can be told from the other.
	 *
	 * @param logged what the caller's flag says does not matter: what is written is ours to decide
	 */
	static ofRequest(traceparent: string | undefined, requestId: string, logged: boolean): Trace {
		const digits = digitsOf(requestId);
		const span = digits.slice(16);
		const caller = traceparent === undefined ? undefined : parseTraceparent(traceparent);
		return new Trace({ id: caller?.id ?? digits, span, parent: caller?.span, requestId, logged });
	}

	/** A further part of what a `traceparent` tells of; undefined when that is malformed. */
	static after(traceparent: string): Trace | undefined {
		const cause = parseTraceparent(traceparent);
		return (
			cause && new Trace({ id: cause.id, span: randomDigits().slice(16), parent: cause.span, logged: cause.logged })
		);
	}

	/** As it goes along: version, id, span and flags. */
	get traceparent(): string {
		return `00-${this.id}-${this.span}-${this.logged ? "01" : "00"}`;
	}

	/** Runs `work`, and all that it calls, as this part. */
	run<R>(work: () => R): R {
		return current.run(this, work);
	}
}

/** What goes along with whatever is caused here. */
export function traceparent(): string | undefined {
	return current.getStore()?.traceparent;
}

/** The same for what is done too often to carry along what nobody will write about. */
export function traceparentIfLogged(): string | undefined {
	const trace = current.getStore();
	return trace?.logged ? trace.traceparent : undefined;
}

/** Runs `work` as a part of the trace that came along, if there is one that is well-formed. */
export function underTrace<R>(traceparent: string | undefined, work: () => R): R {
	const trace = traceparent === undefined ? undefined : Trace.after(traceparent);
	return trace ? trace.run(work) : work();
}

/** The same, where what came along before goes on if it did: a job knows its trace, a message of the sweeper's does not. */
export function resumeTrace<R>(traceparent: string | undefined, work: () => R): R {
	return Trace.current === undefined ? underTrace(traceparent, work) : work();
}

/** What came along with a message of whatever shape. */
export function traceparentIn(message: unknown): string | undefined {
	const { trace } = (message ?? {}) as { trace?: unknown };
	return typeof trace === "string" ? trace : undefined;
}

/** Of a later version, what version 00 knows is taken, as the recommendation says. */
function parseTraceparent(text: string): { id: string; span: string; logged: boolean } | undefined {
	const [, version, id = "", span = "", flags = "", more] = TRACEPARENT.exec(text) ?? [];
	if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
	if (ZEROS.test(id) || ZEROS.test(span)) return undefined;
	return { id, span, logged: (Number.parseInt(flags, 16) & 1) === 1 };
}

function digitsOf(requestId: string): string {
	const digits = UUID.test(requestId) ? requestId.replaceAll("-", "").toLowerCase() : "";
	return digits === "" || ZEROS.test(digits.slice(16)) ? randomDigits() : digits;
}

/** 32 hexadecimal digits; of each half, some are random. */
function randomDigits(): string {
	return crypto.randomUUID().replaceAll("-", "");
}
