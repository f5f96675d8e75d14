import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { LiveFeedState, SocketLike } from "../sdk/src/index.ts";
import { eventually, ORIGIN, PASSWORD, type Person, signUpMany, worker } from "./api.ts";
import { env } from "./env.ts";
import { Chance } from "./sdk/chance.ts";
import { Device } from "./sdk/device.ts";
import { settled } from "./settled.ts";

/** The live feed on the Worker itself, behind a network that loses things. `npm run histories` plays fifty of these. */
const RUNS = Math.ceil((env.HISTORIES ?? 1200) / 200);
/** Histories that are played at once, because most of the time they wait; and those of one test. */
const LANES = 4;
const BATCH = 12;

const OPTIONS = { keep: 8, pageSize: 4, stored: 5, pollEvery: 300 };
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface Faults {
	lost: number;
	unanswered: number;
	cut: number;
}

/** The way from one device to the Worker. */
class Way {
	up = true;
	faults: Faults;
	readonly #chance: Chance;
	readonly sockets = new Set<RealSocket>();

	constructor(seed: number, faults: Faults) {
		this.#chance = new Chance(seed);
		this.faults = faults;
	}

	is(fault: keyof Faults): boolean {
		return !this.up || this.#chance.is(this.faults[fault]);
	}

	async travel(): Promise<void> {
		await pause(this.#chance.below(15));
	}

	fetch = async (url: string, { signal: _, ...init }: RequestInit): Promise<Response> => {
		await this.travel();
		if (this.is("lost")) throw new TypeError("no network");
		const response = await worker.fetch(url, init);
		const answer = new Response(await response.text().then((text) => text || null), response);
		await this.travel();
		if (this.is("unanswered")) throw new TypeError("the connection broke");
		return answer;
	};
}

/** A socket to the Worker that may break at any frame. */
class RealSocket implements SocketLike {
	readonly #listeners: [type: string, listener: (event: { data: unknown; code: number; reason: string }) => void][] =
		[];
	readonly #way: Way;
	#socket: WebSocket | undefined;
	#over = false;

	constructor(way: Way, url: string, protocols: string[]) {
		this.#way = way;
		way.sockets.add(this);
		void this.#connect(url.replace("wss:", "https:"), protocols);
	}

