import type { MiddlewareHandler } from "hono";
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

/** A body is JSON or it is refused: a form would otherwise be read as an empty object. */
export const requireJson: MiddlewareHandler = async (c, next) => {
	const type = c.req.header("content-type");
	if (
		type
			? !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)
			: c.req.raw.body !== null && c.req.header("content-length") !== "0"
	) {
		throw new Problem("unsupported_media_type");
	}
	await next();
};
