import createClient, { type Client } from "openapi-fetch";
import { EdgefeedError } from "./errors.ts";
import { Place } from "./place.ts";
import type { Platform } from "./platform.ts";
import { pause, waitAfter } from "./retry.ts";
import type { paths } from "./schema.ts";
import { Session } from "./session.ts";
import { Signal } from "./signal.ts";
import type { EdgefeedStorage } from "./storage.ts";
import type { Post } from "./types.ts";
import { ATTEMPT_LASTS, exchange, type Outgoing } from "./wire.ts";

/**
 * Every call of the service, typed by its OpenAPI document. What is no success is thrown as an `EdgefeedError`, so
 * `data` is there whenever the call resolves.
 */
export type Api = Client<paths, "application/json">;

/** What this client has done to a post: `post` is null when it was deleted. */
export interface Written {
	postId: string;
	/** The answer's `X-Feed-Seq`: the own timeline knows of it from there. */
	seq: number | undefined;
	/** `made` ones are new in the feed. */
	kind: "made" | "changed" | "deleted";
	post: Post | null;
	/** As much of the post as is known, where the answer is not the post. */
	patch?: Partial<Pick<Post, "likeCount" | "viewer">>;
}

export interface SendOptions {
	/** Milliseconds for each attempt. */
	lasts?: number;
	/** How often it is tried again; 0 for requests that must not be repeated. */
	retries?: number;
}

/** Waits between attempts, in milliseconds; one that the service asks for may be longer, up to the last number. */
const BACKOFF = { first: 400, longest: 8000 };
const PATIENCE = 30_000;
const RETRIES = 3;

export interface CoreOptions {
	baseUrl: string;
	storage: EdgefeedStorage;
	platform: Platform;
	/** As in `Accept-Language`: the language of errors. */
	language: () => string | undefined;
}

/** What all parts of a client share. */
export class Core {
	readonly baseUrl: string;
	readonly storage: EdgefeedStorage;
	readonly platform: Platform;
	readonly session: Session;
	readonly api: Api;
	readonly place: Place;
	readonly written = new Signal<Written>();
	readonly #language: () => string | undefined;

	constructor({ baseUrl, storage, platform, language }: CoreOptions) {
		this.baseUrl = baseUrl;
		this.storage = storage;
		this.platform = platform;
		this.#language = language;
		this.place = new Place(storage);
		this.session = new Session({ platform, storage, baseUrl, headers: () => this.#common() });
		this.api = createClient<paths, "application/json">({
			baseUrl,
			fetch: async (request) => this.send(await outgoingOf(request)),
		});
	}

	/**
	 * Sends a request as whoever is signed in, with what makes her read what she wrote. Tries again what may be repeated:
	 * what only reads, replaces or deletes, and what has an `Idempotency-Key`.
	 *
	 * @throws EdgefeedError for what is no success; what the signal was aborted with
	 */
	async send(request: Outgoing, { lasts = ATTEMPT_LASTS, retries }: SendOptions = {}): Promise<Response> {
		const { session, place, platform } = this;
		const repeatable = /^(GET|HEAD|PUT|DELETE)$/.test(request.method) || request.headers.has("idempotency-key");
		const most = retries ?? (repeatable ? RETRIES : 0);
		let refused: string | undefined;
		for (let failures = 0; ; ) {
			// Getting a token has patience of its own.
			const token = await session.accessToken(refused);
			await place.of(session.current?.accountId);
			try {
				const response = await exchange(platform, { ...request, headers: this.#headers(request, token) }, lasts);
				if (!/^(GET|HEAD)$/.test(request.method)) place.note(response.headers);
				return response;
			} catch (error) {
				if (!(error instanceof EdgefeedError)) throw error;
				if (error.code === "invalid_bookmark" && place.bookmark !== undefined) {
					place.forgetBookmark();
					continue;
				}
				if (refused === undefined && token !== undefined && tokenRefused(error)) {
					refused = token;
					continue;
				}
				failures++;
				const wanted = (error.retryAfter ?? 0) * 1000;
				if (!error.retryable || failures > most || wanted > PATIENCE) throw error;
				await pause(Math.max(waitAfter(failures, BACKOFF, platform.random()), wanted), request.signal);
			}
		}
	}

	#common(): Record<string, string> {
		const language = this.#language();
		return language === undefined ? {} : { "accept-language": language };
	}

	#headers(request: Outgoing, token: string | undefined): Headers {
		const headers = new Headers(request.headers);
		for (const [name, value] of Object.entries(this.#common())) headers.set(name, value);
		if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
		if (this.place.bookmark !== undefined) headers.set("x-feed-bookmark", this.place.bookmark);
		return headers;
	}
}

function tokenRefused({ status, code }: EdgefeedError): boolean {
	return status === 401 && /^token_(expired|invalid|revoked)$/.test(code);
}

/** openapi-fetch has made a request of what it was given; its body is read once, to be sent as often as need be. */
async function outgoingOf(request: Request): Promise<Outgoing> {
	const { method, url, headers, signal } = request;
	const body = method === "GET" || method === "HEAD" ? "" : await request.text();
	return { method, url, headers, signal, body: body === "" ? undefined : body };
}