	async #connect(url: string, protocols: string[]): Promise<void> {
		await this.#way.travel();
		if (this.#way.is("lost")) return this.cut();
		const headers = { upgrade: "websocket", "sec-websocket-protocol": protocols.join(", ") };
		const { webSocket } = await worker.fetch(url, { headers });
		if (!webSocket || this.#over) return this.cut();
		this.#socket = webSocket;
		webSocket.addEventListener("message", ({ data }) => {
			if (this.#way.is("cut")) this.cut();
			else this.#tell("message", data);
		});
		for (const type of ["close", "error"] as const) webSocket.addEventListener(type, () => this.cut());
		webSocket.accept();
	}

	addEventListener(type: string, listener: (event: never) => void): void {
		this.#listeners.push([type, listener as never]);
	}

	send(data: string): void {
		this.#socket?.send(data);
	}

	close(): void {
		this.#over = true;
		this.#way.sockets.delete(this);
		try {
			this.#socket?.close();
		} catch {
			// The other end was faster.
		}
	}

	cut(): void {
		if (this.#over) return;
		this.close();
		this.#tell("close", undefined);
	}

	#tell(type: string, data: unknown): void {
		for (const [each, listener] of this.#listeners) if (each === type) listener({ data, code: 1006, reason: "" });
	}
}

const chance = fc.double({ min: 0, max: 0.25, noNaN: true });
const device = fc.nat({ max: 1 });
const which = fc.nat({ max: 4 });
const step = fc.record({
	do: fc.constantFrom(
		...(["post", "post", "own", "edit", "delete", "own-delete", "hide", "mark", "older", "show", "unfriend"] as const),
		...(["crash", "restart", "offline", "online", "cut", "evict", "abort"] as const),
	),
	device,
	which,
	wait: fc.nat({ max: 60 }),
});
const history = fc.record({
	seed: fc.integer(),
	before: fc.nat({ max: 6 }),
	sockets: fc.tuple(fc.boolean(), fc.constant(true)),
	faults: fc.record({ lost: chance, unanswered: chance, cut: chance }),
	steps: fc.array(step, { minLength: 5, maxLength: 14, size: "max" }),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

async function open(ben: Person, seed: number, faults: Faults, sockets: boolean, wrong: string[]) {
	const way = new Way(seed, faults);
	const shown = ({ items, fresh }: LiveFeedState) => {
		const ids = items.map(({ id }) => id);
		if (ids.some((id, n) => n > 0 && id >= (ids[n - 1] as string))) wrong.push(`out of order or repeated: ${ids}`);
		if (fresh.some((id) => !ids.includes(id))) wrong.push("fresh and not there");
	};
	const WebSocket = class extends RealSocket {
		constructor(url: string, protocols: string[]) {
			super(way, url, protocols);
		}
	};
	const { fetch } = way;
	const parts = {
		baseUrl: ORIGIN,
		way,
		fetch,
		WebSocket: sockets ? WebSocket : null,
		now: Date.now,
		random: Math.random,
	};
	const made = new Device({ ...parts, options: OPTIONS, shown });
	const quiet = way.faults;
	way.faults = { lost: 0, unanswered: 0, cut: 0 };
	await made.edgefeed.session.signIn({ username: ben.username, password: PASSWORD });
	way.faults = quiet;
	return { made, way };
}

async function play({ seed, before, sockets, faults, steps }: History): Promise<string[]> {
	const [ann, ben] = (await signUpMany(2)) as [Person, Person];
	await ann.befriend(ben);
	const anns: string[] = [];
	for (let n = 0; n < before; n++) anns.unshift((await ann.post(`before ${n}`)).id);
	const wrong: string[] = [];
	const devices = await Promise.all(sockets.map((each, n) => open(ben, seed + n, faults, each, wrong)));
	const writes: Promise<unknown>[] = [];
	const timeline = env.TIMELINE.getByName(ben.id);
	let friends = true;
	for (const [n, { do: what, device: of, which: nth, wait }] of steps.entries()) {
		const { made, way } = devices[of] as (typeof devices)[number];
		const post = anns[nth];
		const shown = made.live.state.items[nth];
		if (what === "post") writes.push(ann.post(`new ${n}`).then(({ id }) => anns.unshift(id)));
		else if (what === "own") writes.push(made.whileAlive(made.edgefeed.posts.create({ text: `own ${n}` })));
		else if (what === "edit" && post) writes.push(ann.call("PATCH", `/v1/posts/${post}`, { text: `edited ${n}` }));
		else if (what === "hide" && post)
			writes.push(ann.call("PATCH", `/v1/posts/${post}`, { audience: n % 2 ? "me" : "friends" }));
		else if (what === "delete" && post) writes.push(ann.call("DELETE", `/v1/posts/${post}`));
		else if (what === "own-delete" && shown?.author.id === ben.id)
			writes.push(made.whileAlive(made.edgefeed.posts.delete(shown.id)));
		else if (what === "mark" && shown) made.live.mark(shown.id);
		else if (what === "older") writes.push(made.whileAlive(made.live.loadOlder()));
		else if (what === "show") made.live.show();
		else if (what === "unfriend") {
			await Promise.allSettled(writes);
			if (friends) await ben.call("DELETE", `/v1/friends/${ann.id}`);
			else await ann.befriend(ben);
			friends = !friends;
		} else if (what === "crash" || what === "restart") made.restart(what === "crash");
		else if (what === "offline") way.up = false;
		else if (what === "online") way.up = true;
		else if (what === "cut") for (const socket of [...way.sockets]) socket.cut();
		else if (what === "evict") await evictDurableObject(timeline).catch(() => undefined);
		else if (what === "abort") await abortAllDurableObjects();
		if (what === "evict" || what === "abort")
			for (const each of devices) for (const socket of [...each.way.sockets]) socket.cut();
		await pause(wait);
	}
	for (const { way } of devices) {
		way.faults = { lost: 0, unanswered: 0, cut: 0 };
		way.up = true;
	}
	await Promise.allSettled(writes);
	await settled();
	for (const { made } of devices) {
		const { live } = made;
		await eventually(async () => {
			const { items, seq } = await ben.feed("?limit=100");
			const texts = items.map(({ id, text }) => [id, text]);
			// Whoever has slept long is woken.
			await live.refresh();
			expect(live.state).toMatchObject({ status: "live", seq, building: false });
			expect(live.state.items.map(({ id, text }) => [id, text])).toEqual(texts.slice(0, live.state.items.length));
			expect(live.state.marker?.postId).toBe((await ben.ok<{ postId: string }>("GET", "/v1/feed/marker")).postId);
		}, 20_000);
		while (live.state.hasOlder) await live.loadOlder();
		expect(live.state.items.map(({ id }) => id)).toEqual((await ben.wholeFeed()).map(({ id }) => id));
		expect(made.edgefeed.session.current).toEqual({ accountId: ben.id });
		live.close();
	}
	return wrong;
}

it.each(Array.from({ length: Math.ceil(RUNS / BATCH) }, (_, n) => n + 1))(
	"a client of the Worker behind a random network never repeats a post, and ends with exactly its feed (%i)",
	async () => {
		const histories = fc.sample(history, Math.min(RUNS, BATCH));
		const lane = async () => {
			for (let each = histories.pop(); each; each = histories.pop()) {
				const wrong = await play(each).catch((error) => {
					throw new Error(`in ${JSON.stringify(each)}`, { cause: error });
				});
				expect(wrong, JSON.stringify(each)).toEqual([]);
			}
		};
		await Promise.all(Array.from({ length: LANES }, lane));
	},
	120_000 + BATCH * 10_000,
);
