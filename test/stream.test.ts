import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PostView } from "../src/posts/post.ts";
import { encodeId, type Id, logicalShardOf } from "../src/store/ids.ts";
import { CLOSE_CODES, type Frame, SOCKET_LIMIT, UNHEARD_LIMIT } from "../src/timeline/sockets.ts";
import { call, eventually, ORIGIN, type Person, signUp, worker } from "./api.ts";
import { env } from "./env.ts";

/** A device: its frames in the order they came, and how it ended. */
class Device {
	readonly frames: Frame[] = [];
	readonly socket: WebSocket;
	closed: { code: number; reason: string } | undefined;
	#unread = 0;

	constructor(socket: WebSocket, silent: boolean) {
		this.socket = socket;
		socket.addEventListener("message", ({ data }) => {
			if (data === "pong") return;
			this.frames.push(JSON.parse(String(data)));
			this.#unread += String(data).length;
			if (silent || this.#unread < UNHEARD_LIMIT / 4) return;
			this.#unread = 0;
			socket.send("ping");
		});
		socket.addEventListener("close", ({ code, reason }) => {
			this.closed = { code, reason };
		});
		socket.accept();
	}
	changes() {
		return this.frames.flatMap((frame) => (frame.type === "change" ? [[frame.kind, frame.postId]] : []));
	}
	seqs(): number[] {
		return this.frames.flatMap((frame) => (frame.type === "change" ? [frame.seq] : []));
	}
}

async function connect(query: string, headers: Record<string, string>, silent = false): Promise<Device> {
	const response = await worker.fetch(`${ORIGIN}/v1/feed/stream${query}`, {
		headers: { upgrade: "websocket", ...headers },
	});
	if (!response.webSocket) throw new Error(`${response.status} ${await response.text()}`);
	const device = new Device(response.webSocket, silent);
	await eventually(async () => expect(device.frames[0]?.type).toBe("hello"));
	return device;
}
const open = (who: Person, query = "", silent = false) =>
	connect(query, { authorization: `Bearer ${who.token}` }, silent);

async function friends(): Promise<[Person, Person]> {
	const [ann, ben] = await Promise.all([signUp("Ann"), signUp("Ben")]);
	await ann.befriend(ben);
	await Promise.all([ann.feed(), ben.feed()]);
	return [ann, ben];
}

const timeline = (who: Person) => env.TIMELINE.getByName(who.id);

describe("a stream", () => {
	it("says hello, tells what was missed, then what happens, to every device", async () => {
		const [ann, ben] = await friends();
		const { seq } = await ben.feed();
		const missed = await ann.post("missed");
		await eventually(async () => expect(await ben.texts()).toEqual(["missed"]));
		const phone = await open(ben, `?since=${seq}`);
		const tablet = await open(ben);
		await eventually(async () => expect(phone.changes()).toEqual([["add", missed.id]]));
		expect(phone.frames[0]).toEqual({ type: "hello", seq: seq + 1 });
		expect(tablet.frames).toEqual([{ type: "hello", seq: seq + 1 }]);

		const live = await ann.post("live");
		await ben.ok("PUT", "/v1/feed/marker", { postId: missed.id });
		await eventually(async () => expect(tablet.frames).toHaveLength(3));
		await ann.ok("DELETE", `/v1/posts/${live.id}`);
		await eventually(async () => expect(tablet.frames).toHaveLength(4));
		expect(tablet.changes().toSorted()).toEqual([
			["add", live.id],
			["marker", missed.id],
			["remove", live.id],
		]);
		await eventually(async () => expect(phone.seqs()).toEqual([seq + 1, seq + 2, seq + 3, seq + 4]));
	});

	it("brings the posts along for who asks, as the owner may see them", async () => {
		const [ann, ben] = await friends();
		const device = await open(ben, "?hydrate=1");
		const post = await ann.post("with text");
		await eventually(async () => expect(device.frames).toHaveLength(2));
		expect(device.frames[1]).toMatchObject({
			kind: "add",
			post: { id: post.id, text: "with text", author: { id: ann.id } },
		});
		await ann.ok("PATCH", `/v1/posts/${post.id}`, { audience: "me" });
		await eventually(async () => expect(device.changes().at(-1)).toEqual(["remove", post.id]));
	});

	it("goes on over a sleep of the object", async () => {
		const [ann, ben] = await friends();
		const device = await open(ben);
		const first = await ann.post("1");
		await eventually(async () => expect(device.changes()).toEqual([["add", first.id]]));
		await evictDurableObject(timeline(ben), { webSockets: "hibernate" });
		const second = await ann.post("2");
		await eventually(async () =>
			expect(device.changes()).toEqual([
				["add", first.id],
				["add", second.id],
			]),
		);
	});

	it("says outdated instead of leaving a gap", async () => {
		const [ann, ben] = await friends();
		await ann.post("before");
		await eventually(async () => expect(await ben.texts()).toEqual(["before"]));
		const { seq } = await ben.feed();
		const connected = await open(ben);
		await call("POST", "/ops/import", {
			headers: { "x-operator-secret": env.OPERATOR_SECRET },
			body: { rebuild: [ben.id] },
		});
		const now = (await ben.feed()).seq;
		await eventually(async () => expect(connected.frames.at(-1)).toEqual({ type: "outdated", seq: now }));
		const late = await open(ben, `?since=${seq}`);
		const future = await open(ben, `?since=${now + 50}`);
		for (const device of [late, future]) {
			await eventually(async () => expect(device.frames[1]).toEqual({ type: "outdated", seq: now }));
		}
		const post = await ann.post("after");
		for (const device of [connected, late, future]) {
			await eventually(async () =>
				expect(device.frames.at(-1)).toMatchObject({ type: "change", seq: now + 1, postId: post.id }),
			);
		}
	});

	it("resumed after being cut at random points, shows every change once and in order", async () => {
		const [ann, ben] = await friends();
		const start = (await ben.feed()).seq;
		await fc.assert(
			fc.asyncProperty(fc.array(fc.nat({ max: 3 }), { minLength: 2, maxLength: 5 }), async (bursts) => {
				let seen = (await ben.feed()).seq;
				const from = seen;
				const seqs: number[] = [];
				for (const burst of bursts) {
					const device = await open(ben, `?since=${seen}`);
					await Promise.all(Array.from({ length: burst }, (_, n) => ann.post(`${n}`)));
					// Cut off wherever it is by now: nobody has waited for the changes.
					device.socket.close();
					seqs.push(...device.seqs());
					seen = device.seqs().at(-1) ?? seen;
				}
				const last = await open(ben, `?since=${seen}`);
				const total = bursts.reduce((sum, burst) => sum + burst, 0);
				await eventually(async () =>
					expect([...seqs, ...last.seqs()]).toEqual(Array.from({ length: total }, (_, n) => from + 1 + n)),
				);
				last.socket.close();
			}),
			{ numRuns: 5 },
		);
		expect((await ben.feed()).seq).toBeGreaterThan(start);
	});
});

it("a client that does not read is cut off, and goes on where it was", async () => {
	const ann = await signUp("Ann");
	const text = "x".repeat(5000);
	const posts = Array.from({ length: 450 }, (_, n) => ({
		id: encodeId({ time: Date.now() - 500_000 + n * 1000, shard: logicalShardOf(ann.id as Id), tail: 0 }),
		authorId: ann.id,
		text,
		audience: "public",
	}));
	const headers = { "x-operator-secret": env.OPERATOR_SECRET };
	for (let at = 0; at < posts.length; at += 50) {
		await call("POST", "/ops/import", { headers, body: { posts: posts.slice(at, at + 50) } });
	}
	await ann.feed();
	const first = await open(ann, "?since=0&hydrate=1", true);
	await eventually(async () => expect(first.closed).toEqual({ code: CLOSE_CODES.too_slow, reason: "too_slow" }));
	expect(JSON.stringify(first.frames).length).toBeLessThan(2 * UNHEARD_LIMIT);
	const second = await open(ann, `?since=${first.seqs().at(-1)}&hydrate=1`);
	await eventually(async () => expect([...first.seqs(), ...second.seqs()]).toEqual(posts.map((_, n) => n + 1)));

	// As events, what was read is acknowledged: nobody is cut off who reads.
	const events = await worker.fetch(`${ORIGIN}/v1/feed/events?since=0&hydrate=1`, {
		headers: { authorization: `Bearer ${ann.token}` },
	});
	const reader = (events.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
	let read = "";
	while (!read.includes("event: close") && !read.includes(`id: ${posts.length}\n`)) {
		read += (await reader.read()).value ?? "event: close";
	}
	expect(read.slice(-100)).not.toContain("event: close");
	await reader.cancel();
});

describe("who may open a stream", () => {
	it("a browser, with the token as a subprotocol", async () => {
		const ann = await signUp("Ann");
		const headers = { upgrade: "websocket", "sec-websocket-protocol": `bearer, ${ann.token}` };
		const response = await worker.fetch(`${ORIGIN}/v1/feed/stream`, { headers });
		expect(response.status).toBe(101);
		expect(response.headers.get("sec-websocket-protocol")).toBe("bearer");
	});

	it("the bearer of a ticket, once", async () => {
		const ann = await signUp("Ann");
		const { ticket } = await ann.ok<{ ticket: string }>("POST", "/v1/feed/tickets");
		expect((await connect(`?ticket=${ticket}`, {})).frames).toMatchObject([{ type: "hello" }]);
		const [head, payload, seal] = ticket.split(".");
		const forged = `${head}.${btoa(JSON.stringify({ sub: "0000000000000", jti: "x", aud: "feed-stream", exp: 9_999_999_999 })).replaceAll("=", "")}.${seal}`;
		for (const bad of [ticket, "x", `${head}.${payload}.`, forged, ann.token]) {
			const answer = await call("GET", `/v1/feed/stream?ticket=${bad}`, { headers: { upgrade: "websocket" } });
			expect(answer).toMatchObject({ status: 401, body: { code: "ticket_invalid" } });
		}
	});

	it("nobody without a token, and nobody over plain HTTP", async () => {
		const ann = await signUp("Ann");
		const plain = await ann.call("GET", "/v1/feed/stream");
		expect(plain).toMatchObject({ status: 426, body: { code: "upgrade_required" } });
		const upgrade = { upgrade: "websocket" };
		for (const headers of [
			upgrade,
			{ ...upgrade, "sec-websocket-protocol": "bearer" },
			{ ...upgrade, "sec-websocket-protocol": "bearer, x" },
		]) {
			expect((await call("GET", "/v1/feed/stream", { headers })).status).toBe(401);
		}
	});

	it("not more devices than an account can have", async () => {
		const ann = await signUp("Ann");
		for (let n = 0; n < SOCKET_LIMIT; n++) await open(ann);
		const answer = await call("GET", "/v1/feed/stream", { token: ann.token, headers: { upgrade: "websocket" } });
		expect(answer).toMatchObject({ status: 429, body: { code: "too_many_streams" } });
	});
});

it("a stream ends with the token that opened it", async () => {
	const ann = await signUp("Ann");
	const device = await open(ann);
	await runInDurableObject(timeline(ann), (_, state) => {
		for (const socket of state.getWebSockets())
			socket.serializeAttachment({ ...socket.deserializeAttachment(), expiresAt: Date.now() - 1 });
	});
	expect(await runDurableObjectAlarm(timeline(ann))).toBe(true);
	await eventually(async () =>
		expect(device.closed).toEqual({ code: CLOSE_CODES.token_expired, reason: "token_expired" }),
	);
});

it("whatever a client sends, the object goes on", async () => {
	const ann = await signUp("Ann");
	const steady = await open(ann);
	await fc.assert(
		fc.asyncProperty(fc.oneof(fc.string(), fc.uint8Array(), fc.json()), async (frame) => {
			fc.pre(frame !== "ping");
			const device = await open(ann);
			device.socket.send(frame as string);
			await eventually(async () => expect(device.closed?.code).toBe(CLOSE_CODES.unexpected_frame));
		}),
		{ numRuns: 20 },
	);
	const post = await ann.post("still here");
	await eventually(async () => expect(steady.changes()).toEqual([["add", post.id]]));
});

it("events tell the same, and go on from the last one that came", async () => {
	const [ann, ben] = await friends();
	const { seq } = await ben.feed();
	const posts: PostView[] = [];
	for (let n = 0; n < 3; n++) {
		posts.push(await ann.post(`${n}`));
		// One after the other: the fan-out of two posts keeps no order.
		await eventually(async () => expect(await ben.texts()).toHaveLength(n + 1));
	}
	const read = async (path: string, headers: Record<string, string>, count: number) => {
		const response = await worker.fetch(`${ORIGIN}${path}`, {
			headers: { authorization: `Bearer ${ben.token}`, ...headers },
		});
		expect(response.headers.get("content-type")).toBe("text/event-stream");
		const reader = (response.body as ReadableStream<Uint8Array>).getReader();
		let text = "";
		while ((text.match(/^event: change$/gm) ?? []).length < count) {
			const { value } = await reader.read();
			text += new TextDecoder().decode(value);
		}
		await reader.cancel();
		return [...text.matchAll(/^id: (\d+)\nevent: change\ndata: .*"postId":"(\w+)"/gm)].map(([, id, postId]) => [
			Number(id),
			postId,
		]);
	};
	const all = posts.map((post, n) => [seq + 1 + n, post.id]);
	expect(await read(`/v1/feed/events?since=${seq}`, {}, 3)).toEqual(all);
	expect(await read(`/v1/feed/events?since=${seq}`, { "last-event-id": String(seq + 2) }, 1)).toEqual(all.slice(2));
});
