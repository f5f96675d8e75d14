/** A field of a request that was not accepted. */
export interface FieldError {
	/** The field's name, with dots between levels. */
	path: string;
	message: string;
}

export interface Failure {
	/** Stable: switch on it. One of the service's (docs/errors.md), or one of {@link LOCAL_CODES}. */
	code: string;
	/** The status of the answer; 0 when there was none. */
	status: number;
	/** A sentence for people, in the language that was asked for. */
	title: string;
	detail?: string | undefined;
	errors?: readonly FieldError[] | undefined;
	/** Seconds after which the service wants to be asked again. */
	retryAfter?: number | undefined;
	requestId?: string | undefined;
}

/** Codes of failures that no answer of the service stands behind. */
export const LOCAL_CODES = {
	/** No answer: there is no network, or the connection broke. */
	network_error: "The service could not be reached",
	/** No answer in time. */
	request_timed_out: "The service did not answer in time",
	/** Nobody is signed in, or the session has ended. */
	not_signed_in: "You are not signed in",
	/** The answer is not the service's: something in between has spoken. */
	unexpected_answer: "The answer was not understood",
	/** Not here: no passkeys, no cryptography. */
	not_supported: "This device cannot do that",
	/** Whoever was asked said no, or nothing. */
	cancelled: "It was cancelled",
	/** Coming back from somewhere that was not gone to from this device. */
	not_begun: "This was not begun on this device",
} as const;
export type LocalCode = keyof typeof LOCAL_CODES;

/** Statuses that pass by themselves. */
const PASSING: ReadonlySet<number> = new Set([0, 408, 429, 500, 502, 503, 504]);

/** Codes that do not, whatever their status. */
const FINAL: ReadonlySet<string> = new Set([
	"feature_disabled",
	"not_signed_in",
	"not_supported",
	"cancelled",
	"not_begun",
]);

/** What every call of the SDK rejects with, save for what its `AbortSignal` was aborted with. */
export class EdgefeedError extends Error {
	readonly code: string;
	readonly status: number;
	readonly title: string;
	readonly detail: string | undefined;
	readonly errors: readonly FieldError[] | undefined;
	readonly retryAfter: number | undefined;
	readonly requestId: string | undefined;

	constructor(failure: Failure, options?: ErrorOptions) {
		super(failure.detail ?? failure.title, options);
		this.name = "EdgefeedError";
		this.code = failure.code;
		this.status = failure.status;
		this.title = failure.title;
		this.detail = failure.detail;
		this.errors = failure.errors;
		this.retryAfter = failure.retryAfter;
		this.requestId = failure.requestId;
	}

	/** Whether the same request may succeed later. What an operator has switched off may, but not soon. */
	get retryable(): boolean {
		return PASSING.has(this.status) && !FINAL.has(this.code);
	}

	/** Whether there was no answer at all. */
	get offline(): boolean {
		return this.code === "network_error" || this.code === "request_timed_out";
	}
}

export function localError(code: LocalCode, cause?: unknown): EdgefeedError {
	const status = code === "not_signed_in" ? 401 : 0;
	return new EdgefeedError({ code, status, title: LOCAL_CODES[code] }, cause === undefined ? undefined : { cause });
}

/** The problem document (RFC 9457) of an answer that is no success. */
export async function errorOf(response: Response): Promise<EdgefeedError> {
	const { status } = response;
	const retryAfter = secondsOf(response.headers.get("retry-after"));
	let document: Partial<Failure> = {};
	try {
		document = (await response.json()) ?? {};
	} catch {
		// Not the service's own words: a proxy's page.
	}
	const { code, title, detail, errors, requestId } = document;
	if (typeof code === "string" && typeof title === "string")
		return new EdgefeedError({ code, status, title, detail, errors, requestId, retryAfter });
	return new EdgefeedError({ code: "unexpected_answer", status, title: LOCAL_CODES.unexpected_answer, retryAfter });
}

/** Seconds or a date (RFC 9110, section 10.2.3); a date is left to the caller's own patience. */
function secondsOf(header: string | null): number | undefined {
	return header !== null && /^\d{1,9}$/.test(header) ? Number(header) : undefined;
}
