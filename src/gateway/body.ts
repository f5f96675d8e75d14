import type { Context, MiddlewareHandler, Next } from "hono";
import { bodyLimit } from "hono/body-limit";
import { Problem } from "./problem.ts";

/** Refuses a body that is larger than `maxSize` bytes, declared or streamed. */
export function limitBody(maxSize: number): MiddlewareHandler {
	return bodyLimit({
		maxSize,
		onError: () => {
			throw new Problem("body_too_large");
		},
	});
}

/** The types that are read as JSON, here and by Hono's validator. */
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/i;
/** The one parameter that matters; JSON is UTF-8 (RFC 8259, section 8.1). */
const OTHER_CHARSET = /^charset\s*=(?!\s*"?utf-8"?$)/i;

/** Levels of a body, and characters of a name in it: several times what any route asks for. */
const DEEPEST = 20;
const LONGEST_NAME = 128;

/** A body is JSON or it is refused: a form would otherwise be read as an empty object. */
export const requireJson: MiddlewareHandler = (c, next) => {
	const type = c.req.header("content-type");
	if (type === undefined ? c.req.raw.body !== null && c.req.header("content-length") !== "0" : !isJson(type))
		throw new Problem("unsupported_media_type");
	return c.req.raw.body === null ? next() : readShallow(c, next);
};

async function readShallow(c: Context, next: Next): Promise<void> {
	// Kept by the request: whoever parses the body reads it from there.
	const fault = faultOf(await c.req.text());
	if (fault) throw new Problem("invalid_request", undefined, [{ path: "", message: fault }]);
	await next();
}

function isJson(contentType: string): boolean {
	const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim());
	return JSON_TYPE.test(type) && !parameters.some((parameter) => OTHER_CHARSET.test(parameter));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/**
 * What is wrong with a text that may be JSON before it is parsed: it is nested too deep, or has names that are too
 * long. Whether it is JSON is for the parser to say.
 */
export function faultOf(text: string): string | undefined {
	let depth = 0;
	for (let at = 0; at < text.length; at++) {
		const character = text.charCodeAt(at);
		// { and [, which differ from } and ] by two.
		if (character === 0x7b || character === 0x5b) {
			if (++depth > DEEPEST) return `must not be nested deeper than ${DEEPEST} levels`;
		} else if (character === 0x7d || character === 0x5d) {
			depth--;
		} else if (character === QUOTE) {
			const start = at++;
			while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
			if (at - start - 1 > LONGEST_NAME && isName(text, at + 1))
				return `must not have names longer than ${LONGEST_NAME} characters`;
		}
	}
	return undefined;
}

/** Whether a string that ended before `at` is the name of a field. */
function isName(text: string, at: number): boolean {
	let next = at;
	while (/\s/.test(text.charAt(next))) next++;
	return text.charCodeAt(next) === COLON;
}
