import type { MiddlewareHandler } from "hono";
import { within } from "../within.ts";
import { Problem } from "./problem.ts";

/**
 * Answers with `timed_out` when there is no answer within so many milliseconds. What was begun goes on as long as the
 * platform lets it: half a change would be the worse one, and whoever repeats it finds it done or does it.
 *
 * @param defer has work go on after the answer
 */
export function limitTime(milliseconds: number, defer: (work: Promise<unknown>) => void): MiddlewareHandler {
	return async (_c, next) => {
		const work = next();
		if (await within(milliseconds, work)) return;
		defer(work.catch(() => undefined));
		throw new Problem("timed_out");
	};
}
