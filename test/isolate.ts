import { createExecutionContext } from "cloudflare:test";
import { vi } from "vitest";
import { createApp } from "../src/app.ts";
import type { Env } from "../src/env.ts";
import { servicesOf } from "../src/services.ts";
import { type Answer, type CallOptions, ORIGIN, type Person } from "./api.ts";
import { env } from "./env.ts";

/** The same Worker in another isolate, as it is deployed: what it keeps in memory is its own. */
export class Isolate {
	readonly services: ReturnType<typeof servicesOf>;
	readonly #env: Env;
	readonly app: ReturnType<typeof createApp>;

	constructor(settings: Record<string, unknown> = {}) {
		this.#env = { ...env, CACHE_PAGES: "on", CACHE_SHARED: "on", ...settings };
		this.services = servicesOf(this.#env);
		this.app = createApp(this.services);
	}

	async call<T = Record<string, unknown>>(
		method: string,
		path: string,
		{ token, body, headers = {} }: CallOptions = {},
	): Promise<Answer<T>> {
		const request = new Request(`${ORIGIN}${path}`, {
			method,
			headers: {
				...(token ? { authorization: `Bearer ${token}` } : {}),
				...(body === undefined ? {} : { "content-type": "application/json" }),
				...headers,
			},
			...(body === undefined ? {} : { body: JSON.stringify(body) }),
		});
		const response = await this.app.fetch(request, this.#env, createExecutionContext());
		const text = await response.text();
		const json = /json/.test(response.headers.get("content-type") ?? "");
		return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as T };
	}

	async as<T = Record<string, unknown>>(
		{ token }: Person,
		method: string,
		path: string,
		body?: unknown,
		headers?: Record<string, string>,
	): Promise<Answer<T>> {
		return this.call<T>(method, path, { token, body, ...(headers ? { headers } : {}) });
	}
}

/** How much slower than the real one the clock of {@link aheadBy} runs by itself: a busy machine must not age what is kept. */
const SLOWLY = 5;

/** Has every clock of the Worker run ahead, by a number of milliseconds that can be changed; `vi.restoreAllMocks` ends it. */
export function aheadBy(): { ms: number } {
	const ahead = { ms: 0 };
	const now = Date.now.bind(Date);
	const start = now();
	vi.spyOn(Date, "now").mockImplementation(() => start + Math.floor((now() - start) / SLOWLY) + ahead.ms);
	return ahead;
}
