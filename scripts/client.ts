/** A small client of a running server, for the commands of this folder. */
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = join(import.meta.dirname, "..");

/** Thrown for every answer that is not a success. */
export class Failure extends Error {
	readonly status: number;
	constructor(method: string, path: string, status: number, body: string) {
		super(`${method} ${path} answered ${status}: ${body.slice(0, 300)}`);
		this.status = status;
	}
}

export interface CallOptions {
	token?: string | undefined;
	body?: unknown;
	headers?: Record<string, string>;
}

export class Client {
	readonly #url: string;

	constructor(url: string) {
		this.#url = url.replace(/\/$/, "");
	}

	/** @throws Failure when the answer is not a success. */
	async call<T = Record<string, unknown>>(
		method: string,
		path: string,
		{ token, body, headers }: CallOptions = {},
	): Promise<T> {
		const response = await fetch(`${this.#url}${path}`, {
			method,
			headers: {
				...(token ? { authorization: `Bearer ${token}` } : {}),
				...(body === undefined ? {} : { "content-type": "application/json" }),
				...headers,
			},
			...(body === undefined ? {} : { body: JSON.stringify(body) }),
		});
		const text = await response.text();
		if (!response.ok) throw new Failure(method, path, response.status, text);
		return (text === "" ? undefined : JSON.parse(text)) as T;
	}

	/** Signs in by username. @returns an access token, good for 15 minutes. */
	async signIn(username: string, password: string): Promise<string> {
		const { token } = await this.call<{ token: string }>("POST", "/auth/sign-in/username", {
			body: { username, password },
		});
		return (await this.call<{ token: string }>("GET", "/auth/token", { token })).token;
	}
}

/** Where the local server keeps everything. */
export const STATE = resolve(ROOT, process.env.STATE_DIR ?? ".wrangler/state");
/** Its secrets, beside what they encrypt. */
export const DEV_VARS = join(STATE, "dev.vars");

/** The operator's secret: of the environment, or of the local server in this checkout. */
export function operatorSecret(): string {
	const local = existsSync(DEV_VARS) ? readFileSync(DEV_VARS, "utf8") : "";
	const secret = process.env.OPERATOR_SECRET ?? /^OPERATOR_SECRET="?([^"\n]+)/m.exec(local)?.[1];
	if (!secret) throw new Error("set OPERATOR_SECRET to the server's operator secret");
	return secret;
}
