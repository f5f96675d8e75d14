import { describe, type Fields, writeLine } from "./log.ts";

/** Writes a failure that was dealt with to the log, with what tells where it was: no account's id as it is, `nameInLog` instead. */
export function reportFailure(message: string, error: unknown, where: Fields = {}): void {
	writeLine("error", message, { ...where, error: describe(error) });
}
