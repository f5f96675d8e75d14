import type { MiddlewareHandler } from "hono";
import { Problem } from "./problem.ts";

/**
 * Answers with `timed_out` when there is no answer within so many milliseconds. What was begun goes on as long as the
 * platform lets it: half a change would be the worse one, and whoever repeats it finds it done or does it.
 *
 * @param defer has work go on after the answer
 */
export function limitTime(milliseconds: number, defer: (work: Promise<unknown>) => void): MiddlewareHandler {
	// One promise and no more: every request comes this way.
	return (_c, next) => {
		const work = next();
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				defer(work.catch(() => undefined));
				reject(new Problem("timed_out"));
			}, milliseconds);
			const end = (settle: (value: never) => void) => (value: unknown) => {
				clearTimeout(timer);
				settle(value as never);
			};
			work.then(end(resolve), end(reject));
		});
	};
}
