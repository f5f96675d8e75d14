import { createHash } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import type { Gateway } from "./openapi.ts";

/** An answer that is made once and sent as often as it is asked for. */
export interface Rendered {
	/** JSON, encoded. */
	readonly bytes: Uint8Array;
	/** Strong (RFC 9110, section 8.8.3): the same tag is the same bytes. */
	readonly etag: string;
}

/** A part of an answer that others share: encoded once, with a text that stands for it. */
export interface Piece {
	readonly bytes: Uint8Array;
	readonly tag: string;
}

/**
 * What is sniffed by nobody is no document, so that what else browsers are told of documents (headers.ts) means nothing
 * here, where most requests end.
 */
const OF_CONTENT = { "x-content-type-options": "nosniff", "content-type": "application/json" };

const encoder = new TextEncoder();

export function piece(text: string): Piece {
	const bytes = encoder.encode(text);
	return { bytes, tag: hash(bytes) };
}

/** A piece so short that it stands for itself. */
export function shortPiece(text: string): Piece {
	return { bytes: encoder.encode(text), tag: text };
}

/** An answer that is JSON already. */
export function render(json: string): Rendered {
	const { bytes, tag } = piece(json);
	return { bytes, etag: `"${tag}"` };
}

const COMMA = 0x2c;

/** Puts a list together, with commas between its items: of what was encoded before nothing is read again but its tag. */
export function renderList(open: Piece, items: readonly Piece[], end: Piece): Rendered {
	let length = open.bytes.length + Math.max(0, items.length - 1) + end.bytes.length;
	for (const item of items) length += item.bytes.length;
	const bytes = new Uint8Array(length);
	bytes.set(open.bytes);
	let at = open.bytes.length;
	let tags = open.tag;
	for (const [n, item] of items.entries()) {
		if (n > 0) bytes[at++] = COMMA;
		bytes.set(item.bytes, at);
		at += item.bytes.length;
		tags += `,${item.tag}`;
	}
	bytes.set(end.bytes, at);
	return { bytes, etag: `"${hash(encoder.encode(`${tags},${end.tag}`))}"` };
}

/** Not by `crypto.subtle`, whose promise costs more than the hash. */
function hash(bytes: Uint8Array): string {
	return createHash("sha1").update(bytes).digest("base64");
}

/** Answers with what was rendered, or with 304 to a client that has it: `If-None-Match` (RFC 9110, section 13.1.2). */
export function sendRendered(c: Context<Gateway>, rendered: Rendered, headers: Record<string, string>): Response {
	const { etag } = rendered;
	const known = c.req.header("if-none-match");
	// Made at once and not by the context, which sets one header after the other: most requests end here.
	const all: Record<string, string> = { ...headers, etag, "x-request-id": c.get("requestId") };
	const trace = c.get("trace");
	if (trace) all.traceresponse = trace.traceparent;
	// What a browser is told of the content, it has with the content.
	if (known !== undefined && matches(known, etag)) return new Response(null, { status: 304, headers: all });
	return new Response(rendered.bytes, { headers: Object.assign(all, OF_CONTENT) });
}

/** What does not say otherwise is for the caller's own cache at most, and asked for again each time. */
export const privately: MiddlewareHandler = async (c, next) => {
	await next();
	if (!c.res.headers.has("cache-control")) c.header("cache-control", "private, no-cache");
};

/** Nobody keeps the answer: it is a credential, or an operator's. */
export const unkept: MiddlewareHandler = async (c, next) => {
	await next();
	if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
};

/** Weak comparison, as the RFC says: whoever compressed the answer may have made its tag a weak one. */
function matches(condition: string, etag: string): boolean {
	if (condition === etag) return true;
	if (condition.trim() === "*") return true;
	return condition.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}
