import { Chance } from "./chance.ts";
import { ModelService, OWNER, ServiceProblem } from "./model-service.ts";

/**
 * The way between the SDK and a {@link ModelService}: it delays, drops requests and answers, cuts sockets or lets them
 * die in silence, and goes away altogether. Tokens are handed out and taken back as the service does it.
 */

export interface Faults {
	/** Probabilities: that a request does not arrive, that its answer does not, that either hangs for minutes. */
	lost: number;
	unanswered: number;
	stuck: number;
	/** That a frame is the last one of its socket, and that nobody is told of that. */
	cut: number;
	silent: number;
	/** That a frame is lost, and those after it are not. */
	hole: number;
	/** That the service has no time. */
	refused: number;
}

export const FAULTLESS: Faults = { lost: 0, unanswered: 0, stuck: 0, cut: 0, silent: 0, hole: 0, refused: 0 };

const LIFETIME = 900_000;
const GRACE = 30_000;

interface TokenSession {
	generation: number;
	rotatedAt: number;
	key: string | null;
	ended: boolean;
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class ModelNetwork {
	readonly service: ModelService;
	readonly #chance: Chance;
	readonly #now: () => number;
	faults: Faults = FAULTLESS;
	readonly #sessions: TokenSession[] = [];
	readonly #sockets = new Set<ModelSocket>();
	/** Requests for each path. */
	readonly asked = new Map<string, number>();

	constructor(seed: number, now: () => number) {
		this.#chance = new Chance(seed);
		this.#now = now;
		this.service = new ModelService(this.#chance, now);
		this.service.changed = () => {
			for (const socket of this.#sockets) socket.forward();
		};
	}

	/** For whatever else is left to chance. */
	random = (): number => this.#chance.next();

	get signedOut(): number {
		return this.#sessions.filter(({ ended }) => ended).length;
	}

	/** All sessions are ended from somewhere else. */
	endSessions(): void {
		for (const session of this.#sessions) session.ended = true;
	}

	/** The service is started anew: connections break. */
	restart(): void {
		this.service.restart();
		for (const socket of [...this.#sockets]) socket.cut();
	}

	/** A device's way: it can be switched off, and then nothing of the device comes out or in any more. */
	device() {
		const way = { up: true };
		const network = this;
		return {
			way,
			fetch: (url: string, init: RequestInit) => network.#fetch(way, url, init),
			WebSocket: class extends ModelSocket {
				constructor(url: string) {
					super({ way, url, service: network.service, chance: network.#chance, faults: () => network.faults });
					network.#sockets.add(this);
					this.over = () => network.#sockets.delete(this);
				}
			},
		};
	}

	async #fetch(way: { up: boolean }, url: string, init: RequestInit): Promise<Response> {
		const { signal } = init;
		const aborted = new Promise<never>((_, reject) => {
			signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
		});
		return Promise.race([this.#travel(way, new URL(url), init), aborted]);
	}

	async #travel(way: { up: boolean }, url: URL, init: RequestInit): Promise<Response> {
		const { faults } = this;
		const chance = this.#chance;
		const wait = () => sleep(chance.is(faults.stuck) ? 300_000 : 5 + chance.below(faults === FAULTLESS ? 50 : 400));
		await wait();
		if (!way.up || chance.is(faults.lost)) throw new TypeError("no network");
		const answer = await this.#answer(url, init);
		await wait();
		if (!way.up || chance.is(faults.unanswered)) throw new TypeError("the connection broke");
		return answer;
	}

	async #answer(url: URL, init: RequestInit): Promise<Response> {
		this.asked.set(url.pathname, (this.asked.get(url.pathname) ?? 0) + 1);
		try {
			if (this.#chance.is(this.faults.refused)) throw new ServiceProblem(503, "unavailable", 1);
			return await this.#route(url, init);
		} catch (error) {
			if (!(error instanceof ServiceProblem)) throw error;
			const { status, code, retryAfter } = error;
			const headers = { "content-type": "application/problem+json", "retry-after": String(retryAfter ?? 0) };
			return new Response(JSON.stringify({ code, title: code, status }), { status, headers });
		}
	}

	async #route(url: URL, init: RequestInit): Promise<Response> {
		const { service } = this;
		const headers = new Headers(init.headers);
		const body = typeof init.body === "string" ? JSON.parse(init.body) : {};
		const query = url.searchParams;
		const call = `${init.method} ${url.pathname}`;
		if (call === "POST /auth/sign-in/username") {
			const id = this.#sessions.push({ generation: 0, rotatedAt: 0, key: null, ended: false }) - 1;
			return json({ token: `${id}.0`, user: { id: OWNER } });
		}
		if (call === "POST /auth/refresh") return json(this.#refresh(body.refreshToken, headers.get("idempotency-key")));
		this.#authenticate(headers.get("authorization"));
		switch (call) {
			case "GET /v1/feed": {
				const before = query.get("before") ?? undefined;
				const limit = Number(query.get("limit") ?? 20);
				const place = before?.replace("reached.", "");
				const question = `${before}/${limit}`;
				const found = service.page(question, place, limit, Number(query.get("minSeq") ?? 0));
				if ("kept" in found && found.kept) return json(found.kept);
				await sleep(this.#chance.below(60));
				return json(service.hydrate(question, found as Exclude<typeof found, { kept: unknown }>));
			}
			case "GET /v1/feed/changes": {
				const found = service.changes(Number(query.get("since")), Number(query.get("limit") ?? 100));
				await sleep(this.#chance.below(60));
				return json({ ...found, changes: service.tell(found.changes) });
			}
			case "GET /v1/feed/marker":
				return json(service.marker);
			case "PUT /v1/feed/marker":
				return json(service.mark(body.postId));
			case "POST /v1/posts": {
				const { post, seq } = service.create(body.text, headers.get("idempotency-key") ?? "");
				return json(post, 201, seq);
			}
		}
		if (call === "POST /auth/sign-out") return json({ success: true });
		const [, id] = /^DELETE \/v1\/posts\/(\w+)$/.exec(call) ?? [];
		if (id) return new Response(null, { status: 204, headers: { "x-feed-seq": String(service.remove(id)) } });
		throw new ServiceProblem(404, "not_found");
	}

	#authenticate(header: string | null): void {
		const [, id, expires] = /^Bearer (\d+)\.\d+\.access\.(\d+)$/.exec(header ?? "") ?? [];
		if (id === undefined) throw new ServiceProblem(401, "token_missing");
		if (this.#sessions[Number(id)]?.ended) throw new ServiceProblem(401, "token_revoked");
		if (Number(expires) <= this.#now()) throw new ServiceProblem(401, "token_expired");
	}

	/** As the service does it: a token is good once, save for who lost the answer; a copy of an old one ends the session. */
	#refresh(refreshToken: string, key: string | null): { token: string; refreshToken: string } {
		const [id, generation] = refreshToken.split(".").map(Number) as [number, number];
		const session = this.#sessions[id];
		if (!session || session.ended || generation > session.generation) throw new ServiceProblem(401, "session_invalid");
		const behind = session.generation - generation;
		const late = this.#now() - session.rotatedAt > GRACE;
		if (behind > 1 || (behind === 1 && late && (key === null || key !== session.key))) {
			session.ended = true;
			throw new ServiceProblem(401, "session_invalid");
		}
		if (behind === 0) {
			session.generation += 1;
			session.rotatedAt = this.#now();
			session.key = key;
		}
		const token = `${id}.${session.generation}.access.${this.#now() + LIFETIME}`;
		return { token, refreshToken: `${id}.${session.generation}` };
	}
}

function json(body: unknown, status = 200, seq?: number): Response {
	const headers = { "content-type": "application/json", ...(seq === undefined ? {} : { "x-feed-seq": String(seq) }) };
	return new Response(JSON.stringify(body), { status, headers });
}

interface SocketParts {
	way: { up: boolean };
	url: string;
	service: ModelService;
	chance: Chance;
	faults: () => Faults;
}

type Listener = (event: { data: unknown; code: number; reason: string }) => void;

const NOTHING = { data: undefined, code: 1006, reason: "" };

/** A socket with both its ends: what the service sends comes later, in order, or not at all. */
export class ModelSocket {
	readonly #parts: SocketParts;
	readonly #listeners: [type: string, listener: Listener][] = [];
	/** What the service has sent. */
	#sent: number;
	#open = false;
	#closed = false;
	/** Nothing comes through any more, and nobody says so. */
	#dead = false;
	#arrives = 0;
	over: () => void = () => undefined;

	constructor(parts: SocketParts) {
		this.#parts = parts;
		this.#sent = Number(new URL(parts.url).searchParams.get("since"));
		const { chance, faults } = parts;
		setTimeout(() => {
			if (this.#closed) return;
			if (!parts.way.up || chance.is(faults().lost)) return this.#end();
			this.#open = true;
			this.#later("open", NOTHING);
			this.#frame({ type: "hello", seq: parts.service.seq });
			this.forward();
		}, 5 + chance.below(200));
	}

	addEventListener(type: string, listener: Listener): void {
		this.#listeners.push([type, listener]);
	}

	send(data: string): void {
		const { chance, faults, way } = this.#parts;
		if (!way.up || chance.is(faults().silent)) this.#dead = true;
		if (data === "ping") this.#later("message", { ...NOTHING, data: "pong" });
	}

	close(): void {
		this.#closed = true;
		this.over();
	}

	/** The connection breaks, and this end learns of it after a while. */
	cut(): void {
		if (this.#closed) return;
		this.#dead = true;
		setTimeout(() => this.#end(), this.#parts.chance.below(500));
	}

	/** Sends what the timeline has that was not sent. */
	forward(): void {
		const { service, chance, faults } = this.#parts;
		if (!this.#open || this.#closed) return;
		for (let more = true; more && !this.#dead; ) {
			let found: ReturnType<ModelService["changes"]>;
			try {
				found = service.changes(this.#sent, 100);
			} catch {
				this.#sent = service.seq;
				this.#frame({ type: "outdated", seq: this.#sent });
				return;
			}
			for (const change of service.tell(found.changes)) {
				if (!chance.is(faults().hole)) this.#frame({ type: "change", ...change });
				this.#sent = change.seq;
				if (chance.is(faults().silent)) this.#dead = true;
				if (chance.is(faults().cut)) this.cut();
			}
			more = found.more;
		}
	}

	#frame(frame: object): void {
		this.#later("message", { ...NOTHING, data: JSON.stringify(frame) });
	}

	#later(type: string, event: Parameters<Listener>[0]): void {
		if (this.#dead) return;
		const { chance, faults, way } = this.#parts;
		const now = Date.now();
		this.#arrives = Math.max(this.#arrives, now + 1 + chance.below(faults() === FAULTLESS ? 50 : 300));
		setTimeout(() => {
			// What is lost on its way is not followed by anything.
			if (!way.up) this.#dead = true;
			if (!this.#dead && !this.#closed) this.#tell(type, event);
		}, this.#arrives - now);
	}

	#end(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.over();
		this.#tell("error", NOTHING);
		this.#tell("close", NOTHING);
	}

	#tell(type: string, event: Parameters<Listener>[0]): void {
		for (const [each, listener] of this.#listeners) if (each === type) listener(event);
	}
}
