import { LRUCache } from "lru-cache";
import { hmac } from "./digest.ts";
import type { Id } from "./store/ids.ts";
import { Trace } from "./trace.ts";

/** The log: one line of JSON for each thing. `docs/logs.md` lists the fields. */

export type Level = "info" | "error";
export type Fields = Readonly<Record<string, unknown>>;

/** Writes a line. @param trace what the line is about; by default, what is being done here */
export function writeLine(level: Level, message: string, fields: Fields, trace = Trace.current): void {
	const line = JSON.stringify({
		time: new Date().toISOString(),
		level,
		message,
		trace: trace?.id,
		span: trace?.span,
		parent: trace?.parent,
		requestId: trace?.requestId,
		...fields,
	});
	if (level === "error") console.error(line);
	else console.log(line);
}

/** Writes a line about work that went well, when its request was logged. */
export function noteWork(message: string, fields: Fields): void {
	if (Trace.current?.logged) writeLine("info", message, fields);
}

/** Characters of an error that are kept. */
const LONGEST = 1000;

/** An error in words, without what a statement was given: that is what people wrote. */
export function describe(error: unknown): string {
	return String(error)
		.replace(/\nparams:[\s\S]*/, "")
		.slice(0, LONGEST);
}

const KNOWN = 10_000;
const LENGTH = 12;

/** Accounts as the log names them: the same name for the same account, and no way back without the secret. */
class AccountNames {
	readonly #secret: string;
	readonly #names = new LRUCache<Id, string>({ max: KNOWN });

	constructor(secret: string) {
		this.#secret = secret;
	}

	of(account: Id): string {
		const known = this.#names.get(account);
		if (known !== undefined) return known;
		const name = hmac(`log:${this.#secret}`, account).slice(0, LENGTH);
		this.#names.set(account, name);
		return name;
	}
}

let names: AccountNames | undefined;

/** Said once in an isolate, by whoever knows the service's secret. */
export function nameAccountsBy(secret: string): void {
	names = new AccountNames(secret);
}

/** @returns how the log names an account; `unnamed` in an isolate that knows no secret. */
export function nameInLog(account: Id): string {
	return names?.of(account) ?? "unnamed";
}
